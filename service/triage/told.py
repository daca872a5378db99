"""All that a condition is judged on, gathered once for the many conditions that a reply is held against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from service.domain.facts import Facts, PastValue
from service.domain.reading import Finding, FindingKind, Measure, Question
from service.triage.condition import PRESSURE_PARTS, Key, keys_of

MOST_SLACK = timedelta(hours=12)
Read = tuple[Finding, float]
"""A finding and its value in the stored unit."""
Earlier = tuple[datetime, float]
"""When a reading was taken, and its value in the stored unit."""


@dataclass(frozen=True, slots=True)
class Told:
    """What was told just now, and all that is known beside it. Raises ValueError when `now` is not aware.

    `facts` must not hold the findings a second time: hand over `facts.before(beginning of the check-in)` with all findings of one.
    """

    findings: Sequence[Finding]
    """Newer than everything in the history of `facts`, which is read up to `now`."""
    facts: Facts
    now: datetime
    question: Question | None = None
    """What was asked last."""
    by_step: Mapping[str, Sequence[Finding]] | None = None
    """What was told to each step of the check-in, for conditions that name steps; without it those are unknown.

    A step that is not here has no answer, one with nothing was answered without a finding.
    """
    raised: bool | None = None
    """Whether the check-in has raised anything so far; None when that is not known."""

    keys: frozenset[Key] = field(init=False, repr=False)
    """What the findings are; a condition that needs others is false."""
    _readings: dict[str, list[Read]] = field(init=False, repr=False, compare=False, default_factory=dict)
    _earlier: dict[str, list[Earlier]] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Local times without a zone cannot be compared with those of the history."""
        if self.now.tzinfo is None:
            raise ValueError("now must be an aware datetime")
        object.__setattr__(self, "keys", keys_of(self.findings))

    def about(self, findings: Sequence[Finding], question: Question | None = None) -> Told:
        """The same, of these findings alone."""
        other = Told(findings, self.facts, self.now, question, self.by_step, self.raised)
        object.__setattr__(other, "_earlier", self._earlier)  # what was before is the same: it is looked up once
        return other

    def since(self, period: timedelta) -> datetime:
        """From when on the history counts for "within `period`".

        Patients answer at about, not exactly, the same hour: half of the period is given on top, at most 12 h, so that yesterday's
        reading still counts for "within 24 h" at 36 h, and one of 8:00 a week ago at 8:30. Own choice.
        """
        return self.now - period - min(period / 2, MOST_SLACK)

    def readings(self, name: str) -> list[Read]:
        """The findings that are readings of this name, each with its value in the stored unit."""
        if name not in self._readings:
            found = ((finding, reading_of(finding, name)) for finding in self.findings)
            self._readings[name] = [(finding, value) for finding, value in found if value is not None]
        return self._readings[name]

    def earlier(self, name: str, since: datetime | None = None) -> list[float]:
        """The readings of this name in the history, from `since` on and before now, oldest first."""
        if name not in self._earlier:
            self._earlier[name] = _past(self.facts.history, name, self.now)
        return [value for taken_at, value in self._earlier[name] if since is None or taken_at >= since]


def reading_of(finding: Finding, name: str) -> float | None:
    """The finding's reading of this name, None when it is none (or not the patient's, or not of now)."""
    if finding.kind is not FindingKind.VALUE or finding.quantity is None or not finding.present:
        return None
    if name in PRESSURE_PARTS:
        if finding.name != Measure.BLOOD_PRESSURE:
            return None
        return finding.quantity.value if name == "systolic" else finding.quantity.value_2
    return finding.quantity.value if finding.name == name else None


def _past(history: Sequence[PastValue], name: str, now: datetime) -> list[Earlier]:
    if name not in PRESSURE_PARTS:
        return [(past.taken_at, past.value) for past in history if past.measure == name and past.taken_at < now]
    pressures = [past for past in history if past.measure is Measure.BLOOD_PRESSURE and past.taken_at < now]
    found = ((past.taken_at, past.value if name == "systolic" else past.value_2) for past in pressures)
    return [(taken_at, value) for taken_at, value in found if value is not None]
