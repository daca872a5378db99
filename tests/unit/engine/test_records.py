"""What a check-in keeps under a name, and how the next one knows it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from service.domain.event import AnswerKept
from service.domain.facts import PastAnswer
from service.domain.reading import FindingKind
from service.domain.urgency import Urgency
from service.engine import Flow, FlowError, parse_subflow
from service.engine.between import problems_between
from service.engine.play import MORNING
from tests.flows.conversation import ANA, Conversation, found
from tests.flows.model import EVERY, EVERY_FILE, REASON, WORDING, library, loaded, parsed
from tests.unit.engine.test_kinds_of_steps import phq, up_to

KEEP = "  keep:\n    record: {name: kit, from: got_it}\n"
SUM = "  keep_mood:\n    record: {name: mood_total, total: [mood, joy]}\n"
ASK_LOST = "  lost_kit:\n    only_if: {step: got_it, choice: lost}\n"
ASK_LOST_TWICE = "  lost_kit:\n    only_if: {all_of: [{step: got_it, choice: lost}, {recorded: kit, answer: lost}]}\n"


def changed(*pairs: tuple[str, str]) -> Flow:
    text = EVERY
    for old, new in pairs:
        assert old in text, f"the flow no longer holds {old!r}"
        text = text.replace(old, new, 1)
    return parsed(text, EVERY_FILE)


SUMMED = changed((KEEP, SUM + KEEP))
TWICE = changed((ASK_LOST, ASK_LOST_TWICE))


def kept(talk: Conversation) -> dict[str, AnswerKept]:
    return {event.name: event for event in talk.story if isinstance(event, AnswerKept)}


def test_a_sum_is_kept_with_its_number() -> None:
    talk = up_to("mood", Conversation(SUMMED))
    talk.reply(phq(2))
    talk.reply(phq(3))
    talk = up_to("got_it", talk)
    talk.reply(found(FindingKind.CHOICE, "at_home"))
    assert set(kept(talk)) == {"mood_total", "kit"}
    finding = kept(talk)["mood_total"].finding
    assert finding.quantity is not None
    assert (finding.name, finding.quantity.value, finding.quantity.unit) == ("total", 5, "{score}")


def test_a_sum_with_an_answer_missing_is_not_kept() -> None:
    talk = up_to("mood", Conversation(SUMMED))
    talk.reply(phq(2))
    talk.unreadable()
    talk.unreadable()
    assert talk.asked == "dose"
    talk = up_to("got_it", talk)
    talk.reply(found(FindingKind.CHOICE, "at_home"))
    assert set(kept(talk)) == {"kit"}


@pytest.mark.parametrize(("before", "handed_over"), [("lost", {"lost_kit": Urgency.SAME_DAY}), ("at_home", {})])
def test_a_branch_knows_what_was_kept_the_last_time(before: str, handed_over: dict[str, Urgency]) -> None:
    earlier = PastAnswer("kit", before, MORNING - timedelta(days=1))
    talk = up_to("got_it", Conversation(TWICE, replace(ANA, recorded=(earlier,))))
    talk.reply(found(FindingKind.CHOICE, "lost"))
    assert talk.handed_over == handed_over


def test_what_was_never_kept_is_not_known_and_a_nurse_is_told() -> None:
    talk = up_to("got_it", Conversation(TWICE))
    talk.reply(found(FindingKind.CHOICE, "lost"))
    assert talk.handed_over == {}
    assert talk.flags == {"hand_over.unknown": Urgency.ROUTINE}


def test_what_this_check_in_keeps_is_no_past_of_its_own() -> None:
    facts = replace(ANA, recorded=(PastAnswer("kit", "lost", MORNING + timedelta(minutes=1)),))
    assert facts.before(MORNING).recorded == ()
    assert facts.last_recorded("kit", MORNING) is None
    assert facts.last_recorded("kit", MORNING + timedelta(minutes=2)) is not None


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("record: {name: kit, from: got_it}", "record: {name: kit}", "write from: with one step, or total:"),
        (
            "record: {name: kit, from: got_it}",
            "record: {name: kit, from: got_it, total: [mood, joy]}",
            "write from: with one step, or total:",
        ),
        ("record: {name: kit, from: got_it}", "record: {name: kit, total: [mood, got_it]}", '"got_it" gives no number to add up'),
        ("record: {name: kit, from: got_it}", "record: {name: kit, total: [mood, sorrow]}", '"sorrow" is no earlier question'),
        (
            "total: [mood, joy], at_least: 3}",
            "total: [mood, joy], at_least: 3, above_recorded: Mood}",
            "write the name that a record: step gives",
        ),
    ],
)
def test_a_record_that_cannot_be_says_what_to_write(old: str, new: str, message: str) -> None:
    with pytest.raises(FlowError) as caught:
        changed((old, new))
    told = [str(each) for each in (caught.value, *caught.value.others)]
    assert any(message in each and "line " in each for each in told), told


def test_a_record_of_a_subflow_keeps_what_its_own_steps_were_told() -> None:
    text = REASON.replace("  again:\n", "  keep:\n    record: {name: why, from: reason}\n  again:\n", 1)
    parse_subflow(loaded(text), "shared/reason.yaml", WORDING, library(subflow=text))
    with pytest.raises(FlowError, match='"reasons" is no earlier question; did you mean reason'):
        parse_subflow(loaded(text.replace("from: reason", "from: reasons")), "shared/reason.yaml", WORDING, library())


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (ASK_LOST, ASK_LOST_TWICE.replace("recorded: kit", "recorded: kat"), 'no flow records "kat"; did you mean kit?'),
        (ASK_LOST, ASK_LOST_TWICE.replace("answer: lost", "answer: last"), '"last" is never kept as kit; did you mean lost?'),
        ("at_least: 3}", "at_least: 3, above_recorded: mood_total}", 'no flow records "mood_total"'),
        ("above: 300 mg/dL}, phase", "above: 300 mg/dL, above_recorded: sugar}, phase", 'no flow records "sugar"'),
        ("of: shared_kit/every_kind", "of: shared_kit/every_kid", "did you mean shared_kit/every_kind?"),
        ("of: shared_kit/every_kind", "of: other_kit/every_kind", "name a check-in of the same programme"),
    ],
)
def test_flows_are_held_against_each_other(old: str, new: str, message: str) -> None:
    wrong = changed((old, new))
    assert [what for key, (_, what) in problems_between({wrong.key: wrong}) if message in what and key == EVERY_FILE.removesuffix(".yaml")]
    assert list(problems_between({TWICE.key: TWICE})) == []
