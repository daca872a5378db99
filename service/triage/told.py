"""All that a condition is judged on, gathered once for the many conditions that a reply is held against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from service.domain.facts import Facts, PastValue
from service.domain.reading import Finding, Measure, Question
from service.triage.condition import PRESSURE_PARTS, Key, keys_of

MOST_SLACK = timedelta(hours=12)
Earlier = tuple[datetime, float]
"""When a reading was taken, and its value in the stored unit."""


@dataclass(frozen=True)
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

    def __post_init__(self) -> None:
        """Local times without a zone cannot be compared with those of the history."""
        if self.now.tzinfo is None:
            raise ValueError("now must be an aware datetime")

    @cached_property
    def keys(self) -> frozenset[Key]:
        """What the findings are; a condition that needs none of these is false."""
        return keys_of(self.findings)

    def since(self, period: timedelta) -> datetime:
        """From when on the history counts for "within `period`".

        Patients answer at about, not exactly, the same hour: half of the period is given on top, at most 12 h, so that yesterday's
        reading still counts for "within 24 h" at 36 h, and one of 8:00 a week ago at 8:30. Own choice.
        """
        return self.now - period - min(period / 2, MOST_SLACK)

    def earlier(self, name: str, since: datetime | None = None) -> list[float]:
        """The readings of this name in the history, from `since` on and before now, oldest first."""
        if name not in self._earlier:
            found = ((past.taken_at, _past(past, name)) for past in self.facts.history if past.taken_at < self.now)
            self._earlier[name] = [(taken_at, value) for taken_at, value in found if value is not None]
        return [value for taken_at, value in self._earlier[name] if since is None or taken_at >= since]

    @cached_property
    def _earlier(self) -> dict[str, list[Earlier]]:
        return {}


def _past(reading: PastValue, name: str) -> float | None:
    if name in PRESSURE_PARTS:
        if reading.measure is not Measure.BLOOD_PRESSURE:
            return None
        return reading.value if name == "systolic" else reading.value_2
    return reading.value if reading.measure == name else None
