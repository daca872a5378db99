"""Everything the page of one item shows: why it exists, the conversation, the patient's card, notes and history."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time
from typing import Any
from uuid import UUID

from sqlalchemy import Row, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.communication import communications
from service.db.escalation import concerns, escalation_events, escalations, notes
from service.db.escalation_claims import consents_of, item_of, of_own_teams
from service.db.organization import organizations
from service.db.patient import (
    care_plans,
    conditions,
    limits,
    medications,
    patient_phones,
    patients,
    phones,
    related_persons,
)
from service.db.pauses import shown
from service.db.staff import staff as staff_table
from service.domain.consent import Consent
from service.domain.escalation import Concern, Escalation
from service.domain.staff import Staff
from service.domain.urgency import by_rank

MOST_MESSAGES = 200
MOST_LINES = 200


@dataclass(frozen=True, slots=True)
class PatientCard:
    """What a nurse wants to see of a patient at a glance; lists are at most 50 long."""

    id: UUID
    name: str
    birth_date: str
    language: str
    status: str
    emergency_instruction: str
    emergency_instruction_by: str
    phones: tuple[Row[Any], ...]
    conditions: tuple[str, ...]
    medications: tuple[Row[Any], ...]
    limits: tuple[Row[Any], ...]
    care_plans: tuple[Row[Any], ...]
    related_persons: tuple[Row[Any], ...]
    pauses: tuple[Row[Any], ...]
    """Pauses of the check-ins that are planned or on, each with `author` (None: the patient's own words)."""


@dataclass(frozen=True, slots=True)
class ReplyPlace:
    """Where and in which language a nurse's text goes, and the quiet hours there."""

    phone_id: UUID | None
    zone: str
    quiet_start: time
    quiet_end: time
    language: str


@dataclass(frozen=True, slots=True)
class ItemPage:
    """An item with all that its page shows; conversation, notes and history oldest first."""

    item: Escalation
    holder: str
    acknowledged_by: str
    resolved_by: str
    spoke_to: str
    concerns: tuple[Concern, ...]
    patient: PatientCard | None
    number: str
    """The phone of an item that hangs on a number, "" for a patient's."""
    place: ReplyPlace
    conversation: tuple[Row[Any], ...]
    notes: tuple[Row[Any], ...]
    history: tuple[Row[Any], ...]
    consents: tuple[Consent, ...]
    mark: str
    """Of this state: the live page compares it."""


async def load_item(connection: AsyncConnection, staff: Staff, item_id: UUID) -> ItemPage | None:
    """The page of an item of the member's own teams, None for anything else."""
    mark = await item_mark(connection, staff, item_id)
    holder, seen, closer = (staff_table.alias(name) for name in ("holder", "seen", "closer"))
    wanted = (
        select(
            escalations,
            holder.c.name.label("holder"),
            seen.c.name.label("acknowledged_name"),
            closer.c.name.label("resolved_name"),
            phones.c.number.label("phone_number"),
        )
        .outerjoin(holder, holder.c.id == escalations.c.claimed_by)
        .outerjoin(seen, seen.c.id == escalations.c.acknowledged_by)
        .outerjoin(closer, closer.c.id == escalations.c.resolved_by)
        .outerjoin(phones, phones.c.id == escalations.c.phone_id)
        .where(escalations.c.id == item_id, of_own_teams(staff))
    )
    row = (await connection.execute(wanted)).mappings().first()
    if row is None:
        return None
    item = item_of(dict(row))
    return ItemPage(
        item=item,
        holder=row["holder"] or "",
        acknowledged_by=row["acknowledged_name"] or "",
        resolved_by=row["resolved_name"] or "",
        spoke_to=row["spoke_to"] or "",
        concerns=await _concerns(connection, item),
        patient=await _card(connection, item.patient_id) if item.patient_id is not None else None,
        number=row["phone_number"] or "" if item.patient_id is None else "",
        place=await reply_place(connection, item),
        conversation=await _conversation(connection, item),
        notes=await _notes(connection, item),
        history=await _history(connection, item),
        consents=tuple(await consents_of(connection, item.patient_id)),
        mark=mark or "",
    )


async def item_mark(connection: AsyncConnection, staff: Staff, item_id: UUID) -> str | None:
    """A text that changes whenever the item or its conversation does; None when it is not one of these teams'."""
    wanted = select(escalations).where(escalations.c.id == item_id, of_own_teams(staff))
    row = (await connection.execute(wanted)).mappings().first()
    if row is None:
        return None
    talk = select(func.count(), func.max(communications.c.status_at)).where(_talk(item_of(dict(row))))
    number, latest = (await connection.execute(talk)).one()
    events = await connection.scalar(select(func.count()).where(escalation_events.c.escalation_id == item_id))
    return f"{row['version']}.{number}.{latest.timestamp() if latest else 0}.{events}"


async def reply_place(connection: AsyncConnection, item: Escalation) -> ReplyPlace:
    """The number of the latest message of the conversation, else the patient's first; zone and quiet hours there."""
    organization = (
        await connection.execute(
            select(organizations.c.zone, organizations.c.quiet_start, organizations.c.quiet_end).where(
                organizations.c.id == item.organization_id
            )
        )
    ).one()
    zone, language, phone_id = organization.zone, "en", item.phone_id
    if item.patient_id is not None:
        patient = (await connection.execute(select(patients.c.zone, patients.c.language).where(patients.c.id == item.patient_id))).one()
        zone, language = patient.zone, patient.language
        heard = select(communications.c.phone_id).where(communications.c.patient_id == item.patient_id, communications.c.direction == "in")
        own = select(patient_phones.c.phone_id).where(patient_phones.c.patient_id == item.patient_id)
        phone_id = await connection.scalar(
            heard.where(communications.c.phone_id.in_(own)).order_by(communications.c.created_at.desc()).limit(1)
        )
        if phone_id is None:
            phone_id = await connection.scalar(own.order_by(patient_phones.c.position).limit(1))
    return ReplyPlace(phone_id, zone, organization.quiet_start, organization.quiet_end, language)


def _talk(item: Escalation) -> Any:
    """Messages of the patient; of an unknown or shared number only those that belong to nobody known."""
    if item.patient_id is not None:
        return communications.c.patient_id == item.patient_id
    return and_(communications.c.phone_id == item.phone_id, communications.c.patient_id.is_(None))


async def _conversation(connection: AsyncConnection, item: Escalation) -> tuple[Row[Any], ...]:
    wanted = (
        select(communications, staff_table.c.name.label("author"))
        .outerjoin(staff_table, staff_table.c.id == communications.c.staff_id)
        .where(_talk(item))
        .order_by(communications.c.created_at.desc(), communications.c.id.desc())
        .limit(MOST_MESSAGES)
    )
    return tuple(reversed((await connection.execute(wanted)).all()))


async def _concerns(connection: AsyncConnection, item: Escalation) -> tuple[Concern, ...]:
    wanted = select(concerns).where(concerns.c.escalation_id == item.id)
    rows = await connection.execute(wanted.order_by(concerns.c.urgency_rank, concerns.c.raised_at).limit(MOST_LINES))
    return tuple(
        Concern(
            id=row.id,
            rule=row.rule,
            rule_version=row.rule_version,
            urgency=by_rank(row.urgency_rank),
            reason=row.reason,
            source=row.source,
            raised_at=row.raised_at,
            communication_id=row.communication_id,
            spans=tuple((int(start), int(end)) for start, end in row.spans),
            answered_at=row.answered_at,
        )
        for row in rows
    )


async def _notes(connection: AsyncConnection, item: Escalation) -> tuple[Row[Any], ...]:
    whose = notes.c.escalation_id == item.id
    if item.patient_id is not None:
        whose = or_(whose, notes.c.patient_id == item.patient_id)
    wanted = (
        select(notes, staff_table.c.name.label("author"))
        .join(staff_table, staff_table.c.id == notes.c.author_id)
        .where(whose)
        .order_by(notes.c.created_at.desc(), notes.c.id.desc())
        .limit(50)
    )
    return tuple(reversed((await connection.execute(wanted)).all()))


async def _history(connection: AsyncConnection, item: Escalation) -> tuple[Row[Any], ...]:
    wanted = (
        select(escalation_events, staff_table.c.name.label("author"))
        .outerjoin(staff_table, staff_table.c.id == escalation_events.c.staff_id)
        .where(escalation_events.c.escalation_id == item.id)
        .order_by(escalation_events.c.at.desc(), escalation_events.c.id.desc())
        .limit(MOST_LINES)
    )
    return tuple(reversed((await connection.execute(wanted)).all()))


async def _card(connection: AsyncConnection, patient_id: UUID) -> PatientCard:
    row = (await connection.execute(select(patients).where(patients.c.id == patient_id))).one()

    async def some(wanted: Any) -> tuple[Row[Any], ...]:
        return tuple((await connection.execute(wanted.limit(50))).all())

    return PatientCard(
        id=row.id,
        name=row.name,
        birth_date=row.birth_date or "",
        language=row.language,
        status=row.status,
        emergency_instruction=row.emergency_instruction or "",
        emergency_instruction_by=row.emergency_instruction_by or "",
        phones=await some(
            select(phones, patient_phones.c.confirmed_at)
            .join(patient_phones, patient_phones.c.phone_id == phones.c.id)
            .where(patient_phones.c.patient_id == patient_id)
            .order_by(patient_phones.c.position)
        ),
        conditions=tuple(
            code
            for (code,) in await some(select(conditions.c.code).where(conditions.c.patient_id == patient_id).order_by(conditions.c.code))
        ),
        medications=await some(
            select(medications).where(medications.c.patient_id == patient_id, medications.c.ended_on.is_(None)).order_by(medications.c.id)
        ),
        limits=await some(select(limits).where(limits.c.patient_id == patient_id).order_by(limits.c.name)),
        care_plans=await some(
            select(care_plans)
            .where(care_plans.c.patient_id == patient_id, care_plans.c.ended_at.is_(None))
            .order_by(care_plans.c.created_at.desc())
        ),
        related_persons=await some(
            select(related_persons, phones.c.number)
            .outerjoin(phones, phones.c.id == related_persons.c.phone_id)
            .where(related_persons.c.patient_id == patient_id)
            .order_by(related_persons.c.id)
        ),
        pauses=tuple(await shown(connection, patient_id)),
    )
