"""The step that lets check-ins rest: how long, and what an author hears who has written it wrongly."""

from __future__ import annotations

import pytest

from service.domain.event import PauseAgreed
from service.domain.reading import FindingKind
from service.engine import Flow, FlowError
from service.evaluation.flows.graph import as_text
from service.evaluation.flows.readable import readable_steps
from service.evaluation.flows.show import turn_lines
from tests.flows.conversation import Conversation, found
from tests.flows.model import EVERY, EVERY_FILE, parsed
from tests.unit.engine.test_kinds_of_steps import NO, YES, sugar, up_to, value

KEEP = "  keep:\n    record: {name: kit, from: got_it}\n"


def with_pause(pause: str) -> Flow:
    text = EVERY.replace(KEEP, f"  resting:\n    only_if: {{step: got_it, choice: lost}}\n    pause: {pause}\n{KEEP}", 1)
    assert text != EVERY
    return parsed(text, EVERY_FILE)


def lost(talk: Conversation) -> list[PauseAgreed]:
    talk = up_to("got_it", talk)
    talk.reply(found(FindingKind.CHOICE, "lost"))
    return [event for event in talk.events if isinstance(event, PauseAgreed)]


def test_a_stay_in_the_hospital_has_no_days() -> None:
    talk = Conversation(with_pause("{kind: hospital}"))
    assert lost(talk) == [PauseAgreed("resting", "hospital", None)]
    assert talk.ended == "completed", "the check-in goes on to its end"
    assert talk.paused == "hospital"
    assert "  paused   check-ins rest until a nurse ends it (hospital)" in list(turn_lines(talk))


def test_where_its_only_if_is_false_nothing_rests() -> None:
    talk = up_to("got_it", Conversation(with_pause("{kind: hospital}")))
    talk.reply(found(FindingKind.CHOICE, "at_home"))
    assert talk.paused == ""


@pytest.mark.parametrize(("told", "days"), [(3, 3), (7, 7)])
def test_a_journey_lasts_as_long_as_was_told(told: int, days: int) -> None:
    talk = Conversation(with_pause("{kind: away, days_from: how_many, for: 5 d}"))
    talk.reply(sugar(110))
    talk.reply(YES)
    talk.reply(value("count", told, "{count}"))
    assert lost(talk) == [PauseAgreed("resting", "away", days)]
    assert f"  paused   check-ins rest for {days} d (away)" in list(turn_lines(talk))


def test_a_journey_of_unknown_length_lasts_as_the_step_says() -> None:
    talk = Conversation(with_pause("{kind: away, days_from: how_many, for: 5 d}"))
    talk.reply(sugar(110))
    talk.reply(NO)
    assert lost(talk) == [PauseAgreed("resting", "away", 5)]


def test_a_page_and_a_drawing_say_what_rests() -> None:
    flow = with_pause("{kind: away, days_from: how_many, for: 5 d}")
    [step] = [step for step in readable_steps(flow) if step.key == "resting"]
    assert step.remarks == ("Check-ins rest for as many days as told in how many, else 5 days.",)
    assert "as many days as told" in as_text(flow)


@pytest.mark.parametrize(
    ("pause", "message"),
    [
        ("{kind: away}", "needs for: such as 7 d"),
        ("{kind: away, days_from: how_many}", "needs for: such as 7 d"),
        ("{kind: hospital, for: 3 d}", "has no days: a nurse ends it"),
        ("{kind: hospital, days_from: how_many}", "has no days: a nurse ends it"),
        ("{kind: holiday, for: 3 d}", "write one of 'hospital' or 'away'"),
        ("{kind: away, for: 40 d}", "write 1 d to 30 d"),
        ("{kind: away, for: 3 h}", 'such as "14 d"'),
        ("{kind: away, for: 3 d, days_from: how_much}", '"how_much" is no earlier question; did you mean how_many?'),
        ("{kind: away, for: 3 d, days_from: lows}", '"lows" tells no number of days'),
        ("{kind: away, for: 3 d, until: friday}", '"until" means nothing here'),
    ],
)
def test_a_pause_that_cannot_be_says_what_to_write(pause: str, message: str) -> None:
    with pytest.raises(FlowError) as caught:
        with_pause(pause)
    told = [str(each) for each in (caught.value, *caught.value.others)]
    assert any(message in each and "line " in each for each in told), told
