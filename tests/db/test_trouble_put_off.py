"""An operational item that was put off wakes, as if nobody had seen it, when its trouble is worse than it was; else it sleeps on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from service.db import items
from service.db.changes import Changes
from service.db.database import Database
from service.db.escalation import escalations
from service.db.problems import Problem, report
from service.domain.coverage import URGENT_TARGET
from service.domain.escalation import State
from service.domain.urgency import Urgency
from tests.seed import KEYRING, seed_clinic

NOW = datetime(2026, 3, 4, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("first", "then", "due"),
    [
        (Urgency.SAME_DAY, Urgency.URGENT, timedelta(seconds=30) + URGENT_TARGET),
        (Urgency.URGENT, Urgency.SAME_DAY, URGENT_TARGET),
        (Urgency.URGENT, Urgency.URGENT, URGENT_TARGET),
    ],
)
async def test_trouble_told_again_is_due_when_the_sooner_of_both_is(
    database_url: str, first: Urgency, then: Urgency, due: timedelta
) -> None:
    database = Database.open(database_url, KEYRING)
    try:
        clinic = await seed_clinic(database, NOW)
        for urgency, now in ((first, NOW), (then, NOW + timedelta(seconds=30))):
            async with database.transaction() as connection:
                changes = Changes(now)
                problem = Problem(clinic.organization_id, "provider_down", f"{urgency}: no texts.", urgency)
                await report(connection, changes, [problem], repeat=False)
                await changes.write(connection)
        async with database.reading() as connection:
            row = (await connection.execute(select(escalations))).one()
        assert row.due_at == NOW + due
        worse = then.rank < first.rank
        assert (row.urgency_rank, row.summary) == ((then if worse else first).rank, f"{then if worse else first}: no texts.")
    finally:
        await database.close()


@pytest.mark.law(2)
@pytest.mark.parametrize(("urgency", "awake"), [(Urgency.EMERGENCY, True), (Urgency.URGENT, False), (Urgency.ROUTINE, False)])
async def test_trouble_that_was_put_off_wakes_unseen_when_it_is_worse(database_url: str, urgency: Urgency, awake: bool) -> None:
    database = Database.open(database_url, KEYRING)
    try:
        clinic = await seed_clinic(database, NOW)

        async def told(urgency: Urgency, now: datetime) -> None:
            async with database.transaction() as connection:
                changes = Changes(now)
                await report(connection, changes, [Problem(clinic.organization_id, "provider_down", "No texts leave.", urgency)])
                await changes.write(connection)

        await told(Urgency.URGENT, NOW)
        put_off = {"state": State.SNOOZED, "snoozed_until": NOW + timedelta(minutes=15), "claimed_by": clinic.nora.id}
        async with database.transaction() as connection:
            await connection.execute(update(escalations).values(**put_off, acknowledged_at=NOW, acknowledged_by=clinic.nora.id))
        await told(urgency, NOW + timedelta(minutes=5))
        async with database.reading() as connection:
            row = (await connection.execute(select(escalations))).one()
        asleep = (State.SNOOZED, put_off["snoozed_until"], clinic.nora.id, NOW, clinic.nora.id)
        found = (row.state, row.snoozed_until, row.claimed_by, row.acknowledged_at, row.acknowledged_by)
        assert found == ((State.OPEN, None, None, None, None) if awake else asleep)
    finally:
        await database.close()


async def test_what_a_nurse_does_with_an_item_keeps_no_news_off_it(database_url: str) -> None:
    database = Database.open(database_url, KEYRING)
    try:
        clinic = await seed_clinic(database, NOW)
        versions = []
        for now in (NOW, NOW + timedelta(minutes=5)):
            async with database.transaction() as connection:
                changes = Changes(now)
                await report(connection, changes, [Problem(clinic.organization_id, "provider_down", "No texts leave.", Urgency.URGENT)])
                await changes.write(connection)
            async with database.transaction() as connection:
                row = (await connection.execute(select(escalations))).one()
                versions.append(row.version)
                noted = Changes(now + timedelta(minutes=4, seconds=30))
                items.add_event(noted, clinic.organization_id, row.id, "noted", {})
                await noted.write(connection)
        assert versions[1] > versions[0]
    finally:
        await database.close()
