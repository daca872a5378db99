"""What a nurse writes on an item: notes that are never changed, and texts to the patient with what may be written to."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.communication import communication_statuses, communications
from service.db.database import notify
from service.db.escalation import note_drafts, notes
from service.db.patient import consent_of, consents, patient_phones, phones
from service.db.schema import new_id
from service.domain.communication import Direction, Lane, Purpose, Status
from service.domain.consent import Consent
from service.domain.encounter import Encounter
from service.domain.escalation import Escalation
from service.domain.patient import Phone
from service.domain.reading import Channel
from service.domain.staff import Staff
from service.domain.urgency import Urgency


async def add_note(
    connection: AsyncConnection,
    item: Escalation,
    staff: Staff,
    body: str,
    now: datetime,
    *,
    encounter: Encounter | None = None,
    addends: UUID | None = None,
) -> UUID:
    """A note on the item and its patient; notes are never changed. An `encounter` is signed by this, an addendum names what it adds to."""
    note_id = new_id(now)
    kind = "encounter" if encounter is not None else "addendum" if addends is not None else "note"
    await connection.execute(
        insert(notes).values(
            id=note_id,
            organization_id=item.organization_id,
            patient_id=item.patient_id,
            escalation_id=item.id,
            author_id=staff.id,
            body=body,
            created_at=now,
            kind=kind,
            form=encounter.to_json() if encounter is not None else None,
            signed_at=now if encounter is not None else None,
            addends=addends,
        )
    )
    return note_id


async def signed_note(connection: AsyncConnection, item: Escalation, note_id: UUID) -> bool:
    """Whether this is a signed note of the item: what an addendum may add to."""
    wanted = select(notes.c.id).where(notes.c.id == note_id, notes.c.escalation_id == item.id, notes.c.signed_at.is_not(None))
    return (await connection.scalar(wanted)) is not None


async def keep_draft(connection: AsyncConnection, item: Escalation, staff: Staff, encounter: Encounter, now: datetime) -> None:
    """The member's own unsigned note of the item, in place of the one before; nobody else sees it."""
    await drop_draft(connection, item, staff)
    values = {"id": new_id(now), "organization_id": item.organization_id, "escalation_id": item.id, "author_id": staff.id}
    await connection.execute(insert(note_drafts).values(**values, form=encounter.to_json(), changed_at=now))


async def drop_draft(connection: AsyncConnection, item: Escalation, staff: Staff) -> None:
    """The draft is signed, or given up."""
    own = (note_drafts.c.escalation_id == item.id) & (note_drafts.c.author_id == staff.id)
    await connection.execute(delete(note_drafts).where(own))


async def draft_of(connection: AsyncConnection, item_id: UUID, staff_id: UUID) -> Encounter | None:
    """The member's own unsigned note of an item."""
    wanted = select(note_drafts.c.form).where(note_drafts.c.escalation_id == item_id, note_drafts.c.author_id == staff_id)
    form = await connection.scalar(wanted)
    return Encounter.from_json(form) if form is not None else None


async def phones_of(connection: AsyncConnection, item: Escalation) -> list[Phone]:
    """The numbers that a nurse may write to: the patient's, first the one check-ins go to, or the unknown sender's."""
    wanted = select(phones.c.id, phones.c.number, phones.c.unsafe_since, phones.c.opted_out_at)
    if item.patient_id is None:
        wanted = wanted.where(phones.c.id == item.phone_id)
    else:
        wanted = (
            wanted.join(patient_phones, patient_phones.c.phone_id == phones.c.id)
            .where(patient_phones.c.patient_id == item.patient_id, patient_phones.c.ended_at.is_(None))
            .order_by(patient_phones.c.position)
        )
    rows = await connection.execute(wanted.limit(20))
    return [Phone(row.id, row.number, row.unsafe_since, row.opted_out_at) for row in rows]


async def consents_of(connection: AsyncConnection, patient_id: UUID | None) -> list[Consent]:
    """The patient's consents that are not revoked, newest first."""
    if patient_id is None:
        return []
    wanted = select(consents).where(consents.c.patient_id == patient_id, consents.c.revoked_at.is_(None))
    rows = await connection.execute(wanted.order_by(consents.c.given_at.desc()).limit(100))
    return [consent_of(row) for row in rows]


async def add_reply(
    connection: AsyncConnection,
    item: Escalation,
    staff: Staff,
    phone_id: UUID,
    *,
    text: str,
    reason: str,
    programme: str,
    language: str,
    useful_until: datetime,
    now: datetime,
) -> UUID:
    """A nurse's own words, due now; the outbox is woken when this commits."""
    communication_id = new_id(now)
    lane = Lane.EMERGENCY if item.urgency is Urgency.EMERGENCY else Lane.ROUTINE
    await connection.execute(
        insert(communications).values(
            id=communication_id,
            organization_id=item.organization_id,
            patient_id=item.patient_id,
            phone_id=phone_id,
            direction=Direction.OUT,
            channel=Channel.SMS,
            purpose=Purpose.NURSE,
            lane=lane,
            status=Status.DUE,
            body=text,
            language=language,
            programme=programme,
            escalation_id=item.id,
            staff_id=staff.id,
            reason=reason,
            created_at=now,
            due_at=now,
            useful_until=useful_until,
            status_at=now,
        )
    )
    await connection.execute(
        insert(communication_statuses).values(
            id=new_id(now),
            organization_id=item.organization_id,
            communication_id=communication_id,
            status=Status.DUE,
            at=now,
            source="staff",
        )
    )
    await notify(connection, "outbox", f"outbox:{lane}")
    return communication_id
