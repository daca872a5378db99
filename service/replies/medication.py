"""The dose that was asked for, or that a reply names by itself: taken, missed, partly or unsure, and why."""

from __future__ import annotations

from collections.abc import Sequence

from service.domain.reading import Expects, Finding, FindingKind, Question
from service.replies.normalise import Line
from service.replies.scan import Match, masks_named

SIDE_EFFECTS = frozenset(
    "nausea vomiting diarrhea constipation dizziness abdominal_pain cough headache rash itching fatigue drowsiness "
    "palpitations muscle_cramps frequent_urination insomnia hives tremor dry_mouth heartburn".split()
)

INNER = frozenset({"strong", "weak", "alone"})
"""Marks that only this module reads."""


def medication(line: Line, matches: Sequence[Match], symptoms: Sequence[Finding], question: Question | None) -> list[Finding]:
    """MEDICATION and MISSED_REASON findings. A bare yes or no counts only when a dose was asked for."""
    asked = question is not None and question.expects is Expects.MEDICATION_TAKEN
    masks = masks_named(matches, "not_missed", "no_bare")
    said = _longest([m for m in matches if m.kind == "medication" and not any(_taken_by(mask, m) for mask in masks)])
    reasons = [m for m in matches if m.kind == "missed_reason" and not any(_taken_by(mask, m) for mask in masks)]
    answer = _bare(matches) if asked else None
    name, place, rule, refinements = _resolve(said, matches, answer, reasons, asked=asked)
    if not name or place is None:
        return []
    drugs = {match.name for match in matches if match.kind == "drug"}
    found = [
        Finding(
            FindingKind.MEDICATION,
            name,
            rule,
            line.span(place.first, place.last),
            qualifiers=tuple(sorted(drugs | (refinements - INNER))),
        )
    ]
    reason = _reason(line, name, reasons, symptoms, matches, asked=asked)
    return [*found, *([reason] if reason is not None else [])]


def _taken_by(mask: Match, match: Match) -> bool:
    if match.name == "taken":
        return False
    return mask.covers(match) or (mask.first <= match.first < mask.last and match.name in ("missed", "forgot"))


def _longest(found: Sequence[Match]) -> list[Match]:
    kept: list[Match] = []
    for match in sorted(found, key=lambda match: (-match.length, match.first)):
        if not any(other.covers(match) and other.length > match.length for other in kept):
            kept.append(match)
    missed = [match for match in kept if match.name == "missed" and match.length > 1]
    if any(match.name != "taken" for match in kept):
        kept = [match for match in kept if "weak" not in match.entry.qualifiers]
    kept = [m for m in kept if m.name != "taken" or m.entry.qualifiers or not any(o.overlaps(m) for o in missed)]
    return sorted(kept, key=lambda match: match.first)


def _bare(matches: Sequence[Match]) -> Match | None:
    answers = [m for m in matches if m.kind == "answer"]
    return max(answers, key=lambda m: (-m.first, m.length)) if answers else None


def _resolve(
    said: Sequence[Match],
    matches: Sequence[Match],
    answer: Match | None,
    reasons: Sequence[Match],
    *,
    asked: bool,
) -> tuple[str, Match | None, str, frozenset[str]]:
    refinements = frozenset(q for match in said for q in match.entry.qualifiers)
    names = {match.name for match in said}
    corrections = [m.last for m in matches if m.kind == "marker" and m.name == "correction"]
    if corrections and (later := [m for m in said if m.first >= corrections[-1]]):
        names = {match.name for match in later}
        said = later
    if {"taken", "missed"} <= names and "partly" not in names:
        first, last = said[0], said[-1]
        if "double" in refinements:
            names = {"taken"}
        elif "unsure" in names:
            names = {"unsure"}
        elif any(m.entry.qualifiers and "late" in m.entry.qualifiers for m in said):
            names = {"taken"}
        else:
            return "partly", max(first, last, key=lambda m: m.length), last.entry.rule, refinements
    unsure_first = "unsure" in names and not names & {"taken", "missed"}
    order: tuple[str, ...] = ("unsure",) if unsure_first else ("partly", "unsure", "missed", "taken")
    for name in order:
        if name in names:
            match = max((m for m in said if m.name == name), key=lambda m: m.length)
            if name == "missed" and answer is not None and answer.name == "yes" and "strong" not in match.entry.qualifiers:
                return "taken", answer, answer.entry.rule, refinements
            return name, match, match.entry.rule, refinements
    if asked and answer is not None:
        known = {"yes": "taken", "no": "missed", "unsure": "unsure"}[answer.name]
        return known, answer, answer.entry.rule, frozenset()
    strong = [m for m in reasons if asked or "alone" in m.entry.qualifiers]
    if strong:
        return "missed", strong[0], strong[0].entry.rule, frozenset()
    return "", None, "", frozenset()


def _reason(
    line: Line,
    name: str,
    reasons: Sequence[Match],
    symptoms: Sequence[Finding],
    matches: Sequence[Match],
    *,
    asked: bool,
) -> Finding | None:
    if name == "taken":
        return None
    if reasons:
        best = max(_longest(reasons), key=lambda match: (match.name != "other", match.length))
        return Finding(FindingKind.MISSED_REASON, best.name, best.entry.rule, line.span(best.first, best.last))
    effects = [s for s in symptoms if s.name in SIDE_EFFECTS and s.present]
    causes = any(match.kind == "marker" and match.name == "causes" for match in matches)
    if effects and name == "missed" and (causes or asked):
        return Finding(FindingKind.MISSED_REASON, "side_effect", "medication.side_effect", effects[0].span)
    return None
