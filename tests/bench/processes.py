"""Parts that run in processes of their own: started as modules, told what to do on one line of JSON, ready when they say so."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

START_SECONDS = 60
ROOT = Path(__file__).parents[2]


class Process:
    """A running part; speaks JSON, a line at a time."""

    def __init__(self, process: asyncio.subprocess.Process, name: str) -> None:
        self._process = process
        self._name = name

    async def tell(self, said: Any) -> None:
        """One line to the process."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(said).encode() + b"\n")
        await self._process.stdin.drain()

    async def hear(self, seconds: float) -> Any:
        """One line from the process, within so many seconds."""
        assert self._process.stdout is not None
        async with asyncio.timeout(seconds):
            line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._name} ended: see its errors above")
        return json.loads(line)


@contextlib.asynccontextmanager
async def started(module: str, task: Any) -> AsyncIterator[tuple[Process, Any]]:
    """The process of a module, and what it said first; ended with the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
        limit=64 * 2**20,
    )
    part = Process(process, module)
    try:
        await part.tell(task)
        yield part, await part.hear(START_SECONDS)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(20):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
