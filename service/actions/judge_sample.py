"""A nurse reads a reply again that had led to nothing: right so, or it should have been an item, and then it becomes one."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from service.actions.raise_escalation import Whose, raise_escalation
from service.actions.refusal import NotFound, Refused
from service.db import audit, self_reports
from service.db.changes import Changes
from service.db.contexts import load_contexts
from service.db.database import Database
from service.domain.decision import Fired
from service.domain.self_report import Verdict
from service.domain.staff import Permission, Staff
from service.domain.urgency import Urgency

MISSED = Fired(
    "sample.missed",
    "1",
    Urgency.URGENT,
    "A nurse who read this message again found that it should not have been left without an answer.",
    "Rounds safety rule 44: a weekly sample of replies without action is read by a nurse",
)


async def judge_sample(database: Database, staff: Staff, id: UUID, verdict: Verdict, now: datetime) -> None:
    """Writes down what was found; MISSED opens an urgent item on the patient (or joins the open one).

    Raises NotFound for another team's, Refused for one that somebody has judged already.
    """
    if not staff.may(Permission.ASSESS):
        raise NotFound
    async with database.transaction() as connection:
        changes = Changes(now)
        seen = await self_reports.get(connection, id)
        if seen is None or seen.organization_id != staff.organization_id or seen.team_id not in staff.team_ids:
            raise NotFound
        contexts = await load_contexts(connection, [seen.patient_id], now)  # locks the patient, as whoever takes in their messages does
        if (await self_reports.lock(connection, id)) != "":
            raise Refused("Somebody has judged this message already.")
        await self_reports.judge(connection, id, verdict, staff.id, now)
        context = contexts.get(seen.patient_id)
        if verdict is Verdict.MISSED and context is not None:
            raise_escalation(changes, Whose.patient(context), [MISSED], communication_id=seen.communication_id)
        audit.record(
            changes,
            staff.organization_id,
            "sample_judged",
            staff_id=staff.id,
            patient_id=seen.patient_id,
            object_kind="sampled_reply",
            object_id=id,
            detail={"verdict": verdict.value},
        )
        await changes.write(connection)
