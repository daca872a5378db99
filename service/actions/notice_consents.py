"""A consent that has an end, such as one a parent gave, becomes an item before it runs out: check-ins must not stop unseen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from service.actions.one_by_one import together_or_one_by_one
from service.actions.raise_escalation import Whose, raise_escalation
from service.db import audit, consents
from service.db.changes import Changes
from service.db.contexts import load_contexts
from service.db.database import Database
from service.db.problems import Problem, report
from service.domain.decision import Fired
from service.domain.urgency import Urgency

NOTICE = timedelta(days=14)
"""So long before the end. Own default: time for a visit or a letter."""
ENDS = "machine.consent_ends"
_FIRED = Fired(
    ENDS,
    "1",
    Urgency.ROUTINE,
    "A consent runs out within 14 days, and messages that rest on it stop then: ask anew, the patient if they are of age by then",
    "Rounds safety rules 1 and 4: nothing leaves without a consent, and a representative's ends",
)
_FAILED = "A patient's consent runs out soon, and the item that says so could not be opened."


async def notice_consents(database: Database, now: datetime, *, limit: int = 100) -> int:
    """Raises it once for each patient in a programme; how many were looked at, at most `limit` in one commit.

    A failed batch is done one by one, and one that fails alone is an item of the clinic.
    """
    async with database.reading() as connection:
        found = await consents.ending(connection, now, now + NOTICE, ENDS, told_since=now - 2 * NOTICE, limit=limit)
    if not found:
        return 0

    async def together(patient_ids: Sequence[UUID]) -> None:
        async with database.transaction() as connection:
            changes = Changes(now)
            for context in (await load_contexts(connection, patient_ids, now)).values():
                raise_escalation(changes, Whose.patient(context), [_FIRED])
                audit.record(changes, context.organization.id, "consent_ends_soon", patient_id=context.id)
            await changes.write(connection)

    async def set_aside(patient_id: UUID, _failure: str) -> None:
        async with database.transaction() as connection:
            changes = Changes(now)
            await report(connection, changes, [Problem(found[patient_id], "consent_ends_failed", _FAILED, Urgency.SAME_DAY)], repeat=False)
            await changes.write(connection)

    await together_or_one_by_one("consents_that_end", list(found), together, set_aside)
    return len(found)
