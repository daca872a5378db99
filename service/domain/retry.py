"""When a failed send may be tried again: a pure decision (law 3: only a transient failure is retried)."""

from __future__ import annotations

from datetime import datetime, timedelta

MAXIMUM_ATTEMPTS = 5
_DELAYS = (timedelta(seconds=5), timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=10))


def next_attempt_at(attempts: int, now: datetime, *, retry_after: timedelta | None = None, jitter: float = 0.0) -> datetime | None:
    """When attempt number `attempts + 1` is due after a transient failure, None when attempts are exhausted.

    `jitter` in [0, 1) adds up to half of the delay, so that a recovered provider is not met by everybody at once.
    """
    if attempts >= MAXIMUM_ATTEMPTS:
        return None
    delay = _DELAYS[min(attempts, len(_DELAYS)) - 1] if attempts else _DELAYS[0]
    delay = max(delay, retry_after or timedelta())
    return now + delay + delay * (jitter / 2)
