"""Silence in a check-in: reminded once, then told, sooner and graver where more is at risk."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from service.domain.event import (
    QuestionAsked,
    SilenceNoticed,
    TimedOut,
    WaitSet,
)
from service.domain.urgency import Urgency
from service.engine import question_of, resume
from tests.flows.conversation import ANA, MORNING, Conversation, weight
from tests.unit.engine.known import FLOW, KNOWN


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
