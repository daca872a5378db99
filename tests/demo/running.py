"""The demo, really running in this process: a listening socket, webhooks over HTTP, jobs."""

import asyncio
import functools
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from service.commands.serve import listen
from service.content import load_content
from service.db.migrate import upgrade
from service.demo.run import Demo
from tests.patience import PATIENCE_SECONDS
from tests.postgres import run_to_end

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
    """A demo that answers at `demo.address`; ended and its port freed at the end."""
    listener = listen("127.0.0.1", 0)
    demo = Demo(folder, f"http://127.0.0.1:{listener.getsockname()[1]}", content=content())
    migrate(folder)
    await demo.prepare()
    runner = web.AppRunner(demo.app(), access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        yield demo
    finally:
        await runner.cleanup()
        listener.close()


async def until(condition: Callable[[], bool | Awaitable[bool]], what: str) -> None:
    """Waits for a condition; fails saying what did not happen."""
    ends = asyncio.get_running_loop().time() + PATIENCE_SECONDS
    while True:
        met = condition()
        if await met if isinstance(met, Awaitable) else met:
            return
        assert asyncio.get_running_loop().time() < ends, f"waited {PATIENCE_SECONDS} s in vain: {what}"
        await asyncio.sleep(0.05)
