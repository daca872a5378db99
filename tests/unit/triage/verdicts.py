"""What was told now and before, and whether a condition holds of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from service.domain.facts import Facts, PastDose, PastValue
from service.domain.reading import Assertion, Finding, FindingKind, Measure, Quantity
from service.triage import Told, build_condition, judge

NOW = datetime(2026, 3, 8, 14, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
TRUE, FALSE, UNKNOWN = True, False, None


def value(measure: str, amount: float, second: float | None = None) -> Finding:
    return Finding(FindingKind.VALUE, measure, "test", (0, 3), quantity=Quantity(amount, "", value_2=second))


def told(kind: FindingKind, name: str, *qualifiers: str, assertion: Assertion = Assertion.PRESENT) -> Finding:
    return Finding(kind, name, "test", (0, 3), assertion=assertion, qualifiers=qualifiers)


def dose(status: str, *drugs: str) -> Finding:
    return told(FindingKind.MEDICATION, status, *drugs)


def past(measure: str, *hours_and_values: tuple[float, float]) -> tuple[PastValue, ...]:
    return tuple(PastValue(Measure(measure), amount, NOW - hours * HOUR) for hours, amount in hours_and_values)


def doses(*hours_and_status: tuple[float, str]) -> tuple[PastDose, ...]:
    return tuple(PastDose(status, NOW - hours * HOUR) for hours, status in hours_and_status)


def verdict(
    when: dict[str, Any], findings: list[Finding], facts: Facts | None = None, by_step: Mapping[str, list[Finding]] | None = None
) -> Any:
    return judge(build_condition(when), Told(findings, facts or Facts(), NOW, by_step=by_step)).holds
