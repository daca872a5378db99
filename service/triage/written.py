"""The pieces of a written condition: names, whole numbers, amounts, periods; and the error that says what to write instead."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from service.triage.units import parse_amount, parse_difference, parse_period

MOST_TIMES = 30
COMPARISONS = ("at_least", "above", "below", "at_most")
STEP_KEY = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*){0,3}")
"""A step, or one of a subflow that runs in its place (`lows.confirm`)."""
RECORD_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


class ConditionError(ValueError):
    """A condition is not written in this language; the message says what to write instead."""


def names(written: Any) -> frozenset[str]:
    """One name or a list of them; nothing written is no name."""
    if written is None:
        return frozenset()
    if isinstance(written, list | tuple | set | frozenset):
        return frozenset(_text(name) for name in written)
    return frozenset({_text(written)})


def whole(written: Any, what: str, lowest: int, highest: int) -> int:
    """A whole number of that range. ConditionError names `what`."""
    if isinstance(written, bool) or not isinstance(written, int) or not lowest <= written <= highest:
        raise ConditionError(f"{what}: write a whole number from {lowest} to {highest}")
    return written


def period(written: Any, what: str) -> timedelta:
    """A period such as 24 h or 7 d. ConditionError names `what`."""
    try:
        return parse_period(written)
    except ValueError as error:
        raise ConditionError(f"{what}: {error}") from error


def amount(written: Any, unit: str | None) -> float:
    """An amount in the stored unit; `unit` "" takes a bare number only, None takes any unit. ConditionError on another unit."""
    return _measured(parse_amount, written, unit)


def difference(written: Any, unit: str | None) -> float:
    """As `amount`, of a difference: 1 C of it is 1.8 degF."""
    return _measured(parse_difference, written, unit)


def step_key(written: Any) -> str:
    """The name of a step of the flow. ConditionError otherwise."""
    if not isinstance(written, str) or not STEP_KEY.fullmatch(written):
        raise ConditionError(f"{written!r} is no step; write the name of an earlier step of this flow")
    return written


def comparisons(
    written: Mapping[str, Any], unit: str | None, measured: Callable[[Any, str | None], float] = amount
) -> tuple[tuple[str, float], ...]:
    """The comparisons that stand in a condition, each with its amount (or `difference`) in the stored unit."""
    return tuple((comparison, measured(written[comparison], unit)) for comparison in COMPARISONS if comparison in written)


def repeated(written: Mapping[str, Any]) -> tuple[int, timedelta | None]:
    """How often, and within which period (None: once is enough). ConditionError when one stands without the other."""
    if ("times" in written) != ("within" in written):
        raise ConditionError("times and within go together, for example times: 2, within: 24 h")
    if "times" not in written:
        return 1, None
    return whole(written["times"], "times", 2, MOST_TIMES), period(written["within"], "within")


def record_name(written: Any, what: str) -> str:
    """The name under which a flow keeps an answer. ConditionError names `what`."""
    if not isinstance(written, str) or not RECORD_NAME.fullmatch(written):
        raise ConditionError(f"{what}: write the name that a record: step gives, in lower case letters and _")
    return written


def compared_with(written: Mapping[str, Any]) -> str:
    """The record that a value or a total is compared with, "" for none. ConditionError where that does not go together."""
    if "above_recorded" not in written:
        return ""
    compared = [name for name in COMPARISONS if name in written]
    if len(compared) != 1 or compared[0] not in ("at_least", "above"):
        raise ConditionError("above_recorded needs at_least or above beside it, for example at_least: 5")
    if difference(written[compared[0]], None) <= 0:
        raise ConditionError("above_recorded: write how much as a number above 0, for example at_least: 5")
    return record_name(written["above_recorded"], "above_recorded")


def check_if_known(written: Mapping[str, Any], may: bool) -> bool:
    """Whether a condition says if_known: true. ConditionError where it does not go with it (`may`) or says anything else."""
    if "if_known" in written and (not may or written["if_known"] is not True):
        raise ConditionError("if_known: true goes with gain_over, loss_over, percent_over or above_recorded; leave it out elsewhere")
    return "if_known" in written


def _measured(parse: Any, written: Any, unit: str | None) -> float:
    try:
        value, stated = parse(written)
    except ValueError as error:
        raise ConditionError(str(error)) from error
    if unit is not None and stated and stated != unit:
        raise ConditionError(f"{stated} does not measure this; write {unit or 'a bare number'}")
    return float(value)


def _text(written: Any) -> str:
    if isinstance(written, bool):
        return "true" if written else "false"
    return str(written)
