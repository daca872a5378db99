"""An enrolled patient whose number was never confirmed becomes an item: silence there means nothing (decisions 9)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from service.actions.knowledge import Knowledge
from service.actions.one_by_one import together_or_one_by_one
from service.actions.raise_escalation import Whose, raise_escalation
from service.db import audit, patient
from service.db.changes import Changes
from service.db.contexts import load_contexts
from service.db.database import Database
from service.db.problems import Problem, report
from service.domain.decision import Fired
from service.domain.urgency import Urgency
from service.engine.opening import UNCONFIRMED

_FAILED = "A patient's telephone number was never confirmed, and the item that says so could not be opened."


async def notice_unconfirmed(database: Database, knowledge: Knowledge, now: datetime, *, limit: int = 100) -> int:
    """Raises the concern that the opening's content names for each such patient, once; how many were looked at.

    At most `limit` in one commit. A failed batch is done one by one, and one that fails alone is an item of the clinic.
    """
    opening = knowledge.opening
    async with database.reading() as connection:
        found = await patient.never_confirmed(connection, now - opening.noticed_after, UNCONFIRMED, limit)
    fired = opening.unconfirmed(opening.noticed_after)
    if not found or fired is None:
        return 0

    async def together(patient_ids: Sequence[UUID]) -> None:
        await _together(database, patient_ids, fired, now)

    async def set_aside(patient_id: UUID, _failure: str) -> None:
        async with database.transaction() as connection:
            changes = Changes(now)
            problem = Problem(found[patient_id], "unconfirmed_number_failed", _FAILED, Urgency.SAME_DAY)
            await report(connection, changes, [problem], repeat=False)
            await changes.write(connection)

    await together_or_one_by_one("unconfirmed_numbers", list(found), together, set_aside)
    return len(found)


async def _together(database: Database, patient_ids: Sequence[UUID], fired: Fired, now: datetime) -> None:
    async with database.transaction() as connection:
        changes = Changes(now)
        for context in (await load_contexts(connection, patient_ids, now)).values():
            raise_escalation(changes, Whose.patient(context), [fired])
            audit.record(changes, context.organization.id, "number_unconfirmed", patient_id=context.id)
        await changes.write(connection)
