"""Turns of a conversation, on the shipped heart failure flow."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from service.domain.event import (
    ObservationRecorded,
    QuestionAsked,
    ReplyRead,
    WaitSet,
)
from service.domain.reading import Expects, FindingKind
from service.domain.texts import MissingValue
from service.domain.urgency import Urgency
from service.engine import Flow, Session, WrongVersion, content_hash, question_of, resume, start
from service.engine.proceed import MAX_TURNS
from tests.flows.conversation import MORNING, Conversation, found, named, pill, symptom, weight
from tests.unit.engine.known import FLOW, KNOWN, NO, YES


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
