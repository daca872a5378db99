"""Symptoms told again, doses missed, questionnaires summed up, silence counted."""

from __future__ import annotations

from typing import Any

import pytest

from service.domain.facts import Facts, PastDose, PastSymptom
from service.domain.reading import Assertion, Finding, FindingKind
from tests.unit.triage.verdicts import FALSE, HOUR, NOW, TRUE, UNKNOWN, dose, doses, past, told, value, verdict

COUGH_TWICE = {"symptom": "cough", "times": 2, "within": "48 h"}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (Facts(symptoms=(PastSymptom("cough", NOW - 47 * HOUR),)), TRUE),
        (Facts(symptoms=(PastSymptom("cough", NOW - 61 * HOUR),)), UNKNOWN),
        (Facts(symptoms=(PastSymptom("nausea", NOW - 20 * HOUR),)), FALSE),
        (Facts(history=past("weight", (20, 180))), FALSE),
        (Facts(doses=doses((20, "taken"))), FALSE),
        (Facts(), UNKNOWN),
    ],
)
def test_a_symptom_told_again(facts: Facts, expected: bool | None) -> None:
    assert verdict(COUGH_TWICE, [told(FindingKind.SYMPTOM, "cough")], facts) is expected
    assert verdict(COUGH_TWICE, [told(FindingKind.SYMPTOM, "cough", assertion=Assertion.DENIED)], facts) is False


def test_one_report_of_a_symptom_counts_once_however_often_it_was_found() -> None:
    three = {"symptom": "*", "times": 3, "within": "48 h"}
    at_once = (PastSymptom("cough", NOW - 20 * HOUR), PastSymptom("nausea", NOW - 20 * HOUR))
    now = [told(FindingKind.SYMPTOM, "cough"), told(FindingKind.SYMPTOM, "fever")]
    assert verdict(three, now, Facts(symptoms=at_once)) is False
    assert verdict(three, now, Facts(symptoms=(*at_once, PastSymptom("cough", NOW - 3 * HOUR)))) is True


@pytest.mark.parametrize(
    ("now", "before", "expected"),
    [
        ("missed", [(24, "missed")], TRUE),
        ("partly", [(24, "partly")], TRUE),
        ("missed", [(48, "missed"), (24, "taken")], FALSE),
        ("missed", [], UNKNOWN),
        ("missed", [(48, "missed"), (24, "unsure")], UNKNOWN),
        ("taken", [(48, "missed"), (24, "missed")], FALSE),
        ("missed", [(72, "taken"), (24, "missed"), (20, "missed")], TRUE),
        ("unsure", [(24, "missed")], UNKNOWN),
        ("unsure", [(24, "taken")], FALSE),
    ],
)
def test_missed_in_a_row(now: str, before: list[tuple[float, str]], expected: bool | None) -> None:
    assert verdict({"missed_in_a_row": 2}, [dose(now)], Facts(doses=doses(*before))) is expected


def test_what_was_told_of_doses_at_one_time_is_one_report() -> None:
    when = {"missed_in_a_row": 3}
    facts = Facts(doses=doses((24, "missed"), (24, "taken")))
    assert verdict(when, [dose("missed"), dose("missed")], facts) is None
    assert verdict(when, [dose("missed")], Facts(doses=doses((48, "missed"), (24, "taken"), (24, "missed")))) is True


def test_doses_of_one_drug_only() -> None:
    when = {"missed_in_a_row": 2, "with": "insulin"}
    facts = Facts(doses=(PastDose("missed", NOW - 24 * HOUR, frozenset({"insulin"})), PastDose("taken", NOW - 3 * HOUR)))
    assert verdict(when, [dose("missed", "insulin")], facts) is True
    assert verdict(when, [dose("missed")], facts) is False


@pytest.mark.parametrize(
    ("now", "before", "expected"),
    [
        ("missed", [(24, "missed")], TRUE),
        ("missed", [(24, "taken"), (170, "missed")], TRUE),
        ("missed", [(24, "taken"), (181, "missed")], FALSE),
        ("missed", [(24, "unsure")], UNKNOWN),
        ("unsure", [(24, "missed")], UNKNOWN),
        ("unsure", [(24, "taken"), (48, "taken")], FALSE),
        ("missed", [], UNKNOWN),
        ("taken", [(24, "missed"), (48, "missed")], FALSE),
    ],
)
def test_missed_doses_in_a_period(now: str, before: list[tuple[float, str]], expected: bool | None) -> None:
    when = {"missed_doses_in": {"count": 2, "within": "7 d"}}
    assert verdict(when, [dose(now)], Facts(doses=doses(*sorted(before, reverse=True)))) is expected


PHQ = {"total": ["phq_1", "phq_2"], "at_least": 3}


@pytest.mark.parametrize(
    ("when", "by_step", "expected"),
    [
        (PHQ, {"phq_1": 1, "phq_2": 2}, TRUE),
        (PHQ, {"phq_1": 1, "phq_2": 1}, FALSE),
        (PHQ, {"phq_1": 3}, TRUE),
        (PHQ, {"phq_1": 2}, UNKNOWN),
        (PHQ, {}, UNKNOWN),
        (PHQ, None, UNKNOWN),
        ({**PHQ, "below": 5}, {"phq_1": 5}, FALSE),
        ({**PHQ, "below": 5}, {"phq_1": 4}, UNKNOWN),
        ({**PHQ, "below": 5}, {"phq_1": 2, "phq_2": 2}, TRUE),
    ],
)
def test_the_sum_of_a_questionnaire(when: dict[str, Any], by_step: dict[str, float] | None, expected: bool | None) -> None:
    steps = None if by_step is None else {step: [value("scale", score)] for step, score in by_step.items()}
    assert verdict(when, [], by_step=steps) is expected


def test_of_a_step_the_newest_score_counts_and_other_values_do_not() -> None:
    steps = {"phq_1": [value("scale", 3), value("glucose", 300), value("scale", 0)], "phq_2": [value("scale", 1)]}
    assert verdict(PHQ, [], by_step=steps) is False


@pytest.mark.parametrize(
    ("when", "by_step", "expected"),
    [
        ({"answer": "yes"}, {"lows": [told(FindingKind.ANSWER, "yes")]}, TRUE),
        ({"answer": "yes"}, {"lows": [told(FindingKind.ANSWER, "no")], "other": [told(FindingKind.ANSWER, "yes")]}, FALSE),
        ({"answer": "yes"}, {"lows": []}, FALSE),
        ({"answer": "yes"}, {"other": [told(FindingKind.ANSWER, "yes")]}, UNKNOWN),
        ({"answer": "yes"}, None, UNKNOWN),
        ({"value": "scale", "at_least": 7}, {"lows": [value("scale", 7)]}, TRUE),
        ({"none_of": [{"answer": "yes"}]}, {"lows": [told(FindingKind.ANSWER, "no")]}, TRUE),
        ({"unanswered": True}, {"other": []}, TRUE),
        ({"unanswered": True}, {"lows": []}, FALSE),
        ({"unanswered": True}, None, UNKNOWN),
    ],
)
def test_a_step_is_judged_on_what_was_told_to_it(
    when: dict[str, Any], by_step: dict[str, list[Finding]] | None, expected: bool | None
) -> None:
    assert verdict({"step": "lows", **when}, [told(FindingKind.ANSWER, "yes"), value("scale", 9)], by_step=by_step) is expected


def test_the_day_and_the_silence() -> None:
    day = {"day": {"at_least": 3, "at_most": 5}}
    assert [verdict(day, [], Facts(day=day_of)) for day_of in (2, 3, 5, 6, None)] == [False, True, True, False, None]
    assert [verdict({"gone_silent": 2}, [], Facts(silent_check_ins=n)) for n in (1, 2, 3, None)] == [False, True, True, None]
