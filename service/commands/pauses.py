"""rounds patients pause|resume: a nurse lets a patient's check-ins rest, and run again."""

from __future__ import annotations

import argparse
from typing import Any

from service.actions.pause_by_staff import Asked, pause_by_number, resume_by_number
from service.commands.surroundings import CLOCK, add_organization_option, opened, settings
from service.commands.surroundings import member as member_of
from service.domain.pause import PauseKind


def add_pause_parsers(inner: Any) -> None:
    """Declares the commands below `rounds patients`."""
    pause = inner.add_parser(
        "pause",
        help="let a patient's check-ins rest",
        description="Lets a patient's check-ins rest. What the patient writes is still read, judged and answered.",
    )
    _whose(pause)
    pause.add_argument("--kind", required=True, choices=list(PauseKind), help="a stay in the hospital lasts until it is resumed")
    pause.add_argument("--reason", required=True, metavar="TEXT", help="for the next nurse")
    pause.add_argument("--from", dest="begins", default="", metavar="DATE", help="first day without check-ins (2026-03-31); default: now")
    pause.add_argument("--until", default="", metavar="DATE", help="first day on which they run again; default: until they are resumed")
    pause.set_defaults(run=run_pause)
    resume = inner.add_parser("resume", help="let a patient's check-ins run again", description="Lets a patient's check-ins run again.")
    _whose(resume)
    resume.set_defaults(run=run_resume)


def _whose(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--record-number", required=True, metavar="N", help="as it was imported")
    parser.add_argument("--by", required=True, metavar="NAME", help="name or address of the nurse or supervisor who decides this")
    add_organization_option(parser)


async def run_pause(arguments: argparse.Namespace) -> None:
    """Pauses the patient's check-ins."""
    async with opened(settings()) as database:
        member = await member_of(database, arguments)
        asked = Asked(arguments.kind, arguments.reason, arguments.until, arguments.begins)
        await pause_by_number(database, member, arguments.record_number.strip(), asked, CLOCK.now())
    begins = f"from {arguments.begins} " if arguments.begins else ""
    print(f"Check-ins are paused {begins}{f'until {arguments.until}' if arguments.until else 'until somebody resumes them'}.")


async def run_resume(arguments: argparse.Namespace) -> None:
    """Resumes the patient's check-ins."""
    async with opened(settings()) as database:
        member = await member_of(database, arguments)
        await resume_by_number(database, member, arguments.record_number.strip(), CLOCK.now())
    print("Check-ins run again. The next one comes at its usual time.")
