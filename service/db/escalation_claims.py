"""What a nurse does to an item, as statements: claim, release, acknowledge, answer, close. Each compares and sets the version."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.communication import communication_statuses, communications
from service.db.database import notify
from service.db.escalation import concerns, escalation_events, escalations, notes
from service.db.patient import consents, patient_phones, patients, phones
from service.db.schema import new_id
from service.domain.communication import Direction, Lane, Purpose, Status
from service.domain.consent import Consent
from service.domain.escalation import Disposition, Escalation, Kind, Reached, State, transition
from service.domain.patient import Phone
from service.domain.reading import Channel
from service.domain.staff import Staff
from service.domain.urgency import Urgency, by_rank


def item_of(row: Mapping[str, Any]) -> Escalation:
    """The domain's view of a row of `escalations`."""
    return Escalation(
        id=row["id"],
        organization_id=row["organization_id"],
        team_id=row["team_id"],
        kind=Kind(row["kind"]),
        urgency=by_rank(row["urgency_rank"]),
        state=State(row["state"]),
        opened_at=row["opened_at"],
        due_at=row["due_at"],
        version=row["version"],
        patient_id=row["patient_id"],
        phone_id=row["phone_id"],
        summary=row["summary"],
        claimed_by=row["claimed_by"],
        claimed_until=row["claimed_until"],
        acknowledged_at=row["acknowledged_at"],
        reached=Reached(row["reached"]),
        do_not_contact=row["do_not_contact"],
        last_patient_event_at=row["last_patient_event_at"],
        resolved_at=row["resolved_at"],
        disposition=Disposition(row["disposition"]) if row["disposition"] else None,
    )


def of_own_teams(staff: Staff) -> Any:
    """The condition that keeps other teams and organizations out of every statement about items."""
    return (escalations.c.organization_id == staff.organization_id) & escalations.c.team_id.in_(staff.team_ids)


async def lock_item(connection: AsyncConnection, staff: Staff, item_id: UUID) -> Escalation | None:
    """The item, locked, if it is one of this member's teams.

    The patient's (or the phone's) row is locked first, as whoever takes in that patient's messages does: one order, no deadlock.
    """
    whose = select(escalations.c.patient_id, escalations.c.phone_id).where(escalations.c.id == item_id, of_own_teams(staff))
    row = (await connection.execute(whose)).first()
    if row is None:
        return None
    table = patients if row.patient_id is not None else phones
    await connection.execute(select(table.c.id).where(table.c.id == (row.patient_id or row.phone_id)).with_for_update(key_share=True))
    locked = select(escalations).where(escalations.c.id == item_id, of_own_teams(staff)).with_for_update(key_share=True)
    found = (await connection.execute(locked)).mappings().first()
    return item_of(dict(found)) if found is not None else None


async def lock_open_items(connection: AsyncConnection, patient_ids: Iterable[UUID], phone_ids: Iterable[UUID]) -> None:
    """Locks these patients, then their open items and those of these phones together, in id order, as whoever pages for them does."""
    ids = sorted(patient_ids)
    people = select(patients.c.id).where(patients.c.id.in_(ids)).order_by(patients.c.id)
    await connection.execute(people.with_for_update(key_share=True))
    whose = escalations.c.patient_id.in_(ids) | (escalations.c.phone_id.in_(sorted(phone_ids)) & escalations.c.patient_id.is_(None))
    locked = select(escalations.c.id).where(whose, escalations.c.state != State.RESOLVED, escalations.c.kind == Kind.CLINICAL)
    await connection.execute(locked.order_by(escalations.c.id).with_for_update(key_share=True))


async def claim(connection: AsyncConnection, item: Escalation, staff: Staff, until: datetime, now: datetime) -> bool:
    """Gives an item to a nurse until the lease ends; False when it was changed meanwhile. Claiming acknowledges too."""
    values: dict[str, Any] = {"state": State.CLAIMED, "claimed_by": staff.id, "claimed_at": now, "claimed_until": until}
    if item.acknowledged_at is None:
        values |= {"acknowledged_by": staff.id, "acknowledged_at": now}
    return await _change(connection, item, **values)


async def extend(connection: AsyncConnection, item: Escalation, until: datetime) -> bool:
    """Logged activity keeps a claim alive."""
    return await _change(connection, item, claimed_until=until)


async def release(connection: AsyncConnection, item: Escalation) -> bool:
    """Puts an item back into the pool. An emergency counts as unseen again: its paging goes on until somebody else takes it."""
    _check(item, State.OPEN)
    values: dict[str, Any] = {"state": State.OPEN, "claimed_by": None, "claimed_at": None, "claimed_until": None}
    if item.urgency is Urgency.EMERGENCY:
        values |= {"acknowledged_by": None, "acknowledged_at": None}
    return await _change(connection, item, **values)


async def acknowledge(connection: AsyncConnection, item: Escalation, staff: Staff, now: datetime) -> bool:
    """Somebody has seen the page: paging stops, nobody holds the item by this."""
    return await _change(connection, item, acknowledged_by=staff.id, acknowledged_at=now)


async def close(
    connection: AsyncConnection, item: Escalation, staff: Staff, disposition: Disposition, spoke_to: str, now: datetime
) -> bool:
    """Closes an item by a named member of staff (law 8)."""
    _check(item, State.RESOLVED)
    return await _change(
        connection,
        item,
        state=State.RESOLVED,
        resolved_at=now,
        resolved_by=staff.id,
        disposition=disposition,
        spoke_to=spoke_to or None,
        claimed_until=None,
    )


async def unanswered(connection: AsyncConnection, item: Escalation) -> list[UUID]:
    """The concerns that no nurse has answered yet."""
    wanted = select(concerns.c.id).where(concerns.c.escalation_id == item.id, concerns.c.answered_at.is_(None))
    return list(await connection.scalars(wanted.order_by(concerns.c.raised_at).limit(1000)))


async def answer_concerns(connection: AsyncConnection, item: Escalation, ids: Iterable[UUID], now: datetime) -> None:
    """Marks concerns of this item as answered."""
    wanted = (concerns.c.escalation_id == item.id) & concerns.c.id.in_(list(ids)) & concerns.c.answered_at.is_(None)
    await connection.execute(update(concerns).where(wanted).values(answered_at=now))


async def record(
    connection: AsyncConnection, item: Escalation, what: str, staff: Staff, now: datetime, detail: Mapping[str, Any] | None = None
) -> None:
    """A line of the item's history (law 6), and a wake-up for the open queue pages."""
    await connection.execute(
        insert(escalation_events).values(
            id=new_id(now),
            organization_id=item.organization_id,
            escalation_id=item.id,
            staff_id=staff.id,
            at=now,
            what=what,
            detail=dict(detail or {}),
        )
    )
    await notify(connection, f"queue:{item.organization_id}")


async def add_note(connection: AsyncConnection, item: Escalation, staff: Staff, body: str, now: datetime) -> UUID:
    """A note on the item and its patient; notes are never changed."""
    note_id = new_id(now)
    await connection.execute(
        insert(notes).values(
            id=note_id,
            organization_id=item.organization_id,
            patient_id=item.patient_id,
            escalation_id=item.id,
            author_id=staff.id,
            body=body,
            created_at=now,
        )
    )
    return note_id


async def phones_of(connection: AsyncConnection, item: Escalation) -> list[Phone]:
    """The numbers that a nurse may write to: the patient's, first the one check-ins go to, or the unknown sender's."""
    wanted = select(phones.c.id, phones.c.number, phones.c.unsafe_since, phones.c.opted_out_at)
    if item.patient_id is None:
        wanted = wanted.where(phones.c.id == item.phone_id)
    else:
        wanted = (
            wanted.join(patient_phones, patient_phones.c.phone_id == phones.c.id)
            .where(patient_phones.c.patient_id == item.patient_id)
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
    return [
        Consent(row.patient_id, row.phone_id, Channel(row.channel), row.programme, row.given_at, row.revoked_at, row.detail) for row in rows
    ]


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


def _check(item: Escalation, new: State) -> None:
    if not transition(item.state, new):
        raise ValueError(f"an item that is {item.state} cannot become {new}")


async def _change(connection: AsyncConnection, item: Escalation, **values: Any) -> bool:
    changed = await connection.execute(
        update(escalations)
        .where(escalations.c.id == item.id, escalations.c.version == item.version)
        .values(version=item.version + 1, **values)
    )
    return changed.rowcount == 1
