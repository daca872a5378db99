"""Processes that start warm: forked from a parent that has imported the service and read the content once.

A process of the service takes four seconds to import and to read the content, and tests start and kill many. From there on it is a process
as any other: its own id, environment, folder, signals and files, ended by SIGKILL or by itself. What it runs is `python -m MODULE ...`.

`python -m tests.story.warm` is the parent. It speaks over the socket that is its standard input: a message asks for one process (module,
arguments, environment and folder as JSON; standard input, output and error and a socket for its end as descriptors); on the last it writes
the process's id and, when that is over, the code that it ended with. When the socket closes, all that is left is killed.
"""

from __future__ import annotations

import asyncio
import atexit
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO

from service.content import load_content

ROOT = Path(__file__).parents[2]
_IMPORTED = (
    "service.__main__",
    "service.app",
    "aiosqlite",
    "asyncpg",
    "apscheduler.executors.asyncio",
    "jinja2.ext",
    "tests.calls.conftest",
)
LONGEST_MESSAGE = 64 * 1024
LONGEST_LINE = 64 * 1024 * 1024


class Process:
    """One process, as asyncio's own. `stdout` and `stdin` are one socket; `stderr` is None when it goes to a log."""

    def __init__(self, pid: int, over: asyncio.Task[int], streams: Streams, errors: Streams | None) -> None:
        self.pid = pid
        self.stdout, self.stdin = streams
        self.stderr = errors[0] if errors is not None else None
        self._over = over
        self._writers = [one[1] for one in (streams, errors) if one is not None]

    @property
    def returncode(self) -> int | None:
        """None while it runs; below zero the signal that ended it."""
        return self._over.result() if self._over.done() else None

    def send_signal(self, number: signal.Signals) -> None:
        """To this process, if it is still there."""
        if self.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    async def communicate(self, said: bytes = b"") -> tuple[bytes, bytes]:
        """Says this and nothing more, and hears it to its end: standard output and error."""
        self.stdin.write(said)
        with suppress(OSError):  # it may be over
            self.stdin.write_eof()
        out, err = await asyncio.gather(_all(self.stdout), _all(self.stderr))
        await self.wait()
        return out, err

    async def wait(self) -> int:
        """The code that it ended with."""
        code = await asyncio.shield(self._over)
        for writer in self._writers:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
        return code


Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def start(
    module: str, *arguments: str, environment: Mapping[str, str] | None = None, folder: Path = ROOT, log: IO[bytes] | None = None
) -> Process:
    """`python -m module arguments` in this folder and with this environment alone (None: the one of the tests).

    Its standard error goes to `log`, or can be read from the process.
    """
    told = {"module": module, "arguments": arguments, "environment": dict(environment or os.environ), "folder": str(folder)}
    streams, child_streams = socket.socketpair()
    errors, child_errors = (None, None) if log is not None else socket.socketpair()
    over, child_over = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    over.setblocking(False)
    error_file = log.fileno() if log is not None else child_errors.fileno() if child_errors is not None else 2
    with child_streams, child_over:
        handed = [child_streams.fileno(), child_streams.fileno(), error_file, child_over.fileno()]
        socket.send_fds(_parent(), [json.dumps(told).encode()], handed)
    if child_errors is not None:
        child_errors.close()
    pid = await asyncio.get_running_loop().sock_recv(over, 32)
    assert pid, "the parent of the warm processes has ended: see its errors above"
    return Process(
        int(pid),
        asyncio.create_task(_ended(over)),
        await asyncio.open_connection(sock=streams, limit=LONGEST_LINE),
        await asyncio.open_connection(sock=errors, limit=LONGEST_LINE) if errors is not None else None,
    )


async def _ended(over: socket.socket) -> int:
    with over:
        return int(await asyncio.get_running_loop().sock_recv(over, 32))


async def _all(reader: asyncio.StreamReader | None) -> bytes:
    return b"" if reader is None else await reader.read()


@cache
def _parent() -> socket.socket:
    """The socket to this test process's own parent of warm processes, which ends with it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen([sys.executable, "-m", __name__], cwd=ROOT, stdin=theirs.fileno(), start_new_session=True)

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def _become(told: Mapping[str, object], descriptors: list[int]) -> None:
    """This child is the program that was asked for; returns when that is over."""
    for target, descriptor in enumerate(descriptors):
        os.dup2(descriptor, target)
    for descriptor in {*descriptors} - {0, 1, 2}:
        os.close(descriptor)
    os.chdir(str(told["folder"]))
    environment = told["environment"]
    assert isinstance(environment, dict)
    os.environ.clear()
    os.environ.update(environment)
    arguments = told["arguments"]
    assert isinstance(arguments, list)
    sys.argv = [str(told["module"]), *arguments]
    sys.modules.pop("service.__main__", None)  # it is run, not imported
    runpy.run_module(str(told["module"]), run_name="__main__", alter_sys=True)


def _warm_up() -> None:
    """Everything that a node imports and reads before it serves, so that its children have it."""
    for module in _IMPORTED:
        importlib.import_module(module)
    load_content()


def main() -> None:
    """Forks what it is asked for, and tells how each has ended."""
    _warm_up()
    control = socket.socket(fileno=os.dup(0))
    woken, wake = socket.socketpair()
    woken.setblocking(False)
    wake.setblocking(False)
    signal.set_wakeup_fd(wake.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    children: dict[int, socket.socket] = {}
    with selectors.DefaultSelector() as either:
        either.register(control, selectors.EVENT_READ)
        either.register(woken, selectors.EVENT_READ)
        while True:
            ready = {key.fileobj for key, _ in either.select()}
            if woken in ready:
                woken.recv(4096)
                _bury(children)
            if control not in ready:
                continue
            message, descriptors, _, _ = socket.recv_fds(control, LONGEST_MESSAGE, 4)
            if not message:
                break
            *streams, over = descriptors
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                either.close()
                for one in (control, woken, wake, *children.values(), socket.socket(fileno=over)):
                    one.close()
                _become(json.loads(message), streams)
                return
            for descriptor in streams:
                os.close(descriptor)
            children[pid] = socket.socket(fileno=over)
            children[pid].send(str(pid).encode())
    for pid in children:
        os.kill(pid, signal.SIGKILL)


def _bury(children: dict[int, socket.socket]) -> None:
    """Takes note of those that have ended."""
    for pid in [*children]:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            with children.pop(pid) as over, suppress(BrokenPipeError):
                over.send(str(os.waitstatus_to_exitcode(status)).encode())


if __name__ == "__main__":
    main()
