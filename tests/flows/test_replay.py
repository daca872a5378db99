"""Check-ins of the past on changed flows: what would have been raised, what cannot be told, and nothing that comes of the replay itself."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.content import Content, load_content
from service.domain.event import Event, RedFlagFound, ReplyRead, SilenceNoticed, Stopped, TimedOut
from service.domain.facts import Facts
from service.domain.past_check_in import PastCheckIn, PastItem, PastReply
from service.domain.reading import Reply
from service.domain.urgency import Urgency
from service.engine import Flow, Session, Status, late_answer, late_question, question_of, resume, start
from service.engine.cases import Ears
from service.engine.given import facts_of
from service.engine.play import MORNING
from service.engine.session import finding_to_json
from service.engine.steps import AskStep, RecordStep
from service.evaluation.flows.history import Comparison, Way, compare
from service.evaluation.flows.replay import replay
from service.evaluation.flows.retrace import Hearing, retrace
from service.replies import read
from service.triage import decide, steps_named

KEY = "heart_failure/daily"
BEGIN = MORNING
VERSION, NOBODY = UUID(int=1), UUID(int=2)
YESTERDAY = facts_of({"weights": {"20 h": 180}, "symptoms": {"2 d": "cough"}}, "heart_failure")
Said = Sequence[tuple[timedelta, str]]
"""How long after the last thing that happened each reply came, and its words."""


@functools.cache
def content() -> Content:
    """Read once: nothing in it changes."""
    return load_content()


@functools.cache
def ears() -> Ears:
    return Ears(content().lexicon, content().tables, content().wording)


def promptly(*words: str) -> list[tuple[timedelta, str]]:
    return [(timedelta(minutes=2), each) for each in words]


def lived(flow: Flow, said: Said, known: Facts = YESTERDAY, *, silent: bool = False) -> PastCheckIn:
    """A check-in as the service would have held and kept it: `silent` waits until it counts as silent, else it was superseded."""
    now, items, replies = BEGIN, list[PastItem](), list[PastReply]()
    facts = _past(flow, Session(flow.key, flow.version, "en", BEGIN), [], [], BEGIN, known).facts
    session, events = start(flow, facts(now), now)

    def happened(events: Sequence[Event]) -> None:
        items.extend(
            PastItem(event.fired.rule, event.fired.urgency, event.fired.reason)
            for event in events
            if isinstance(event, RedFlagFound | SilenceNoticed)
        )

    def wait(until: datetime) -> Session:
        nonlocal session, now
        while session.status is Status.WAITING and session.wait_until is not None and session.wait_until <= until:
            now = session.wait_until
            session, events = resume(flow, session, TimedOut(session.step, now), facts(now), now)
            happened(events)
        return session

    happened(events)
    for after, words in said:
        at = now + after
        wait(at)
        now = at
        in_session = session.status is Status.WAITING
        question = question_of(flow, session) or late_question(flow, session, at)
        reading = read(content().lexicon, Reply(words), question)
        kept = {"missing": reading.missing, "findings": [finding_to_json(finding) for finding in reading.findings]}
        reply = PastReply(uuid5(VERSION, f"{at}{words}"), at, words, reading=kept, in_session=in_session)
        replies.append(reply)
        if question is None:
            continue
        decision = decide(content().tables, reading.findings, facts(at), at, question)
        event = ReplyRead(reading.findings, reading.missing, at, decision.urgency, bool(decision.answer))
        turn = (resume if in_session else late_answer)(flow, session, event, facts(at), at)
        if turn is None:
            continue
        items += [PastItem(fired.rule, fired.urgency, fired.reason) for fired in decision.fired]
        session = turn[0]
        happened(turn[1])
    if silent:
        wait(now + timedelta(days=3))
    elif session.status is Status.WAITING:
        now += timedelta(minutes=1)
        session, events = resume(flow, session, Stopped("superseded", now), facts(now), now)
        happened(events)
    return _past(flow, session, items, replies, now, known)


def _past(
    flow: Flow, session: Session, items: Sequence[PastItem], replies: Sequence[PastReply], now: datetime, known: Facts
) -> PastCheckIn:
    return PastCheckIn(
        id=UUID(int=7),
        patient_id=NOBODY,
        initials="A.A.",
        local_date=BEGIN.date(),
        version_id=VERSION,
        state=session.to_json(),
        started_at=BEGIN,
        ended_at=now,
        silent=session.outcome == "silent",
        zone="America/New_York",
        known=known,
        starts_on=BEGIN.date() - timedelta(days=5),
        replies=tuple(replies),
        items=tuple(items),
    )


def compared(past: PastCheckIn, own: Flow, *versions: Flow, by: Ears | None = None) -> Comparison:
    """The check-in on its own version against this one (or between these two); without any, what was kept against today."""
    comparison = Comparison()
    pair = None if not versions else (own, versions[0]) if len(versions) == 1 else (versions[0], versions[1])
    compare(comparison, [past], {VERSION: own}, Hearing(by or ears()), pair)
    assert comparison.failed == 0
    return comparison


def changes(comparison: Comparison) -> dict[str, tuple[str, Urgency | None, Urgency | None]]:
    return {change.rule.removeprefix(f"{KEY}."): (change.way.value, change.old, change.new) for change in comparison.changes}


def daily() -> Flow:
    return content().flows[KEY]


def rewritten(change: Any, flow: Flow | None = None) -> Flow:
    """The flow after `change` has worked on its JSON."""
    data = (flow or daily()).to_json()
    change(data)
    return Flow.from_json(data)


def step(data: dict[str, Any], key: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in data["steps"] if each["key"] == key)
    return found


def flag(data: dict[str, Any], key: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in step(data, key)["red_flags"] if each["name"] == name)
    return found


def any_falls(data: dict[str, Any], before: str) -> None:
    """A new question, with a red flag, and a step that hands over those who did not answer it."""
    asked = dict(step(data, "weight")) | {"key": "any_falls", "expects": "yes_no", "confirm": None, "only_if": []}
    fell = {"name": "fell", "when": {"answer": "yes"}, "urgency": "urgent", "reason": "Has fallen", "source": "zones", "answer": ""}
    over = {"urgency": "urgent", "reason": "Does not say whether they fell", "source": "zones", "answer": ""}
    nurse = {"key": "nobody_knows", "kind": "hand_over", "only_if": [{"step": "any_falls", "unanswered": True}], "hand_over": over}
    place = [each["key"] for each in data["steps"]].index(before)
    data["steps"][place:place] = [asked | {"red_flags": [fell]}]
    data["steps"].append(nurse)


def test_a_lower_threshold_raises_what_a_higher_one_did_not_and_the_other_way_round() -> None:
    past = lived(daily(), promptly("182", "no", "yes"), silent=True)
    lower = rewritten(lambda data: flag(data, "weight", "gained_in_a_day")["when"].update(gain_over={"amount": "2 lb", "within": "24 h"}))
    appears = compared(past, daily(), lower)
    assert changes(appears) == {"weight.gained_in_a_day": ("appears", None, Urgency.URGENT)}
    assert "182" in appears.changes[0].reason
    assert changes(compared(past, daily(), lower, daily())) == {"weight.gained_in_a_day": ("vanishes", Urgency.URGENT, None)}
    assert appears.by_rule == {f"{KEY}.weight.gained_in_a_day": {Way.APPEARS: 1}}
    assert (appears.check_ins, appears.same, appears.inexact, appears.not_heard) == (1, 0, 0, 0)


@pytest.mark.parametrize(("urgency", "way"), [("emergency", "rises"), ("routine", "falls")])
def test_another_urgency_rises_or_falls(urgency: str, way: str) -> None:
    past = lived(daily(), promptly("180", "no", "no i forgot it"), silent=True)
    other = rewritten(lambda data: flag(data, "water_pill", "missed").update(urgency=urgency))
    found = changes(compared(past, daily(), other))
    assert found["water_pill.missed"] == (way, Urgency.SAME_DAY, Urgency(urgency))


def test_a_check_in_that_would_newly_call_a_nurse_is_counted_as_such() -> None:
    quiet = rewritten(lambda data: data.update(steps=[step(data, "weight")]))
    past = lived(quiet, promptly("182"))
    lower = rewritten(
        lambda data: flag(data, "weight", "gained_in_a_day")["when"].update(gain_over={"amount": "2 lb", "within": "24 h"}), quiet
    )
    found, back = compared(past, quiet, lower), compared(past, quiet, lower, quiet)
    assert (found.newly, found.no_more, found.higher, found.lower) == (1, 0, 0, 0)
    assert (back.newly, back.no_more, back.higher, back.lower) == (0, 1, 0, 0)
    urgent = rewritten(lambda data: flag(data, "weight", "gained_in_a_day").update(urgency="same_day"), lower)
    assert (compared(past, quiet, urgent, lower).higher, compared(past, quiet, lower, urgent).lower) == (1, 1)


@pytest.mark.parametrize("before", ["weight", "breathing_swelling", "water_pill"])
def test_a_new_question_takes_no_answer_that_was_given_to_another(before: str) -> None:
    past = lived(daily(), promptly("184", "yes my ankles are swollen", "no i forgot it"), silent=True)
    found = compared(past, daily(), rewritten(lambda data: any_falls(data, before)))
    assert changes(found) == {}
    assert found.not_asked == {"any_falls": 1}


def test_a_question_left_out_takes_its_red_flags_along_but_no_word_of_danger_is_lost() -> None:
    def without(data: dict[str, Any]) -> None:
        data["steps"] = [each for each in data["steps"] if each["key"] != "breathing_swelling"]

    past = lived(daily(), promptly("180", "my ankles are swollen and i have chest pain"))
    found = compared(past, daily(), rewritten(without))
    assert found.not_heard == 1
    gone = changes(found)
    assert gone
    assert all(rule.startswith("breathing_swelling.") and way == "vanishes" for rule, (way, _, _) in gone.items() if "unknown" not in rule)
    assert "chest_pain" not in gone


def test_the_time_that_a_question_left_out_took_is_nobodys_silence() -> None:
    def without(data: dict[str, Any]) -> None:
        data["steps"] = [each for each in data["steps"] if each["key"] != "breathing_swelling"]

    nearly = daily().silence.after(False) - timedelta(minutes=10)
    past = lived(daily(), [*promptly("180"), (nearly, "no"), (timedelta(minutes=30), "yes")], silent=True)
    assert "silence" not in {item.rule.removeprefix(f"{KEY}.") for item in past.items}
    assert "silence" not in changes(compared(past, daily(), rewritten(without)))


def test_another_order_of_the_questions_changes_nothing() -> None:
    def turned(data: dict[str, Any]) -> None:
        keys = [each["key"] for each in data["steps"]]
        one, other = keys.index("weight"), keys.index("breathing_swelling")
        data["steps"][one], data["steps"][other] = data["steps"][other], data["steps"][one]

    past = lived(daily(), promptly("184", "my ankles are swollen", "yes"), silent=True)
    assert changes(compared(past, daily(), rewritten(turned))) == {}


def quick_silence(data: dict[str, Any]) -> None:
    data["silence"].update(remind_after=30, silent_after=60, silent_after_high_risk=60)


def test_a_shorter_silence_calls_a_nurse_for_a_slow_answer_which_still_counts() -> None:
    slow = [(timedelta(hours=2), "184"), *promptly("no", "yes")]
    past = lived(daily(), slow, silent=True)
    found = changes(compared(past, daily(), rewritten(quick_silence)))
    assert found["silence"][0] in ("appears", "rises")
    assert "weight.gained_in_a_day" not in found


def test_a_silence_is_judged_by_each_version() -> None:
    past = lived(daily(), [], silent=True)
    urgent = rewritten(lambda data: data["silence"].update(urgency="urgent"))
    assert changes(compared(past, daily(), urgent)) == {"silence": ("rises", daily().silence.urgency, Urgency.URGENT)}


def test_a_check_in_that_gave_way_to_the_next_was_not_silent() -> None:
    past = lived(daily(), promptly("180"))
    assert changes(compared(past, daily(), daily())) == {}
    assert not any("silence" in item.rule for item in past.items)
    later = replace(past, ended_at=past.ended_at + timedelta(hours=3))
    assert changes(compared(later, daily(), rewritten(quick_silence)))["silence"][0] == "appears"


def test_what_was_heard_although_the_wait_was_over_is_heard_again() -> None:
    """A call was tried first, or the service was away: the reply was heard in the check-in all the same."""
    past = lived(daily(), promptly("180", "no", "yes"), silent=True)
    [first, *rest] = past.replies
    shift = timedelta(hours=20)
    slow = replace(past, replies=(replace(first, at=first.at + shift), *(replace(each, at=each.at + shift) for each in rest)))
    assert "silence" not in changes(compared(slow, daily()))
    trace = retrace(daily(), slow, Hearing(ears()))
    assert [each.step for each in trace.placed][:2] == ["weight", "breathing_swelling"]
    assert trace.placed[0].grace > timedelta(hours=10)


def test_a_late_answer_is_one_on_every_version() -> None:
    past = lived(daily(), [(daily().silence.after(False) + timedelta(minutes=30), "185")])
    assert [reply.in_session for reply in past.replies] == [False]
    assert f"{KEY}.weight.gained_in_a_day" in {item.rule for item in past.items}
    assert changes(compared(past, daily(), daily())) == {}
    longer = 2 * daily().silence.silent_after
    patient = rewritten(lambda data: data["silence"].update(silent_after=longer, silent_after_high_risk=longer))
    found = changes(compared(past, daily(), patient))
    assert found["silence"] == ("vanishes", daily().silence.urgency, None)
    assert "weight.gained_in_a_day" not in found


def test_a_version_that_goes_on_where_the_other_ended_names_what_it_would_ask() -> None:
    frightened = rewritten(lambda data: flag(data, "weight", "gained_in_a_day").update(urgency="emergency"))
    past = lived(frightened, promptly("185"))
    assert past.state["outcome"] == "red_flag"
    found = compared(past, frightened, daily())
    assert changes(found)["weight.gained_in_a_day"] == ("falls", Urgency.EMERGENCY, Urgency.URGENT)
    assert found.not_asked["breathing_swelling"] == 1


def test_a_changed_rule_for_every_patient_is_seen_against_what_was_kept() -> None:
    past = lived(daily(), promptly("180", "no", "no i forgot it"), silent=True)
    tables = replace(content().tables, rules=tuple(rule for rule in content().tables.rules if rule.id != "dose_missed"))
    without = Ears(content().lexicon, tables, content().wording)
    assert changes(compared(past, daily())) == {}
    assert changes(compared(past, daily(), by=without)) == {"dose_missed": ("vanishes", Urgency.SAME_DAY, None)}
    both = compared(past, daily(), daily(), by=without)
    assert (changes(both), both.kept_otherwise) == ({}, 1)


def test_items_of_actions_and_of_other_flows_are_not_compared() -> None:
    past = lived(daily(), promptly("180", "no", "yes"), silent=True)
    others = [PastItem(rule, Urgency.URGENT, "x") for rule in ("machine.opt_out", "safety.called", "copd/daily.weight.high")]
    assert changes(compared(replace(past, items=(*past.items, *others)), daily())) == {}
    mine = PastItem("a_rule_of_before", Urgency.URGENT, "x")
    assert changes(compared(replace(past, items=(*past.items, mine)), daily())) == {"a_rule_of_before": ("vanishes", Urgency.URGENT, None)}


@pytest.mark.law(12)
def test_one_that_cannot_be_replayed_is_set_aside_and_told() -> None:
    past = lived(daily(), promptly("180"))
    comparison = Comparison()
    compare(comparison, [replace(past, version_id=NOBODY), past], {VERSION: daily()}, Hearing(ears()))
    assert (comparison.failed, comparison.check_ins) == (1, 1)


def test_what_was_read_then_decides_about_the_way_and_what_is_read_today_about_the_items() -> None:
    past = lived(daily(), promptly("185", "no", "yes"), silent=True)
    assert changes(compared(past, daily())) == {}
    unread = replace(past, replies=tuple(replace(reply, reading={"findings": [{"kind": "?"}]}) for reply in past.replies))
    assert retrace(daily(), unread, Hearing(ears())).exact, "a reading in an unknown form is read anew"
    misread = {"missing": "no_answer", "findings": []}
    other = replace(past, replies=(replace(past.replies[0], reading=misread), *past.replies[1:]))
    assert not retrace(daily(), other, Hearing(ears())).exact
    assert compared(other, daily(), daily()).inexact == 1


WORDS = (
    *("180", "184", "191.5", "150/95", "190/112", "88", "102.4", "45", "320", "1", "2", "3", "5", "7"),
    *("no", "yes", "ok", "feeling fine", "better", "worse", "no i forgot it", "ran out of them", "what do you mean"),
    *("my ankles are swollen", "chest pain", "i want to die", "stop"),
)
FLOWS = (KEY, "diabetes_type_1/daily", "postpartum/evening", "depression/phq", "copd/daily", "post_discharge/check_in")


@given(
    key=st.sampled_from(FLOWS),
    said=st.lists(st.tuples(st.sampled_from([1, 2, 20, 45, 200, 330, 500, 900]), st.sampled_from(WORDS)), max_size=9),
    silent=st.booleans(),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_replay_of_a_check_in_on_its_own_version_is_the_check_in(key: str, said: list[tuple[int, str]], silent: bool) -> None:
    flow = content().flows[key]
    past = lived(flow, [(timedelta(minutes=minutes), words) for minutes, words in said], silent=silent)
    trace = retrace(flow, past, Hearing(ears()))
    found = compared(past, flow)
    assert trace.exact
    assert [(change.way, change.rule) for change in found.changes] == []


def without_a_question(flow: Flow, place: int) -> Flow:
    """The flow without one of its questions that nothing else hangs on; the flow itself where there is none."""
    hang_on = {each.key for each in flow.steps if isinstance(each, AskStep) and each.recheck}
    for each in flow.steps:
        hang_on |= {key for condition in flow.only_if(each) for key in steps_named(condition)}
        if isinstance(each, AskStep):
            hang_on |= {key for flag in each.red_flags for key in steps_named(flow.rule(each, flag).when)}
        if isinstance(each, RecordStep):
            hang_on |= set(each.record.steps)
    free = [question.key for question in flow.questions if question.key not in hang_on]
    if len(free) < 2:
        return flow
    gone = free[place % len(free)]
    return rewritten(lambda data: data.update(steps=[each for each in data["steps"] if each["key"] != gone]), flow)


@given(
    key=st.sampled_from(FLOWS),
    said=st.lists(st.tuples(st.sampled_from([1, 2, 45, 330, 900]), st.sampled_from(WORDS)), max_size=9),
    silent=st.booleans(),
    place=st.integers(0, 20),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_word_of_danger_is_lost_whatever_a_version_asks(key: str, said: list[tuple[int, str]], silent: bool, place: int) -> None:
    """A question is left out, or is new: what the rules for every patient raise stays, and the same input gives the same output."""
    whole = content().flows[key]
    short = without_a_question(whole, place)
    times = [(timedelta(minutes=minutes), words) for minutes, words in said]
    for own, other in ((whole, short), (short, whole)):
        past = lived(own, times, silent=silent)
        trace = retrace(own, past, Hearing(ears()))
        here, there = (replay(flow, past, trace, Hearing(ears())) for flow in (own, other))
        general = [{rule: fired.urgency for rule, fired in side.fired.items() if "/" not in rule} for side in (here, there)]
        assert general[0] == general[1]
        assert replay(other, past, trace, Hearing(ears())) == there
