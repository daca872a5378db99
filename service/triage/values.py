"""What {value: ...} can say: one test of a reading, against a number, the patient's own past, or what was kept under a name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from service.domain.reading import Measure
from service.triage.condition import Change, Condition
from service.triage.written import (
    ConditionError,
    amount,
    check_if_known,
    compared_with,
    comparisons,
    difference,
    period,
    record_name,
    repeated,
)

TESTS = ("gain_over", "loss_over", "worse_than_baseline", "below_percent_of_best", "percent_over")
"""The tests that are no comparison with a number."""
UNIT_OF = {
    "weight": "lb", "glucose": "mg/dL", "spo2": "%", "temperature": "degF", "systolic": "mmHg", "diastolic": "mmHg",
    "pulse": "/min", "peak_flow": "L/min",
}  # fmt: skip
"""The stored unit of a value; those that are not here are bare numbers."""


def build_value(written: Mapping[str, Any], name: str) -> Condition:
    """The condition on the value of this name. Raises ConditionError saying what to write instead."""
    unit = UNIT_OF.get(name, "")
    record = compared_with(written)
    compared = comparisons(written, unit, difference if record else amount)
    tests = [test for test in TESTS if test in written]
    if len(tests) + bool(compared) != 1:
        raise ConditionError(f"value needs one test: a comparison (at_least, above, below, at_most), or one of {', '.join(TESTS)}")
    times, within = repeated(written)
    if (within is not None or "mean_over" in written) and not compared:
        raise ConditionError(f"times and mean_over go with a comparison, not with {tests[0]}")
    if within is not None and "mean_over" in written:
        raise ConditionError("write either times and within, or mean_over")
    if record and (within is not None or "mean_over" in written or "limit" in written):
        raise ConditionError("above_recorded goes with a comparison alone; leave times, mean_over and limit out")
    change = _change(written[tests[0]], tests[0], unit) if tests and tests[0] in ("gain_over", "loss_over") else None
    percent, of = _percent_over(written["percent_over"]) if "percent_over" in written else (None, "")
    if_known = check_if_known(written, bool(change or record or of))
    worse_by = difference(written["worse_than_baseline"], unit) if "worse_than_baseline" in written else None
    if (worse_by is not None and worse_by <= 0) or (change is not None and change.amount <= 0):
        raise ConditionError(f"{tests[0]}: write how much as a number above 0, for example 4")
    return Condition(
        "value",
        frozenset({name}),
        comparisons=compared,
        change=change,
        worse_by=worse_by,
        percent_of_best=_percent(written["below_percent_of_best"], name) if "below_percent_of_best" in written else None,
        percent_over=percent,
        compared_with=record or of,
        mean_over=period(written["mean_over"], "mean_over") if "mean_over" in written else None,
        times=times,
        within=within,
        if_known=if_known,
        limit=str(written.get("limit") or ""),
    )


def _change(written: Any, direction: str, unit: str) -> Change:
    if not isinstance(written, Mapping) or set(written) != {"amount", "within"}:
        raise ConditionError(f"{direction} needs amount and within, for example {{amount: 3 lb, within: 24 h}}")
    return Change(direction, difference(written["amount"], unit), period(written["within"], "within"))


def _percent(written: Any, name: str) -> float:
    if name != Measure.PEAK_FLOW:
        raise ConditionError("below_percent_of_best goes with peak_flow only; write worse_than_baseline for other values")
    percent = amount(written, "%")
    if not 0 < percent <= 100:
        raise ConditionError("below_percent_of_best: write a percentage from 1 to 100")
    return percent


def _percent_over(written: Any) -> tuple[float, str]:
    if not isinstance(written, Mapping) or set(written) != {"percent", "of"}:
        raise ConditionError("percent_over needs percent and of, for example {percent: 4, of: dry_weight}")
    percent = amount(written["percent"], "%")
    if not 0 < percent <= 100:
        raise ConditionError("percent_over: write a percentage from 1 to 100")
    return percent, record_name(written["of"], "of")
