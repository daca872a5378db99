"""Red flags in a check-in: answered at once and once, before every further question, and never delayed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from service.domain.event import (
    MessageSaid,
    RedFlagFound,
)
from service.domain.facts import PersonalLimit
from service.domain.reading import FindingKind
from service.domain.urgency import Urgency
from tests.flows.conversation import ANA, MORNING, Conversation, found, pill, symptom, weight
from tests.unit.engine.known import FLOW, KNOWN, NO, YES, YESTERDAY


def test_a_red_flag_is_answered_and_the_next_question_asked_in_one_text() -> None:
    talk = Conversation(FLOW, KNOWN)
    talk.reply(weight(183))
    assert talk.flags == {"weight.gained_in_a_day": Urgency.URGENT}
    fired = next(event.fired for event in talk.events if isinstance(event, RedFlagFound))
    assert fired.reason == "Weight 183 lb, up 3 lb within a day (limit 3 lb): a sign of fluid"
    assert fired.version == FLOW.version
    assert fired.spans == ((0, 3),)
    assert len(talk.texts) == 1
    assert talk.texts[0].startswith("Thank you. A nurse will answer you within 1 hour.")
    assert talk.texts[0].endswith("or tell us.")
    said = next(event for event in talk.events if isinstance(event, MessageSaid))
    assert said.safety


def test_a_red_flag_fires_once_a_session() -> None:
    talk = Conversation(FLOW, KNOWN)
    talk.reply(weight(184))
    talk.reply(NO)
    assert talk.flags == {}


def test_two_answers_together_can_be_a_red_flag_and_spans_are_of_the_last_reply_only() -> None:
    gained = replace(ANA, history=(replace(YESTERDAY, value=177.0, taken_at=MORNING - timedelta(days=5)), YESTERDAY))
    talk = Conversation(FLOW, gained)
    talk.reply(weight(181))
    assert talk.flags == {}
    talk.reply(symptom("leg_swelling", span=(7, 15)))
    assert talk.flags["breathing_swelling.weight_and_symptom"] is Urgency.URGENT
    for event in talk.events:
        if isinstance(event, RedFlagFound):
            assert set(event.fired.spans) <= {(7, 15)}


def test_an_emergency_ends_the_questioning() -> None:
    talk = Conversation(FLOW, KNOWN)
    talk.reply(weight(180), symptom("shortness_of_breath", "at_rest"))
    assert talk.flags["breathing_swelling.breathless_at_rest"] is Urgency.EMERGENCY
    assert talk.ended == "red_flag"
    assert talk.asked == ""
    assert talk.texts[0].startswith("This may be an emergency. Call 911 now.")
    assert talk.session.outcome == "red_flag"


def test_an_emergency_that_universal_triage_found_ends_the_questioning_too() -> None:
    talk = Conversation(FLOW, KNOWN)
    talk.reply(weight(180), urgency=Urgency.EMERGENCY, answered=True)
    assert talk.ended == "red_flag"
    assert talk.texts == []


def test_the_patient_gets_one_safety_answer_not_two() -> None:
    talk = Conversation(FLOW, KNOWN)
    talk.reply(weight(184), urgency=Urgency.URGENT, answered=True)
    assert talk.flags
    assert not any(isinstance(event, MessageSaid) for event in talk.events)
    assert talk.asked == "breathing_swelling"


def test_a_flag_is_answered_when_triage_flagged_the_reply_but_has_no_answer() -> None:
    talk = Conversation(FLOW, KNOWN)
    talk.reply(weight(184), urgency=Urgency.URGENT, answered=False)
    assert any(isinstance(event, MessageSaid) and event.safety for event in talk.events)


def test_a_graver_flag_of_the_flow_is_answered_although_triage_answered_a_lesser_one() -> None:
    talk = Conversation(FLOW, KNOWN)
    talk.reply(weight(184), urgency=Urgency.SAME_DAY, answered=True)
    assert any(isinstance(event, MessageSaid) and event.safety for event in talk.events)


def test_a_second_question_never_delays_an_alarm() -> None:
    talk = Conversation(FLOW, KNOWN)
    talk.reply(symptom("orthopnea"), missing="no_answer")
    assert talk.flags == {"breathing_swelling.breathless_lying_flat": Urgency.URGENT}
    assert talk.asked == "weight"
    assert len(talk.texts) == 1


def test_a_jump_is_flagged_at_once_and_asked_again() -> None:
    talk = Conversation(FLOW, KNOWN)
    talk.reply(weight(213))
    assert talk.flags == {"weight.gained_in_a_day": Urgency.URGENT, "weight.gained_in_a_week": Urgency.URGENT}
    assert talk.asked == "weight"
    assert "far from your last weight" in talk.texts[0]
    talk.reply(weight(181))
    assert talk.asked == "breathing_swelling"
    assert [kept.quantity.value for kept in talk.session.findings("weight") if kept.quantity] == [181]


def test_a_jump_confirmed_by_yes_goes_on_and_one_left_unclear_goes_to_a_nurse() -> None:
    talk = Conversation(FLOW, KNOWN)
    talk.reply(weight(195))
    talk.reply(YES, missing="no_answer")
    assert talk.flags == {}
    assert talk.asked == "breathing_swelling"

    talk = Conversation(FLOW, KNOWN)
    talk.reply(weight(195))
    talk.unreadable()
    assert talk.flags == {"weight.not_confirmed": Urgency.SAME_DAY}
    assert talk.asked == "breathing_swelling"


def test_a_jump_after_a_second_question_is_not_asked_a_third_time() -> None:
    talk = Conversation(FLOW, KNOWN)
    talk.unreadable()
    talk.reply(weight(160))
    assert talk.flags == {"weight.lost_in_a_week": Urgency.SAME_DAY, "weight.not_confirmed": Urgency.SAME_DAY}
    assert talk.asked == "breathing_swelling"
    assert len(talk.texts) == 1


def test_a_reading_without_one_to_compare_with_is_unknown_not_normal() -> None:
    talk = Conversation(FLOW, ANA)
    talk.reply(weight(180))
    assert talk.flags == {"weight.unknown": Urgency.ROUTINE}
    assert talk.asked == "breathing_swelling"
    talk.reply(NO)
    assert talk.flags == {}


def test_a_missed_pill_is_flagged_and_its_reason_asked() -> None:
    talk = Conversation(FLOW, KNOWN)
    talk.reply(weight(180))
    talk.reply(NO)
    talk.reply(pill("missed"))
    assert talk.flags == {"water_pill.missed": Urgency.SAME_DAY}
    assert talk.asked == "missed_reason"
    talk.reply(found(FindingKind.CHOICE, "ran_out"))
    assert talk.flags == {"missed_reason.cannot_get_it": Urgency.SAME_DAY}
    assert talk.ended == "completed"


def test_a_reason_told_unasked_is_not_asked() -> None:
    talk = Conversation(FLOW, KNOWN)
    talk.reply(weight(180))
    talk.reply(NO)
    talk.reply(pill("missed"), found(FindingKind.MISSED_REASON, "forgot"))
    assert talk.ended == "completed"


def test_a_missed_high_alert_drug_is_urgent() -> None:
    talk = Conversation(FLOW, replace(KNOWN, high_alert=True))
    talk.reply(weight(180), pill("missed"))
    assert talk.flags["water_pill.missed_high_alert"] is Urgency.URGENT


def test_a_personal_limit_tightens_and_only_a_signed_one_loosens() -> None:
    def flags(*limits: PersonalLimit, pounds: float) -> dict[str, Urgency]:
        talk = Conversation(FLOW, replace(KNOWN, limits=limits))
        talk.reply(weight(pounds))
        return talk.flags

    tight = PersonalLimit("weight_gain_24h", 2, "lb", "Dr. Adams")
    loose = PersonalLimit("weight_gain_24h", 4, "lb", "Dr. Adams")
    signed = replace(loose, loosens=True)
    assert flags(pounds=182.5) == {}
    assert "weight.gained_in_a_day" in flags(tight, pounds=182.5)
    assert "weight.gained_in_a_day" in flags(loose, pounds=183.5)
    assert flags(signed, pounds=183.5) == {}
