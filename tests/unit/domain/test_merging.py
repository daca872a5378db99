"""Of two records of one person the stricter holds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from service.domain.escalation import Reached
from service.domain.limits import LimitTerm
from service.domain.merging import ConsentOnRecord, LimitOnRecord, consents_to_end, joined, limit_to_keep, reached_of, status_of
from service.domain.patient import PatientStatus

NOW = datetime(2026, 11, 16, 15, tzinfo=UTC)
KEPT, OTHER, PHONE = uuid4(), uuid4(), uuid4()
HIGH = LimitTerm("systolic_high", "mmHg", True, False, 50, 290, (160.0,))
LOW = LimitTerm("spo2_low", "%", False, False, 50, 100, (92.0,))


def consent(record: UUID = KEPT, **more: Any) -> ConsentOnRecord:
    usual: dict[str, Any] = {"phone_id": PHONE, "channel": "sms", "programme": "", "given_at": NOW - timedelta(days=9), "revoked_at": None}
    usual |= {"revoked_why": "", "per_day": 1, "per_week": 3, "detail": False}
    return ConsentOnRecord(id=uuid4(), record=record, **(usual | more))


def test_the_consent_to_fewer_check_ins_and_without_detail_is_left() -> None:
    often, seldom = consent(per_day=2, per_week=None), consent(OTHER, per_day=1, per_week=2)
    assert consents_to_end([often, seldom]) == {often.id: "merged"}
    plain, detailed = consent(OTHER), consent(detail=True)
    assert consents_to_end([plain, detailed]) == {detailed.id: "merged"}


def test_consents_for_other_numbers_channels_and_programmes_stay_as_they_are() -> None:
    assert (
        consents_to_end([consent(), consent(OTHER, channel="voice"), consent(OTHER, phone_id=uuid4()), consent(OTHER, programme="copd")])
        == {}
    )


def test_an_opt_out_on_one_record_ends_all() -> None:
    out = consent(OTHER, revoked_at=NOW, revoked_why="opt_out")
    stands = [consent(), consent(channel="voice")]
    assert consents_to_end([*stands, out]) == {one.id: "opt_out" for one in stands}
    came_back = consent(OTHER, channel="voice", phone_id=uuid4())
    assert consents_to_end([*stands, out, came_back]) == {stands[0].id: "merged"}  # they agreed anew, to calls on another number


@pytest.mark.parametrize(("why", "ends"), [("by phone", True), ("replaced", False)])
def test_a_withdrawal_on_the_other_record_after_it_was_given_counts(why: str, ends: bool) -> None:
    stands, withdrawn = consent(), consent(OTHER, revoked_at=NOW - timedelta(days=1), revoked_why=why)
    assert (stands.id in consents_to_end([stands, withdrawn])) is ends
    before = consent(OTHER, given_at=NOW - timedelta(days=30), revoked_at=NOW - timedelta(days=20), revoked_why=why)
    assert consents_to_end([stands, before]) == {}


@pytest.mark.parametrize(
    ("term", "mine", "theirs", "kept"),
    [
        (HIGH, (150, False), (140, False), 140),
        (HIGH, (170, True), (180, True), 170),
        (LOW, (93, False), (95, False), 95),
        (HIGH, (170, True), (155, False), 155),
        (HIGH, (155, False), (170, True), 155),
        (None, (1, False), (2, False), 1),
    ],
)
def test_the_stricter_limit_stays(term: LimitTerm | None, mine: tuple[float, bool], theirs: tuple[float, bool], kept: float) -> None:
    both = [LimitOnRecord(uuid4(), "a_limit", amount, loosens) for amount, loosens in (mine, theirs)]
    assert limit_to_keep(term, both[0], both[1]).amount == kept


def test_a_limit_that_holds_goes_before_a_stricter_one_to_come_or_over() -> None:
    holds = LimitOnRecord(uuid4(), "a_limit", 155, False)
    later = LimitOnRecord(uuid4(), "a_limit", 140, False, begun=False)
    over = LimitOnRecord(uuid4(), "a_limit", 130, False, over=True)
    for first, second, kept in ((later, holds, holds), (holds, over, holds), (over, later, later), (later, over, later)):
        assert limit_to_keep(HIGH, first, second) is kept


def test_an_answer_that_did_not_arrive_stays_so() -> None:
    assert reached_of(Reached.NONE_NEEDED, Reached.NOT_REACHED) is Reached.NOT_REACHED
    assert reached_of(Reached.ON_ITS_WAY, Reached.DELIVERED) is Reached.ON_ITS_WAY
    assert reached_of(Reached.DELIVERED, Reached.NONE_NEEDED) is Reached.DELIVERED


@pytest.mark.parametrize(
    ("kept", "other", "then"),
    [
        ("active", "active", "active"),
        ("active", "deceased", "deceased"),
        ("deceased", "active", "deceased"),
        ("active", "paused", "paused"),
        ("hospice", "paused", "hospice"),
        ("active", "left", "active"),
    ],
)
def test_the_stricter_state_stays(kept: str, other: str, then: str) -> None:
    assert status_of(PatientStatus(kept), PatientStatus(other)) == then


def test_texts_are_joined_where_they_differ() -> None:
    assert joined("Penicillin", "") == "Penicillin"
    assert joined("", "Latex") == "Latex"
    assert joined("Penicillin, latex", "Latex") == "Penicillin, latex"
    assert joined("Penicillin", "Latex") == "Penicillin; Latex"
