"""Live pages: a stream that tells what has changed. The page puts new rows where they belong and fetches the rest of itself anew."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID

import aiohttp_jinja2
from aiohttp import web
from aiohttp_sse import EventSourceResponse, sse_response

from service.db.item import item_mark
from service.db.presence import TOUCH_EVERY, present, touch
from service.db.queue import Tab
from service.db.queue_state import queue_mark
from service.web.feed import News, Subscriber
from service.web.keys import CLOCK, DATABASE, FEED, SESSIONS, STREAMS, WEB_SESSION
from service.web.language import spoken
from service.web.streams import MOST_STREAMS_EACH

POLL_SECONDS = 2.0
"""The net below the wake-ups of an item's page: a lost one is made up for after this."""
SETTLE_SECONDS = 0.05
"""Several changes of an item within this are told as one."""
BEAT_SECONDS = 10.0
"""Something is said at least this often, so that a page notices a line that is dead."""
CHECK_SESSION_SECONDS = 10.0
SEND_TIMEOUT_SECONDS = 10.0
LONGEST_SECONDS = 300.0
"""A stream ends after this; the browser opens the next one by itself, with every check made anew."""
UNSENT_BYTES = 65_536
"""What the system keeps for a browser that does not read."""
RETRY_MILLISECONDS = 1000

Mark = Callable[[], Awaitable[str | None]]


async def queue_stream(request: web.Request) -> web.StreamResponse:
    """GET /queue/live?tab=&narrowed=: "hello" with the list's present mark, then "changed" for every change of the teams' items.

    Each event's id is the mark of the state after it. A page that comes back with the last one it has seen is told what it has missed.
    """
    staff, clock = request[WEB_SESSION].staff, request.app[CLOCK]
    shows = request.query.get("tab", Tab.UNCLAIMED) in (Tab.UNCLAIMED, Tab.TEAM) and "narrowed" not in request.query
    one = Subscriber(staff, request.app[SESSIONS].load_cookie(request) or "", shows, _dropper(request))
    feed = request.app[FEED]
    with feed.subscribe(one):
        async with request.app[DATABASE].reading() as connection:
            last = await queue_mark(connection, staff, clock.now())
        seen = request.headers.get("Last-Event-ID", "")
        missed = await feed.missed(one, last, seen) if seen else None
        async with _opened(request) as stream:
            await stream.send(last, event="hello", id=last, retry=RETRY_MILLISECONDS)
            if missed is not None:
                await stream.send(_told(request, one, missed), event="changed", id=missed.mark)
            async for news in _turns(request, stream, lambda: _arrived(one.news)):
                if news is not None and news.ended:
                    await stream.send("", event="ended")
                    return stream
                # Rows may have been read a moment after their mark: they are told also when the mark is one that was told.
                if news is not None and news.mark and (news.mark != last or (news.rows and one.rows)):
                    last = news.mark
                    await stream.send(_told(request, one, news), event="changed", id=last)
        return stream


async def item_stream(request: web.Request) -> web.StreamResponse:
    """GET /items/{id}/live: the same for one item and its conversation; while it is open, others see who has the item open."""
    session, item_id = request[WEB_SESSION], UUID(request.match_info["id"])
    staff, database, clock = session.staff, request.app[DATABASE], request.app[CLOCK]

    async def mark() -> str | None:
        async with database.reading() as connection:
            own = await item_mark(connection, staff, item_id)
            here = await present(connection, [item_id], clock.now(), but=staff.id)
        return None if own is None else f"{own}.{'.'.join(sorted(id.hex[-6:] for id, _ in here.get(item_id, ())))}"

    if await mark() is None:
        raise web.HTTPNotFound
    return await _follow_item(request, item_id, mark)


async def _follow_item(request: web.Request, item_id: UUID, mark: Mark) -> web.StreamResponse:
    database, staff, now = request.app[DATABASE], request[WEB_SESSION].staff, asyncio.get_running_loop().time
    touched_at = float("-inf")
    with database.wakeups.listen(f"queue:{staff.organization_id}") as changed:
        last = await mark()
        async with _opened(request) as stream:
            await stream.send(last or "", event="hello", id=last, retry=RETRY_MILLISECONDS)
            async for _ in _turns(request, stream, lambda: _woken(changed)):
                changed.clear()
                if now() - touched_at >= TOUCH_EVERY.total_seconds():
                    touched_at = now()
                    async with database.transaction() as connection:
                        await touch(connection, staff, item_id, request.app[CLOCK].now())
                current = await mark()
                if current != last:
                    await stream.send(current or "", event="changed", id=current)
                    last = current
        return stream


@contextlib.asynccontextmanager
async def _opened(request: web.Request) -> AsyncIterator[EventSourceResponse]:
    """A stream that counts as open; a browser that is gone, or takes nothing, ends it. ConnectionResetError when it is gone already."""
    staff = request[WEB_SESSION].staff
    if request.transport is None:
        raise ConnectionResetError
    if (own := request.transport.get_extra_info("socket")) is not None:
        with contextlib.suppress(OSError):
            own.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, UNSENT_BYTES)
    async with sse_response(request, send_timeout=SEND_TIMEOUT_SECONDS) as stream:
        with (
            request.app[STREAMS].keep(staff.id, stream, most=MOST_STREAMS_EACH),
            contextlib.suppress(ConnectionResetError, TimeoutError),
        ):
            yield stream


async def _turns(
    request: web.Request, stream: EventSourceResponse, wait: Callable[[], Awaitable[News | None]]
) -> AsyncIterator[News | None]:
    """One turn whenever there may be news, until the stream or its session ends; says "beat" when there is nothing to say."""
    now = asyncio.get_running_loop().time
    ends, check_at, beat_at = now() + LONGEST_SECONDS, now() + CHECK_SESSION_SECONDS, now() + BEAT_SECONDS
    while stream.is_connected() and now() < ends:
        news = await wait()
        if now() >= check_at:
            if await request.app[SESSIONS].find(request, touch=False) is None:
                await stream.send("", event="ended")
                return
            check_at = now() + CHECK_SESSION_SECONDS
        if now() >= beat_at:
            await stream.send("", event="beat")
            beat_at = now() + BEAT_SECONDS
        yield news


async def _arrived(news: asyncio.Queue[News]) -> News | None:
    try:
        return await asyncio.wait_for(news.get(), POLL_SECONDS)
    except TimeoutError:
        return None


async def _woken(changed: asyncio.Event) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(changed.wait(), POLL_SECONDS)
        await asyncio.sleep(SETTLE_SECONDS)


def _told(request: web.Request, one: Subscriber, news: News) -> str:
    """A change as JSON: the mark, how many pages hear of it, and the new rows in the page's language, each with its place in the order."""
    rows = news.rows if one.rows else ()
    language = spoken()
    if rows and language not in news.html:
        template = aiohttp_jinja2.get_env(request.app).get_template("queue_pushed.html")
        session = request[WEB_SESSION]
        news.html[language] = template.render(rows=rows, now=request.app[CLOCK].now(), zone=session.zone, staff=None, form_token="")
    html = news.html[language] if rows else ""
    return json.dumps({"mark": news.mark, "pages": news.pages, "html": html})


def _dropper(request: web.Request) -> Callable[[], None]:
    """Cuts the line of a browser that does not keep up; it comes back and says what it has seen last."""

    def drop() -> None:
        if request.transport is not None:
            request.transport.abort()

    return drop


async def close_feed(app: web.Application) -> None:
    """After the last stream has ended."""
    await app[FEED].close()


async def stop_streams(app: web.Application) -> None:
    """Ends every stream at shutdown, so that the server need not wait for them."""
    app[STREAMS].end_all()
    app[FEED].wake_all()
    app[DATABASE].wakeups.wake_all()
