"""The pieces of a written condition: names, whole numbers, amounts, periods; and the error that says what to write instead."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from service.triage.units import parse_amount, parse_difference, parse_period

COMPARISONS = ("at_least", "above", "below", "at_most")
STEP_KEY = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*){0,3}")
"""A step, or one of a subflow that runs in its place (`lows.confirm`)."""


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


def comparisons(written: Mapping[str, Any], unit: str | None) -> tuple[tuple[str, float], ...]:
    """The comparisons that stand in a condition, each with its amount in the stored unit."""
    return tuple((comparison, amount(written[comparison], unit)) for comparison in COMPARISONS if comparison in written)


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
