"""`rounds serve` while its database cannot be asked: it waits, and what needs no database is answered.

A machine's database may come up after the service, or not at all for an hour. Who calls the clinic's number, or is in the middle of a
call, then hears whom to call; everything else is a 503, upon which providers come again. No row is read or written before the
database has been asked whether its schema and keys are ours.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Never

import structlog
from aiohttp import web

from service.commands.surroundings import plain
from service.db.failures import is_outage, refusal
from service.webhooks.calls import CALLS, setup_calls
from service.webhooks.verified import RECEIVERS

_log = structlog.get_logger(__name__)

ASKING_SECONDS = 10.0
"""How long a database may take to say whether it is ours."""
PAUSES_SECONDS = (0.5, 1.0, 2.0, 4.0)
LONGEST_PAUSE_SECONDS = 8.0
RETRY_AFTER = {"Retry-After": "10"}


class Gone(Exception):
    """The database cannot be asked."""


async def answers(check: Callable[[], Awaitable[None]]) -> Exception | None:
    """None when `check` passes, its error when the database cannot be asked just now; raises what waiting does not mend."""
    try:
        async with asyncio.timeout(ASKING_SECONDS):
            await check()
    except Exception as error:
        if not is_outage(error) or refusal(error) is not None:
            raise
        return error
    return None


async def wait(app: web.Application, listener: socket.socket, check: Callable[[], Awaitable[None]], why: Exception) -> bool:
    """Answers for `app` on its listener until `check` passes: True; False when the process is told to stop. Raises as `answers`.

    The listener stays open: who connects between this and the service itself waits for a moment.
    """
    print(f"rounds: {plain(why)} Waiting for it; callers hear whom to call, everything else is refused.", file=sys.stderr, flush=True)
    told_to_stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told_to_stop.set)
    runner = web.AppRunner(_answering_for(app), access_log=None)
    await runner.setup()
    try:
        await web.SockSite(runner, listener.dup()).start()
        for seconds in _pauses():
            _log.warning("database_awaited", error=type(why).__name__, seconds=seconds)
            try:
                await asyncio.wait_for(told_to_stop.wait(), seconds)
            except TimeoutError:
                found = await answers(check)
                if found is None:
                    return True
                why = found
            else:
                return False
    finally:
        await runner.cleanup()
    raise AssertionError("pauses do not end")


def _pauses() -> Iterator[float]:
    yield from PAUSES_SECONDS
    while True:
        yield LONGEST_PAUSE_SECONDS


def _answering_for(app: web.Application) -> web.Application:
    """The webhooks of calls as `app` has them, each without its action; 503 for the rest."""
    without = web.Application()
    without[RECEIVERS] = replace(app[RECEIVERS], keep=_gone)
    setup_calls(without, replace(app[CALLS], step=_gone, status=_gone, called=_gone))
    without.router.add_get("/healthz", _health)
    without.router.add_get("/readyz", _health)
    without.router.add_route("*", "/{rest:.*}", _come_again)
    return without


async def _gone(*_: object) -> Never:
    raise Gone


async def _health(_: web.Request) -> web.Response:
    """What both say of a service whose database does not answer."""
    return web.json_response({"ok": False, "problems": ["database"], "alarms": []}, status=503)


async def _come_again(_: web.Request) -> web.Response:
    return web.Response(status=503, text="Rounds is waiting for its database. Try again in a minute.", headers=RETRY_AFTER)
