"""A clock that starts where the bench wants it and runs like any other."""

from __future__ import annotations

import time
from datetime import datetime, timedelta


class BenchClock:
    """`start` when made, and real time from then on."""

    def __init__(self, start: datetime) -> None:
        self._start = start
        self._made = time.monotonic()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=time.monotonic() - self._made)
