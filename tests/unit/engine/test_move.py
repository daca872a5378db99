"""A conversation under way on another version of its flow: what counts, what is asked anew, what fires, and what stays as it is."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from service.domain.event import Event, MessageSaid, RedFlagFound, SessionEnded
from service.domain.facts import PastValue
from service.domain.reading import FindingKind, Measure
from service.domain.urgency import Urgency
from service.engine import Flow, Session, Status, question_of
from service.engine.move import CannotMove, Moved, move
from tests.flows.conversation import ANA, MORNING, Conversation, found, pill, symptom, weight
from tests.flows.model import MODEL, PLAIN, parsed

YESTERDAY = (PastValue(Measure.WEIGHT, 180, MORNING - timedelta(hours=24)),)
FACTS = replace(ANA, history=YESTERDAY)


def changed(*changes: tuple[str, str]) -> Flow:
    """The plain check-in with these words replaced, each of which must be there."""
    text = PLAIN
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    flow = parsed(text)
    assert flow.version != MODEL.version
    return flow


def talk(*replies: object) -> Conversation:
    conversation = Conversation(MODEL, FACTS)
    for reply in replies:
        conversation.reply(reply)  # type: ignore[arg-type]
    return conversation


def moved(conversation: Conversation, new: Flow) -> Moved:
    result = move(MODEL, new, conversation.session, conversation.facts, conversation.now)
    again = Session.from_json(json.loads(json.dumps(result.session.to_json())))
    assert again == result.session
    return result


def flags(events: tuple[Event, ...]) -> dict[str, Urgency]:
    return {e.fired.rule.removeprefix(f"{MODEL.key}."): e.fired.urgency for e in events if isinstance(e, RedFlagFound)}


STRICTER = ("amount: 3 lb, within: 24 h", "amount: 1 lb, within: 24 h")
REWORDED = ("is there new swelling in legs, feet or belly? Reply NO, or tell us.", "is there new swelling? Reply NO, or tell us.")


def test_an_answered_question_counts_and_the_open_one_goes_on() -> None:
    conversation = talk(weight(180.2))
    result = moved(conversation, new := changed(REWORDED))
    assert (result.kept, result.asked_anew, result.gone, result.reworded) == (("weight",), (), (), True)
    assert (result.session.version, result.session.step, result.events) == (new.version, "breathing_swelling", ())
    assert result.session.wait_until == conversation.session.wait_until
    conversation.flow, conversation.session = new, result.session
    conversation.reply(found(FindingKind.ANSWER, "no"))
    assert conversation.asked == "water_pill"


def test_a_stricter_limit_fires_on_what_was_told_before_the_move() -> None:
    conversation = talk(weight(181.5))
    assert conversation.flags == {}
    result = moved(conversation, changed(STRICTER))
    assert flags(result.events) == {"weight.gained_in_a_day": Urgency.URGENT}
    [answer] = [event for event in result.events if isinstance(event, MessageSaid)]
    assert answer.safety
    assert "within 1 hour" in answer.text
    assert (result.session.status, result.session.step) == (Status.WAITING, "breathing_swelling")
    assert result.session.urgency == "urgent"


def test_a_flag_that_has_fired_does_not_fire_again_unless_the_new_version_finds_it_more_urgent() -> None:
    conversation = talk(weight(183.5))
    assert "weight.gained_in_a_day" in conversation.flags
    same = moved(conversation, changed(REWORDED))
    assert flags(same.events) == {}
    assert same.session.fired == conversation.session.fired
    worse = changed(
        (
            "within: 24 h}, limit: weight_gain_24h}\n        urgency: urgent",
            "within: 24 h}, limit: weight_gain_24h}\n        urgency: emergency",
        ),
        ("source: zones\n        answer: urgent", "source: zones\n        answer: emergency"),
    )
    result = moved(conversation, worse)
    assert flags(result.events) == {"weight.gained_in_a_day": Urgency.EMERGENCY}


def test_an_emergency_of_the_new_version_ends_the_questions() -> None:
    conversation = talk(weight(180.2))
    conversation.reply(symptom("cough"))
    assert conversation.session.status is Status.WAITING
    result = moved(conversation, changed(("[fainting, confusion,", "[cough, fainting, confusion,")))
    assert flags(result.events) == {"breathing_swelling.breathless_at_rest": Urgency.EMERGENCY}
    assert isinstance(result.events[-1], SessionEnded)
    assert (result.session.status, result.session.outcome) == (Status.ENDED, "red_flag")


def test_a_question_that_asks_otherwise_now_is_asked_anew_and_what_was_told_is_kept() -> None:
    """The pill's question now wants yes or no: "taken" answered another question."""
    conversation = Conversation(MODEL, FACTS)
    conversation.reply(pill("taken"))
    conversation.reply(weight(180.2))
    assert "water_pill" in conversation.session.done
    start = PLAIN.index("  water_pill:")
    assert "expects: medication_taken" in PLAIN[start:]
    text = PLAIN[:start] + _as_yes_no(PLAIN[start:])
    new = parsed(text)
    result = moved(conversation, new)
    assert result.asked_anew == ("water_pill",)
    assert any(kept.finding.kind is FindingKind.MEDICATION for kept in result.session.kept)
    conversation.flow, conversation.session = new, result.session
    conversation.reply(found(FindingKind.ANSWER, "no"))
    assert conversation.asked == "water_pill"


def _as_yes_no(step: str) -> str:
    head, _, rest = step.partition("    red_flags:")
    following = rest.find("\n  missed_reason:")
    tail = "" if following < 0 else rest[following:]
    return head.replace("expects: medication_taken", "expects: yes_no") + (tail.lstrip("\n") if tail else "")


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("  breathing_swelling:\n", "  breath:\n", "has no question breathing_swelling"),
        ("about: [shortness_of_breath, leg_swelling]", "about: [shortness_of_breath]", "another kind of answer"),
    ],
    ids=["gone", "asks otherwise"],
)
def test_what_cannot_be_moved_says_why(old: str, new: str, why: str) -> None:
    with pytest.raises(CannotMove, match=why):
        moved(talk(weight(180.2)), changed((old, new)))


def test_a_check_in_that_is_over_or_on_this_version_stays() -> None:
    conversation = talk(weight(180.2))
    with pytest.raises(CannotMove, match="on this version already"):
        moved(conversation, MODEL)
    conversation.stop()
    with pytest.raises(CannotMove, match="is over"):
        moved(conversation, changed(REWORDED))


def test_a_value_that_is_being_confirmed_moves_only_where_it_can_be_confirmed() -> None:
    conversation = talk(weight(208))
    assert conversation.session.confirming
    start, end = PLAIN.index("    confirm:\n"), PLAIN.index("    red_flags:\n")
    without = parsed(PLAIN[:start] + PLAIN[end:])
    with pytest.raises(CannotMove, match="once more"):
        moved(conversation, without)
    result = moved(conversation, changed(REWORDED))
    assert result.session.confirming
    assert not result.reworded
    asked = question_of(changed(REWORDED), result.session)
    assert asked is not None
    assert asked.step == "weight"


def test_a_question_put_before_the_open_one_is_asked_next() -> None:
    """The new version begins with the pulse; the patient answers what they were asked, then that."""
    pulse = (
        "  pulse:\n"
        '    ask: {en: "What is your pulse?", es: "¿Qué pulso tiene?"}\n'
        '    ask_again: {en: "Please send your pulse.", es: "Por favor mande su pulso."}\n'
        '    say: {en: "What is your pulse?", es: "¿Qué pulso tiene?"}\n'
        "    expects: pulse\n\n"
    )
    conversation = talk(weight(180.2))
    result = moved(conversation, new := changed(("  weight:\n    ask:\n", f"{pulse}  weight:\n    ask:\n")))
    assert result.session.step == "breathing_swelling"
    conversation.flow, conversation.session = new, result.session
    conversation.reply(found(FindingKind.ANSWER, "no"))
    assert conversation.asked == "pulse"


def test_what_the_new_version_would_have_handed_over_by_now_is_handed_over() -> None:
    heavy = (
        "  heavy:\n    only_if: {value: weight, at_least: 180 lb}\n"
        "    hand_over: {urgency: same_day, reason: Heavy by now, source: zones}\n\n"
    )
    light = heavy.replace("heavy:", "light:").replace("at_least: 180 lb", "below: 100 lb")
    result = moved(talk(weight(180.2)), changed(("  breathing_swelling:\n", f"{heavy}{light}  breathing_swelling:\n")))
    assert flags(result.events) == {"heavy": Urgency.SAME_DAY}
    assert "heavy" in result.session.done
    assert result.session.urgency == "same_day"
