"""Reply parsers: a patient's own words (and what was asked) become findings with the spans they were read from. Pure."""

from service.replies.labels import labels
from service.replies.lexicon import Lexicon, LexiconError
from service.replies.lexicon import build as build_lexicon
from service.replies.pleasantry import is_pleasantry
from service.replies.reader import MOST_CHARACTERS, read

__all__ = ["MOST_CHARACTERS", "Lexicon", "LexiconError", "build_lexicon", "is_pleasantry", "labels", "read"]
