"""Which red flags are judged when, and what becomes of what hangs on a past that is not known."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from service.domain.event import MessageSaid, RedFlagFound, ReplyRead
from service.domain.facts import PastValue
from service.domain.reading import Finding, FindingKind, Measure, Quantity
from service.domain.urgency import Urgency
from service.engine import Flow, FlowError, late_answer
from tests.flows.conversation import ANA, MORNING, Conversation, found, pill, symptom, weight
from tests.flows.model import MODEL, PLAIN, WORDING, parsed

TEXT = {language: {"plain": f"Text in {language}."} for language in ("en", "es")}
YES, NO = found(FindingKind.ANSWER, "yes"), found(FindingKind.ANSWER, "no")
HOPELESS = symptom("hopelessness")
MISSED = {"step": "dose", "medication": ["missed", "partly"]}
MOOD = {"name": "mood", "when": {"symptom": "hopelessness"}, "urgency": "same_day", "reason": "Feels {name}", "source": "src"}


def ask(key: str, expects: str, *flags: dict[str, Any], only_if: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    texts = {"ask": TEXT, "ask_again": TEXT, "say": TEXT, "only_if": [only_if] if only_if else []}
    return {"kind": "ask", "key": key, "expects": expects, "red_flags": flags, **texts, **more}


def hand_over(key: str, only_if: dict[str, Any], urgency: str = "same_day", answer: str = "") -> dict[str, Any]:
    entry = {"urgency": urgency, "reason": f"Reason of {key}", "source": "src", "answer": answer}
    return {"kind": "hand_over", "key": key, "hand_over": entry, "only_if": [only_if]}


def flow(*steps: dict[str, Any]) -> Flow:
    phrases = {**MODEL.phrases, **{key: dict(WORDING.texts[key]) for key in ("emergency", "urgent", "same_day")}}
    written = {**MODEL.to_json(), "key": "any/flow", "sources": {"src": "Invented", **MODEL.sources}, "steps": steps, "quicken": None}
    written["phrases"] = phrases
    return Flow.from_json(Flow.from_json(written).to_json())


REASON = ask("reason", "choice", MOOD, only_if=MISSED, choices=[{"value": "forgot"}, {"value": "mood"}])
DOSES = flow(ask("sleep", "yes_no"), ask("dose", "medication_taken"), REASON, ask("end", "yes_no"))


def test_words_about_something_else_are_no_reason_for_a_dose_that_was_not_asked_about() -> None:
    talk = Conversation(DOSES)
    talk.reply(NO, HOPELESS)
    assert (talk.flags, talk.asked) == ({}, "dose")
    talk.reply(pill("taken"))
    assert (talk.flags, talk.asked) == ({}, "end")
    talk.reply(HOPELESS, NO)
    assert talk.flags == {}, "the question is skipped"


def test_they_are_judged_once_that_question_is_asked() -> None:
    talk = Conversation(DOSES)
    talk.reply(NO, HOPELESS)
    talk.reply(pill("missed"))
    assert (talk.flags, talk.asked) == ({"reason.mood": Urgency.SAME_DAY}, "reason")


def test_a_question_that_is_sure_to_come_is_judged_before_it_is_asked() -> None:
    talk = Conversation(flow(ask("sleep", "yes_no"), ask("later", "yes_no", MOOD)))
    talk.reply(NO, HOPELESS)
    assert talk.flags == {"later.mood": Urgency.SAME_DAY}


def test_a_symptom_is_judged_by_a_question_about_symptoms_that_may_come() -> None:
    branch = ask("well", "symptoms", MOOD, only_if=MISSED, about=["cough"])
    talk = Conversation(flow(ask("sleep", "yes_no"), ask("dose", "medication_taken"), branch))
    talk.reply(NO, HOPELESS)
    assert talk.flags == {"well.mood": Urgency.SAME_DAY}


def test_a_reading_told_unasked_is_judged_by_its_question_even_where_that_is_skipped() -> None:
    high = {"name": "high", "when": {"value": "glucose", "at_least": 300}, "urgency": "urgent", "reason": "High", "source": "src"}
    sugar = ask("sugar", "glucose_mg_dl", high, only_if={"condition": "diabetes"})
    talk = Conversation(flow(ask("sleep", "yes_no"), sugar), replace(ANA, conditions=frozenset()))
    talk.reply(NO, Finding(FindingKind.VALUE, "glucose", "r", (0, 3), quantity=Quantity(310.0, "mg/dL")))
    assert talk.flags == {"sugar.high": Urgency.URGENT}


UNKNOWN = "hand_over.unknown"


@pytest.mark.parametrize(
    "past", [{"gone_silent": 2}, {"day": {"at_most": 2}}, {"value": "weight", "gain_over": {"amount": "3 lb", "within": "24 h"}}]
)
def test_what_hangs_on_an_unknown_past_is_one_routine_item_and_not_raised_as_such(past: dict[str, Any]) -> None:
    talk = Conversation(flow(ask("weigh", "weight_lb"), hand_over("first", past), hand_over("second", past), ask("end", "yes_no")))
    talk.reply(weight(180))
    assert talk.handed_over == {}
    talk.reply(NO)
    assert talk.ended == "completed"
    assert talk.flags == {UNKNOWN: Urgency.ROUTINE}
    [item] = [event.fired for event in talk.story if isinstance(event, RedFlagFound)]
    assert "Reason of first; Reason of second" in item.reason


def test_an_answer_that_is_missing_hands_over_as_before() -> None:
    both = {"any_of": [{"step": "weigh", "value": "weight", "at_least": 200}, {"gone_silent": 2}]}
    talk = Conversation(flow(ask("weigh", "weight_lb"), hand_over("first", both), ask("end", "yes_no")))
    talk.unreadable()
    talk.unreadable()
    assert talk.handed_over == {"first": Urgency.SAME_DAY}


def test_a_question_that_hangs_on_an_unknown_past_is_asked() -> None:
    talk = Conversation(flow(ask("weigh", "weight_lb"), ask("day_one", "yes_no", only_if={"day": {"at_most": 1}})))
    talk.reply(weight(180))
    assert talk.asked == "day_one"


def test_nobody_hears_of_the_past_of_somebody_who_wants_no_more() -> None:
    talk = Conversation(flow(ask("weigh", "weight_lb"), hand_over("first", {"gone_silent": 2})))
    talk.stop()
    assert talk.flags == {}


IF_KNOWN = PLAIN.replace("within: 24 h}, limit: weight_gain_24h}", "within: 24 h}, limit: weight_gain_24h, if_known: true}")


def test_a_comparison_that_only_counts_if_known_is_silent_without_a_reading_and_the_longer_one_is_judged() -> None:
    assert IF_KNOWN != PLAIN
    week = [PastValue(Measure.WEIGHT, 180.0, MORNING - timedelta(days=7))]
    talk = Conversation(parsed(IF_KNOWN), replace(ANA, history=tuple(week)))
    talk.reply(weight(182))
    assert talk.flags == {}
    talk = Conversation(parsed(IF_KNOWN), ANA)
    talk.reply(weight(182))
    assert talk.flags == {"weight.unknown": Urgency.ROUTINE}
    day = PastValue(Measure.WEIGHT, 180.0, MORNING - timedelta(days=1))
    talk = Conversation(parsed(IF_KNOWN), replace(ANA, history=(day,)))
    talk.reply(weight(183))
    assert "weight.gained_in_a_day" in talk.flags


def test_it_needs_a_flag_over_a_longer_period_that_says_when_it_cannot_be_judged() -> None:
    every = IF_KNOWN.replace("within: 7 d}, limit: weight_gain_7d}", "within: 7 d}, limit: weight_gain_7d, if_known: true}")
    assert every != IF_KNOWN
    with pytest.raises(FlowError, match="needs another red flag of this step that compares over a longer period"):
        parsed(every)


def test_if_known_elsewhere_is_a_mistake() -> None:
    with pytest.raises(FlowError, match="goes with gain_over, loss_over"):
        parsed(PLAIN.replace("{medication: unsure}", "{value: weight, above: 300 lb, if_known: true}", 1))


@pytest.mark.parametrize("order", [1, -1])
def test_the_name_in_a_reason_is_the_symptoms_where_there_is_one(order: int) -> None:
    parts = [{"value": "systolic", "below": "90 mmHg"}, {"symptom": "dizziness"}][::order]
    low = {"name": "low", "when": {"all_of": parts}, "urgency": "urgent", "reason": "Upper pressure {value} with {name}", "source": "src"}
    talk = Conversation(flow(ask("pressure", "blood_pressure", low), ask("end", "yes_no")))
    reading = Finding(FindingKind.VALUE, "blood_pressure", "r", (0, 5), quantity=Quantity(84.0, "mmHg", 52.0))
    talk.reply(reading, symptom("dizziness"))
    [fired] = [event.fired for event in talk.events if isinstance(event, RedFlagFound)]
    assert fired.reason == "Upper pressure 84 with dizziness"


AT_YES = {"step": "worse", "answer": "yes"}
TIP: dict[str, Any] = {"kind": "tell", "key": "tip", "tell": TEXT, "say": TEXT, "only_if": []}


def handed(urgency: str, name: str = "bad") -> dict[str, Any]:
    return hand_over(name, AT_YES, urgency, urgency)


def safety(*events: Any) -> list[str]:
    """How the answers to danger begin, in their order."""
    return [event.text[:20] for event in events if isinstance(event, MessageSaid) and event.safety]


def begins(*keys: str) -> list[str]:
    """As `safety`, of these shared texts."""
    return [WORDING.for_patient(key, ANA, Urgency(key))[:20] for key in keys]


@pytest.mark.parametrize("urgency", ["emergency", "urgent"])
@pytest.mark.parametrize(("before", "answers"), [(TIP, []), (handed("same_day", "lesser"), ["same_day"])])
def test_what_is_handed_over_is_answered_after_a_tip_and_after_a_lesser_answer(
    before: dict[str, Any], answers: list[str], urgency: str
) -> None:
    talk = Conversation(flow(ask("worse", "yes_no"), before, handed(urgency), ask("end", "yes_no")))
    talk.reply(YES)
    assert talk.handed_over["bad"] == urgency
    assert safety(*talk.events) == begins(*answers, urgency)


@pytest.mark.parametrize(("universal", "answers"), [("same_day", ["urgent"]), ("urgent", [])])
def test_one_answer_to_a_reply_is_enough_where_it_was_as_urgent(universal: str, answers: list[str]) -> None:
    talk = Conversation(flow(ask("worse", "yes_no"), handed("urgent"), handed("same_day", "lesser"), ask("end", "yes_no")))
    talk.reply(YES, urgency=Urgency(universal), answered=True)
    assert len(talk.handed_over) == 2
    assert safety(*talk.events) == begins(*answers)


def test_a_late_answer_that_hands_over_is_answered_and_not_only_thanked_for() -> None:
    talk = Conversation(flow(ask("worse", "yes_no"), handed("urgent")))
    talk.silence()
    talk.silence()
    assert talk.ended == "silent"
    turn = late_answer(talk.flow, talk.session, ReplyRead((YES,), "", talk.now), ANA, talk.now)
    assert turn is not None
    assert safety(*turn[1]) == begins("urgent")
    assert len([event for event in turn[1] if isinstance(event, MessageSaid)]) == 1


TIP = {"kind": "tell", "key": "tip", "tell": TEXT, "only_if": [{"raised": "nothing"}]}
HEAVY = {"name": "heavy", "when": {"value": "weight", "at_least": 200}, "urgency": "routine", "reason": "Heavy", "source": "src"}
GAIN = {"value": "weight", "gain_over": {"amount": "3 lb", "within": "24 h"}}
GAINED = {"name": "gained", "when": GAIN, "urgency": "urgent", "reason": "Weight up", "source": "src", "answer": "urgent"}


def tipped(talk: Conversation) -> bool:
    return any(isinstance(event, MessageSaid) and event.step == "tip" for event in talk.story)


def test_a_tip_comes_while_nothing_has_been_raised_and_not_after_a_red_flag() -> None:
    for pounds, expected in ((199, True), (200, False)):
        talk = Conversation(flow(ask("weigh", "weight_lb", HEAVY), TIP, ask("end", "yes_no")))
        talk.reply(weight(pounds))
        assert tipped(talk) is expected
        assert talk.asked == "end"


def test_a_red_flag_of_an_earlier_turn_and_an_answer_nobody_understood_count_as_raised() -> None:
    talk = Conversation(flow(ask("weigh", "weight_lb", HEAVY), ask("sleep", "yes_no"), TIP, ask("end", "yes_no")))
    talk.reply(weight(200))
    talk.reply(NO)
    assert (tipped(talk), talk.asked) == (False, "end")
    talk = Conversation(flow(ask("sleep", "yes_no"), TIP, ask("end", "yes_no")))
    talk.unreadable()
    talk.unreadable()
    assert (tipped(talk), talk.asked) == (False, "end")


def test_no_tip_after_a_hand_over() -> None:
    for handed, expected in (({"step": "sleep", "answer": "yes"}, True), ({"step": "sleep", "answer": "no"}, False)):
        talk = Conversation(flow(ask("sleep", "yes_no"), hand_over("over", handed), TIP, ask("end", "yes_no")))
        talk.reply(NO)
        assert tipped(talk) is expected


def test_no_tip_after_words_that_the_general_red_flags_want_seen_the_same_day() -> None:
    for urgency, expected in ((None, True), (Urgency.ROUTINE, True), (Urgency.SAME_DAY, False)):
        talk = Conversation(flow(ask("sleep", "yes_no"), TIP, ask("end", "yes_no")))
        talk.reply(NO, urgency=urgency)
        assert tipped(talk) is expected


def test_that_there_was_no_reading_to_compare_with_raises_nothing() -> None:
    talk = Conversation(flow(ask("weigh", "weight_lb", GAINED), TIP, ask("end", "yes_no")))
    talk.reply(weight(180))
    assert talk.flags == {"weigh.unknown": Urgency.ROUTINE}
    assert tipped(talk)


def test_something_raised_is_the_opposite() -> None:
    again = ask("again", "weight_lb", only_if={"none_of": [{"raised": "nothing"}]})
    for pounds, expected in ((199, "end"), (200, "again")):
        talk = Conversation(flow(ask("weigh", "weight_lb", HEAVY), again, ask("end", "yes_no")))
        talk.reply(weight(pounds))
        assert talk.asked == expected
