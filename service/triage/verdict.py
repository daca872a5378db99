"""What judging a condition gives: true, false or unknown, what it rests on, and the figures for the reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from service.domain.reading import Finding, FindingKind

FIGURES = ("value", "value_2", "change", "threshold", "name", "unit", "mean", "count", "baseline", "best", "total")
"""What a reason may name in braces."""
MEASURED = (*FIGURES, "side", "hours")
"""What an item keeps of a reading that was held against a limit: `side` names the test, `hours` the time of a gain or loss."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """True, false or None (unknown), with the findings it rests on and the figures for the reason."""

    holds: bool | None
    findings: tuple[Finding, ...] = ()
    figures: Mapping[str, str] = field(default_factory=dict)


YES = Verdict(True)
NO = Verdict(False)
UNKNOWN = Verdict(None)


def together(true: Sequence[Verdict]) -> Verdict:
    """Several verdicts that hold as one: what they all rest on, and the figures of the first that has them."""
    if len(true) == 1:
        return true[0]
    findings = tuple(dict.fromkeys(finding for verdict in true for finding in verdict.findings))
    figures: dict[str, str] = {}
    for verdict in reversed(true):
        figures |= verdict.figures
    if symptom := next((verdict for verdict in true if _is_of_a_symptom(verdict) and "name" in verdict.figures), None):
        figures["name"] = symptom.figures["name"]
    return Verdict(True, findings, figures)


def _is_of_a_symptom(verdict: Verdict) -> bool:
    """A reason that has both names the symptom: what the number is it says in its own words."""
    return any(finding.kind is FindingKind.SYMPTOM for finding in verdict.findings)


def figures_for(verdict: Verdict) -> dict[str, str]:
    """Figures for a reason's placeholders; a missing one reads "?" rather than failing at a patient's reply."""
    return {key: verdict.figures.get(key, "?") for key in FIGURES}


def measured(verdict: Verdict) -> dict[str, str]:
    """The figures that a reading was compared by, for the item to show value against limit; nothing when no limit was asked."""
    return {key: verdict.figures[key] for key in MEASURED if key in verdict.figures} if "side" in verdict.figures else {}


def number(value: float) -> str:
    """A figure as people write it: 4, 98.6."""
    return f"{round(value, 2):g}"


def plain_name(name: str) -> str:
    """leg_swelling -> leg swelling."""
    return name.replace("_", " ")
