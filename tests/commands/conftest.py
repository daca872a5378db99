"""Runs the command line: in this process (`run`) for tables of cases, as a program of its own (`program`) where that matters."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from service.__main__ import main
from service.db.encryption import new_key
from tests.patience import PATIENCE_SECONDS
from tests.postgres import run_to_end
from tests.story import warm


@dataclass(frozen=True)
class Ended:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str


@pytest.fixture
def environment(database_url: str) -> dict[str, str]:
    """Settings that are complete, for an empty, migrated database."""
    return settings_for(database_url)


def settings_for(database_url: str) -> dict[str, str]:
    return {
        "DATABASE_URL": database_url,
        "PUBLIC_BASE_URL": "http://localhost:8080",
        "ENCRYPTION_KEYS": f"k1:{new_key()}",
        "BLIND_INDEX_KEY": new_key(),
        "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
        "TWILIO_AUTH_TOKEN": "an-invented-token",
        "TWILIO_FROM": "+12025550100",
    }


@pytest.fixture
def run(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """`run("team", "add", ...)` in this process, under `environment`."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def call(*arguments: str) -> Ended:
        capsys.readouterr()
        try:
            code = main(arguments)
        except SystemExit as end:  # argparse
            code = int(end.code or 0)
        printed = capsys.readouterr()
        return Ended(code, printed.out, printed.err)

    return call


BARE = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG") if name in os.environ}


def program(*arguments: str, environment: dict[str, str] | None = None, words: str = "", seconds: float = PATIENCE_SECONDS) -> Ended:
    """`python -m service ...` with these settings and no others, in a process of its own that starts warm."""

    async def run() -> Ended:
        process = await warm.start("service", *arguments, environment=BARE | (environment or {}))
        try:
            async with asyncio.timeout(seconds):
                out, err = await process.communicate(words.encode())
        finally:
            process.send_signal(signal.SIGKILL)
        return Ended(process.returncode or 0, out.decode(), err.decode())

    return run_to_end(run)


def cold_program(*arguments: str, environment: dict[str, str] | None = None, cwd: Path, seconds: float = PATIENCE_SECONDS) -> Ended:
    """The same of the checkout in `cwd`, with nothing read before."""
    command = [sys.executable, "-m", "service", *arguments]
    done = subprocess.run(command, env=BARE | (environment or {}), capture_output=True, text=True, cwd=cwd, timeout=seconds, check=False)
    return Ended(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def a_clinic(run: Callable[..., Ended]) -> Callable[..., Ended]:
    """`run`, after an organization and two teams were added."""
    clinic = ("--name", "Riverside Clinic", "--zone", "America/New_York", "--clinic-phone", "202-555-0190", "--after-hours", "202-555-0199")
    assert run("organization", "add", *clinic) == Ended(0, "The organization was added.\n", "")
    for team, number in (("Team A", "202-555-0191"), ("Team B", "202-555-0192")):
        added = run("team", "add", "--name", team, "--on-call", number, "--hours", "mon-fri 08:00-18:00")
        assert added == Ended(0, "The team was added.\n", "")
    return run
