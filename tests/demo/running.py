"""The demo, really running in this process: a listening socket, webhooks over HTTP, jobs."""

import asyncio
import functools
import logging
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from unittest.mock import patch

from aiohttp import ClientTimeout, web

from service.commands.serve import listen
from service.content import load_content
from service.db.migrate import upgrade
from service.demo.run import Demo
from service.telephony.simulator import line
from service.webhooks import calls
from tests.patience import PATIENCE_SECONDS
from tests.postgres import run_to_end

STILL_SECONDS = 1.0

content = functools.cache(load_content)
"""Read once for all tests of a run."""


@functools.cache
def _migrated() -> bytes:
    """A migrated, empty SQLite file: nobody waits for the migrations of each demo."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "demo.sqlite3"
        run_to_end(lambda: upgrade(f"sqlite+aiosqlite:///{path}"))
        return path.read_bytes()


def migrate(folder: Path) -> None:
    """Puts the demo's database there, unless it is, with no row in it."""
    path = folder / "demo.sqlite3"
    if not path.exists():
        folder.mkdir(exist_ok=True)
        path.write_bytes(_migrated())


@asynccontextmanager
async def running_demo(folder: Path) -> AsyncIterator[Demo]:
    """A demo that answers at `demo.address`; ended and its port freed at the end.

    A call's step may take as long as the tests are patient: they judge what is said, not how fast a busy machine says it. How long a
    carrier waits is for the tests of webhooks.
    """
    listener = listen("127.0.0.1", 0)
    demo = Demo(folder, f"http://127.0.0.1:{listener.getsockname()[1]}", content=content())
    migrate(folder)
    await demo.prepare()
    runner = web.AppRunner(demo.app(), access_log=None, shutdown_timeout=1)
    await runner.setup()
    watch = asyncio.create_task(_tell_stillness())
    patient = ClientTimeout(total=PATIENCE_SECONDS, connect=PATIENCE_SECONDS)
    try:
        with patch.object(calls, "STEP_SECONDS", PATIENCE_SECONDS), patch.object(line, "_TIMEOUT", patient):
            await web.SockSite(runner, listener).start()
            yield demo
    finally:
        watch.cancel()
        await runner.cleanup()
        listener.close()


async def _tell_stillness() -> None:
    """Logs when this process stood still: a demo that was late for that reason has no fault."""
    loop = asyncio.get_running_loop()
    while True:
        before = loop.time()
        await asyncio.sleep(STILL_SECONDS)
        late = loop.time() - before - STILL_SECONDS
        if late > STILL_SECONDS:
            logging.getLogger(__name__).warning("the event loop stood still for %.1f s", late)


async def until(condition: Callable[[], bool | Awaitable[bool]], what: str) -> None:
    """Waits for a condition; fails saying what did not happen."""
    ends = asyncio.get_running_loop().time() + PATIENCE_SECONDS
    while True:
        met = condition()
        if await met if isinstance(met, Awaitable) else met:
            return
        assert asyncio.get_running_loop().time() < ends, f"waited {PATIENCE_SECONDS} s in vain: {what}"
        await asyncio.sleep(0.05)
