"""`rounds health`: every queue with its age and limit, every job, the last walks; also while nothing runs."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from service.clock import SystemClock
from service.commands.health import _long
from service.db import synthetic
from service.db.alarms import ALARMS
from service.db.audit import audit_events, entry
from service.db.database import Database
from service.db.health import beat
from service.db.organization import teams
from service.db.patient import patients
from service.db.schema import new_id
from service.db.synthetic import Walk
from service.domain.synthetic import Station
from service.settings import Settings
from tests.commands.conftest import Ended
from tests.postgres import run_to_end
from tests.seed import seed_clinic

Run = Callable[..., Ended]
SEEDED_WITH = {
    "ENCRYPTION_KEYS": "test:" + base64.b64encode(b"t" * 32).decode(),
    "BLIND_INDEX_KEY": base64.b64encode(b"i" * 32).decode(),
}
"""The keys of tests.seed, as settings."""


def write(environment: dict[str, str], rows: Callable[[AsyncConnection, Any], Awaitable[None]]) -> None:
    async def do() -> None:
        settings = Settings.from_environment(environment)
        database = Database.open(settings.database_url, settings.keyring)
        try:
            clinic = await seed_clinic(database, SystemClock().now() - timedelta(days=1))
            async with database.transaction() as connection:
                await rows(connection, clinic)
        finally:
            await database.close()

    run_to_end(do)


def test_an_empty_house_reads_nothing_and_says_that_no_node_has_run(run: Run) -> None:
    done = run("health")
    assert done.code == 0
    for alarm in ALARMS:
        assert f"\n{alarm.name} " in done.out
    assert "ON" not in done.out
    assert "(no node has run yet)" in done.out
    assert "(none yet)" in done.out


def test_what_waits_for_too_long_is_marked_and_jobs_and_walks_are_told(
    run: Run, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in SEEDED_WITH.items():
        environment[name] = text
        monkeypatch.setenv(name, text)
    now = SystemClock().now()

    async def rows(connection: AsyncConnection, clinic: Any) -> None:
        await connection.execute(insert(audit_events).values(**entry(clinic.organization_id, now - timedelta(hours=2), "looked")))
        await beat(connection, "node-1", {"seal_audit": now - timedelta(hours=3)})
        team, patient = new_id(now), new_id(now)
        own = {"organization_id": clinic.organization_id}
        await connection.execute(insert(teams).values(id=team, name="Synthetic", on_call_phone="+12025550186", synthetic=True, **own))
        person = {"name": "Synthetic", "language": "en", "zone": "UTC", "status": "active", "synthetic": True}
        await connection.execute(insert(patients).values(id=patient, team_id=team, created_at=now, **person, **own))
        walk = Walk(
            new_id(now), clinic.organization_id, 1, now - timedelta(minutes=9), now, None, "", patient, new_id(now), None, "", "", "", {}
        )
        assert await synthetic.begin(connection, walk)
        reached = {Station.ASKED: walk.began_at + timedelta(seconds=3)}
        await synthetic.keep(connection, Walk(**{**vars_of(walk), "reached": reached}), now, ended_at=now, broken_at=Station.ARRIVED)

    write(environment, rows)
    done = run("health")
    assert done.code == 0, done.err
    [line] = [line for line in done.out.splitlines() if line.startswith("audit_not_sealed ")]
    assert line.split() == ["audit_not_sealed", "1", "2h", "15m", "ON", "(same", "day)"]
    assert any(line.split() == ["seal_audit", "3h"] for line in done.out.splitlines())
    assert "BROKEN AT arrived" in done.out
    assert "asked=3s" in done.out
    assert "+1202555" not in done.out


def vars_of(walk: Walk) -> dict[str, Any]:
    return {name: getattr(walk, name) for name in Walk.__dataclass_fields__}


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(), "0s"),
        (timedelta(seconds=59), "59s"),
        (timedelta(seconds=130), "2m 10s"),
        (timedelta(hours=3), "3h"),
        (timedelta(days=4, hours=2, minutes=5), "4d 2h"),
    ],
)
def test_spans_are_told_in_two_units(span: timedelta, words: str) -> None:
    assert _long(span) == words
