"""Live pages: a stream that only says "something changed"; the page then fetches its own part anew, with all its checks."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from uuid import UUID

from aiohttp import web
from aiohttp_sse import sse_response

from service.db.item import item_mark
from service.db.queue import queue_mark
from service.web.keys import DATABASE, SESSIONS, STREAMS, WEB_SESSION
from service.web.streams import MOST_STREAMS_EACH

POLL_SECONDS = 2.0
"""The net below the wake-ups: a lost one is made up for after this."""
SETTLE_SECONDS = 0.05
"""Several changes within this are told as one."""
CHECK_SESSION_SECONDS = 10.0
SEND_TIMEOUT_SECONDS = 10.0
LONGEST_SECONDS = 300.0
"""A stream ends after this; the browser opens the next one by itself, with every check made anew."""

Mark = Callable[[], Awaitable[str | None]]


async def queue_stream(request: web.Request) -> web.StreamResponse:
    """GET /queue/live: "hello" with the list's present mark, then "changed" for every change of the teams' open items."""
    staff = request[WEB_SESSION].staff

    async def mark() -> str | None:
        async with request.app[DATABASE].reading() as connection:
            return await queue_mark(connection, staff)

    return await _stream(request, mark)


async def item_stream(request: web.Request) -> web.StreamResponse:
    """GET /items/{id}/live: the same for one item and its conversation."""
    staff, item_id = request[WEB_SESSION].staff, UUID(request.match_info["id"])

    async def mark() -> str | None:
        async with request.app[DATABASE].reading() as connection:
            return await item_mark(connection, staff, item_id)

    if await mark() is None:
        raise web.HTTPNotFound
    return await _stream(request, mark)


async def _stream(request: web.Request, mark: Mark) -> web.StreamResponse:
    database, staff, now = request.app[DATABASE], request[WEB_SESSION].staff, asyncio.get_running_loop().time
    with database.wakeups.listen(f"queue:{staff.organization_id}") as changed:
        last = await mark()
        async with sse_response(request, send_timeout=SEND_TIMEOUT_SECONDS) as stream:
            ends, check_at = now() + LONGEST_SECONDS, now() + CHECK_SESSION_SECONDS
            with (
                request.app[STREAMS].keep(staff.id, stream, most=MOST_STREAMS_EACH),
                contextlib.suppress(ConnectionResetError, TimeoutError),
            ):
                await stream.send(last or "", event="hello", retry=1000)
                while stream.is_connected() and now() < ends:
                    if await _woken(changed):
                        await asyncio.sleep(SETTLE_SECONDS)
                    changed.clear()
                    if now() >= check_at:
                        if await request.app[SESSIONS].find(request, touch=False) is None:
                            await stream.send("", event="ended")
                            break
                        check_at = now() + CHECK_SESSION_SECONDS
                    current = await mark()
                    if current != last:
                        await stream.send(current or "", event="changed")
                        last = current
        return stream


async def _woken(changed: asyncio.Event) -> bool:
    try:
        await asyncio.wait_for(changed.wait(), POLL_SECONDS)
    except TimeoutError:
        return False
    return True


async def stop_streams(app: web.Application) -> None:
    """Ends every stream at shutdown, so that the server need not wait for them."""
    app[STREAMS].end_all()
    app[DATABASE].wakeups.wake_all()
