"""Fault 39: whoever alters, deletes, moves or cuts off entries of the audit trail is found, whatever they rewrite besides."""

from __future__ import annotations

import contextlib
import random
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import delete, func, insert, select, update

from service.actions.seal_audit import seal_audit
from service.db import audit, audit_chain
from service.db.audit import audit_events
from service.db.audit_chain import GENESIS, Broken, Head, audit_heads
from service.db.database import Database
from tests.faults import SECONDS_A_TEST
from tests.seed import Clinic
from tests.web.conftest import NOW

pytestmark = [pytest.mark.faults, pytest.mark.timeout(SECONDS_A_TEST)]
ENTRIES = 60
SECONDS = timedelta(seconds=1)
ALTERED: dict[str, Any] = {
    "action": "nothing",
    "actor": "system",
    "staff_id": None,
    "object_kind": "x",
    "at": NOW - timedelta(days=1),
    "detail": {"count": 7},
}


async def fill(database: Database, clinic: Clinic, heads: Path | None = None) -> None:
    """Sixty entries, sealed in three goes."""
    for part in range(3):
        rows = [
            audit.entry(
                clinic.organization_id,
                NOW + (part * 20 + place) * SECONDS,
                "patient_viewed",
                staff_id=clinic.nora.id,
                patient_id=clinic.chi.id,
                detail={"place": place},
            )
            for place in range(20)
        ]
        async with database.transaction() as connection:
            await audit.append(connection, rows)
        await seal_audit(database, NOW, heads)


async def verdict(database: Database, clinic: Clinic, kept: list[Head] | None = None) -> Broken | None:
    async with database.reading() as connection:
        return await audit_chain.verify(connection, clinic.organization_id, kept=kept or [], batch=17)


async def at(connection: Any, place: int) -> UUID:
    id: UUID = await connection.scalar(select(audit_events.c.id).where(audit_events.c.sequence == place))
    return id


async def harm(connection: Any, kind: str, place: int, chance: random.Random) -> int:
    """Does it, and tells the first entry that must be named."""
    id = await at(connection, place)
    if kind == "altered":
        name = chance.choice(list(ALTERED))
        await connection.execute(update(audit_events).where(audit_events.c.id == id).values({name: ALTERED[name]}))
        return place
    if kind == "deleted":
        await connection.execute(delete(audit_events).where(audit_events.c.id == id))
        return place
    if kind == "unsealed":
        await connection.execute(update(audit_events).where(audit_events.c.id == id).values(sequence=None, hash=None))
        return place
    if kind == "reordered":
        other = chance.choice([one for one in range(1, ENTRIES + 1) if one != place])
        second = await at(connection, other)
        for whose, to in ((id, 90_000), (second, place), (id, other)):
            await connection.execute(update(audit_events).where(audit_events.c.id == whose).values(sequence=to))
        return min(place, other)
    if kind == "inserted":
        row = dict((await connection.execute(select(audit_events).where(audit_events.c.id == id))).mappings().one())
        forged = row | {"id": UUID(int=chance.getrandbits(128)), "sequence": ENTRIES + 1}
        await connection.execute(insert(audit_events).values(forged))
        return ENTRIES + 1
    assert kind == "truncated"
    await connection.execute(delete(audit_events).where(audit_events.c.sequence >= place))
    return place


@pytest.mark.law(10)
@pytest.mark.parametrize("kind", ["altered", "deleted", "unsealed", "reordered", "inserted", "truncated"])
async def test_39_every_harm_is_found_and_named(
    database: Database,
    clinic: Clinic,
    chance: random.Random,
    full_faults: bool,
    kind: str,
) -> None:
    await fill(database, clinic)
    assert await verdict(database, clinic) is None
    trials = 170 if full_faults else 12
    for _ in range(trials):
        place = chance.randint(1, ENTRIES)
        with contextlib.suppress(Undone):  # each trial harms a whole trail: the harm is taken back with its transaction
            async with database.transaction() as connection:
                expected = await harm(connection, kind, place, chance)
                found = await audit_chain.verify(connection, clinic.organization_id, batch=17)
                assert found is not None, (kind, place)
                assert found.sequence == expected, (kind, place, found)
                raise Undone
    assert await verdict(database, clinic) is None


class Undone(Exception):
    """Takes a harm back."""


async def test_39_a_cut_end_stays_found_when_the_trail_goes_on(database: Database, clinic: Clinic) -> None:
    await fill(database, clinic)
    async with database.transaction() as connection:
        await connection.execute(delete(audit_events).where(audit_events.c.sequence > 50))
    assert await verdict(database, clinic) == Broken(clinic.organization_id, 51)
    await fill(database, clinic)
    assert await verdict(database, clinic) == Broken(clinic.organization_id, 51)


async def test_39_a_chain_that_is_reckoned_anew_does_not_fit_the_signed_head(database: Database, clinic: Clinic) -> None:
    await fill(database, clinic)
    async with database.transaction() as connection:
        await connection.execute(update(audit_events).where(audit_events.c.sequence == 40).values(action="nothing"))
        previous, rows = GENESIS, (await connection.execute(select(audit_events).order_by(audit_events.c.sequence))).all()
        for place, row in enumerate(rows, 1):
            previous = audit_chain._link(previous, place, row)
            await connection.execute(update(audit_events).where(audit_events.c.id == row.id).values(hash=previous))
        # With the head rewritten as well, but without the key that signs it.
        await connection.execute(update(audit_heads).values(hash=previous))
    assert await verdict(database, clinic) is not None


async def test_39_the_heads_in_file_and_log_find_what_the_database_alone_cannot(
    database: Database,
    clinic: Clinic,
    tmp_path: Path,
) -> None:
    file = tmp_path / "heads.txt"
    async with database.transaction() as connection:
        await audit.append(connection, [audit.entry(clinic.organization_id, NOW - SECONDS, "patient_viewed")])
    await seal_audit(database, NOW, file)
    async with database.reading() as connection:
        early = dict((await connection.execute(select(audit_heads))).mappings().one())
    await fill(database, clinic, file)
    kept = [head for line in file.read_text().splitlines() if (head := Head.read(line)) is not None]
    assert [head.sequence for head in kept] == [1, 21, 41, 61]
    async with database.transaction() as connection:  # the end goes, and an earlier signed head is put back
        await connection.execute(delete(audit_events).where(audit_events.c.sequence > 1))
        await connection.execute(update(audit_heads).values(early))
    assert await verdict(database, clinic) is None
    assert await verdict(database, clinic, kept) == Broken(clinic.organization_id, 2)
    async with database.transaction() as connection:  # or all of it goes
        await connection.execute(delete(audit_events))
        await connection.execute(delete(audit_heads))
    assert await verdict(database, clinic, kept) == Broken(clinic.organization_id, 1)


async def test_39_without_its_head_a_trail_is_not_believed(database: Database, clinic: Clinic) -> None:
    await fill(database, clinic)
    async with database.transaction() as connection:
        await connection.execute(delete(audit_heads))
        await connection.execute(delete(audit_events).where(audit_events.c.sequence > 30))
    assert await verdict(database, clinic) is not None
    await fill(database, clinic)
    found = await verdict(database, clinic)
    assert found is not None
    assert found.sequence == 31
    async with database.reading() as connection:
        assert await connection.scalar(select(func.count()).select_from(audit_events)) == 90
