"""The audit trail's hash chain: what a later change of the trail looks like."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import delete, select, update

from service.actions.seal_audit import seal_audit
from service.db import audit_chain
from service.db.audit import audit_events
from tests.actions.house import House


async def sealed_entries(house: House) -> list[Any]:
    for words in ("hello", "I feel fine", "thanks"):
        await house.text(house.clinic.ana.number, words)
    await seal_audit(house.database, house.clock.now())
    return await house.rows(audit_events, audit_events.c.sequence.is_not(None))


async def broken(house: House) -> audit_chain.Broken | None:
    async with house.database.reading() as connection:
        return await audit_chain.verify(connection, house.clinic.organization_id, batch=2)


async def test_every_entry_gets_its_place_and_the_chain_fits(house: House) -> None:
    first = await sealed_entries(house)
    assert [entry.sequence for entry in first] == list(range(1, len(first) + 1))
    assert len(first) >= 3
    await house.text(house.clinic.chi.number, "hello")
    assert await seal_audit(house.database, house.clock.now()) >= 1
    assert await seal_audit(house.database, house.clock.now()) == 0
    assert await broken(house) is None


@pytest.mark.law(10)
@pytest.mark.parametrize("harm", ["altered", "removed", "moved"])
async def test_a_changed_trail_is_found_and_named(house: House, harm: str) -> None:
    entries = await sealed_entries(house)
    second = entries[1].id
    async with house.database.transaction() as connection:
        if harm == "altered":
            await connection.execute(update(audit_events).where(audit_events.c.id == second).values(patient_id=None, action="nothing"))
        elif harm == "removed":
            await connection.execute(delete(audit_events).where(audit_events.c.id == second))
        else:
            for id, place in ((entries[1].id, 9001), (entries[2].id, 2), (entries[1].id, 3)):
                await connection.execute(update(audit_events).where(audit_events.c.id == id).values(sequence=place))
    found = await broken(house)
    assert found is not None
    assert found.sequence == 2


async def test_nothing_in_the_trail_names_a_person_or_quotes_words(house: House) -> None:
    await sealed_entries(house)
    async with house.database.reading() as connection:
        rows = (await connection.execute(select(audit_events))).all()
    trail = repr(rows)
    assert "Ana" not in trail
    assert "fine" not in trail
    assert house.clinic.ana.number not in trail
