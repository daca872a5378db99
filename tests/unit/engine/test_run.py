"""Turns of a conversation, on the shipped heart failure flow."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from service.domain.event import (
    MessageSaid,
    ObservationRecorded,
    QuestionAsked,
    RedFlagFound,
    ReplyRead,
    SilenceNoticed,
    TimedOut,
    WaitSet,
)
from service.domain.facts import PastValue, PersonalLimit
from service.domain.reading import Expects, FindingKind, Measure
from service.domain.texts import MissingValue
from service.domain.urgency import Urgency
from service.engine import Flow, Session, WrongVersion, content_hash, question_of, resume, start
from service.engine.proceed import MAX_TURNS
from tests.flows.conversation import ANA, MORNING, Conversation, found, named, pill, symptom, weight
from tests.flows.model import MODEL

FLOW = MODEL
YESTERDAY = PastValue(Measure.WEIGHT, 180.0, MORNING - timedelta(hours=24))
KNOWN = replace(ANA, history=(YESTERDAY,))
NO = found(FindingKind.ANSWER, "no")
YES = found(FindingKind.ANSWER, "yes")


def test_the_first_question_is_asked_and_waited_for() -> None:
    talk = Conversation(FLOW)
    question, wait = talk.events
    assert isinstance(question, QuestionAsked)
    assert question.step == "weight"
    assert question.expects is Expects.WEIGHT_LB
    assert question.text == "Hello from Lakeside Clinic. What is your weight this morning, in pounds?"
    assert question.reminder == 0
    assert wait == WaitSet("weight", MORNING + timedelta(hours=3))


def test_good_answers_lead_to_the_end_with_thanks() -> None:
    talk = Conversation(FLOW, KNOWN)
    talk.reply(weight(180.5))
    assert talk.asked == "breathing_swelling"
    talk.reply(NO)
    assert talk.asked == "water_pill"
    talk.reply(pill("taken"))
    assert talk.ended == "completed"
    assert talk.texts[-1].startswith("Thank you. That is all for now.")
    assert named(FLOW, talk.story) == {}
    recorded = [event.finding.name for event in talk.story if isinstance(event, ObservationRecorded)]
    assert recorded == ["weight", "no", "taken"]


def test_one_reply_that_answers_everything_ends_the_check_in() -> None:
    talk = Conversation(FLOW, KNOWN)
    talk.reply(weight(180), symptom("shortness_of_breath", denied=True), symptom("leg_swelling", denied=True), pill("taken"))
    assert talk.ended == "completed"
    assert [event.step for event in talk.events if isinstance(event, ObservationRecorded)] == [
        "weight",
        "breathing_swelling",
        "breathing_swelling",
        "water_pill",
    ]


def test_a_denial_of_one_symptom_leaves_the_other_to_be_asked() -> None:
    talk = Conversation(FLOW, KNOWN)
    talk.reply(weight(180), symptom("leg_swelling", denied=True), pill("taken"))
    assert talk.asked == "breathing_swelling"
    talk.reply(NO)
    assert talk.ended == "completed"


def test_a_general_denial_covers_the_particular_symptom_asked() -> None:
    talk = Conversation(FLOW, KNOWN)
    talk.reply(weight(180), symptom("swelling", denied=True), symptom("shortness_of_breath", denied=True), pill("taken"))
    assert talk.ended == "completed"


def test_an_answer_to_a_later_question_is_kept_and_not_asked_again() -> None:
    talk = Conversation(FLOW, KNOWN)
    talk.reply(pill("taken"), missing="no_answer")
    assert talk.asked == "weight"
    assert talk.texts == ["Please send your weight this morning as a number in pounds, for example 182."]
    talk.reply(weight(180))
    talk.reply(NO)
    assert talk.ended == "completed"


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


def test_an_unreadable_reply_is_asked_again_once_and_then_a_nurse_looks_while_the_flow_goes_on() -> None:
    talk = Conversation(FLOW, KNOWN)
    talk.unreadable()
    assert talk.texts == ["Please send your weight this morning as a number in pounds, for example 182."]
    assert talk.flags == {}
    talk.unreadable()
    assert talk.flags == {"weight.not_understood": Urgency.SAME_DAY}
    assert talk.asked == "breathing_swelling"
    assert talk.texts[0].startswith("Thank you. We could not read your answer")
    assert len(talk.texts) == 1


def test_an_unreadable_reply_of_a_high_risk_patient_is_urgent() -> None:
    talk = Conversation(FLOW, replace(KNOWN, high_risk=True))
    talk.unreadable()
    talk.unreadable()
    assert talk.flags == {"weight.not_understood": Urgency.URGENT}


def test_a_question_given_up_is_not_asked_again_but_a_late_answer_still_counts() -> None:
    talk = Conversation(FLOW, KNOWN)
    talk.unreadable()
    talk.unreadable()
    talk.reply(NO, weight(184))
    assert talk.flags == {"weight.gained_in_a_day": Urgency.URGENT}
    assert talk.asked == "water_pill"


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


def test_a_yes_to_one_question_is_no_yes_to_another() -> None:
    talk = Conversation(FLOW, KNOWN)
    talk.reply(weight(180), YES)
    assert talk.flags == {}


@pytest.mark.parametrize("kind", [FindingKind.TAPBACK, FindingKind.AUTO_REPLY, FindingKind.HELP])
def test_a_reply_that_is_no_answer_leaves_the_question_and_its_wait_as_they_were(kind: FindingKind) -> None:
    talk = Conversation(FLOW, KNOWN)
    waited = talk.events[-1]
    assert talk.reply(found(kind)) == (waited,)
    talk.unreadable()
    assert talk.flags == {}


def test_after_an_opt_out_nothing_is_asked_but_a_red_flag_still_counts() -> None:
    talk = Conversation(FLOW, KNOWN)
    talk.reply(found(FindingKind.OPT_OUT, "keyword"), symptom("orthopnea"))
    assert talk.asked == ""
    assert talk.flags == {"breathing_swelling.breathless_lying_flat": Urgency.URGENT}
    talk.stop()
    assert talk.ended == "stopped"
    assert talk.texts == []


def test_a_language_nobody_reads_is_not_taken_for_an_answer() -> None:
    talk = Conversation(FLOW, KNOWN)
    talk.reply(weight(180))
    talk.reply(found(FindingKind.OTHER_LANGUAGE))
    assert talk.asked == "breathing_swelling"


def test_silence_is_reminded_once_and_then_told() -> None:
    talk = Conversation(FLOW, KNOWN)
    talk.silence()
    question, wait = talk.events
    assert isinstance(question, QuestionAsked)
    assert question.reminder == 1
    assert question.text.startswith("Lakeside Clinic has not heard from you yet. What is")
    assert wait == WaitSet("weight", MORNING + timedelta(hours=8))
    talk.silence()
    noticed, _ = talk.events
    assert isinstance(noticed, SilenceNoticed)
    assert noticed.fired.urgency is Urgency.ROUTINE
    assert noticed.fired.source.startswith("Rounds safety rules")
    assert noticed.fired.reason == "No answer to the check-in for 8 h"
    assert talk.ended == "silent"


def test_every_question_has_its_own_reminder() -> None:
    talk = Conversation(FLOW, KNOWN)
    talk.silence()
    talk.reply(weight(180))
    talk.silence()
    assert talk.asked == "breathing_swelling"
    assert talk.ended == ""


def test_the_silence_of_a_high_risk_patient_counts_sooner_and_more() -> None:
    talk = Conversation(FLOW, replace(KNOWN, high_risk=True))
    talk.silence()
    assert talk.session.wait_until == MORNING + timedelta(hours=5)
    talk.silence()
    assert talk.flags == {"silence": Urgency.SAME_DAY}


def test_silence_after_a_red_flag_or_a_second_question_counts_as_high_risk() -> None:
    talk = Conversation(FLOW, KNOWN)
    talk.reply(weight(184))
    talk.silence()
    talk.silence()
    assert talk.flags == {"silence": Urgency.SAME_DAY}

    talk = Conversation(FLOW, KNOWN)
    talk.unreadable()
    talk.silence()
    talk.silence()
    assert talk.flags == {"silence": Urgency.SAME_DAY}


def test_a_first_reading_alone_does_not_make_silence_graver() -> None:
    talk = Conversation(FLOW, ANA)
    talk.reply(weight(180))
    talk.silence()
    talk.silence()
    assert talk.flags == {"silence": Urgency.ROUTINE}


def test_a_stale_timeout_changes_nothing() -> None:
    talk = Conversation(FLOW, KNOWN)
    first_wait = talk.session.wait_until
    assert first_wait is not None
    talk.reply(weight(180))
    until = talk.session.wait_until
    assert until is not None
    stale = (TimedOut("weight", first_wait + timedelta(days=1)), TimedOut("breathing_swelling", until - timedelta(seconds=1)))
    for event in stale:
        session, events = resume(FLOW, talk.session, event, KNOWN, first_wait)
        assert session == talk.session
        assert events == (WaitSet("breathing_swelling", until),)


def test_after_the_end_nothing_follows() -> None:
    talk = Conversation(FLOW, KNOWN)
    talk.stop()
    assert talk.reply(weight(190)) == ()
    assert talk.stop() == ()
    assert question_of(FLOW, talk.session) is None


@pytest.mark.law(7)
def test_a_session_runs_on_the_version_it_began_with() -> None:
    changed_content = FLOW.to_json()
    changed_content["steps"][1]["ask"]["en"]["plain"] = "How are you?"
    newer = Flow.from_json(changed_content)
    assert newer.key == FLOW.key
    assert newer.version != FLOW.version
    session, _ = start(FLOW, KNOWN, MORNING)
    reply = ReplyRead((weight(180),), "", MORNING)
    with pytest.raises(WrongVersion):
        resume(newer, session, reply, KNOWN, MORNING)
    stored = Flow.from_json(FLOW.to_json())
    _, events = resume(stored, Session.from_json(session.to_json()), reply, KNOWN, MORNING)
    asked = next(event for event in events if isinstance(event, QuestionAsked))
    assert asked.text.startswith("Is it harder to breathe")


@pytest.mark.law(7)
def test_a_stored_version_keeps_its_name_when_a_later_release_knows_more() -> None:
    stored = FLOW.to_json()
    for step in stored["steps"]:
        del step["also_answered_by"]
    old = Flow.from_json(stored)
    assert old.version == content_hash(stored)
    assert Flow.from_json(stored).version == old.version != FLOW.version
    session, _ = start(old, KNOWN, MORNING)
    assert resume(Flow.from_json(stored), session, ReplyRead((weight(180),), "", MORNING), KNOWN, MORNING)[0].version == old.version


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


def test_out_of_hours_the_patient_is_told_so_instead_of_a_promise() -> None:
    closed = replace(KNOWN, staffed=False, promise="Monday morning")
    talk = Conversation(FLOW, closed)
    talk.reply(weight(184))
    assert "No nurse is on duty now; one will answer Monday morning" in talk.texts[0]
    assert len(talk.texts) == 1


def test_without_consent_to_detail_no_drug_is_named() -> None:
    for consent, words in ((True, "water pill"), (False, "morning medicine")):
        talk = Conversation(FLOW, replace(KNOWN, detail_consent=consent))
        talk.reply(weight(180))
        talk.reply(NO)
        assert words in talk.texts[0]
        assert ("water pill" in talk.texts[0]) is consent


def test_a_spanish_patient_is_asked_and_answered_in_spanish() -> None:
    talk = Conversation(FLOW, replace(KNOWN, language="es", promise="en 1 hora"))
    assert talk.texts == ["Le saluda Lakeside Clinic. ¿Qué peso tiene esta mañana, en libras?"]
    talk.reply(weight(184))
    assert talk.texts[0].startswith("Gracias. Una enfermera le responde en 1 hora. Si empeora, llame al 911. ¿Respira peor")


def test_a_language_the_flow_does_not_speak_reads_its_first() -> None:
    assert Conversation(FLOW, replace(KNOWN, language="fr")).texts[0].startswith("Hello")


def test_a_missing_value_fails_when_the_text_is_made() -> None:
    with pytest.raises(MissingValue, match=r"\{clinic\}"):
        start(FLOW, replace(KNOWN, clinic=""), MORNING)


def test_the_question_is_known_while_it_is_open() -> None:
    talk = Conversation(FLOW, KNOWN)
    talk.reply(weight(180))
    question = question_of(FLOW, talk.session)
    assert question is not None
    assert question.expects is Expects.SYMPTOMS
    assert question.symptoms == ("shortness_of_breath", "leg_swelling")
    talk.reply(NO)
    talk.reply(pill("missed"))
    question = question_of(FLOW, talk.session)
    assert question is not None
    assert [(choice.number, choice.value) for choice in question.choices][:2] == [(1, "forgot"), (2, "ran_out")]
    assert "ran out" in question.choices[1].words


def test_a_conversation_without_end_is_handed_to_a_nurse() -> None:
    talk = Conversation(FLOW, KNOWN)
    for _ in range(MAX_TURNS):
        talk.reply(found(FindingKind.TAPBACK))
    assert talk.flags == {"too_long": Urgency.SAME_DAY}
    assert talk.ended == "limit"


def test_a_flood_of_findings_is_bounded() -> None:
    talk = Conversation(FLOW, KNOWN)
    talk.reply(*[symptom("cough") for _ in range(500)], missing="no_answer")
    assert len(talk.session.kept) <= 60
    assert len(talk.events) <= 60


def test_an_unknown_event_is_an_error() -> None:
    session, _ = start(FLOW, KNOWN, MORNING)
    with pytest.raises(TypeError, match="unknown event"):
        resume(FLOW, session, "reply", KNOWN, MORNING)  # type: ignore[arg-type]
