"""A migration that makes a table anew keeps the rows of a clinic at work, and those that refer to them."""

from __future__ import annotations

import pytest
from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError

from service.db import calls, migrate
from service.db.changes import Changes
from service.db.check_in import flow_sessions
from service.domain.communication import Purpose
from tests.actions.house import House


async def test_what_refers_to_a_table_outlives_its_change(house: House) -> None:
    await house.start_flow(house.clinic.chi)
    [session] = await house.rows(flow_sessions)
    async with house.database.transaction() as connection:
        changes = Changes(house.clock.now())
        calls.plan(
            changes,
            organization_id=house.clinic.organization_id,
            patient_id=session.patient_id,
            phone_id=session.phone_id,
            flow_session_id=session.id,
            programme="heart_failure",
            purpose=Purpose.CHECK_IN,
            number=1,
            due_at=house.clock.now(),
            useful_until=None,
        )
        await changes.write(connection)
    before = [one.call_id for one in await house.rows(calls.call_statuses)]
    url = house.database.engine.url.render_as_string(hide_password=False)
    await house.database.close()
    await migrate.downgrade(url, "0004")
    await migrate.upgrade(url)
    assert before
    assert [one.call_id for one in await house.rows(calls.call_statuses)] == before
    assert [one.id for one in await house.rows(calls.calls)] == before
    async with house.database.transaction() as connection:
        with pytest.raises(IntegrityError):  # what refers to it is held to that again
            await connection.execute(delete(calls.calls))
