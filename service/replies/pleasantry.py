"""Replies that ask for nobody: thanks, good wishes and "all well", and nothing besides."""

from __future__ import annotations

from service.domain.reading import Reply
from service.replies.lexicon import Lexicon
from service.replies.normalise import normalise
from service.replies.scan import scan

KINDS = frozenset({"chatter", "wellness"})
_SIGNS = frozenset(".,!:;)('-&")
_CUT = 200


def is_pleasantry(lexicon: Lexicon, reply: Reply) -> bool:
    """True when every word, sign and picture of a short reply belongs to a phrase of thanks or well-being.

    Strict on purpose: outside a check-in whatever is not this is read by a person (safety rule 10). A question mark, a number,
    a negation or one word more makes it False.
    """
    if len(reply.text) > _CUT:
        return False
    line = normalise(lexicon, reply.text)
    matches = scan(lexicon, line, None)
    if any(match.kind == "mask" or (match.kind == "cue" and match.name in ("negated", "scope_end")) for match in matches):
        return False
    kind = [match for match in matches if match.kind in KINDS]
    covered = {place for match in kind for place in range(match.first, match.last)}
    open_places = [place for place, token in enumerate(line.tokens) if place not in covered]
    return bool(kind) and all(line.tokens[place].text in _SIGNS for place in open_places)
