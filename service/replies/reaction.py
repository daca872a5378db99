"""Taps on a message as telephones send them: Liked "...", 👍 to "...", A Ana le gustó "...". The quoted words are nobody's."""

from __future__ import annotations

import re

from service.domain.reading import Finding, FindingKind, Question
from service.replies.lexicon import Lexicon
from service.replies.normalise import normalise
from service.replies.scan import scan

MOST_BEFORE = 80
"""Characters in which the quotation must begin."""
FEWEST_QUOTED = 12
"""Characters of a question that are quoted without signs."""
_OPENING = re.compile("[“\"«„”‘']")
_CLOSING = {"“": "”", "«": "»", "„": "“", '"': '"', "”": "”", "‘": "’", "'": "'"}
_LINKS = frozenset("to a en with con reacted reacciono".split())
_MOST_IN_PICTURE_HEAD = 8


def reaction(lexicon: Lexicon, text: str, question: Question | None) -> tuple[Finding | None, str]:
    """The tap on a message that a reply begins with, and the reply with it blanked out, so that places stay true."""
    bounds = _quoted(text)
    if bounds is None and question is not None and len(question.text) >= FEWEST_QUOTED:
        at = text.casefold().find(question.text.casefold())
        bounds = (at, at + len(question.text)) if 0 < at <= MOST_BEFORE else None
    if bounds is None:
        return None, text
    rule = _head(lexicon, text[: bounds[0]])
    if rule is None:
        return None, text
    end = bounds[1]
    return Finding(FindingKind.TAPBACK, "tapback", rule, (0, end)), " " * end + text[end:]


def _quoted(text: str) -> tuple[int, int] | None:
    """Where the quotation begins and ends; one that never closes reaches to the end of its line."""
    opening = _OPENING.search(text, 0, MOST_BEFORE)
    if opening is None:
        return None
    sign, start = opening.group(), opening.start()
    close = _CLOSING[sign]
    deep = 1
    for place in range(start + 1, len(text)):
        if text[place] == close and (close not in "'’" or not text[place + 1 : place + 2].isalpha()):
            deep -= 1
        elif text[place] == sign:
            deep += 1
        if deep == 0:
            return start, place + 1
    line_end = text.find("\n", start)
    return start, len(text) if line_end < 0 else line_end


def _head(lexicon: Lexicon, before: str) -> str | None:
    """The rule when the words before the quotation are only those of a tap, or only a picture and "to"; None else."""
    line = normalise(lexicon, before)
    if not line.tokens:
        return None
    for match in scan(lexicon, line, None):
        signs = all(not token.text[0].isalnum() for token in line.tokens[match.last :])
        if match.kind == "tapback" and match.name == "head" and match.first == 0 and signs:
            return match.entry.rule
    words = [token.text for token in line.tokens]
    pictures = [word for word in words if (not word[0].isalnum() and ord(word[0]) > 0x2000) or word in "!?"]
    if (
        pictures
        and len(words) <= _MOST_IN_PICTURE_HEAD
        and all(word in _LINKS or word in pictures for word in words)
        and words[-1] in _LINKS
    ):
        return "tapback.picture"
    return None
