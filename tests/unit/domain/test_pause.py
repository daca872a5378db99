"""Who may pause what, when a pause ends, and what still leaves while check-ins rest."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from service.domain.communication import Purpose
from service.domain.consent import Consent
from service.domain.pause import LONGEST_DAYS, Pause, PauseKind, PauseState, end_of, ends_by_the_patients_word, may_pause
from service.domain.reading import Channel
from service.domain.sending import SCHEDULED, Circumstances, Verdict, may_send

NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)  # Monday 10:00 in New York
ONE = UUID(int=1)


def on(kind: PauseKind, *, by_staff: bool) -> Pause:
    return Pause(ONE, kind, PauseState.ON, NOW, None, by_staff)


@pytest.mark.parametrize(
    ("current", "by_staff_before", "wanted", "by_staff", "may"),
    [
        (None, False, "away", False, True),
        ("away", False, "away", False, True),
        ("away", False, "hospital", False, True),
        ("away", True, "away", False, False),
        ("other", True, "away", False, False),
        ("away", True, "hospital", False, True),
        ("hospital", False, "away", False, False),
        ("hospital", False, "hospital", False, False),
        ("hospital", True, "hospital", False, False),
        ("hospital", False, "other", True, True),
        ("hospital", True, "away", True, True),
    ],
)
def test_which_pause_goes_before_which(current: str | None, by_staff_before: bool, wanted: str, by_staff: bool, may: bool) -> None:
    before = on(PauseKind(current), by_staff=by_staff_before) if current else None
    assert may_pause(before, PauseKind(wanted), by_staff=by_staff) is may


def test_a_hospital_stay_ends_by_a_nurse_alone() -> None:
    assert [kind for kind in PauseKind if not ends_by_the_patients_word(on(kind, by_staff=False))] == [PauseKind.HOSPITAL]


@pytest.mark.parametrize(
    ("days", "zone", "ends_at"),
    [
        (1, "America/New_York", datetime(2026, 11, 24, 5, 0, tzinfo=UTC)),
        (10, "America/New_York", datetime(2026, 12, 3, 5, 0, tzinfo=UTC)),
        (1, "Pacific/Auckland", datetime(2026, 11, 24, 11, 0, tzinfo=UTC)),  # 4:00 on Tuesday there
        (400, "America/New_York", datetime(2027, 2, 21, 5, 0, tzinfo=UTC)),
    ],
)
def test_a_pause_ends_where_the_patients_day_begins(days: int, zone: str, ends_at: datetime) -> None:
    assert end_of(days, zone, NOW) == ends_at
    assert (ends_at - NOW).days <= LONGEST_DAYS


@pytest.mark.parametrize("purpose", [purpose for purpose in Purpose if purpose is not Purpose.REPLY])
def test_while_check_ins_rest_only_what_is_scheduled_is_held(purpose: Purpose) -> None:
    facts = Circumstances(
        purpose=purpose,
        phone_id=ONE,
        channel=Channel.SMS,
        programme="heart_failure",
        created_at=NOW,
        useful_until=None,
        consents=[Consent(ONE, ONE, Channel.SMS, "", NOW, None, True)],
        unsafe_to_contact=False,
        opted_out_at=None,
        patient_stopped=False,
        closed=None,
        paused=True,
    )
    ruling = may_send(facts, NOW)
    assert (ruling.verdict is Verdict.SEND) is (purpose not in SCHEDULED)
    assert ruling.why == ("paused" if purpose in SCHEDULED else "allowed")
