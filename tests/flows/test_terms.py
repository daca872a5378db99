"""The limits, medicines and conditions that a record may name are those that the rules look at, with the rules' own amounts."""

from __future__ import annotations

import pytest

from service.content import load_lexicon, load_tables
from service.domain.limits import LimitTerm
from service.evaluation.flows.terms import terms_of

SPO2 = LimitTerm("spo2_low", "%", False, False, 50, 100, (88.0, 92.0))
GAIN = LimitTerm("weight_gain_24h", "lb", True, True, 0.1, 50, (3.0,))


@pytest.mark.parametrize(
    ("term", "amount", "loosens"),
    [(GAIN, 2.5, False), (GAIN, 3.0, False), (GAIN, 3.5, True), (SPO2, 92, False), (SPO2, 94, False), (SPO2, 90, True)],
)
@pytest.mark.law(8)
def test_a_limit_loosens_when_it_lets_pass_what_any_rule_calls_for(term: LimitTerm, amount: float, loosens: bool) -> None:
    assert term.loosens(amount) is loosens


def test_nobody_can_tell_which_way_a_base_to_compare_with_loosens() -> None:
    assert LimitTerm("dry_weight", "lb", True, False, 60, 700).loosens(150)


def test_the_universal_table_gives_its_limits_with_units_and_amounts() -> None:
    terms = terms_of([], load_tables(), load_lexicon())
    assert terms.limits["weight_gain_24h"] == GAIN
    assert terms.limits["spo2_low"] == SPO2
    assert (terms.limits["systolic_high"].usual, terms.limits["systolic_high"].unit) == ((160.0,), "mmHg")
    assert {"heart_failure", "copd"} <= terms.conditions
    assert {"insulin", "anticoagulant", "water_pill"} <= terms.medicines
    assert not {"all", "double", "later", "harmless"} & terms.medicines
    assert terms.limits_for(["hypertension"])["spo2_low"] == SPO2
