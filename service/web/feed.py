"""What has changed in the queues that are open on this node: looked up once for all who see the same teams, and handed to each.

A page gets the rows that are new, so that 300 open pages do not ask for a page each at the same moment. Whoever does not keep up is
dropped: a browser comes back by itself and says what it has seen last.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog

from service.actions.view_queue import note_shown
from service.clock import Clock
from service.db.database import Database
from service.db.queue import QueueRow, load_rows
from service.db.queue_state import queue_mark, touched_since
from service.db.sessions import living
from service.domain.escalation import Escalation
from service.domain.staff import Staff
from service.web.sessions import token_hash
from service.web.shown import Shown

_log = structlog.get_logger(__name__)

POLL_SECONDS = 2.0
"""The net below the wake-ups: a lost one is made up for after this."""
SETTLE_SECONDS = 0.03
"""Several changes within this are told as one."""
MOST_ROWS = 20
"""Rows told in one go; with more the pages fetch themselves anew."""
MOST_NEWS = 16
"""News that may wait for one browser."""
LOOKS_BACK = timedelta(minutes=2)
"""Commits that come late, and nodes whose clocks differ, are seen within this."""


@dataclass(slots=True)
class News:
    """One change: the mark of the state after it, the rows that wait for somebody now, and how many pages hear of it."""

    mark: str
    rows: tuple[QueueRow, ...] = ()
    pages: int = 1
    html: dict[str, str] = field(default_factory=dict)
    """The rows as written in each language, by who comes first."""
    ended: bool = False
    """The page's session is over: nothing more is told to it."""


@dataclass(eq=False, slots=True)
class Subscriber:
    """One open page: its member of staff and session, what waits for it, and how it is dropped. `rows`: it shows what is unclaimed."""

    staff: Staff
    session: str
    rows: bool
    drop: Callable[[], None]
    news: asyncio.Queue[News] = field(default_factory=lambda: asyncio.Queue(MOST_NEWS))


@dataclass(eq=False, slots=True)
class _Group:
    """Pages that see the same teams."""

    members: set[Subscriber] = field(default_factory=set)
    task: asyncio.Task[None] | None = None
    woken: asyncio.Event | None = None
    """Makes its task look, also whether anybody is still there."""


class Feed:
    """The open queue pages of this node."""

    def __init__(self, database: Database, clock: Clock, shown: Shown) -> None:
        self._database, self._clock, self._shown = database, clock, shown
        self._groups: dict[tuple[UUID, tuple[UUID, ...]], _Group] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @contextlib.contextmanager
    def subscribe(self, one: Subscriber) -> Iterator[None]:
        """News arrive at `one` while inside."""
        key = one.staff.organization_id, tuple(sorted(one.staff.team_ids))
        group = self._groups.setdefault(key, _Group())
        group.members.add(one)
        if group.task is None:
            group.task = asyncio.create_task(self._watch(group, one.staff), name="queue-feed")
            self._tasks.add(group.task)
            group.task.add_done_callback(self._tasks.discard)
        try:
            yield
        finally:
            group.members.discard(one)
            if not group.members and self._groups.get(key) is group:
                del self._groups[key]
                if group.woken is not None:
                    group.woken.set()

    def wake_all(self) -> None:
        """Everybody looks up: the server stops."""
        for group in self._groups.values():
            for one in group.members:
                with contextlib.suppress(asyncio.QueueFull):
                    one.news.put_nowait(News(""))

    async def close(self) -> None:
        """Waits for what is being looked up: a task that is cut off would leave its connection open."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def missed(self, one: Subscriber, mark: str, last_seen: str) -> News | None:
        """What a page that comes back has missed since the mark it saw last; None when nothing."""
        if last_seen == mark:
            return None
        try:
            since = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(last_seen.rpartition(".")[2])) - LOOKS_BACK
        except (ValueError, OverflowError):
            return News(mark)
        news = News(mark, await self._rows(one.staff, since, {}) if one.rows else ())
        await self._audit([one], news.rows)
        return news

    async def _watch(self, group: _Group, staff: Staff) -> None:
        known: dict[UUID, int] = {}
        last = ""
        with self._database.wakeups.listen(f"queue:{staff.organization_id}") as woken:
            group.woken = woken
            while group.members:
                try:
                    now = self._clock.now()
                    async with self._database.reading() as connection:
                        mark = await queue_mark(connection, staff, now)
                    if mark != last:
                        rows = await self._rows(staff, now - LOOKS_BACK, known)
                        await self._publish(group, News(mark, rows, len(group.members)))
                        last = mark  # what could not be told is told again
                except Exception as error:  # whatever it was: the pages' own polls are the net, and this loop must not end
                    _log.warning("queue_feed_failed", error=type(error).__name__)
                    await asyncio.sleep(1)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(woken.wait(), POLL_SECONDS)
                    await asyncio.sleep(SETTLE_SECONDS)
                woken.clear()

    async def _rows(self, staff: Staff, since: datetime, known: dict[UUID, int]) -> tuple[QueueRow, ...]:
        """Items touched since then that wait for somebody and are not `known` in this version; they are from now on."""
        now = self._clock.now()
        async with self._database.reading() as connection:
            touched = dict(await touched_since(connection, staff, since, 500))
            fresh = [id for id, version in touched.items() if known.get(id) != version]
            known.clear()
            known.update(touched)
            if not fresh or len(fresh) > MOST_ROWS:
                return ()
            rows = await load_rows(connection, staff, fresh, now)
        return tuple(row for row in rows if not row.item.held(now) and not row.item.asleep(now))

    async def _publish(self, group: _Group, news: News) -> None:
        members = list(group.members)
        hashes = {one: token_hash(one.session) for one in members}
        async with self._database.reading() as connection:
            alive = await living(connection, set(hashes.values()), self._clock.now())
        await self._audit([one for one in members if one.rows and hashes[one] in alive], news.rows)
        for one in members:
            try:
                one.news.put_nowait(news if hashes[one] in alive else News(news.mark, ended=True))
            except asyncio.QueueFull:
                one.drop()

    async def _audit(self, pages: list[Subscriber], rows: tuple[QueueRow, ...]) -> None:
        """Who is shown a patient's row for the first time in their session is audited before it leaves (law 10)."""
        fresh: list[tuple[Staff, Escalation]] = []
        told: set[tuple[str, UUID]] = set()
        for one in pages:
            seen = self._shown.already(one.session)
            for row in rows:
                if row.item.id not in seen and (one.session, row.item.id) not in told:
                    told.add((one.session, row.item.id))
                    fresh.append((one.staff, row.item))
        if fresh:
            await note_shown(self._database, fresh, self._clock.now())
            for session, item_id in told:
                self._shown.add(session, [item_id])
