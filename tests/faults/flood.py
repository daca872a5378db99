"""Many texts that are due at once."""

from __future__ import annotations

from datetime import UTC, datetime

from service.db import communication
from service.db.changes import Changes
from service.db.contexts import load_contexts
from service.db.database import Database
from service.db.patient import patients
from service.domain.communication import Purpose
from tests.story.clinic import SetUp

DIFFERENT = 30
"""So many different texts; with more, some number is told the same thing twice."""


async def write_texts(database: Database, clinic: SetUp, count: int) -> None:
    """`count` routine texts to the clinic's patients in turn, due now."""
    now = datetime.now(UTC)
    async with database.transaction() as connection:
        ids = [row.id for row in (await connection.execute(patients.select().order_by(patients.c.id))).all()]
        contexts = await load_contexts(connection, ids, now)
        changes = Changes(now)
        for number in range(count):
            context = contexts[ids[number % len(ids)]]
            communication.outbound(
                changes,
                organization_id=clinic.organization_id,
                patient_id=context.id,
                phone_id=context.phones[0].id,
                body=f"How are you today? ({number % DIFFERENT})",
                language="en",
                purpose=Purpose.ANSWER,
            )
        await changes.write(connection)
