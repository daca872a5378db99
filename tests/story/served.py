"""`rounds serve` as a process of its own: started (warm, see `tests.story.warm`), stopped, killed and started again on the same port."""

from __future__ import annotations

import asyncio
import base64
import os
import signal
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from service.db.encryption import Keyring
from tests.stand_in_twilio import StandIn
from tests.story import warm

KEYS = {"ENCRYPTION_KEYS": "story:" + base64.b64encode(b"s" * 32).decode(), "BLIND_INDEX_KEY": base64.b64encode(b"b" * 32).decode()}
KEYRING = Keyring.parse(KEYS["ENCRYPTION_KEYS"], KEYS["BLIND_INDEX_KEY"])
START_SECONDS = 60
STOP_SECONDS = 30


def free_port() -> int:
    """A port on loopback that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def environment(database_url: str, port: int, twilio: StandIn | None = None, **more: str) -> dict[str, str]:
    """Everything that `rounds` is told, and of this process's own environment only what a program needs to run at all."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG", "PYTHONPATH") if name in os.environ}
    told = {"DATABASE_URL": database_url, "PUBLIC_BASE_URL": f"http://127.0.0.1:{port}", "PORT": str(port), "MFA": "optional", **KEYS}
    if twilio is not None:
        told |= twilio.settings()
    return kept | told | more


class Served:
    """One node. `base` is its address, also after a restart; `log` keeps what all its processes wrote."""

    def __init__(self, database_url: str, twilio: StandIn, folder: Path, *, send_rate: int = 100, name: str = "node") -> None:
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.provider = twilio.options.name
        self.log = folder / f"{name}.log"
        self.environment = environment(database_url, self.port, twilio, SEND_RATE=str(send_rate), LOG_LEVEL="warning")
        self._folder = folder
        self._process: warm.Process | None = None

    @property
    def sms_url(self) -> str:
        """The webhook for inbound texts, without overrides."""
        return f"{self.base}/webhooks/{self.provider}/sms"

    async def spawn(self) -> None:
        """Starts the process and returns at once."""
        with self.log.open("ab") as log:
            self._process = await warm.start("service", "serve", environment=self.environment, folder=self._folder, log=log)

    async def ready(self) -> None:
        """Waits until the process answers requests; AssertionError with its log when it ends instead."""
        assert self._process is not None
        async with asyncio.timeout(START_SECONDS):
            greeting = await self._process.stdout.readline()
        assert greeting.startswith(b"Rounds serves"), self.log.read_text()[-3000:]

    async def start(self) -> None:
        """Starts the process and waits until it answers."""
        await self.spawn()
        await self.ready()

    @property
    def alive(self) -> bool:
        """True while the process runs."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        """The process's id, which stands in the name that it claims work by."""
        assert self._process is not None
        return self._process.pid

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to this process only."""
        assert self._process is not None
        self._process.send_signal(number)

    async def kill(self) -> None:
        """kill -9: nothing in the process gets a chance to end in order."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        await self._end()

    async def stop(self) -> int:
        """SIGTERM, as a service manager does; the exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return await self._end()

    async def _end(self) -> int:
        assert self._process is not None
        async with asyncio.timeout(STOP_SECONDS):
            return await self._process.wait()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Served]:
        """Started, and gone at the end whatever happened."""
        try:
            await self.start()
            yield self
        finally:
            if self.alive:
                await self.kill()


async def rounds(*arguments: str, environment: Mapping[str, str], folder: Path) -> tuple[int, str, str]:
    """Runs one command to its end: exit code, standard output, standard error."""
    process = await warm.start("service", *arguments, environment=environment, folder=folder)
    try:
        async with asyncio.timeout(START_SECONDS):
            out, err = await process.communicate()
    finally:
        process.send_signal(signal.SIGKILL)
    return await process.wait(), out.decode(), err.decode()
