"""Every kind of step at work, on a check-in that has one of each."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from service.domain.event import AnswerKept, CadenceQuickened, EducationGiven, FollowUpPlanned, MessageSaid, QuestionAsked, ReplyRead
from service.domain.reading import Finding, FindingKind, Quantity
from service.domain.urgency import Urgency
from service.engine import Status, late_answer, late_question
from service.engine.play import handed_over
from tests.flows.conversation import ANA, Conversation, found, pill
from tests.flows.model import KINDS

NO = found(FindingKind.ANSWER, "no")
YES = found(FindingKind.ANSWER, "yes")


def value(name: str, number: float, unit: str) -> Finding:
    return Finding(FindingKind.VALUE, name, "number", (0, 3), quantity=Quantity(number, unit))


def sugar(number: float) -> Finding:
    return value("glucose", number, "mg/dL")


def phq(number: float) -> Finding:
    return value("scale", number, "{score}")


def up_to(step: str, talk: Conversation) -> Conversation:
    """Good answers until this step is asked."""
    answers = {
        "glucose": sugar(110),
        "lows": NO,
        "mood": phq(0),
        "joy": phq(0),
        "dose": pill("taken"),
    }
    for _ in range(12):
        if talk.session.step == step:
            return talk
        talk.reply(answers[talk.session.step])
    raise AssertionError(f"{step} was never asked")


def test_a_text_without_a_question_goes_out_with_the_next_question() -> None:
    talk = Conversation(KINDS)
    assert talk.texts == ["Hello from Lakeside Clinic. This takes one minute. What is your sugar now?"]


def test_a_low_reading_is_waited_for_and_checked_again() -> None:
    talk = Conversation(KINDS)
    talk.reply(sugar(62))
    assert talk.flags == {"glucose.low": Urgency.URGENT}
    assert talk.asked == ""
    assert talk.session.wait_until == talk.now + timedelta(minutes=15)
    talk.silence()
    asked = next(event for event in talk.events if isinstance(event, QuestionAsked))
    assert (asked.step, asked.recheck) == ("again", True)
    assert talk.session.wait_until == talk.now + timedelta(minutes=30)
    talk.reply(sugar(95))
    assert talk.flags == {}
    assert talk.asked == "lows"


def test_the_first_low_reading_is_no_finding_of_the_second_question() -> None:
    talk = Conversation(KINDS)
    talk.reply(sugar(62))
    assert "again.still_low" not in talk.flags
    talk.silence()
    talk.reply(sugar(60))
    assert talk.flags == {"again.still_low": Urgency.EMERGENCY}
    assert talk.ended == "red_flag"


def test_a_reply_during_the_wait_is_read_and_a_reading_is_the_re_check() -> None:
    talk = Conversation(KINDS)
    talk.reply(sugar(62))
    until = talk.session.wait_until
    talk.reply(found(FindingKind.UNCLEAR, "nothing_usable"), missing="no_answer")
    assert (talk.asked, talk.session.wait_until, talk.session.tries) == ("", until, 0)
    talk.reply(sugar(90))
    assert talk.asked == "lows"


def test_a_re_check_without_an_answer_raises_the_urgency_by_one_class() -> None:
    talk = Conversation(KINDS)
    talk.reply(sugar(62))
    talk.silence()
    talk.silence()
    assert talk.flags == {"again.no_recheck": Urgency.EMERGENCY}
    assert talk.ended == "silent"


def test_a_good_reading_skips_wait_and_re_check_and_what_is_asked_only_after_a_yes() -> None:
    talk = up_to("mood", Conversation(KINDS))
    asked = [event.step for event in talk.story if isinstance(event, QuestionAsked)]
    assert asked == ["glucose", "lows", "mood"]


def test_a_step_whose_condition_is_not_known_is_asked() -> None:
    talk = up_to("lows", Conversation(KINDS))
    talk.unreadable()
    talk.unreadable()
    assert talk.flags == {"lows.not_understood": Urgency.SAME_DAY}
    assert talk.asked == "how_many"


def test_a_count_out_of_its_range_is_asked_again_and_then_a_nurse_looks_with_the_urgency_of_the_step() -> None:
    talk = up_to("lows", Conversation(KINDS))
    talk.reply(YES)
    talk.reply(value("count", 40, "{count}"))
    assert (talk.asked, talk.flags) == ("how_many", {})
    talk.reply(value("count", 0, "{count}"))
    assert talk.flags == {"how_many.not_understood": Urgency.ROUTINE}
    assert talk.session.findings("how_many") == ()
    assert talk.asked == "mood"


def test_a_score_is_added_up_over_its_steps_and_counts_for_no_other() -> None:
    talk = up_to("mood", Conversation(KINDS))
    talk.reply(phq(2))
    assert talk.flags == {}
    talk.reply(phq(1))
    assert talk.flags == {"joy.low_mood": Urgency.SAME_DAY}
    talk = up_to("mood", Conversation(KINDS))
    talk.reply(phq(1))
    talk.reply(phq(1))
    assert talk.flags == {}


def test_a_question_that_may_raise_an_emergency_is_not_asked_shortly_before_nobody_is_on_duty() -> None:
    closing = replace(ANA, minutes_until_unstaffed=90)
    talk = up_to("joy", Conversation(KINDS, closing))
    assert "mood" not in [event.step for event in talk.story if isinstance(event, QuestionAsked)]
    talk.reply(phq(0))
    talk.reply(pill("taken"))
    talk.reply(found(FindingKind.CHOICE, "at_home"))
    assert talk.flags["mood.put_off"] is Urgency.SAME_DAY
    assert talk.ended == "completed"
    open_late = replace(ANA, minutes_until_unstaffed=121)
    assert up_to("mood", Conversation(KINDS, open_late)).asked == "mood"


def test_a_subflow_runs_under_its_condition() -> None:
    talk = up_to("dose", Conversation(KINDS))
    talk.reply(pill("missed"))
    assert talk.asked == "why.reason"
    talk.reply(found(FindingKind.CHOICE, "forgot"))
    assert any("A box by the bed can help." in text for text in talk.texts)
    assert talk.asked == "got_it"


def test_a_branch_hands_over_keeps_plans_and_teaches() -> None:
    talk = up_to("got_it", Conversation(KINDS))
    talk.reply(found(FindingKind.CHOICE, "lost"))
    assert handed_over(KINDS, talk.events) == {"lost_kit": Urgency.SAME_DAY}
    kept = next(event for event in talk.events if isinstance(event, AnswerKept))
    assert (kept.name, kept.finding.name) == ("kit", "lost")
    assert [event.after_days for event in talk.events if isinstance(event, FollowUpPlanned)] == [1]
    assert [(event.topic, event.name) for event in talk.events if isinstance(event, EducationGiven)] == [("feet", "look")]
    assert talk.ended == "completed"
    assert "A nurse will answer you within 1 hour." in " ".join(talk.texts)


def test_the_next_lesson_is_one_that_the_patient_has_not_had_and_then_the_oldest() -> None:
    for had, wanted in ((("feet/look",), "shoes"), (("feet/shoes", "feet/look"), "shoes"), (("other/look",), "look")):
        talk = up_to("got_it", Conversation(KINDS, replace(ANA, educated=had)))
        talk.reply(found(FindingKind.CHOICE, "at_home"))
        assert [event.name for event in talk.events if isinstance(event, EducationGiven)] == [wanted]


def test_what_hands_over_is_not_lost_when_the_patient_falls_silent() -> None:
    choice = found(FindingKind.CHOICE, "lost")
    talk = up_to("got_it", Conversation(KINDS))
    kept = (*talk.session.kept, replace(talk.session.kept[0], step="got_it", finding=choice))
    talk.session = replace(talk.session, kept=kept)
    talk.silence()
    talk.silence()
    assert talk.handed_over == {"lost_kit": Urgency.SAME_DAY}
    assert talk.ended == "silent"


def test_a_patient_who_gets_worse_is_asked_more_often_once_a_session() -> None:
    talk = Conversation(KINDS)
    talk.reply(sugar(320))
    assert [(event.phase, event.days) for event in talk.events if isinstance(event, CadenceQuickened)] == [(1, 14)]
    talk.reply(sugar(330))
    assert not any(isinstance(event, CadenceQuickened) for event in talk.events)


def test_a_late_answer_is_matched_to_the_question_that_was_left_open() -> None:
    talk = up_to("lows", Conversation(KINDS))
    talk.reply(YES)
    talk.silence()
    talk.silence()
    assert talk.ended == "silent"
    left = talk.session.left_at
    assert left is not None
    reply = ReplyRead((value("count", 5, "{count}"),), "", left)
    in_time, too_late = left + timedelta(hours=11), left + timedelta(hours=13)
    question = late_question(KINDS, talk.session, in_time)
    assert question is not None
    assert question.step == "how_many"
    turn = late_answer(KINDS, talk.session, reply, ANA, in_time)
    assert turn is not None
    session, events = turn
    assert session.status is Status.ENDED
    assert [event.fired.rule for event in events if hasattr(event, "fired")] == ["shared_kit/every_kind.how_many.many"]
    assert any(isinstance(event, MessageSaid) for event in events)
    assert not any(isinstance(event, QuestionAsked) for event in events)
    assert late_answer(KINDS, session, reply, ANA, in_time) is None
    assert late_question(KINDS, talk.session, too_late) is None
    assert late_answer(KINDS, talk.session, reply, ANA, too_late) is None
    assert late_answer(KINDS, talk.session, ReplyRead((NO,), "no_answer", left), ANA, in_time) is None
