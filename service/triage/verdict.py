"""What judging a condition gives: true, false or unknown, what it rests on, and the figures for the reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from service.domain.facts import Facts
from service.domain.reading import Finding, FindingKind, Question

FIGURES = ("value", "value_2", "change", "threshold", "name", "unit", "mean", "count", "baseline", "best", "total")
"""What a reason may name in braces."""
MOST_SLACK = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Told:
    """All that a condition is judged on. `findings` are newer than everything in the history of `facts`."""

    findings: Sequence[Finding]
    facts: Facts
    now: datetime
    question: Question | None = None
    by_step: Mapping[str, Sequence[Finding]] | None = None
    """What was told to each step; a step that is not here has no answer, one with nothing was answered without a finding."""
    raised: bool | None = None
    """Whether the check-in has raised anything so far; None when that is not known."""

    def since(self, period: timedelta) -> datetime:
        """From when on the history counts for "within `period`".

        Patients answer at about, not exactly, the same hour: half of the period is given on top, at most 12 h, so that yesterday's
        reading still counts for "within 24 h" at 36 h, and one of 8:00 a week ago at 8:30. Own choice.
        """
        return self.now - period - min(period / 2, MOST_SLACK)


@dataclass(frozen=True, slots=True)
class Verdict:
    """True, false or None (unknown), with the findings it rests on and the figures for the reason."""

    holds: bool | None
    findings: tuple[Finding, ...] = ()
    figures: Mapping[str, str] = field(default_factory=dict)


NO = Verdict(False)
UNKNOWN = Verdict(None)


def joined(subject: str, verdicts: Sequence[Verdict]) -> Verdict:
    """The verdicts of the parts of all_of, any_of or none_of as one; unknown unless the known parts decide."""
    holds = [verdict.holds for verdict in verdicts]
    true = [verdict for verdict in verdicts if verdict.holds]
    findings = tuple(dict.fromkeys(finding for verdict in true for finding in verdict.findings))
    figures: dict[str, str] = {}
    for verdict in reversed(true):
        figures |= verdict.figures
    if symptom := next((verdict for verdict in true if _is_of_a_symptom(verdict) and "name" in verdict.figures), None):
        figures["name"] = symptom.figures["name"]
    if subject == "any_of":
        return Verdict(True if True in holds else None if None in holds else False, findings, figures)
    if subject == "all_of":
        return Verdict(False if False in holds else None if None in holds else True, findings, figures)
    return Verdict(False if True in holds else None if None in holds else True)


def _is_of_a_symptom(verdict: Verdict) -> bool:
    """A reason that has both names the symptom: what the number is it says in its own words."""
    return any(finding.kind is FindingKind.SYMPTOM for finding in verdict.findings)


def figures_for(verdict: Verdict) -> dict[str, str]:
    """Figures for a reason's placeholders; a missing one reads "?" rather than failing at a patient's reply."""
    return {key: verdict.figures.get(key, "?") for key in FIGURES}


def number(value: float) -> str:
    """A figure as people write it: 4, 98.6."""
    return f"{round(value, 2):g}"


def plain_name(name: str) -> str:
    """leg_swelling -> leg swelling."""
    return name.replace("_", " ")
