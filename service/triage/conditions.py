"""What a rule's `when` can say. One of these forms, nested at most four deep:

{symptom: chest_pain}                     present in the patient now; a list means any of them; * means any symptom
    with: severe        (or a list: all)  without: chronic  (or a list: none of them)
    with_any: [severe, worse]             assertion: ended  (default present; a list means any)
    at_least: 3 lb                        the amount said with it (weight changes)
{value: glucose, below: 54 mg/dL}         value is weight glucose spo2 temperature scale count pulse systolic diastolic
    at_least / above / below / at_most    numbers with or without a unit; two of them make a range
    gain_over: {amount: 3 lb, within: 24 h}   this reading is at least that much above the lowest of that period
    loss_over: {amount: 5 lb, within: 7 d}    ... at least that much below the highest
    limit: weight_gain_24h                a personal limit of that name stands in for the amount
{medication: missed}                      taken | missed | partly | unsure, or a list; with: insulin as above
{missed: insulin}                         the same as medication missed or partly, with that drug; * is any
{reason: cost}                            why a dose was missed
{kind: request, name: call_me}            any other kind of finding; name may be left out or a list
{answer: yes}                             the answer to a yes/no question
{choice: worse}                           the option chosen
{asked: symptoms}                         what was asked last (a list means any); {asked_about: chest_pain}
{condition: copd}                         on the problem list; {high_alert: true}; {high_risk: true}; {takes: insulin}
{any_of: [...]}  {all_of: [...]}  {none_of: [...]}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from service.domain.reading import Assertion, FindingKind, Measure
from service.triage.units import parse_amount, parse_period

MOST_DEPTH = 4
MOST_PARTS = 40
COMPARISONS = ("at_least", "above", "below", "at_most")
PRESSURE_PARTS = ("systolic", "diastolic")
SUBJECTS = (
    "symptom", "value", "medication", "missed", "reason", "kind", "answer", "choice", "asked", "asked_about",
    "condition", "high_alert", "high_risk", "takes", "any_of", "all_of", "none_of",
)  # fmt: skip
_ALLOWED: dict[str, frozenset[str]] = {
    "symptom": frozenset({"with", "with_any", "without", "assertion", *COMPARISONS}),
    "value": frozenset({*COMPARISONS, "gain_over", "loss_over", "limit"}),
    "medication": frozenset({"with", "with_any", "without"}),
    "kind": frozenset({"name", "with", "with_any", "without"}),
}
UNIT_OF = {
    "weight": "lb", "glucose": "mg/dL", "spo2": "%", "temperature": "degF", "systolic": "mmHg", "diastolic": "mmHg",
    "pulse": "/min",
}  # fmt: skip


class ConditionError(ValueError):
    """A condition is not written in this language; the message says what to write instead."""


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
    limit: str = ""
    parts: tuple[Condition, ...] = field(default=())

    @property
    def any_name(self) -> bool:
        """True when every name fits."""
        return not self.names or "*" in self.names


def symptoms_named(condition: Condition) -> frozenset[str]:
    """The symptoms that a condition names, parts and all, so that they can be held against the vocabulary."""
    own = condition.names - {"*"} if condition.subject in ("symptom", "asked_about") else frozenset[str]()
    return own.union(*(symptoms_named(part) for part in condition.parts))


def build_condition(written: Any, depth: int = 0) -> Condition:
    """The checked condition. Raises ConditionError saying what to write instead."""
    if depth > MOST_DEPTH:
        raise ConditionError(f"nested deeper than {MOST_DEPTH}; split it into two rules")
    if not isinstance(written, Mapping):
        raise ConditionError("write one condition, for example {symptom: chest_pain}")
    subjects = [key for key in SUBJECTS if key in written and not (key == "missed" and "medication" in written)]
    if len(subjects) != 1:
        raise ConditionError(f"needs exactly one of {', '.join(SUBJECTS)}; join several with all_of or any_of")
    subject = subjects[0]
    if extra := set(written) - {subject} - _ALLOWED.get(subject, frozenset()):
        raise ConditionError(f"{sorted(map(str, extra))[0]} does not go with {subject}")
    if subject in ("any_of", "all_of", "none_of"):
        parts = written[subject]
        if not isinstance(parts, list) or not 0 < len(parts) <= MOST_PARTS:
            raise ConditionError(f"{subject} needs a list of 1 to {MOST_PARTS} conditions")
        return Condition(subject, parts=tuple(build_condition(part, depth + 1) for part in parts))
    names = _names(written[subject])
    _check_names(subject, names)
    if subject == "kind":
        found_names = _names(written["name"]) if "name" in written else frozenset[str]()
        return _qualified(written, Condition("kind:" + next(iter(names)), names=found_names))
    if subject == "value":
        return _value(written, next(iter(names)))
    if subject == "missed":
        return Condition("medication", names=frozenset({"missed", "partly"}), wanted=names - {"*"})
    condition = _qualified(written, Condition(subject, names=names))
    return condition


def _check_names(subject: str, names: frozenset[str]) -> None:
    allowed: dict[str, set[str]] = {
        "value": {*map(str, Measure), *PRESSURE_PARTS} - {"blood_pressure"},
        "medication": {"taken", "missed", "partly", "unsure"},
        "kind": set(map(str, FindingKind)),
        "answer": {"yes", "no", "unsure"},
        "high_alert": {"true"},
        "high_risk": {"true"},
    }
    if subject in ("value", "kind") and len(names) != 1:
        raise ConditionError(f"{subject} takes one name")
    if subject in allowed and (odd := names - allowed[subject]):
        raise ConditionError(f"{subject} {sorted(odd)[0]!r}; write one of {sorted(allowed[subject])}")


def _qualified(written: Mapping[str, Any], condition: Condition) -> Condition:
    try:
        assertions = frozenset(Assertion(name) for name in _names(written.get("assertion", "present")))
    except ValueError as error:
        raise ConditionError(f"assertion: write one of {[str(value) for value in Assertion]}") from error
    return Condition(
        condition.subject,
        names=condition.names,
        wanted=_names(written.get("with")),
        wanted_any=_names(written.get("with_any")),
        unwanted=_names(written.get("without")),
        assertions=assertions,
        comparisons=_comparisons(written, ""),
    )


def _value(written: Mapping[str, Any], name: str) -> Condition:
    change: Change | None = None
    for direction in ("gain_over", "loss_over"):
        if direction in written:
            inner = written[direction]
            if not isinstance(inner, Mapping) or set(inner) != {"amount", "within"}:
                raise ConditionError(f"{direction} needs amount and within, for example {{amount: 3 lb, within: 24 h}}")
            try:
                amount, unit = parse_amount(inner["amount"])
                period = parse_period(inner["within"])
            except ValueError as error:
                raise ConditionError(str(error)) from error
            _check_unit(unit, UNIT_OF.get(name, ""))
            change = Change(direction, amount, period)
    comparisons = _comparisons(written, UNIT_OF.get(name, ""))
    if (change is None) == (not comparisons):
        raise ConditionError("value needs a comparison (at_least, above, below, at_most), or gain_over or loss_over")
    return Condition("value", frozenset({name}), comparisons=comparisons, change=change, limit=str(written.get("limit") or ""))


def _comparisons(written: Mapping[str, Any], stored_unit: str) -> tuple[tuple[str, float], ...]:
    found: list[tuple[str, float]] = []
    for comparison in COMPARISONS:
        if comparison in written:
            try:
                amount, unit = parse_amount(written[comparison])
            except ValueError as error:
                raise ConditionError(str(error)) from error
            _check_unit(unit, stored_unit)
            found.append((comparison, amount))
    return tuple(found)


def _check_unit(unit: str, stored: str) -> None:
    if unit and stored and unit != stored:
        raise ConditionError(f"{unit} does not measure this; write {stored}")


def _names(written: Any) -> frozenset[str]:
    if written is None:
        return frozenset()
    if isinstance(written, list | tuple | set | frozenset):
        return frozenset(_text(name) for name in written)
    return frozenset({_text(written)})


def _text(written: Any) -> str:
    if isinstance(written, bool):
        return "true" if written else "false"
    return str(written)
