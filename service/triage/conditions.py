"""What a rule's `when` can say. One of these forms, nested at most four deep:

{symptom: chest_pain}                     present in the patient now; a list means any of them; * means any symptom
    with: severe        (or a list: all)  without: chronic  (or a list: none of them)
    with_any: [severe, worse]             assertion: ended  (default present; a list means any)
    at_least: 3 lb                        the amount said with it (weight changes)
    times: 2, within: 48 h                reported that often in that time, now included
{value: glucose, below: 54 mg/dL}         value is weight glucose spo2 temperature scale count pulse peak_flow inr systolic diastolic
    at_least / above / below / at_most    numbers with or without a unit; two of them make a range
    times: 2, within: 24 h                that many readings of that time, this one included, are so
    mean_over: 3 d                        the mean of that time's readings is so, this one included; fewer than 3: unknown
    gain_over: {amount: 3 lb, within: 24 h}   this reading is at least that much above the lowest of that period
    loss_over: {amount: 5 lb, within: 7 d}    ... at least that much below the highest
    worse_than_baseline: 4                at least that much on the bad side of the patient's usual value (limit baseline_<value>, else
                                          the median of 14 days; fewer than 3 readings: unknown)
    below_percent_of_best: 50             of the limit best_<value>, else of the highest reading; fewer than 3: unknown
    percent_over: {percent: 4, of: dry_weight}   more than that much above the limit of that name, else above what was last recorded so
    if_known: true                        with gain_over, loss_over, percent_over or above_recorded: with nothing to compare with it is
                                          false, not unknown
    limit: weight_gain_24h                a personal limit of that name stands in for the amount
{medication: missed}                      taken | missed | partly | unsure, or a list; with: insulin as above
{missed: insulin}                         the same as medication missed or partly, with that drug; * is any
{missed_in_a_row: 2}                      the last doses told were missed or partly, this reply included; with: insulin
{missed_doses_in: {count: 2, within: 7 d}}    that many of that time, this reply included; with: insulin
{reason: cost}                            why a dose was missed
{kind: request, name: call_me}            any other kind of finding; name may be left out or a list
{answer: yes}                             the answer to a yes/no question
{choice: worse}                           the option chosen
{asked: symptoms}                         what was asked last (a list means any); {asked_about: chest_pain}
{condition: copd}                         on the problem list; {high_alert: true}; {high_risk: true}; {takes: insulin}
{day: {at_least: 3}}                      day of the enrollment, the first is 1; at_most as well
{gone_silent: 2}                          that many check-ins before this one had no answer
{recorded: whereabouts, answer: hospital} what an earlier check-in last kept under that name (record:); never kept: unknown
    at_least / above / below / at_most    of a number or sum that was kept; within: 30 d   kept in that time
{any_of: [...]}  {all_of: [...]}  {none_of: [...]}
{cel: "value.glucose > 250.0 && missed_7d >= 2"}    last resort, see expression.py
In a flow only:
{step: any_lows, answer: yes}             any condition, on what was told to that earlier step; an unanswered step: unknown
{step: any_lows, unanswered: true}        that step has no answer
{total: [phq_1, phq_2], at_least: 3}      the sum of the answers to those steps
    above_recorded: phq_total             with total or value and at_least or above: so much above what was last recorded under that name
In only_if alone:
{raised: nothing}                         no red flag and no hand-over of this check-in so far, no more than routine by shared/urgency.yaml;
                                          what could not be judged for want of earlier readings does not count
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from service.domain.reading import Assertion, FindingKind, Measure
from service.triage.condition import ANY, PRESSURE_PARTS, Condition
from service.triage.expression import check_expression, symptoms_in
from service.triage.values import TESTS, build_value
from service.triage.written import (
    COMPARISONS,
    MOST_TIMES,
    ConditionError,
    check_if_known,
    compared_with,
    comparisons,
    names,
    period,
    record_name,
    repeated,
    step_key,
    whole,
)

MOST_DEPTH = 4
MOST_PARTS = 40
MOST_DAYS = 400
SUBJECTS = (
    "symptom", "value", "medication", "missed", "missed_in_a_row", "missed_doses_in", "reason", "kind", "answer", "choice", "asked",
    "asked_about", "condition", "high_alert", "high_risk", "takes", "day", "gone_silent", "recorded", "total", "cel", "raised",
    "any_of", "all_of", "none_of",
)  # fmt: skip
_ALLOWED: dict[str, frozenset[str]] = {
    "symptom": frozenset({"with", "with_any", "without", "assertion", "times", "within", *COMPARISONS}),
    "value": frozenset({*COMPARISONS, *TESTS, "times", "within", "mean_over", "limit", "if_known", "above_recorded"}),
    "medication": frozenset({"with", "with_any", "without"}),
    "missed_in_a_row": frozenset({"with"}),
    "missed_doses_in": frozenset({"with"}),
    "kind": frozenset({"name", "with", "with_any", "without"}),
    "recorded": frozenset({*COMPARISONS, "answer", "within"}),
    "total": frozenset({*COMPARISONS, "above_recorded", "if_known"}),
}


def build_condition(written: Any, depth: int = 0) -> Condition:
    """The checked condition. Raises ConditionError saying what to write instead."""
    if depth > MOST_DEPTH:
        raise ConditionError(f"nested deeper than {MOST_DEPTH}; split it into two rules")
    if not isinstance(written, Mapping):
        raise ConditionError("write one condition, for example {symptom: chest_pain}")
    if "step" in written:
        return _of_step(written, depth)
    subjects = [key for key in SUBJECTS if key in written and not _qualifies(key, written)]
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
    if subject in _OF_NUMBERS:
        return _OF_NUMBERS[subject](written)
    named = names(written[subject])
    _check_names(subject, named)
    if subject == "kind":
        return _qualified(written, Condition("kind:" + next(iter(named)), names=names(written.get("name"))))
    if subject == "value":
        return build_value(written, next(iter(named)))
    if subject == "missed":
        return Condition("medication", names=frozenset({"missed", "partly"}), wanted=named - {ANY})
    return _qualified(written, Condition(subject, names=named))


def _qualifies(key: str, written: Mapping[str, Any]) -> bool:
    """A subject that only says more about another one: {recorded: whereabouts, answer: hospital}."""
    return (key == "missed" and "medication" in written) or (key == "answer" and "recorded" in written)


def _of_step(written: Mapping[str, Any], depth: int) -> Condition:
    step = step_key(written["step"])
    inner = {key: value for key, value in written.items() if key != "step"}
    if "unanswered" in inner:
        if inner != {"unanswered": True}:
            raise ConditionError("write {step: NAME, unanswered: true} and nothing else; its opposite is none_of around it")
        return Condition("unanswered", steps=(step,))
    if "total" in inner:
        raise ConditionError("total names its steps itself; leave step out")
    if "recorded" in inner:
        raise ConditionError("recorded speaks of earlier check-ins; leave step out")
    if "raised" in inner:
        raise ConditionError("raised speaks of the whole check-in; leave step out")
    if not inner:
        raise ConditionError("step needs a condition beside it, for example {step: any_lows, answer: yes}")
    return Condition("step", steps=(step,), parts=(build_condition(inner, depth + 1),))


def _check_names(subject: str, named: frozenset[str]) -> None:
    allowed: dict[str, set[str]] = {
        "value": {*map(str, Measure), *PRESSURE_PARTS} - {"blood_pressure"},
        "medication": {"taken", "missed", "partly", "unsure"},
        "kind": set(map(str, FindingKind)),
        "answer": {"yes", "no", "unsure"},
        "high_alert": {"true"},
        "high_risk": {"true"},
    }
    if subject in ("value", "kind") and len(named) != 1:
        raise ConditionError(f"{subject} takes one name")
    if subject in allowed and (odd := named - allowed[subject]):
        raise ConditionError(f"{subject} {sorted(odd)[0]!r}; write one of {sorted(allowed[subject])}")


def _qualified(written: Mapping[str, Any], condition: Condition) -> Condition:
    try:
        assertions = frozenset(Assertion(name) for name in names(written.get("assertion", "present")))
    except ValueError as error:
        raise ConditionError(f"assertion: write one of {[str(value) for value in Assertion]}") from error
    times, within = repeated(written)
    if within is not None and ("assertion" in written or any(key in written for key in COMPARISONS)):
        raise ConditionError("times counts reports of a symptom that is present; leave assertion and amounts out")
    return replace(
        condition,
        wanted=names(written.get("with")),
        wanted_any=names(written.get("with_any")),
        unwanted=names(written.get("without")),
        assertions=assertions,
        comparisons=comparisons(written, None),
        times=times,
        within=within,
    )


def _recorded(written: Mapping[str, Any]) -> Condition:
    wanted, compared = names(written.get("answer")), comparisons(written, None)
    if bool(wanted) == bool(compared):
        raise ConditionError("recorded needs what was kept: answer, or a comparison (at_least, above, below, at_most) of a number")
    within = period(written["within"], "within") if "within" in written else None
    name = record_name(written["recorded"], "recorded")
    return Condition("recorded", frozenset({name}), wanted=wanted, comparisons=compared, within=within)


def _missed_in_a_row(written: Mapping[str, Any]) -> Condition:
    times = whole(written["missed_in_a_row"], "missed_in_a_row", 1, MOST_TIMES)
    return Condition("missed_in_a_row", times=times, wanted=names(written.get("with")) - {ANY})


def _missed_doses_in(written: Mapping[str, Any]) -> Condition:
    inner = written["missed_doses_in"]
    if not isinstance(inner, Mapping) or set(inner) != {"count", "within"}:
        raise ConditionError("missed_doses_in needs count and within, for example {count: 2, within: 7 d}")
    times, within = whole(inner["count"], "count", 1, MOST_TIMES), period(inner["within"], "within")
    return Condition("missed_doses_in", times=times, within=within, wanted=names(written.get("with")) - {ANY})


def _day(written: Mapping[str, Any]) -> Condition:
    inner = written["day"]
    if not isinstance(inner, Mapping) or not inner or set(inner) - {"at_least", "at_most"}:
        raise ConditionError("day needs at_least or at_most, for example {at_least: 3}; the first day is 1")
    return Condition("day", comparisons=tuple((name, float(whole(inner[name], name, 1, MOST_DAYS))) for name in inner))


def _total(written: Mapping[str, Any]) -> Condition:
    steps, compared = written["total"], comparisons(written, "")
    if not isinstance(steps, list) or not 2 <= len(steps) <= MOST_PARTS or len({str(step) for step in steps}) != len(steps):
        raise ConditionError(f"total needs a list of 2 to {MOST_PARTS} different steps, for example [phq_1, phq_2]")
    if not compared:
        raise ConditionError("total needs a comparison: at_least, above, below or at_most")
    record = compared_with(written)
    return Condition(
        "total",
        steps=tuple(step_key(step) for step in steps),
        comparisons=compared,
        compared_with=record,
        if_known=check_if_known(written, bool(record)),
    )


def _raised(written: Mapping[str, Any]) -> Condition:
    if written["raised"] != "nothing":
        raise ConditionError("write raised: nothing; its opposite is none_of around it")
    return Condition("raised")


def _cel(written: Mapping[str, Any]) -> Condition:
    try:
        text = check_expression(written["cel"])
    except ValueError as error:
        raise ConditionError(f"cel: {error}") from error
    return Condition("cel", names=symptoms_in(text), expression=text)


_OF_NUMBERS: dict[str, Callable[[Mapping[str, Any]], Condition]] = {
    "missed_in_a_row": _missed_in_a_row,
    "missed_doses_in": _missed_doses_in,
    "day": _day,
    "gone_silent": lambda written: Condition("gone_silent", times=whole(written["gone_silent"], "gone_silent", 1, MOST_TIMES)),
    "recorded": _recorded,
    "total": _total,
    "cel": _cel,
    "raised": _raised,
}
