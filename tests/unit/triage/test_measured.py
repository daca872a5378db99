"""A rule that holds a reading against a limit tells both, so that a nurse sees the value, the change and the limit at once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from service.domain.facts import Facts, PastValue, PersonalLimit
from service.domain.reading import Finding, FindingKind, Measure, Quantity
from service.domain.urgency import Urgency
from service.triage.decide import decide
from service.triage.tables import Tables, build_rule

NOW = datetime(2026, 11, 16, 15, 0, tzinfo=UTC)


def fires(
    when: Mapping[str, object], value: float, *, measure: Measure = Measure.WEIGHT, unit: str = "lb", facts: Facts | None = None
) -> dict[str, str]:
    row = {"id": "one", "when": when, "urgency": Urgency.URGENT.value, "reason": "r", "source": "s"}
    tables = Tables("1", (build_rule(row, file="t", version="1"),))
    finding = Finding(FindingKind.VALUE, str(measure), "rule", (0, 3), quantity=Quantity(value, unit))
    decision = decide(tables, [finding], facts or Facts(), NOW)
    return dict(decision.fired[0].measured)


def test_a_gain_tells_the_value_the_change_the_time_and_the_limit() -> None:
    facts = Facts(history=(PastValue(Measure.WEIGHT, 199.4, NOW - timedelta(days=5)),))
    found = fires({"value": "weight", "gain_over": {"amount": "5 lb", "within": "7 d"}}, 204.5, facts=facts)
    assert found == {
        "name": "weight",
        "value": "204.5",
        "unit": "lb",
        "change": "5.1",
        "threshold": "5",
        "side": "gain_over",
        "hours": "168",
    }


def test_the_limit_told_is_the_patient_s_own_where_one_counts() -> None:
    facts = Facts(limits=(PersonalLimit("glucose_high", 220, "mg/dL", "Dr. Sample"),))
    when = {"value": "glucose", "at_least": "250 mg/dL", "below": "300 mg/dL", "limit": "glucose_high"}
    found = fires(when, 231, measure=Measure.GLUCOSE, unit="mg/dL", facts=facts)
    assert found == {"name": "glucose", "value": "231", "unit": "mg/dL", "threshold": "220", "side": "at_least"}


def test_a_plain_comparison_tells_its_side() -> None:
    assert fires({"value": "weight", "at_least": "0 lb"}, 10)["side"] == "at_least"
