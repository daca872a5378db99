"""Conditions that look back, count or sum: each side of every threshold, and what is not known is unknown, never false."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from service.domain.decision import Fired
from service.domain.facts import Facts, PastSymptom, PastValue, PersonalLimit
from service.domain.reading import Finding, FindingKind, Measure
from service.triage import (
    ConditionError,
    TablesError,
    Told,
    build_condition,
    build_rule,
    build_tables,
    judged,
    steps_named,
    symptoms_named,
)
from tests.unit.triage.verdicts import FALSE, HOUR, NOW, TRUE, UNKNOWN, dose, doses, past, told, value, verdict

TWICE_HIGH = {"value": "glucose", "above": "300 mg/dL", "times": 2, "within": "24 h"}


@pytest.mark.parametrize(
    ("now", "before", "expected"),
    [
        (301, [(20, 301)], TRUE),
        (301, [(20, 300)], FALSE),
        (300, [(20, 301), (10, 301)], FALSE),
        (301, [], UNKNOWN),
        (300, [], FALSE),
        (301, [(36, 301)], TRUE),
        (301, [(36.1, 301)], UNKNOWN),
        (301, [(30, 250), (10, 301)], TRUE),
    ],
)
def test_a_value_is_counted_within_its_period(now: float, before: list[tuple[float, float]], expected: bool | None) -> None:
    assert verdict(TWICE_HIGH, [value("glucose", now)], Facts(history=past("glucose", *before))) is expected


def test_two_readings_of_one_check_in_count_as_two() -> None:
    assert verdict(TWICE_HIGH, [value("glucose", 310), value("glucose", 320)]) is True
    assert verdict(TWICE_HIGH, [value("glucose", 310), value("glucose", 280)]) is False


def test_a_value_that_was_not_told_is_no_reading() -> None:
    history = past("glucose", (1, 400), (2, 400))
    assert verdict(TWICE_HIGH, [value("spo2", 90)], Facts(history=history)) is False


def test_slack_is_half_of_a_short_period() -> None:
    when = {"value": "glucose", "above": 300, "times": 2, "within": "2 h"}
    assert verdict(when, [value("glucose", 310)], Facts(history=past("glucose", (3, 310)))) is True
    assert verdict(when, [value("glucose", 310)], Facts(history=past("glucose", (3.1, 310)))) is None


MEAN = {"value": "systolic", "at_least": "160 mmHg", "mean_over": "3 d"}


@pytest.mark.parametrize(
    ("now", "before", "expected"),
    [
        (160, [(48, 160), (24, 160)], TRUE),
        (160, [(48, 160), (24, 159)], FALSE),
        (190, [(48, 100), (24, 190)], TRUE),
        (200, [(24, 200)], UNKNOWN),
        (120, [], UNKNOWN),
        (160, [(84, 160), (24, 160)], TRUE),
        (160, [(85, 160), (24, 160)], UNKNOWN),
    ],
)
def test_a_mean_needs_three_readings_of_its_period(now: float, before: list[tuple[float, float]], expected: bool | None) -> None:
    facts = Facts(history=tuple(PastValue(Measure.BLOOD_PRESSURE, a, NOW - h * HOUR, 80) for h, a in before))
    assert verdict(MEAN, [value("blood_pressure", now, 90)], facts) is expected


def test_a_personal_limit_moves_what_is_counted_and_averaged() -> None:
    limit = PersonalLimit("bp_high", 150, "mmHg", "Nora")
    facts = Facts(history=tuple(PastValue(Measure.BLOOD_PRESSURE, 150, NOW - h * HOUR, 80) for h in (48, 24)), limits=(limit,))
    assert verdict({**MEAN, "limit": "bp_high"}, [value("blood_pressure", 150, 80)], facts) is True
    assert verdict(MEAN, [value("blood_pressure", 150, 80)], facts) is False
    glucose = Facts(history=past("glucose", (20, 251)), limits=(PersonalLimit("glucose_high", 250, "mg/dL", "Nora"),))
    assert verdict({**TWICE_HIGH, "limit": "glucose_high"}, [value("glucose", 251)], glucose) is True


@pytest.mark.parametrize(
    ("name", "when", "now", "expected"),
    [
        ("glucose_high", {"value": "glucose", "above": 300, "limit": "glucose_high"}, value("glucose", 301), TRUE),
        ("glucose_high", {"value": "glucose", "above": 300, "limit": "glucose_high"}, value("glucose", 300), FALSE),
        ("baseline_glucose", {"value": "glucose", "worse_than_baseline": 50}, value("glucose", 150), TRUE),
        ("best_peak_flow", {"value": "peak_flow", "below_percent_of_best": 50}, value("peak_flow", 199), TRUE),
    ],
)
def test_a_personal_limit_in_no_known_unit_does_not_count(name: str, when: dict[str, Any], now: Finding, expected: bool) -> None:
    history = past("glucose", (3, 100), (2, 100), (1, 100)) + past("peak_flow", (3, 400), (2, 400), (1, 400))
    limits = (PersonalLimit(name, 200, "spoons", "Dr. Adams", loosens=True),)
    assert verdict(when, [now], Facts(history=history, limits=limits)) is expected


@pytest.mark.parametrize(
    ("measure", "usual", "now", "worse_by", "expected"),
    [
        ("spo2", [(72, 95), (48, 96), (24, 97)], 92, "4 %", TRUE),
        ("spo2", [(72, 95), (48, 96), (24, 97)], 93, "4 %", FALSE),
        ("spo2", [(72, 95), (48, 96), (24, 97)], 100, "4 %", FALSE),
        ("spo2", [(48, 96), (24, 97)], 80, "4 %", UNKNOWN),
        ("spo2", [(337, 95), (48, 96), (24, 97)], 80, "4 %", UNKNOWN),
        ("scale", [(72, 2), (48, 3), (24, 9)], 6, "3", TRUE),
        ("scale", [(72, 2), (48, 3), (24, 9)], 5, "3", FALSE),
        ("peak_flow", [(72, 400), (48, 400), (24, 400)], 300, "100 L/min", TRUE),
        ("pulse", [(72, 70), (48, 70), (24, 70)], 95, "25 /min", TRUE),
        ("temperature", [(72, 98), (48, 98), (24, 98)], 99.8, "1 C", TRUE),
        ("temperature", [(72, 98), (48, 98), (24, 98)], 99.7, "1 C", FALSE),
    ],
)
def test_worse_than_the_usual_value(
    measure: str, usual: list[tuple[float, float]], now: float, worse_by: str, expected: bool | None
) -> None:
    when = {"value": measure, "worse_than_baseline": worse_by}
    assert verdict(when, [value(measure, now)], Facts(history=past(measure, *usual))) is expected


def test_the_baseline_that_a_clinician_set_counts_before_the_history() -> None:
    when = {"value": "spo2", "worse_than_baseline": 4}
    limits = (PersonalLimit("baseline_spo2", 90, "%", "Dr. Adams"),)
    facts = Facts(limits=limits, history=past("spo2", (72, 97), (48, 97), (24, 97)))
    assert verdict(when, [value("spo2", 87)], facts) is False
    assert verdict(when, [value("spo2", 86)], facts) is True
    assert verdict(when, [value("spo2", 86)], Facts(limits=limits)) is True


@pytest.mark.parametrize(
    ("now", "before", "best", "expected"),
    [
        (199, [(72, 400), (48, 300), (24, 300)], None, TRUE),
        (200, [(72, 400), (48, 300), (24, 300)], None, FALSE),
        (100, [(48, 400), (24, 300)], None, UNKNOWN),
        (199, [], 400, TRUE),
        (200, [], 400, FALSE),
    ],
)
def test_peak_flow_against_the_best(now: float, before: list[tuple[float, float]], best: float | None, expected: bool | None) -> None:
    limits = (PersonalLimit("best_peak_flow", best, "L/min", "Dr. Adams"),) if best else ()
    facts = Facts(history=past("peak_flow", *before), limits=limits)
    assert verdict({"value": "peak_flow", "below_percent_of_best": 50}, [value("peak_flow", now)], facts) is expected


def test_a_range_of_peak_flow_moves_its_upper_end() -> None:
    when = {"value": "peak_flow", "at_least": 100, "below": 200, "limit": "peak_flow_low"}
    facts = Facts(limits=(PersonalLimit("peak_flow_low", 250, "L/min", "Nora"),))
    assert verdict(when, [value("peak_flow", 240)], facts) is True
    assert verdict(when, [value("peak_flow", 99)], facts) is False


@pytest.mark.parametrize(
    ("expression", "findings", "facts", "expected"),
    [
        ("value.glucose > 250.0 && missed_7d >= 2", [value("glucose", 251), dose("missed")], Facts(doses=doses((24, "missed"))), TRUE),
        ("value.glucose > 250.0 && missed_7d >= 2", [value("glucose", 250), dose("missed")], Facts(doses=doses((24, "missed"))), FALSE),
        ("value.glucose > 250.0 && missed_7d >= 2", [value("glucose", 251)], Facts(), UNKNOWN),
        ("value.glucose > 250.0 && missed_7d >= 2", [dose("taken")], Facts(), FALSE),
        ("value.systolic - value.diastolic < 25.0", [value("blood_pressure", 100, 80)], Facts(), TRUE),
        ("value.systolic - value.diastolic < 25.0", [value("pulse", 100)], Facts(), UNKNOWN),
        ("'cough' in symptoms && 'copd' in conditions", [told(FindingKind.SYMPTOM, "cough")], Facts(conditions=frozenset({"copd"})), TRUE),
        ("day <= 3", [], Facts(), UNKNOWN),
        ("day <= 3", [], Facts(day=3), TRUE),
        ("!(day <= 3)", [], Facts(), UNKNOWN),
        ("10 / (day - 2) > 1", [], Facts(day=2), UNKNOWN),
    ],
)
def test_an_expression_is_true_false_or_unknown(expression: str, findings: list[Finding], facts: Facts, expected: bool | None) -> None:
    assert verdict({"cel": expression}, findings, facts) is expected


def test_unknown_parts_leave_the_whole_unknown_unless_the_rest_decides() -> None:
    unknown, yes, no = {"day": {"at_least": 3}}, {"high_risk": True}, {"condition": "copd"}
    facts = Facts(high_risk=True)
    assert verdict({"all_of": [unknown, yes]}, [], facts) is None
    assert verdict({"all_of": [unknown, no]}, [], facts) is False
    assert verdict({"any_of": [unknown, yes]}, [], facts) is True
    assert verdict({"any_of": [unknown, no]}, [], facts) is None
    assert verdict({"none_of": [unknown, no]}, [], facts) is None
    assert verdict({"step": "x", "none_of": [{"answer": "yes"}]}, [], facts, {}) is None


def test_what_was_told_in_this_check_in_is_not_counted_twice() -> None:
    started = NOW - HOUR
    facts = Facts(
        history=past("glucose", (30, 310), (0.5, 310)),
        doses=doses((24, "taken"), (0.5, "missed")),
        symptoms=(PastSymptom("cough", NOW - HOUR / 2), PastSymptom("cough", started)),
    )
    cut = facts.before(started)
    assert (len(cut.history), len(cut.doses), cut.symptoms) == (1, 1, ())
    assert verdict({"missed_in_a_row": 2}, [dose("missed")], facts) is True
    assert verdict({"missed_in_a_row": 2}, [dose("missed")], cut) is False
    assert replace(cut, history=(), doses=(), symptoms=()) == replace(facts, history=(), doses=(), symptoms=())


def test_a_reason_names_the_figures() -> None:
    row = {
        "id": "mean",
        "when": MEAN,
        "urgency": "same_day",
        "reason": "Mean {mean} of {count} readings, limit {threshold}, now {value}/{value_2}",
        "source": "test",
    }
    facts = Facts(history=tuple(PastValue(Measure.BLOOD_PRESSURE, 170, NOW - h * HOUR, 80) for h in (48, 24)))
    fired = judged(build_rule(row, file="flow.yaml", version="1"), Told([value("blood_pressure", 161, 90)], facts, NOW))
    assert isinstance(fired, Fired)
    assert fired.reason == "Mean 167 of 3 readings, limit 160, now 161/90"


@pytest.mark.parametrize(
    ("when", "message"),
    [
        ({"value": "glucose", "above": 300, "times": 2}, "go together"),
        ({"value": "glucose", "above": 300, "times": 1, "within": "24 h"}, "from 2 to 30"),
        ({"value": "glucose", "above": 300, "times": True, "within": "24 h"}, "from 2 to 30"),
        ({"value": "glucose", "above": 300, "times": 2, "within": "24"}, "24 h or 7 d"),
        ({"value": "glucose", "above": 300, "times": 2, "within": "91 d"}, "longer than"),
        ({"value": "glucose", "above": 300, "times": 2, "within": "24 h", "mean_over": "3 d"}, "either times"),
        ({"value": "glucose", "mean_over": "3 d"}, "needs one test"),
        ({"value": "weight", "gain_over": {"amount": "3 lb", "within": "24 h"}, "mean_over": "3 d"}, "go with a comparison"),
        ({"value": "weight", "gain_over": {"amount": "3 lb", "within": "24 h"}, "at_least": 200}, "needs one test"),
        ({"value": "weight", "gain_over": {"amount": "-3 lb", "within": "24 h"}}, "above 0"),
        ({"value": "spo2", "worse_than_baseline": 0}, "above 0"),
        ({"value": "spo2", "worse_than_baseline": "4 lb"}, "write %"),
        ({"value": "spo2", "below_percent_of_best": 50}, "peak_flow only"),
        ({"value": "peak_flow", "below_percent_of_best": 101}, "from 1 to 100"),
        ({"value": "inr", "above": "4 mg/dL"}, "write a bare number"),
        ({"value": "pulse", "above": "120 lb"}, "write /min"),
        ({"symptom": "cough", "times": 2}, "go together"),
        ({"symptom": "cough", "times": 2, "within": "48 h", "assertion": "ended"}, "leave assertion"),
        ({"missed_in_a_row": 0}, "from 1 to 30"),
        ({"missed_in_a_row": "two"}, "whole number"),
        ({"missed_doses_in": 2}, "count and within"),
        ({"missed_doses_in": {"count": 2, "within": "a week"}}, "24 h or 7 d"),
        ({"total": "phq_1", "at_least": 3}, "list of 2"),
        ({"total": ["phq_1", "phq_1"], "at_least": 3}, "different steps"),
        ({"total": ["phq_1", "phq_2"]}, "needs a comparison"),
        ({"total": ["phq_1", "PHQ 2"], "at_least": 3}, "is no step"),
        ({"total": ["phq_1", "phq_2"], "at_least": "3 lb"}, "bare number"),
        ({"day": 3}, "at_least or at_most"),
        ({"day": {"at_least": 0}}, "from 1 to 400"),
        ({"gone_silent": 0}, "from 1 to 30"),
        ({"step": "lows"}, "condition beside it"),
        ({"step": "lows", "unanswered": False}, "none_of"),
        ({"step": "lows", "unanswered": True, "answer": "yes"}, "nothing else"),
        ({"step": 3, "answer": "yes"}, "is no step"),
        ({"step": "lows", "total": ["a", "b"], "at_least": 1}, "leave step out"),
        ({"raised": "nothing", "step": "lows"}, "leave step out"),
        ({"raised": "something"}, "write raised: nothing"),
        ({"raised": "nothing", "times": 2}, "does not go with raised"),
        ({"unanswered": True}, "exactly one"),
        ({"cel": "value.glucos > 250.0"}, "write one of"),
        ({"cel": "bp > 250.0"}, "is not known"),
        ({"cel": "value.glucose +"}, "no expression"),
        ({"cel": "value.glucose"}, "true or false"),
        ({"cel": "symptoms.exists(s, s == 'x')"}, "not allowed"),
        ({"cel": "[1, 2].map(x, x) == [1]"}, "not allowed"),
        ({"cel": "has(value.glucose)"}, "is not known"),
        ({"cel": "value['glucose'] > 1.0"}, "is not known"),
        ({"cel": "day > 12345678"}, "too long"),
        ({"cel": "day == 1 || " * 30 + "day == 2"}, "longer than 200"),
        ({"cel": "size(day) > 1"}, "cannot be judged"),
        ({"cel": 3}, "write one line"),
    ],
)
def test_a_wrong_condition_says_what_to_write_instead(when: dict[str, Any], message: str) -> None:
    with pytest.raises(ConditionError) as caught:
        build_condition(when)
    assert message in str(caught.value)


def test_steps_and_symptoms_of_a_condition_can_be_checked() -> None:
    when = {
        "any_of": [
            {"total": ["a", "b"], "at_least": 1},
            {"step": "c.d", "symptom": "cough"},
            {"cel": "'fever' in symptoms || 'copd' in conditions"},
        ]
    }
    condition = build_condition(when)
    assert steps_named(condition) == {"a", "b", "c.d"}
    assert symptoms_named(condition) == {"cough", "fever"}
    row = {"id": "odd", "when": when, "urgency": "urgent", "reason": "r", "source": "s"}
    with pytest.raises(TablesError, match="in a flow only"):
        build_tables({"format": 1, "version": "1", "rules": [row]})
