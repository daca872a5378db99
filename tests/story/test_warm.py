"""Processes that start warm are processes like any other."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.story import warm
from tests.story.rows import until


async def test_a_process_hears_what_it_is_told_and_says_how_it_ended() -> None:
    reads = await warm.start("json.tool", "--compact")
    assert await reads.communicate(b'{"weight":\n 182}') == (b'{"weight":182}\n', b"")
    assert reads.returncode == 0
    complains = await warm.start("json.tool")
    out, err = await complains.communicate(b"{")
    assert (complains.returncode, out) == (1, b"")
    assert b"Expecting property name" in err


async def test_a_process_has_its_own_id_folder_and_environment_and_can_be_killed(tmp_path: Path) -> None:
    process = await warm.start("json.tool", environment={"PATH": "/usr/bin"}, folder=tmp_path)
    assert process.pid not in (os.getpid(), os.getppid())
    await until(lambda: _folder(process.pid) == tmp_path)
    assert process.returncode is None
    process.send_signal(signal.SIGKILL)
    assert await process.wait() == -signal.SIGKILL
    assert process.returncode == -signal.SIGKILL
    process.send_signal(signal.SIGKILL)  # nobody is there any more


async def test_a_wrong_module_is_told_as_by_python_itself() -> None:
    process = await warm.start("tests.story.nothing_of_the_kind")
    _, err = await process.communicate()
    assert process.returncode == 1
    assert b"No module named" in err


def _folder(pid: int) -> Path:
    return Path(f"/proc/{pid}/cwd").resolve()
