"""An enrolled patient whose number was never confirmed is an item after 24 hours: silence there means nothing (decisions 9)."""

from __future__ import annotations

from datetime import datetime, timedelta

from service.actions.knowledge import Knowledge
from service.actions.raise_escalation import Whose, raise_escalation
from service.db import audit, patient
from service.db.changes import Changes
from service.db.contexts import load_contexts
from service.db.database import Database
from service.domain.decision import Fired
from service.domain.urgency import Urgency

AFTER = timedelta(hours=24)
RULE = "machine.number_unconfirmed"


async def notice_unconfirmed(database: Database, knowledge: Knowledge, now: datetime, *, limit: int = 100) -> int:
    """Raises one same-day concern for each such patient, once; how many. At most `limit` in one commit."""
    async with database.reading() as connection:
        ids = await patient.never_confirmed(connection, now - AFTER, RULE, limit)
    if not ids:
        return 0
    reason = "Enrolled for a day, but the number was never confirmed: call and check it"
    fired = Fired(RULE, "machine", Urgency.SAME_DAY, reason, "Rounds' own rule, see the clinical safety notice")
    async with database.transaction() as connection:
        changes = Changes(now)
        for context in (await load_contexts(connection, ids, now)).values():
            raise_escalation(changes, knowledge, Whose.patient(context), [fired])
            audit.record(changes, context.organization.id, "number_unconfirmed", patient_id=context.id)
        await changes.write(connection)
    return len(ids)
