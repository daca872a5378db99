"""Who is writing and whether we may write back: opt-out, help, wrong number, carers, unsafe phones, death, automatic answers."""

from __future__ import annotations

from collections.abc import Sequence

from service.domain.reading import Finding, FindingKind, Question
from service.replies.normalise import Line
from service.replies.scan import Match, masks_named

PEOPLE = {kind: FindingKind(kind) for kind in ("opt_out", "wrong_number", "third_party", "unsafe_to_contact", "deceased", "hospice")}
MASKS = {
    "opt_out": ("not_opt_out",),
    "wrong_number": ("not_wrong_number",),
    "third_party": ("not_third_party",),
    "unsafe_to_contact": ("not_unsafe",),
    "deceased": ("own_death_words", "not_deceased"),
    "hospice": ("not_hospice",),
}
"""Phrases that only sound like a kind, and take it away where they are at least as long."""
_POLITE = frozenset(
    "please pls plz plis plss thanks thank you ty gracias por favor porfa porfavor xfa x fa now ya the text texts it all ok okay".split()
)
_FIRST_PERSON = frozenset("i im ive id me myself mine yo estoy tengo ando siento soy conmigo".split())
_BEFORE_SIGNATURE = frozenset("-.,(:/!?;~*")


def _finding(line: Line, match: Match, name: str | None = None) -> Finding:
    kind = FindingKind(match.kind)
    return Finding(kind, name or match.name, match.entry.rule, line.span(match.first, match.last))


def automatic_answer(line: Line, matches: Sequence[Match]) -> Finding | None:
    """A telephone's own answer ("I'm driving, I will see your message later"), or a tap on a picture ("Loved an image")."""
    begin = next((place for place, token in enumerate(line.tokens) if token.text[0].isalnum()), 0)
    for match in matches:
        at_its_place = match.first <= begin or "anywhere" in match.entry.qualifiers
        if at_its_place and (match.kind == "auto_reply" or (match.kind == "tapback" and match.name == "tapback")):
            return Finding(FindingKind(match.kind), match.name, match.entry.rule, line.span(0, len(line.tokens)))
    return None


def keyword(line: Line, matches: Sequence[Match], question: Question | None = None) -> Finding | None:
    """STOP, START, HELP and their like, when the reply is that word alone (case, signs and "please" aside).

    A word of the question itself ("have you quit?") answers it, unless it stands quite alone.
    """
    words = [place for place, token in enumerate(line.tokens) if token.text[0].isalnum() or token.text == "🛑"]
    bare = [place for place in words if line.tokens[place].text not in _POLITE] or words
    if not bare or len(words) > 6 or len({line.tokens[place].text for place in bare}) > 4:
        return None
    for match in matches:
        exact = match.name == "keyword" and match.kind in ("opt_out", "opt_in", "help")
        inside = {line.tokens[place].text for place in range(match.first, match.last)}
        if not exact or not all(match.first <= place < match.last or line.tokens[place].text in inside for place in bare):
            continue
        asked = question is not None and match.length == 1 and next(iter(inside)) in question.text.casefold().replace("?", " ").split()
        if asked and len(line.tokens) > 1 and not inside & {"stop", "alto"}:
            continue
        return _finding(line, match)
    return None


def people(line: Line, matches: Sequence[Match]) -> list[Finding]:
    """Findings about the sender and the phone. Phrases that only sound like one are masks and take it away."""
    found: list[Finding] = []
    kinds: set[str] = set()
    first_person = any(token.text in _FIRST_PERSON for token in line.tokens)
    accepted = [match for match in matches if match.kind in PEOPLE and match.name != "keyword" and not _masked(match, matches)]
    hospice = any(match.kind == "hospice" for match in accepted)
    stop = any(match.kind in ("opt_out", "third_party", "wrong_number") and not match.entry.qualifiers for match in accepted)
    for match in sorted(accepted, key=lambda match: -match.length):
        told = match.entry.qualifiers
        if (
            match.kind in kinds
            or ("with_opt_out" in told and not stop)
            or ("with_hospice" in told and (not hospice or first_person))
            or ("of_relative" in told and first_person and not stop)
            or ("signed" in told and not _signed(line, match))
        ):
            continue
        kinds.add(match.kind)
        found.append(_finding(line, match))
    unsafe = "unsafe_to_contact" in kinds and "deceased" not in kinds
    threat = next((f for f in found if unsafe and f.kind is FindingKind.UNSAFE_TO_CONTACT), None)
    if threat is not None:
        found.append(Finding(FindingKind.CRISIS, "violence", threat.rule, threat.span))
    return [f for f in found if f.kind is not (FindingKind.OPT_OUT if unsafe else FindingKind.UNSAFE_TO_CONTACT) or not _both(kinds)]


def _both(kinds: set[str]) -> bool:
    """True when a reply sounds both like an opt-out and like an unsafe phone: only one of them stands."""
    return {"opt_out", "unsafe_to_contact"} <= kinds


def _masked(match: Match, matches: Sequence[Match]) -> bool:
    return any(mask.overlaps(match) and mask.length >= match.length for mask in masks_named(matches, *MASKS[match.kind]))


def _signed(line: Line, match: Match) -> bool:
    """True for a signature: "- his wife", "(mom)", "Her daughter Grace" behind a sign and at the end, a name at most after it."""
    before = line.tokens[match.first - 1].text if match.first else ""
    after = [token.text for token in line.tokens[match.last :] if token.text[0].isalnum()]
    return before in _BEFORE_SIGNATURE and before != "" and len(after) <= (1 if match.length > 1 or before in "-(" else 0)
