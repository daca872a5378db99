"""What a nurse does to an item, as statements: claim, release, acknowledge, answer concerns, close. Each compares and sets the version."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.database import notify
from service.db.escalation import concerns, escalation_events, escalations
from service.db.items import WOKEN, event_row
from service.db.patient import patients, phones
from service.domain.escalation import Disposition, Escalation, Kind, Reached, State, transition, undoes
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
        snoozed_until=row["snoozed_until"],
        acknowledged_at=row["acknowledged_at"],
        reached=Reached(row["reached"]),
        do_not_contact=row["do_not_contact"],
        last_patient_event_at=row["last_patient_event_at"],
        resolved_at=row["resolved_at"],
        disposition=Disposition(row["disposition"]) if row["disposition"] else None,
        lowered_from=by_rank(row["lowered_from"]) if row["lowered_from"] is not None else None,
    )


def of_own_teams(staff: Staff) -> Any:
    """The condition that keeps other teams and organizations out of every statement about items."""
    return (escalations.c.organization_id == staff.organization_id) & escalations.c.team_id.in_(staff.team_ids)


def in_reach(staff: Staff) -> Any:
    """The same for an item that is asked for by its id: besides those of one's teams, those of patients whose record one has opened."""
    theirs = escalations.c.team_id.in_(staff.team_ids) | escalations.c.patient_id.in_(staff.opened)
    return (escalations.c.organization_id == staff.organization_id) & theirs


async def lock_item(connection: AsyncConnection, staff: Staff, item_id: UUID) -> Escalation | None:
    """The item, locked, if it is one of this member's teams.

    The patient's (or the phone's) row is locked first, as whoever takes in that patient's messages does: one order, no deadlock.
    """
    whose = select(escalations.c.patient_id, escalations.c.phone_id).where(escalations.c.id == item_id, in_reach(staff))
    row = (await connection.execute(whose)).first()
    if row is None:
        return None
    table = patients if row.patient_id is not None else phones
    await connection.execute(select(table.c.id).where(table.c.id == (row.patient_id or row.phone_id)).with_for_update(key_share=True))
    locked = select(escalations).where(escalations.c.id == item_id, in_reach(staff)).with_for_update(key_share=True)
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
    _check(item, State.CLAIMED)
    values: dict[str, Any] = {
        "state": State.CLAIMED,
        "claimed_by": staff.id,
        "claimed_at": now,
        "claimed_until": until,
        "snoozed_until": None,
    }
    if item.acknowledged_at is None:
        values |= {"acknowledged_by": staff.id, "acknowledged_at": now}
    return await _change(connection, item, **values)


async def extend(connection: AsyncConnection, item: Escalation, until: datetime) -> bool:
    """Logged activity keeps a claim alive."""
    return await _change(connection, item, claimed_until=until)


async def release(connection: AsyncConnection, item: Escalation) -> bool:
    """Puts an item back into the pool. It counts as unseen again: its paging goes on until somebody takes it."""
    _check(item, State.OPEN)
    return await _change(connection, item, **WOKEN, claimed_at=None, claimed_until=None)


async def snooze(connection: AsyncConnection, item: Escalation, staff: Staff, until: datetime, reason: str, now: datetime) -> bool:
    """Puts an item off; False when it was changed meanwhile. Who puts it off has seen it; its clock and its due time go on."""
    _check(item, State.SNOOZED)
    values: dict[str, Any] = {"claimed_by": staff.id, "claimed_at": None, "claimed_until": None}
    if item.acknowledged_at is None:
        values |= {"acknowledged_by": staff.id, "acknowledged_at": now}
    return await _change(connection, item, state=State.SNOOZED, snoozed_until=until, snooze_reason=reason, **values)


async def pass_on_asleep(connection: AsyncConnection, item: Escalation, staff: Staff) -> bool:
    """An item that is put off sleeps on in this member's name; False when it was changed meanwhile."""
    return await _change(connection, item, claimed_by=staff.id)


async def put_back(connection: AsyncConnection, item: Escalation, before: Mapping[str, Any]) -> bool:
    """Gives an item the state and columns that it had before its member of staff's last step; False when it was changed since."""
    if not undoes(item.state, State(before["state"])):
        raise ValueError(f"from {item.state} there is no way back to {before['state']}")
    closed = {"resolved_at": None, "resolved_by": None, "disposition": None, "spoke_to": None} if item.state is State.RESOLVED else {}
    return await _change(connection, item, **before, **closed)


async def has_another_open(connection: AsyncConnection, item: Escalation) -> bool:
    """Whether the patient (or the number) of this closed item has an open one meanwhile: there is never a second."""
    if item.kind is not Kind.CLINICAL:
        return False
    whose = escalations.c.patient_id == item.patient_id
    if item.patient_id is None:
        whose = (escalations.c.phone_id == item.phone_id) & escalations.c.patient_id.is_(None)
    wanted = select(escalations.c.id).where(whose, escalations.c.state != State.RESOLVED, escalations.c.kind == Kind.CLINICAL)
    return (await connection.execute(wanted.limit(1))).first() is not None


async def unanswer_concerns(connection: AsyncConnection, item: Escalation, at: datetime) -> None:
    """Concerns that were answered at that instant, as the item was closed, are open again."""
    those = (concerns.c.escalation_id == item.id) & (concerns.c.answered_at == at)
    await connection.execute(update(concerns).where(those).values(answered_at=None))


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
        snoozed_until=None,
    )


async def unanswered(connection: AsyncConnection, item: Escalation) -> list[UUID]:
    """The concerns that no nurse has answered yet."""
    wanted = select(concerns.c.id).where(concerns.c.escalation_id == item.id, concerns.c.answered_at.is_(None))
    return list(await connection.scalars(wanted.order_by(concerns.c.raised_at).limit(1000)))


async def news_at(connection: AsyncConnection, item: Escalation) -> datetime | None:
    """When the item's newest concern was raised."""
    newest: datetime | None = await connection.scalar(select(func.max(concerns.c.raised_at)).where(concerns.c.escalation_id == item.id))
    return newest


async def answer_concerns(connection: AsyncConnection, item: Escalation, ids: Iterable[UUID], now: datetime) -> None:
    """Marks concerns of this item as answered."""
    wanted = (concerns.c.escalation_id == item.id) & concerns.c.id.in_(list(ids)) & concerns.c.answered_at.is_(None)
    await connection.execute(update(concerns).where(wanted).values(answered_at=now))


async def lower(connection: AsyncConnection, item: Escalation, urgency: Urgency, due_at: datetime, until: datetime) -> bool:
    """Makes an item less urgent; what it was stays on it, and should it be raised again its paging begins anew."""
    values: dict[str, Any] = {"urgency_rank": urgency.rank, "due_at": due_at, "claimed_until": until, "ladder": None}
    return await _change(connection, item, lowered_from=(item.lowered_from or item.urgency).rank, **values)


async def mark_useless(connection: AsyncConnection, item: Escalation, ids: Iterable[UUID]) -> None:
    """Concerns of this item that a nurse found of no use: the yield of their rules counts them."""
    await connection.execute(update(concerns).where(concerns.c.escalation_id == item.id, concerns.c.id.in_(list(ids))).values(useful=False))


async def standing(connection: AsyncConnection, ids: Iterable[UUID]) -> dict[UUID, UUID]:
    """Those of these items that are not closed, locked in id order, with their organization."""
    wanted = select(escalations.c.id, escalations.c.organization_id).where(escalations.c.id.in_(sorted(set(ids))))
    open_ones = wanted.where(escalations.c.state != State.RESOLVED).order_by(escalations.c.id).with_for_update(key_share=True)
    return {row.id: row.organization_id for row in await connection.execute(open_ones)}


async def record(
    connection: AsyncConnection, item: Escalation, what: str, staff: Staff, now: datetime, detail: Mapping[str, Any] | None = None
) -> None:
    """A line of the item's history (law 6), and a wake-up for the open queue pages."""
    await connection.execute(insert(escalation_events), [event_row(item.organization_id, item.id, now, what, detail or {}, staff.id)])
    await connection.execute(update(escalations).where(escalations.c.id == item.id).values(touched_at=now))
    await notify(connection, f"queue:{item.organization_id}")


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
