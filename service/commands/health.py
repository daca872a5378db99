"""rounds health: the nets on the terminal. Every queue with its age and its limit, and every job with its last round."""

from __future__ import annotations

import argparse
from datetime import timedelta
from typing import Any

from service.commands.surroundings import CLOCK, opened, settings
from service.db import alarms, health, synthetic
from service.db.alarms import Reading
from service.db.synthetic import Walk

LAST_WALKS = 4
"""An hour of them."""


def add_parsers(commands: Any) -> None:
    """Declares the command."""
    parser = commands.add_parser(
        "health",
        help="every queue, its age and its limit",
        description="Every queue: how many wait beyond their time, for how long the oldest does, and from when on that is an alarm. "
        "Then the jobs, with the time since any node ran them to their end, and the last walks of the synthetic patient. "
        "Pages for alarms: deploy/runbook/.",
    )
    parser.set_defaults(run=run_health)


async def run_health(arguments: argparse.Namespace) -> None:
    """Prints two tables. It asks the database and no running process, so it works while the service is down."""
    now = CLOCK.now()
    async with opened(settings()) as database, database.reading() as connection:
        readings = await alarms.read(connection, now)
        beats = await health.newest_beats(connection)
        walks = await synthetic.newest(connection, LAST_WALKS)
    print(f"{'queue':<24}{'waiting':>8}{'oldest':>12}{'limit':>12}  alarm")
    for reading in readings:
        print(_line(reading))
    print(f"\n{'job':<24}{'last round':>20}")
    for name, at in sorted(beats.items()):
        print(f"{name:<24}{_long(now - at):>20}")
    if not beats:
        print("(no node has run yet)")
    print("\nlast walks of the synthetic patient")
    for walk in walks:
        print(_walked(walk))
    if not walks:
        print("(none yet)")


def _walked(walk: Walk) -> str:
    """When it began, how it ended, and how long after its beginning it passed each station."""
    how = "under way" if walk.ended_at is None else f"BROKEN AT {walk.broken_at}" if walk.broken_at else "came through"
    stations = " ".join(f"{station}={_long(at - walk.began_at).replace(' ', '')}" for station, at in walk.reached.items())
    return f"{walk.began_at:%Y-%m-%dT%H:%M:%SZ}  {how:<24}{stations}".rstrip()


def _line(reading: Reading) -> str:
    alarm = reading.alarm
    oldest = _long(reading.age) if reading.many else "-"
    on = f"ON ({alarm.urgency.value.replace('_', ' ')})" if reading.on else ""
    return f"{alarm.name:<24}{reading.many:>8}{oldest:>12}{_long(alarm.limit):>12}  {on}".rstrip()


def _long(span: timedelta) -> str:
    """Two units at most: 4d 2h, 3h 5m, 2m 10s, 7s."""
    seconds = max(0, int(span.total_seconds()))
    parts = [(seconds // 86400, "d"), (seconds // 3600 % 24, "h"), (seconds // 60 % 60, "m"), (seconds % 60, "s")]
    first = next((place for place, (number, _) in enumerate(parts) if number), 3)
    return " ".join(f"{number}{unit}" for number, unit in parts[first : first + 2] if number) or "0s"
