"""When a send is tried again, and when not any more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from service.domain.retry import GIVE_UP_AFTER, MAXIMUM_ATTEMPTS, MOST_AGAIN, again_at, next_attempt_at

NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_delays_grow_and_end() -> None:
    delays = [(next_attempt_at(attempts, NOW) or NOW) - NOW for attempts in range(1, MAXIMUM_ATTEMPTS)]
    assert delays == [timedelta(seconds=5), timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=10)]
    assert next_attempt_at(MAXIMUM_ATTEMPTS, NOW) is None


def test_with_an_end_it_goes_on_until_then() -> None:
    assert next_attempt_at(50, NOW, until=NOW + HOUR) == NOW + timedelta(minutes=10)
    assert next_attempt_at(1, NOW, until=NOW + timedelta(seconds=5)) is None


def test_the_providers_pause_and_jitter_are_kept() -> None:
    assert next_attempt_at(1, NOW, retry_after=HOUR) == NOW + HOUR
    assert next_attempt_at(1, NOW, jitter=0.99) <= NOW + timedelta(seconds=7.5)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("again", "age", "useful_for", "expected"),
    [(0, 0, None, True), (MOST_AGAIN, 0, None, False), (0, 23, None, False), (0, 0, 2, False), (0, 0, 3, True)],
)
def test_a_text_is_sent_anew_a_few_times_while_it_is_of_use(again: int, age: int, useful_for: int | None, expected: bool) -> None:
    useful_until = None if useful_for is None else NOW + useful_for * HOUR
    due = again_at(again, NOW, 2 * HOUR, created_at=NOW - age * HOUR, useful_until=useful_until)
    assert due == (NOW + 2 * HOUR if expected else None)
    assert timedelta(hours=23) < GIVE_UP_AFTER
