"""A nurse offers an item in her hands, or a patient to watch, to a colleague by name: she holds it until the colleague has said yes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from service.actions.refusal import Held, NotFound, Refused
from service.db import audit, escalation_claims, hand_overs, items, rota
from service.db.changes import Changes
from service.db.database import Database
from service.domain.communication import Lane
from service.domain.escalation import LEASE, Kind, State
from service.domain.hand_over import Ipass, answer_by, why_not_offer
from service.domain.staff import Permission, Staff
from service.domain.urgency import Urgency

KIND = "hand_over"
"""Of the due work that looks at a line when its time is over."""


OFFERED = "offered"
"""Why that work is due at once: whoever is asked to take over something pressing is paged, since minutes count."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One line as the giver wrote it: about an item, or (`item_id` None) about a patient of her teams."""

    item_id: UUID | None
    patient_id: UUID | None
    receiver_id: UUID | None
    words: Ipass


async def offer_hand_over(database: Database, staff: Staff, offer: Offer, now: datetime) -> UUID:
    """Offers it, extends the giver's claim for as long as the line waits, and plans the look at it afterwards; the line's id.

    Raises NotFound for another team's item or patient, Held for an item that is not in the giver's hands, Refused saying what is
    missing.
    """
    if not staff.may(Permission.WORK_QUEUE):
        raise NotFound
    if why := why_not_offer(offer.words, staff.id, offer.receiver_id):
        raise Refused(why)
    async with database.transaction() as connection:
        changes = Changes(now)
        item, urgency, team_id, patient_id = None, Urgency.ROUTINE, None, offer.patient_id
        if offer.item_id is not None:
            item = await escalation_claims.lock_item(connection, staff, offer.item_id)
            if item is None:
                raise NotFound
            if item.state in (State.OPEN, State.RESOLVED) or item.claimed_by != staff.id:
                raise Held("You do not hold this item any more: there is nothing to hand over.")
            if await hand_overs.waiting_of_item(connection, item.id) is not None:
                raise Refused("This item is offered to somebody already: take that back first.")
            urgency, team_id, patient_id = item.urgency, item.team_id, item.patient_id
        elif patient_id is not None:
            team_id = await hand_overs.team_of_patient(connection, staff.organization_id, patient_id)
            if await hand_overs.waiting_of_patient(connection, staff.id, patient_id) is not None:
                raise Refused("This patient is offered to somebody already: take that back first.")
        if team_id is None or not staff.sees(team_id, None):
            raise NotFound
        crew = (await rota.crews(connection, [team_id], now))[team_id]
        receiver = crew.people.get(offer.receiver_id) if offer.receiver_id is not None else None
        if receiver is None:
            raise Refused("Choose a nurse or supervisor of the team: nobody else can take it over.")
        until = answer_by(urgency, now)
        id = hand_overs.add(
            changes,
            organization_id=staff.organization_id,
            team_id=team_id,
            item_id=offer.item_id,
            patient_id=patient_id,
            giver_id=staff.id,
            receiver_id=receiver.id,
            urgency=urgency,
            words=offer.words,
            answer_by=until,
        )
        lane = Lane.EMERGENCY if urgency.rank <= Urgency.URGENT.rank else Lane.ROUTINE
        items.due_row(changes, staff.organization_id, key=f"{KIND}:{id}", kind=KIND, lane=lane, subject_id=id, due_at=until, payload={})
        if item is not None:
            if item.state is State.CLAIMED and not await escalation_claims.extend(connection, item, now + LEASE[item.urgency]):
                raise Refused("The item changed just now. Look again and repeat it if you still want to.")
            detail = {"to": str(receiver.id), "hand_over": str(id)}
            items.add_event(changes, item.organization_id, item.id, "hand_over_offered", detail, staff.id)
            changes.wake(f"queue:{item.organization_id}")
        if lane is Lane.EMERGENCY:
            items.due_row(
                changes,
                staff.organization_id,
                key=f"{KIND}:{id}:told",
                kind=KIND,
                lane=lane,
                subject_id=id,
                due_at=now,
                payload={"why": OFFERED},
            )
            changes.wake("outbox:emergency")
        audit.record(
            changes,
            staff.organization_id,
            "hand_over_offered",
            staff_id=staff.id,
            patient_id=patient_id,
            object_kind="hand_over",
            object_id=id,
            detail={"to": str(receiver.id), "kind": item.kind.value if item is not None else Kind.CLINICAL.value},
        )
        await changes.write(connection)
    return id
