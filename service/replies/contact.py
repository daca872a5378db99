"""Who is writing and whether we may write back: opt-out, help, wrong number, carers, unsafe phones, death, machine-made texts."""

from __future__ import annotations

from collections.abc import Sequence

from service.domain.reading import Finding, FindingKind
from service.replies.normalise import Line
from service.replies.scan import Match, masks_named

MACHINE_MADE = frozenset({"tapback", "auto_reply"})
PEOPLE = {kind: FindingKind(kind) for kind in ("opt_out", "wrong_number", "third_party", "unsafe_to_contact", "deceased", "hospice")}
_POLITE = frozenset("please pls plz thanks thank you ty gracias por favor now ya the text texts it all".split())


def _finding(line: Line, match: Match, name: str | None = None) -> Finding:
    kind = FindingKind(match.kind)
    return Finding(kind, name or match.name, match.entry.rule, line.span(match.first, match.last))


def machine_made(line: Line, matches: Sequence[Match]) -> Finding | None:
    """A tapback (Liked "...") or an automatic reply, where that is all there is: its quoted words are nobody's symptoms."""
    found = next((match for match in matches if match.kind in MACHINE_MADE and match.first == 0), None)
    if found is None:
        return None
    return Finding(FindingKind(found.kind), found.name, found.entry.rule, line.span(0, len(line.tokens)))


def keyword(line: Line, matches: Sequence[Match]) -> Finding | None:
    """STOP, START, HELP and their like, when the reply is that word alone (case, signs and "please" aside)."""
    words = [place for place, token in enumerate(line.tokens) if token.text[0].isalnum()]
    bare = [place for place in words if line.tokens[place].text not in _POLITE]
    if not bare or len(words) > 4 or len({line.tokens[place].text for place in bare}) > 2:
        return None
    for match in matches:
        exact = match.name == "keyword" and match.kind in ("opt_out", "opt_in", "help")
        if exact and all(match.first <= place < match.last or line.tokens[place].text == line.tokens[bare[0]].text for place in bare):
            return _finding(line, match)
    return None


def people(line: Line, matches: Sequence[Match]) -> list[Finding]:
    """Findings about the sender and the phone. Phrases that only sound like an opt-out are masks and take it away."""
    masks = masks_named(matches, "not_opt_out", "own_death_words")
    found: list[Finding] = []
    kinds: set[str] = set()
    for match in sorted(matches, key=lambda match: -match.length):
        if match.kind not in PEOPLE or match.name == "keyword" or match.kind in kinds:
            continue
        if any(mask.overlaps(match) and mask.length >= match.length for mask in masks):
            continue
        if "with_opt_out" in match.entry.qualifiers and not _stop_said(matches):
            continue
        kinds.add(match.kind)
        found.append(_finding(line, match))
    unsafe = any(finding.kind is FindingKind.UNSAFE_TO_CONTACT for finding in found)
    return [f for f in found if not (unsafe and f.kind is FindingKind.OPT_OUT)]


def _stop_said(matches: Sequence[Match]) -> bool:
    return any(match.kind in ("opt_out", "third_party", "wrong_number") and match.name != "keyword" for match in matches)
