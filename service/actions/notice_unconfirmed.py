"""An enrolled patient whose number was never confirmed becomes an item: silence there means nothing (decisions 9)."""

from __future__ import annotations

from datetime import datetime

from service.actions.knowledge import Knowledge
from service.actions.raise_escalation import Whose, raise_escalation
from service.db import audit, patient
from service.db.changes import Changes
from service.db.contexts import load_contexts
from service.db.database import Database
from service.engine.opening import UNCONFIRMED


async def notice_unconfirmed(database: Database, knowledge: Knowledge, now: datetime, *, limit: int = 100) -> int:
    """Raises the concern that the opening's content names for each such patient, once; how many. At most `limit` in one commit."""
    opening = knowledge.opening
    async with database.reading() as connection:
        ids = await patient.never_confirmed(connection, now - opening.noticed_after, UNCONFIRMED, limit)
    fired = opening.unconfirmed(opening.noticed_after)
    if not ids or fired is None:
        return 0
    async with database.transaction() as connection:
        changes = Changes(now)
        for context in (await load_contexts(connection, ids, now)).values():
            raise_escalation(changes, knowledge, Whose.patient(context), [fired])
            audit.record(changes, context.organization.id, "number_unconfirmed", patient_id=context.id)
        await changes.write(connection)
    return len(ids)
