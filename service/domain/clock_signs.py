"""What a node notices of its own clock, and when that is wrong enough to tell a person."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

MOST_APART = timedelta(seconds=60)
"""Own choice: a signature is refused from 300 s on, and an answer from elsewhere is underway for 15 s at most."""
REFUSED_IN_A_ROW = 3
"""One signed webhook may come late by itself; several, with none in time between them, do not."""
REMEMBERED_FOR = timedelta(hours=1)


@dataclass(slots=True)
class ClockSigns:
    """One node's memory: how far other clocks were from its own when last compared, and the webhooks it refused for their age."""

    _apart: dict[str, tuple[timedelta, datetime]] = field(default_factory=dict)
    _refused: int = 0
    _refused_at: datetime | None = None

    def compare(self, whose: str, theirs: datetime, now: datetime) -> None:
        """Another clock (`database`, or a provider's name) says `theirs` while this node's says `now`; both aware UTC."""
        self._apart[whose] = (theirs - now, now)

    def refuse(self, now: datetime) -> None:
        """A webhook with a right signature was refused because of its age."""
        self._refused, self._refused_at = self._refused + 1, now

    def accept(self) -> None:
        """A webhook whose age is signed was taken: this clock is as good as the provider's."""
        self._refused, self._refused_at = 0, None

    def apart(self, now: datetime) -> timedelta | None:
        """How far this node's clock is from the one that differs most, compared within the last hour; None while it is right."""
        lately = [apart for apart, at in self._apart.values() if abs(now - at) <= REMEMBERED_FOR]
        worst = max(lately, key=abs, default=timedelta())
        return worst if abs(worst) > MOST_APART else None

    def refuses(self, now: datetime) -> bool:
        """Whether signed webhooks are being refused for their age, one after the other."""
        return self._refused >= REFUSED_IN_A_ROW and self._refused_at is not None and abs(now - self._refused_at) <= REMEMBERED_FOR
