"""The command line `rounds`: parses, calls one command, prints; what a user did wrong is one line and exit code 2."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence

from service import __version__
from service.commands import (
    clinic,
    consents,
    database,
    demo,
    drill,
    flows,
    health,
    on_call,
    patients,
    replies,
    senders,
    serve,
    unknown,
    unread,
)
from service.commands.surroundings import plain

GROUPS = (serve, demo, database, clinic, senders, on_call, drill, flows, patients, consents, replies, health, unknown, unread)


def parser() -> argparse.ArgumentParser:
    """Every command with its arguments."""
    whole = argparse.ArgumentParser(
        prog="rounds", description="Check-ins and messaging between patients at home and their nurse case managers."
    )
    whole.add_argument("--version", action="version", version=f"rounds {__version__}")
    commands = whole.add_subparsers(dest="group", required=True, metavar="COMMAND")
    for group in GROUPS:
        group.add_parsers(commands)
    return whole


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; 0 when it was done, 2 when the user has to put something right first, 130 when interrupted."""
    chosen = parser().parse_args(arguments)
    try:
        if "run_blocking" in chosen:
            chosen.run_blocking(chosen)
        else:
            asyncio.run(chosen.run(chosen))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever read our output has enough of it
        sys.stderr.close()
        return 0
    except Exception as error:
        line = plain(error)
        if line is None:
            raise
        print(f"rounds: {line}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
