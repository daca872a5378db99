"""What earlier check-ins kept under a name, and numbers compared with it: each side, and never kept is unknown."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from service.domain.decision import Fired
from service.domain.facts import Facts, PastAnswer, PersonalLimit
from service.domain.reading import Finding, FindingKind, Quantity
from service.domain.urgency import Urgency
from service.triage import ConditionError, Told, build_condition, build_rule, judged
from tests.unit.triage.verdicts import NOW, value, verdict

DAY = timedelta(days=1)
ASKED = ["phq_1", "phq_2"]
RISEN = {"total": ASKED, "at_least": 5, "above_recorded": "phq_total"}
HEAVY = {"value": "weight", "percent_over": {"percent": 4, "of": "dry_weight"}}


def kept(name: str, *days_and_answers: tuple[float, str | float]) -> Facts:
    answers = [
        PastAnswer(name, each, NOW - days * DAY) if isinstance(each, str) else PastAnswer(name, name, NOW - days * DAY, each)
        for days, each in days_and_answers
    ]
    return Facts(recorded=tuple(answers))


def scores(*numbers: float) -> dict[str, list[Finding]]:
    return {
        step: [Finding(FindingKind.VALUE, "scale", "test", (0, 1), quantity=Quantity(score, "{score}"))]
        for step, score in zip(ASKED, numbers, strict=False)
    }


@pytest.mark.parametrize(
    ("when", "facts", "expected"),
    [
        ({"recorded": "place", "answer": "hospital"}, kept("place", (3, "hospital")), True),
        ({"recorded": "place", "answer": "hospital"}, kept("place", (3, "home")), False),
        ({"recorded": "place", "answer": ["hospital", "away"]}, kept("place", (3, "away")), True),
        ({"recorded": "place", "answer": "hospital"}, kept("place", (9, "hospital"), (3, "home")), False),
        ({"recorded": "place", "answer": "home"}, kept("place", (9, "hospital"), (3, "home")), True),
        ({"recorded": "place", "answer": "hospital"}, kept("other", (3, "hospital")), None),
        ({"recorded": "place", "answer": "hospital"}, kept("place", (-1, "hospital")), None),
        ({"recorded": "place", "answer": "hospital", "within": "7 d"}, kept("place", (7.4, "hospital")), True),
        ({"recorded": "place", "answer": "hospital", "within": "7 d"}, kept("place", (7.6, "hospital")), False),
        ({"recorded": "phq_total", "at_least": 10}, kept("phq_total", (14, 10)), True),
        ({"recorded": "phq_total", "at_least": 10}, kept("phq_total", (14, 9)), False),
        ({"recorded": "phq_total", "at_least": 10, "below": 20}, kept("phq_total", (14, 20)), False),
        ({"recorded": "phq_total", "at_least": 10}, kept("phq_total", (14, "unsure")), None),
    ],
)
def test_the_last_answer_kept_under_a_name_is_known_later(when: dict[str, Any], facts: Facts, expected: bool | None) -> None:
    assert verdict(when, [], facts) is expected


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ([(14, 4.0)], (3, 6), True),
        ([(14, 5.0)], (3, 6), False),
        ([(28, 0.0), (14, 5.0)], (3, 6), False),
        ([(28, 9.0), (14, 4.0)], (3, 6), True),
        ([], (3, 6), None),
        ([(14, 4.0)], (3,), None),
        ([(14, 0.0)], (5,), True),
    ],
)
def test_a_sum_is_held_against_the_one_before(before: list[tuple[float, float]], now: tuple[float, ...], expected: bool | None) -> None:
    assert verdict(RISEN, [], kept("phq_total", *before), by_step=scores(*now)) is expected


def test_a_first_sum_has_nothing_to_be_held_against() -> None:
    assert verdict({**RISEN, "if_known": True}, [], Facts(), by_step=scores(9, 9)) is False
    assert verdict({**RISEN, "if_known": True}, [], kept("phq_total", (14, 4.0)), by_step=scores(9, 9)) is True


def test_a_reason_tells_the_sum_and_how_far_it_rose() -> None:
    reason = "{total}, up {change} from {baseline}, {threshold} or more"
    row = {"id": "rise", "when": RISEN, "urgency": "same_day", "reason": reason, "source": "test"}
    fired = judged(build_rule(row, file="t", version="1"), Told([], kept("phq_total", (14, 4.0)), NOW, by_step=scores(4, 6)))
    assert isinstance(fired, Fired)
    assert (fired.urgency, fired.reason) == (Urgency.SAME_DAY, "10, up 6 from 4, 5 or more")


def test_a_value_is_held_against_one_that_was_kept() -> None:
    when = {"value": "weight", "at_least": "5 lb", "above_recorded": "weight_at_home"}
    facts = kept("weight_at_home", (20, 180.0))
    assert [verdict(when, [value("weight", now)], facts) for now in (184.9, 185.0)] == [False, True]
    assert verdict(when, [value("weight", 185)]) is None
    assert verdict({**when, "if_known": True}, [value("weight", 185)]) is False
    assert verdict(when, [], facts) is False, "nothing was weighed"


def test_a_difference_of_temperatures_is_no_point_on_the_scale() -> None:
    when = {"value": "temperature", "at_least": "1 C", "above_recorded": "usual"}
    facts = kept("usual", (20, 98.0))
    assert [verdict(when, [value("temperature", now)], facts) for now in (99.7, 99.8)] == [False, True]


def test_a_weight_is_held_against_the_dry_weight_that_staff_entered() -> None:
    limits = (PersonalLimit("dry_weight", 180, "lb", "Dr. Adams"),)
    assert [verdict(HEAVY, [value("weight", now)], Facts(limits=limits)) for now in (187.2, 187.3)] == [False, True]
    in_kilograms = (PersonalLimit("dry_weight", 80, "kg", "Dr. Adams"),)
    assert [verdict(HEAVY, [value("weight", now)], Facts(limits=in_kilograms)) for now in (183.4, 183.5)] == [False, True]
    assert verdict(HEAVY, [value("weight", 250)]) is None
    assert verdict({**HEAVY, "if_known": True}, [value("weight", 250)]) is False
    both = replace(kept("dry_weight", (5, 240.0)), limits=limits)
    assert verdict(HEAVY, [value("weight", 190)], both) is True, "what staff entered counts before what was told"
    assert verdict(HEAVY, [value("weight", 240)], kept("dry_weight", (5, 230.0))) is True


@pytest.mark.parametrize(
    ("when", "what"),
    [
        ({"recorded": "place"}, "needs what was kept"),
        ({"recorded": "place", "answer": "home", "at_least": 2}, "needs what was kept"),
        ({"step": "where", "recorded": "place", "answer": "home"}, "leave step out"),
        ({"recorded": ["place", "other"], "answer": "home"}, "write the name that a record: step gives"),
        ({"recorded": "Place", "answer": "home"}, "write the name that a record: step gives"),
        ({"recorded": "place", "answer": "home", "within": "1 year"}, "is no period"),
        ({"recorded": "place", "answer": "home", "times": 2}, "times does not go with recorded"),
        ({"total": ASKED, "below": 5, "above_recorded": "phq_total"}, "needs at_least or above beside it"),
        ({"total": ASKED, "at_least": 0, "above_recorded": "phq_total"}, "a number above 0"),
        ({"total": ASKED, "at_least": 5, "if_known": True}, "if_known: true goes with"),
        ({"value": "weight", "at_least": "5 lb", "if_known": True}, "if_known: true goes with"),
        ({"value": "weight", "at_least": "5 lb", "above_recorded": "w", "times": 2, "within": "3 d"}, "goes with a comparison alone"),
        ({"value": "weight", "at_least": "5 mg/dL", "above_recorded": "w"}, "does not measure this"),
        ({"value": "weight", "percent_over": 4}, "needs percent and of"),
        ({"value": "weight", "percent_over": {"percent": 0, "of": "dry_weight"}}, "a percentage from 1 to 100"),
        ({"value": "weight", "percent_over": {"percent": 4, "of": "dry weight"}}, "of: write the name"),
        ({"value": "weight", "percent_over": {"percent": 4, "of": "dry_weight"}, "at_least": "4 lb"}, "needs one test"),
    ],
)
def test_what_is_not_written_well_says_what_to_write(when: dict[str, Any], what: str) -> None:
    with pytest.raises(ConditionError, match=what):
        build_condition(when)
