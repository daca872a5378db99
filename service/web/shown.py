"""Which items a session has been shown already, so that a live list does not audit the same read every few seconds."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from uuid import UUID

MOST_SESSIONS = 2_000
MOST_ITEMS = 2_000


class Shown:
    """Bounded memory of this process; what falls out of it is audited once more, which does no harm."""

    def __init__(self) -> None:
        self._by_session: OrderedDict[str, set[UUID]] = OrderedDict()

    def already(self, session: str) -> set[UUID]:
        """Items that this session has been shown."""
        return self._by_session.get(session, set())

    def add(self, session: str, items: Iterable[UUID]) -> None:
        """Remembers that they were shown (and audited)."""
        seen = self._by_session.setdefault(session, set())
        self._by_session.move_to_end(session)
        if len(seen) > MOST_ITEMS:
            seen.clear()
        seen.update(items)
        while len(self._by_session) > MOST_SESSIONS:
            self._by_session.popitem(last=False)
