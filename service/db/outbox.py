"""The outbox: due texts with what the ruling on each needs. Whose turn it is: `claims`; what became of them: `outcomes`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from uuid import UUID

from sqlalchemy import and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import aliased

from service.db.communication import communications
from service.db.organization import organizations
from service.db.patient import consent_of, consents, patients, phones
from service.domain.communication import Direction, Lane, Purpose, Status
from service.domain.consent import Consent
from service.domain.reading import Channel


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A due text with what its ruling needs: the number's and the patient's state, and whose quiet hours hold."""

    id: UUID
    organization_id: UUID
    patient_id: UUID | None
    phone_id: UUID
    purpose: Purpose
    lane: Lane
    status: Status
    channel: Channel
    programme: str
    body: str
    created_at: datetime
    due_at: datetime
    useful_until: datetime | None
    attempts: int
    check_in_id: UUID | None
    number: str
    line: str
    """What kind of line the number is, "" where nobody was asked."""
    unsafe_since: datetime | None
    opted_out_at: datetime | None
    patient_status: str | None
    zone: str
    quiet_start: time
    quiet_end: time
    clinic: str
    """The organization's name."""
    answers_text_of: datetime | None
    """When the patient's own message that this answers came in, None when it answers none."""


async def load(connection: AsyncConnection, ids: Sequence[UUID]) -> list[Outgoing]:
    """These texts, in the order in which they were written."""
    asked = aliased(communications)
    statement = (
        select(
            communications,
            phones.c.number,
            phones.c.line,
            phones.c.unsafe_since,
            phones.c.opted_out_at,
            patients.c.status.label("patient_status"),
            func.coalesce(patients.c.zone, organizations.c.zone).label("local_zone"),
            organizations.c.quiet_start,
            organizations.c.quiet_end,
            organizations.c.name.label("clinic"),
            asked.c.created_at.label("answered_text_at"),
        )
        .join(phones, communications.c.phone_id == phones.c.id)
        .join(organizations, communications.c.organization_id == organizations.c.id)
        .outerjoin(patients, communications.c.patient_id == patients.c.id)
        .outerjoin(asked, and_(communications.c.in_reply_to == asked.c.id, asked.c.direction == Direction.IN))
        .where(communications.c.id.in_(ids))
        .order_by(communications.c.created_at, communications.c.id)
    )
    return [
        Outgoing(
            id=row.id,
            organization_id=row.organization_id,
            patient_id=row.patient_id,
            phone_id=row.phone_id,
            purpose=Purpose(row.purpose),
            lane=Lane(row.lane),
            status=Status(row.status),
            channel=Channel(row.channel),
            programme=row.programme,
            body=row.body,
            created_at=row.created_at,
            due_at=row.due_at,
            useful_until=row.useful_until,
            attempts=row.attempts,
            check_in_id=row.check_in_id,
            number=row.number,
            line=row.line,
            unsafe_since=row.unsafe_since,
            opted_out_at=row.opted_out_at,
            patient_status=row.patient_status,
            zone=row.local_zone,
            quiet_start=row.quiet_start,
            quiet_end=row.quiet_end,
            clinic=row.clinic,
            answers_text_of=row.answered_text_at,
        )
        for row in (await connection.execute(statement)).all()
    ]


async def consents_of(
    connection: AsyncConnection, patient_ids: Iterable[UUID], phone_ids: Iterable[UUID]
) -> dict[UUID, list[tuple[Consent, int]]]:
    """Every consent of these patients and for these phones, by patient and by phone, with the prompts a day that it allows.

    A withdrawn one says when.
    """
    found: dict[UUID, list[tuple[Consent, int]]] = defaultdict(list)
    statement = select(consents).where(or_(consents.c.patient_id.in_(sorted(patient_ids)), consents.c.phone_id.in_(sorted(phone_ids))))
    for row in (await connection.execute(statement)).all():
        consent = consent_of(row)
        found[row.patient_id].append((consent, row.per_day))
        found[row.phone_id].append((consent, row.per_day))
    return found
