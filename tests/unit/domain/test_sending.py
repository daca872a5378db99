"""May this leave now? Whatever the circumstances, only the closed lists leave in quiet hours, without consent or after an opt-out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain.communication import Purpose
from service.domain.consent import Consent
from service.domain.contact_hours import Closed, Why
from service.domain.reading import Channel
from service.domain.sending import AT_ANY_HOUR, SCHEDULED, WHEN_STOPPED, WITHOUT_CONSENT, Cap, Circumstances, Verdict, may_send

pytestmark = pytest.mark.law(4)

NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
ONE, OTHER = UUID(int=1), UUID(int=2)
OUTGOING = [purpose for purpose in Purpose if purpose is not Purpose.REPLY]
PROGRAMMES = ("", "heart_failure", "substance_use")
MOMENTS = st.one_of(st.none(), st.integers(-10_000, 10_000).map(lambda minutes: NOW + timedelta(minutes=minutes)))
SELDOM = st.integers(0, 7).map(lambda n: n == 0)
"""Each of many refusals is rare, so that most circumstances fail by one rule alone: the one that a mistake would leave out."""
SELDOM_SET = st.one_of(*[st.none()] * 5, MOMENTS)
COVERING = st.builds(
    Consent,
    patient_id=st.just(ONE),
    phone_id=st.just(ONE),
    channel=st.sampled_from(Channel),
    programme=st.sampled_from(PROGRAMMES),
    given_at=st.just(NOW - timedelta(days=1)),
    by_representative=SELDOM,
)
CONSENTS = st.builds(
    Consent,
    patient_id=st.just(ONE),
    phone_id=st.sampled_from((ONE, OTHER)),
    channel=st.sampled_from(Channel),
    programme=st.sampled_from(PROGRAMMES),
    given_at=MOMENTS.map(lambda at: at or NOW),
    revoked_at=MOMENTS,
    ends_at=MOMENTS,
    by_representative=st.booleans(),
)
CIRCUMSTANCES = st.builds(
    Circumstances,
    purpose=st.sampled_from(OUTGOING),
    phone_id=st.just(ONE),
    channel=st.sampled_from(Channel),
    programme=st.sampled_from(PROGRAMMES),
    created_at=st.just(NOW),
    useful_until=SELDOM_SET,
    consents=st.one_of(st.lists(CONSENTS, max_size=4), st.lists(COVERING, min_size=3, max_size=8)),
    unsafe_to_contact=SELDOM,
    opted_out_at=SELDOM_SET,
    patient_stopped=SELDOM,
    closed=st.one_of(
        st.none(),
        st.none(),
        st.builds(Closed, st.integers(1, 10_000).map(lambda minutes: NOW + timedelta(minutes=minutes)), st.sampled_from(Why)),
    ),
    caps=st.lists(st.builds(Cap, st.just("agreed_frequency_reached"), st.integers(0, 3), st.integers(0, 3)), max_size=2),
    paused=SELDOM,
    answers_recent_reply=SELDOM,
    own_consent=SELDOM,
    by_the_patient=SELDOM,
    parents_phone=SELDOM,
)


def allowed(facts: Circumstances) -> bool:
    return may_send(facts, NOW).verdict is Verdict.SEND


@settings(max_examples=200)
@given(CIRCUMSTANCES)
def test_nothing_leaves_for_a_number_that_is_unsafe_to_contact(facts: Circumstances) -> None:
    assert not (facts.unsafe_to_contact and allowed(facts))


@settings(max_examples=200)
@given(CIRCUMSTANCES)
def test_in_closed_hours_only_the_closed_list_and_answers_to_a_recent_message_leave(facts: Circumstances) -> None:
    if facts.closed is not None and allowed(facts):
        assert facts.purpose in AT_ANY_HOUR or facts.answers_recent_reply


@settings(max_examples=200)
@given(CIRCUMSTANCES)
def test_without_a_consent_that_holds_only_the_closed_list_leaves(facts: Circumstances) -> None:
    holding = [
        one
        for one in facts.consents
        if one.phone_id == facts.phone_id
        and one.channel is facts.channel
        and (not facts.programme or one.programme in ("", facts.programme))
        and one.given_at <= NOW
        and not (one.revoked_at is not None and one.revoked_at <= NOW)
        and not (one.ends_at is not None and one.ends_at <= NOW)
    ]
    if allowed(facts) and facts.purpose not in WITHOUT_CONSENT:
        assert holding
        if facts.own_consent:
            assert any(one.programme == facts.programme for one in holding)
        if facts.by_the_patient:
            assert any(not one.by_representative for one in holding)
            assert not facts.parents_phone


@settings(max_examples=200)
@given(CIRCUMSTANCES)
def test_after_an_opt_out_only_the_closed_list_leaves(facts: Circumstances) -> None:
    if facts.opted_out_at is not None and allowed(facts):
        assert facts.purpose in WITHOUT_CONSENT


@settings(max_examples=200)
@given(CIRCUMSTANCES)
def test_nothing_scheduled_leaves_in_a_pause_after_a_death_or_above_what_was_agreed(facts: Circumstances) -> None:
    if allowed(facts):
        assert not (facts.paused and facts.purpose in SCHEDULED)
        assert not (facts.patient_stopped and facts.purpose not in WHEN_STOPPED)
        assert not (facts.purpose is Purpose.CHECK_IN and any(cap.others >= cap.agreed for cap in facts.caps))


@settings(max_examples=200)
@given(CIRCUMSTANCES)
def test_what_is_held_is_held_until_the_hours_open_and_never_past_its_use(facts: Circumstances) -> None:
    ruling = may_send(facts, NOW)
    if ruling.verdict is Verdict.HOLD:
        assert facts.closed is not None
        assert ruling.until == facts.closed.until > NOW
        assert facts.useful_until is None or ruling.until < facts.useful_until
        again = may_send(replace(facts, closed=None), ruling.until)
        assert again.verdict in (Verdict.SEND, Verdict.CANCEL), "once the hours are open nothing holds it any more"
    else:
        assert ruling.until is None
    if facts.useful_until is not None and facts.useful_until <= NOW:
        assert ruling.verdict is not Verdict.SEND


def test_the_closed_lists_are_those_that_were_decided() -> None:
    assert set(WITHOUT_CONSENT) == {"opt_out_confirmation", "help", "safety", "neutral"}
    assert {"recheck", "nurse", "opt_in_confirmation"} == AT_ANY_HOUR - WITHOUT_CONSENT
    assert set(SCHEDULED) == {"check_in", "reminder"}


def circumstances(**more: Any) -> Circumstances:
    consent = Consent(ONE, ONE, Channel.SMS, "", NOW - timedelta(days=1))
    base = Circumstances(Purpose.CHECK_IN, ONE, Channel.SMS, "heart_failure", NOW, None, [consent], False, None, False, None)
    return replace(base, **more)


HELD = Closed(NOW + timedelta(hours=1), Why.QUIET)
ALONE: dict[str, tuple[dict[str, Any], frozenset[Purpose]]] = {
    "nothing": ({}, frozenset(OUTGOING)),
    "unsafe": ({"unsafe_to_contact": True}, frozenset()),
    "too late": ({"useful_until": NOW}, frozenset()),
    "stopped": ({"patient_stopped": True}, WHEN_STOPPED),
    "paused": ({"paused": True}, frozenset(OUTGOING) - SCHEDULED),
    "opted out": ({"opted_out_at": NOW}, WITHOUT_CONSENT),
    "a parent's phone": ({"parents_phone": True}, WITHOUT_CONSENT),
    "no consent": ({"consents": []}, WITHOUT_CONSENT),
    "of another phone": ({"consents": [Consent(ONE, OTHER, Channel.SMS, "", NOW)]}, WITHOUT_CONSENT),
    "to calls": ({"consents": [Consent(ONE, ONE, Channel.VOICE, "", NOW)]}, WITHOUT_CONSENT),
    "for another programme": ({"consents": [Consent(ONE, ONE, Channel.SMS, "copd", NOW)]}, WITHOUT_CONSENT),
    "not yet given": ({"consents": [Consent(ONE, ONE, Channel.SMS, "", NOW + timedelta(minutes=1))]}, WITHOUT_CONSENT),
    "withdrawn": ({"consents": [Consent(ONE, ONE, Channel.SMS, "", NOW, NOW)]}, WITHOUT_CONSENT),
    "run out": ({"consents": [Consent(ONE, ONE, Channel.SMS, "", NOW, ends_at=NOW)]}, WITHOUT_CONSENT),
    "no consent of its own": ({"own_consent": True}, WITHOUT_CONSENT),
    "closed": ({"closed": HELD}, AT_ANY_HOUR),
    "closed, but just asked": ({"closed": HELD, "answers_recent_reply": True}, frozenset(OUTGOING)),
    "as often as agreed": ({"caps": [Cap("agreed_frequency_reached", 1, 1)]}, frozenset(OUTGOING) - {Purpose.CHECK_IN}),
}


@pytest.mark.parametrize("refusal", ALONE)
def test_each_rule_alone_lets_through_exactly_its_closed_list(refusal: str) -> None:
    more, leaves = ALONE[refusal]
    assert {purpose for purpose in OUTGOING if allowed(circumstances(purpose=purpose, **more))} == leaves


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({}, "allowed"),
        ({"own_consent": True}, "no_consent"),
        ({"own_consent": True, "consents": [Consent(ONE, ONE, Channel.SMS, "heart_failure", NOW)]}, "allowed"),
        ({"by_the_patient": True, "consents": [Consent(ONE, ONE, Channel.SMS, "", NOW, by_representative=True)]}, "no_consent"),
        ({"parents_phone": True}, "parents_phone"),
        ({"consents": [Consent(ONE, ONE, Channel.SMS, "", NOW, ends_at=NOW)]}, "no_consent"),
        ({"caps": [Cap("agreed_week_reached", 3, 3)]}, "agreed_week_reached"),
        ({"caps": [Cap("agreed_week_reached", 3, 2)]}, "allowed"),
        ({"closed": Closed(NOW + timedelta(hours=1), Why.HOLIDAY)}, "holiday"),
        ({"closed": Closed(NOW + timedelta(hours=9), Why.STATE), "useful_until": NOW + timedelta(hours=4)}, "state_hours_outlast_it"),
    ],
)
def test_the_reason_is_said(more: dict[str, Any], why: str) -> None:
    assert may_send(circumstances(**more), NOW).why == why
