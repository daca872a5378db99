"""Follow-ups come back: what a nurse planned for today becomes an item of its patient, or joins the one that is open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.raise_escalation import Whose, raise_escalation
from service.db import follow_ups, inbound, numbers
from service.db.changes import Changes
from service.db.contexts import load_contexts, load_teams
from service.db.due_work import Work
from service.db.escalation_claims import lock_open_items
from service.db.open_items import load_phone_items
from service.domain.decision import Fired
from service.domain.follow_up import What
from service.domain.patient import OpenItem
from service.domain.urgency import by_rank

RULE = "follow_up"
VERSION = "1"
SOURCE = "Planned by a nurse when an earlier item was closed"
REASONS = {
    What.CALL: "Planned: call the patient",
    What.CHECK_VALUE: "Planned: look at a value again",
    What.CHECK_SYMPTOM: "Planned: ask about a symptom again",
    What.PRESCRIBER_ANSWER: "Planned: see what the prescriber has answered",
    What.APPOINTMENT_KEPT: "Planned: see whether the appointment was kept",
    What.MEDICINE_STARTED: "Planned: see whether the medicine was started",
    What.OTHER: "Planned by a nurse for today",
}
"""What the item says; the nurse's own words stand with the follow-up, encrypted."""


async def bring_back(connection: AsyncConnection, works: Sequence[Work], now: datetime) -> Mapping[Work, datetime]:
    """Each follow-up that is still planned is raised as an item of the urgency that it was planned with: the patient's, or, where nobody
    knows whose the number is, the number's own, with the team that planned it. One whose patient has changed meanwhile comes at once again.

    Numbers, patients, items and only then follow-ups are locked, as whoever closes an item does.
    """
    ids = [work.subject_id for work in works]
    whose = await _whose(connection, await follow_ups.planned(connection, ids), now)
    changes = Changes(now)
    items: dict[tuple[UUID | None, UUID | None], OpenItem] = {}
    stands_on: dict[UUID, OpenItem] = {}
    rows = await follow_ups.planned(connection, ids, lock=True)
    for row in rows:
        of = whose.get((row.id, row.patient_id))
        if of is None:
            continue
        urgency = by_rank(row.urgency_rank)
        fired = Fired(f"{RULE}.{row.what}", VERSION, urgency, REASONS[What(row.what)], SOURCE)
        place = (of.patient_id, of.phone_id)
        of = replace(of, item=items.get(place, of.item))
        items[place] = stands_on[row.id] = raise_escalation(changes, of, [fired], facts={"follow_up_id": str(row.id)})
    await changes.write(connection)
    for id, item in stands_on.items():
        await follow_ups.came_back(connection, id, item.id)
    left = {row.id for row in rows} - stands_on.keys()
    return {work: now for work in works if work.subject_id in left}


async def _whose(connection: AsyncConnection, rows: Sequence[Any], now: datetime) -> dict[tuple[UUID, UUID | None], Whose]:
    """Whose item each follow-up belongs on, by its id and the patient that it names; their numbers, rows and items are locked.

    A number that by now is one patient's alone is that patient's matter.
    """
    nobodys = sorted({row.phone_id for row in rows if row.patient_id is None})
    unsafe = await numbers.lock_phones(connection, nobodys)
    owners = await inbound.owners_of(connection, nobodys)
    patient_of: dict[UUID, UUID] = {id: one.candidates[0] for id, one in owners.items() if len(one.candidates) == 1}
    patient_ids = {row.id: row.patient_id or patient_of.get(row.phone_id) for row in rows}
    people = sorted({id for id in patient_ids.values() if id is not None})
    unowned = [id for id in nobodys if id not in patient_of]
    if unowned:
        await lock_open_items(connection, people, unowned)
    contexts = await load_contexts(connection, people, now)
    phone_items = await load_phone_items(connection, unowned)
    teams = await load_teams(connection, {row.team_id for row in rows}, now)
    found: dict[tuple[UUID, UUID | None], Whose] = {}
    for row in rows:
        patient_id = patient_ids[row.id]
        if patient_id is not None:
            found[row.id, row.patient_id] = Whose.patient(contexts[patient_id])
        else:
            item = phone_items.get(row.phone_id)
            found[row.id, None] = Whose(teams[row.team_id], item, None, row.phone_id, do_not_contact=row.phone_id in unsafe)
    return found
