"""A checked condition as a value: what it looks at, and what a patient must have said for it to be anything but false."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from service.domain.reading import Assertion, Finding, FindingKind, Measure

PRESSURE_PARTS = ("systolic", "diastolic")
ANY = "*"
"""Stands for every name."""
Key = tuple[FindingKind, str]
"""A kind of finding and a name."""
KIND_OF = {
    "symptom": FindingKind.SYMPTOM,
    "medication": FindingKind.MEDICATION,
    "reason": FindingKind.MISSED_REASON,
    "answer": FindingKind.ANSWER,
    "choice": FindingKind.CHOICE,
    **{f"kind:{kind}": kind for kind in FindingKind},
}
"""Subjects that are fulfilled by a finding of a kind."""
_DOSES = frozenset((FindingKind.MEDICATION, name) for name in ("missed", "partly", "unsure"))


@dataclass(frozen=True, slots=True)
class Change:
    """A gain or loss of at least `amount` (stored unit) within `period` before now."""

    direction: str
    amount: float
    period: timedelta


@dataclass(frozen=True, slots=True)
class Condition:
    """A checked condition; `subject` says which of the other fields count."""

    subject: str
    names: frozenset[str] = frozenset()
    wanted: frozenset[str] = frozenset()
    wanted_any: frozenset[str] = frozenset()
    unwanted: frozenset[str] = frozenset()
    assertions: frozenset[Assertion] = frozenset({Assertion.PRESENT})
    comparisons: tuple[tuple[str, float], ...] = ()
    change: Change | None = None
    worse_by: float | None = None
    percent_of_best: float | None = None
    percent_over: float | None = None
    compared_with: str = ""
    """Under which name the value is kept (or limited) that this one is compared with."""
    mean_over: timedelta | None = None
    times: int = 1
    within: timedelta | None = None
    if_known: bool = False
    limit: str = ""
    steps: tuple[str, ...] = ()
    expression: str = ""
    parts: tuple[Condition, ...] = ()
    needs: frozenset[Key] | None = field(init=False, repr=False, compare=False)
    """Findings of which at least one must be there: without any it is false whatever else is known. None: it may hold without."""

    def __post_init__(self) -> None:
        """Works out once what the condition needs, since every reply is held against every rule."""
        object.__setattr__(self, "needs", _needs(self))

    @property
    def any_name(self) -> bool:
        """True when every name fits."""
        return not self.names or ANY in self.names

    def may_hold(self, keys: frozenset[Key]) -> bool:
        """False when it needs findings and none of these is among them: then it is false whatever else is known."""
        return self.needs is None or not self.needs.isdisjoint(keys)


def keys_of(findings: Iterable[Finding]) -> frozenset[Key]:
    """Kind and name of each finding, and its kind with ANY name: what `Condition.needs` is held against."""
    return frozenset(key for finding in findings for key in ((finding.kind, finding.name), (finding.kind, ANY)))


def symptoms_named(condition: Condition) -> frozenset[str]:
    """The symptoms that a condition names, parts and all, so that they can be held against the vocabulary."""
    own = condition.names - {ANY} if condition.subject in ("symptom", "asked_about", "cel") else frozenset[str]()
    return own.union(*(symptoms_named(part) for part in condition.parts))


def steps_named(condition: Condition) -> frozenset[str]:
    """The steps that a condition names, parts and all: each must be a step of the flow, and none stands in a general table."""
    return frozenset(condition.steps).union(*(steps_named(part) for part in condition.parts))


def speaks_of_raised(condition: Condition) -> bool:
    """True when a condition, parts and all, asks what has been raised: that is for the `only_if` of a flow's steps alone."""
    return condition.subject == "raised" or any(speaks_of_raised(part) for part in condition.parts)


def _needs(condition: Condition) -> frozenset[Key] | None:
    subject = condition.subject
    if kind := KIND_OF.get(subject):
        return frozenset({(kind, ANY)}) if condition.any_name else frozenset((kind, name) for name in condition.names)
    if subject == "value":
        return frozenset((FindingKind.VALUE, str(Measure.BLOOD_PRESSURE) if n in PRESSURE_PARTS else n) for n in condition.names)
    if subject in ("missed_in_a_row", "missed_doses_in"):
        return _DOSES
    needs = [part.needs for part in condition.parts]
    if subject == "any_of" and None not in needs:
        return frozenset[Key]().union(*(each for each in needs if each is not None))
    if subject == "all_of":
        return min((each for each in needs if each is not None), key=len, default=None)
    return None
