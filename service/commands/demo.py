"""rounds demo: an invented clinic with simulated telephones, on this machine only."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from service import logs
from service.commands.serve import listen, port_number, serve
from service.commands.surroundings import UserError

if TYPE_CHECKING:
    from service.demo.run import Demo

KEPT = Path("var") / "demo"
PORT = 8080


def add_parsers(commands: Any) -> None:
    """Declares the command."""
    demo = commands.add_parser(
        "demo",
        help="try it: an invented clinic, simulated phones",
        description="Runs an invented clinic with simulated phones. It needs no settings and forgets everything at its end.",
    )
    demo.add_argument("--port", type=port_number, default=PORT, help=f"default {PORT}")
    demo.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1: this machine only)")
    demo.add_argument("--keep", action="store_true", help=f"keep the data in {KEPT} and go on with it next time")
    demo.set_defaults(run_blocking=run_demo)


def run_demo(arguments: argparse.Namespace) -> None:
    """Serves the demo until stopped. Raises UserError for a taken port or a folder that cannot be written."""
    from service.demo.run import Demo  # takes a second, which other commands need not wait for

    listener = listen(arguments.host, arguments.port)
    port = listener.getsockname()[1]
    logs.configure("warning")
    with _folder(keep=arguments.keep) as folder:
        demo = Demo(folder, f"http://127.0.0.1:{port}")
        asyncio.run(demo.prepare())
        serve(demo.app(), listener, greeting(demo, port, folder if arguments.keep else None))


def greeting(demo: Demo, port: int, kept: Path | None) -> str:
    """What the visitor reads: where to click, whom to sign in as, how to stop."""
    lines = [
        "",
        "Rounds demo: an invented clinic. Answer as a patient on the phones page, work as a nurse in the queue.",
        "",
        f"  Phones:    {demo.address}/demo/phones",
        f"  Queue:     {demo.address}/queue",
        f"  Sign in:   {', '.join(member.email for member in demo.staff)}",
        f"  Password:  {demo.password}  (the demo asks for no second step; `rounds serve` does, unless MFA=optional)",
        "",
        f"Data is kept in {kept}. Stop with Ctrl-C." if kept else "Nothing is kept. Stop with Ctrl-C.",
    ]
    return "\n".join(lines)


@contextlib.contextmanager
def _folder(*, keep: bool) -> Iterator[Path]:
    """A folder for the database and its keys, readable by this user only; gone at the end unless kept."""
    if not keep:
        with tempfile.TemporaryDirectory(prefix="rounds-demo-", ignore_cleanup_errors=True) as name:
            yield Path(name)
        return
    try:
        KEPT.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise UserError(f"the folder {KEPT} cannot be made ({error.strerror})") from None
    if not os.access(KEPT, os.W_OK):
        raise UserError(f"the folder {KEPT} cannot be written")
    yield KEPT
