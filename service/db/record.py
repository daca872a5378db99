"""Changes of a patient's record that are one statement each: problem list, programmes, and the note that says why."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.changes import Changes
from service.db.check_in import check_ins, enrollments
from service.db.escalation import notes
from service.db.patient import conditions
from service.db.schema import new_id

RUNNING = ("active", "paused", "opted_out")


async def remove_condition(connection: AsyncConnection, patient_id: UUID, code: str) -> bool:
    """Takes a condition off the problem list; False when it was not on it."""
    gone = await connection.execute(delete(conditions).where(conditions.c.patient_id == patient_id, conditions.c.code == code))
    return gone.rowcount == 1


async def end_enrollment(connection: AsyncConnection, patient_id: UUID, enrollment_id: UUID, now: datetime) -> str | None:
    """Ends a place in a programme and cancels its planned check-ins; the programme, None when the patient is not in it."""
    mine = (enrollments.c.id == enrollment_id, enrollments.c.patient_id == patient_id, enrollments.c.status.in_(RUNNING))
    ended = update(enrollments).where(*mine).values(status="ended", ended_at=now).returning(enrollments.c.programme)
    programme: str | None = await connection.scalar(ended)
    if programme is None:
        return None
    planned = (check_ins.c.enrollment_id == enrollment_id, check_ins.c.status == "planned")
    await connection.execute(update(check_ins).where(*planned).values(status="cancelled", ended_at=now, held_why="enrollment_stopped"))
    return programme


def keep_note(changes: Changes, organization_id: UUID, patient_id: UUID, staff_id: UUID, body: str) -> None:
    """A note on the patient, of no item: why something was changed."""
    own = {"id": new_id(changes.now), "organization_id": organization_id, "patient_id": patient_id, "author_id": staff_id}
    changes.insert(notes, {**own, "body": body, "created_at": changes.now, "kind": "note"})
