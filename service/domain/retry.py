"""When a failed send may be tried again: pure decisions (law 3: never one whose outcome is not known)."""

from __future__ import annotations

from datetime import datetime, timedelta

MAXIMUM_ATTEMPTS = 5
"""For what has no end of its usefulness of its own."""
_DELAYS = (timedelta(seconds=5), timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=10))
GIVE_UP_AFTER = timedelta(hours=24)
"""A text that names no end of its usefulness is tried so long after it was written: an outage of hours loses nothing."""
MOST_AGAIN = 3
"""So often a text is sent anew after a final failure that asks for it (handset off, no reason given), hours apart."""
NEVER_HAD_AGAIN = 10
"""So often after the provider's own list shows that it never had the text: an outage's probes."""


def next_attempt_at(
    attempts: int,
    now: datetime,
    *,
    retry_after: timedelta | None = None,
    jitter: float = 0.0,
    until: datetime | None = None,
) -> datetime | None:
    """When attempt number `attempts + 1` is due after a transient failure, None when there is none.

    `jitter` in [0, 1) adds up to half of the delay, so that a recovered provider is not met by everybody at once. With `until` the
    attempts go on, ten minutes apart, as long as the next one comes before it; without, there are five.
    """
    if until is None and attempts >= MAXIMUM_ATTEMPTS:
        return None
    delay = _DELAYS[min(attempts, len(_DELAYS)) - 1] if attempts else _DELAYS[0]
    delay = max(delay, retry_after or timedelta())
    due_at = now + delay + delay * (jitter / 2)
    return due_at if until is None or due_at < until else None


def again_at(
    again: int, now: datetime, retry_after: timedelta, *, created_at: datetime, useful_until: datetime | None, most: int = MOST_AGAIN
) -> datetime | None:
    """When a text whose failure is final may be sent anew, as a row of its own; None when not any more.

    `again` rows stand before this one. It must still be of use then (a day after it was written when it names no end).
    """
    due_at = now + retry_after
    return due_at if again < most and due_at < (useful_until or created_at + GIVE_UP_AFTER) else None
