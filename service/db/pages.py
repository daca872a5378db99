"""Pages to staff: due ones, claims and attempts, and where an item's ladder stands (decisions 16)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, func, insert, literal, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db import items
from service.db.changes import Changes
from service.db.communication import attempts
from service.db.database import lease_end, skip_locked
from service.db.encryption import forgiving
from service.db.escalation import escalations, pages
from service.db.patient import patients
from service.db.schema import Instant, new_id
from service.domain.communication import Status
from service.domain.escalation import Kind, State
from service.domain.ladder import Ladder, PageChannel, Target
from service.domain.patient import initials
from service.domain.urgency import Urgency, by_rank

LEASE = timedelta(seconds=60)
NO_RUNG = -1
"""Of a page that belongs to no ladder: what becomes of it moves none."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page that is due: to whom ("": that cannot be read), and the words (no health detail)."""

    id: UUID
    organization_id: UUID
    escalation_id: UUID
    phone: str
    body: str
    step: int
    attempts: int


async def claim(connection: AsyncConnection, now: datetime, node: str, limit: int, channel: PageChannel) -> list[tuple[Page, UUID]]:
    """Due pages of a channel with their new attempt ids: claimed, and each attempt written, before anything leaves.

    Emergencies first, then the oldest. One whose number or words cannot be read comes without a number.
    """
    urgency = select(escalations.c.urgency_rank).where(escalations.c.id == pages.c.escalation_id).scalar_subquery()
    due = (
        select(pages.c.id)
        .where(text("pages.status = 'due'"), pages.c.channel == channel, pages.c.due_at <= now)
        .order_by(urgency, pages.c.due_at)
        .limit(limit)
    )
    ids = list((await connection.scalars(skip_locked(due))).all())
    if not ids:
        return []
    columns = (pages.c.id, pages.c.organization_id, pages.c.escalation_id, pages.c.step, pages.c.attempts)
    which = select(*columns, forgiving(pages.c.phone), forgiving(pages.c.body)).where(pages.c.id.in_(ids))
    rows = {row.id: row for row in (await connection.execute(which)).all()}
    found = [(_page(rows[id]), new_id(now)) for id in ids]
    await connection.execute(
        update(pages)
        .where(pages.c.id == bindparam("row_id"))
        .values(
            status=Status.CLAIMED,
            status_at=now,
            claimed_by=node,
            attempts=pages.c.attempts + 1,
            attempt_id=bindparam("new_attempt"),
            lease_until=lease_end(connection, now, LEASE),
        ),
        [{"row_id": page.id, "new_attempt": attempt_id} for page, attempt_id in found],
    )
    await connection.execute(
        insert(attempts),
        [
            {
                "id": attempt_id,
                "organization_id": page.organization_id,
                "communication_id": None,
                "page_id": page.id,
                "number": page.attempts + 1,
                "started_at": now,
                "ended_at": None,
                "outcome": "",
                "provider_id": None,
                "error_code": "",
            }
            for page, attempt_id in found
        ],
    )
    return found


def _page(row: Any) -> Page:
    readable = row.phone is not None and row.body is not None
    return Page(row.id, row.organization_id, row.escalation_id, row.phone if readable else "", row.body or "", row.step, row.attempts)


async def lock_items(connection: AsyncConnection, ids: Iterable[UUID]) -> None:
    """Locks these items in id order, as all who hold several do."""
    wanted = sorted(set(ids))
    if wanted:
        await connection.execute(
            select(escalations.c.id).where(escalations.c.id.in_(wanted)).order_by(escalations.c.id).with_for_update(key_share=True)
        )


@dataclass(frozen=True, slots=True)
class KnownPage:
    """What a page stands at, for judging a word on it."""

    id: UUID
    organization_id: UUID
    escalation_id: UUID
    step: int
    status: Status
    attempt_id: UUID | None
    attempts: int
    rung: int
    channel: PageChannel
    phone: str
    role: str
    staff_id: UUID | None
    created_at: datetime


async def lock(connection: AsyncConnection, ids: Iterable[UUID]) -> dict[UUID, KnownPage]:
    """These pages, locked in id order, their items before them."""
    wanted = sorted(set(ids))
    whose = select(pages.c.escalation_id).where(pages.c.id.in_(wanted))
    await lock_items(connection, (await connection.scalars(whose)).all())
    columns = [column for column in pages.c if column not in (pages.c.phone, pages.c.body)]
    statement = (
        select(*columns, forgiving(pages.c.phone)).where(pages.c.id.in_(wanted)).order_by(pages.c.id).with_for_update(key_share=True)
    )
    return {
        row.id: KnownPage(
            row.id,
            row.organization_id,
            row.escalation_id,
            row.step,
            Status(row.status),
            row.attempt_id,
            row.attempts,
            row.rung,
            PageChannel(row.channel),
            row.phone or "",
            row.role,
            row.staff_id,
            row.created_at,
        )
        for row in (await connection.execute(statement)).all()
    }


@dataclass(frozen=True, slots=True)
class PagedOnce:
    """A page of the rung that stands highest."""

    channel: PageChannel
    phone: str
    status: Status
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the paging of an item stands that nobody has acknowledged."""

    escalation_id: UUID
    organization_id: UUID
    team_id: UUID
    kind: Kind
    urgency: Urgency
    opened_at: datetime
    due_at: datetime
    initials: str
    drill: bool
    """Nobody is ill: the patient is invented."""
    ladder: Ladder | None
    """The rungs that it climbs; None before the first page, and when it has become more urgent than they are for."""
    base: int
    """The number of this ladder's first rung: an item that became worse goes on counting on another ladder."""
    step: int
    """Of the last page, -1 for none."""
    rung: int
    """The highest rung that has been paged, NO_RUNG for none."""
    last: tuple[PagedOnce, ...] = ()
    """The pages of that rung."""

    @property
    def first_round(self) -> bool:
        """Whether the ladder has not been climbed to its end yet."""
        return self.ladder is not None and self.rung - self.base + 1 < len(self.ladder.rungs)


async def standings(connection: AsyncConnection, escalation_ids: Iterable[UUID], *, seen_too: bool = False) -> dict[UUID, Standing]:
    """Those of these items that still need paging (not routine, not resolved, not acknowledged), locked; `seen_too`: every open one."""
    needed = [] if seen_too else [escalations.c.urgency_rank < Urgency.ROUTINE.rank, escalations.c.acknowledged_at.is_(None)]
    statement = (
        select(*_ITEM, forgiving(patients.c.name).label("patient_name"), patients.c.synthetic)
        .outerjoin(patients, patients.c.id == escalations.c.patient_id)
        .where(
            escalations.c.id.in_(sorted(set(escalation_ids))),
            escalations.c.state != State.RESOLVED,
            *needed,
        )
        .order_by(escalations.c.id)
        .with_for_update(key_share=True, of=escalations)
    )
    items = (await connection.execute(statement)).all()
    written: dict[UUID, list[Any]] = defaultdict(list)
    if items:
        columns = (pages.c.escalation_id, pages.c.step, pages.c.rung, pages.c.channel, pages.c.status, pages.c.created_at)
        all_pages = (
            select(*columns, forgiving(pages.c.phone)).where(pages.c.escalation_id.in_([item.id for item in items])).order_by(pages.c.step)
        )
        for row in (await connection.execute(all_pages)).all():
            written[row.escalation_id].append(row)
    return {item.id: _standing(item, written[item.id]) for item in items}


_ITEM = tuple(escalations.c[name] for name in ("id", "organization_id", "team_id", "kind", "urgency_rank", "opened_at", "due_at", "ladder"))
"""No words among them: what cannot be read of an item must not keep anybody from being paged for it."""


def _standing(item: Any, own: Sequence[Any]) -> Standing:
    rung = max((row.rung for row in own), default=NO_RUNG)
    last = [row for row in own if row.rung == rung]
    ladder, base = None, rung + 1
    if item.ladder is not None and item.ladder["urgency_rank"] <= item.urgency_rank:
        ladder, base = Ladder.from_json(item.ladder), int(item.ladder["base"])
    return Standing(
        item.id,
        item.organization_id,
        item.team_id,
        Kind(item.kind),
        by_rank(item.urgency_rank),
        item.opened_at,
        item.due_at,
        initials(item.patient_name or ""),
        bool(item.synthetic),
        ladder,
        base,
        own[-1].step if own else -1,
        rung,
        tuple(PagedOnce(PageChannel(row.channel), row.phone or "", Status(row.status), row.created_at) for row in last),
    )


def keep_ladder(changes: Changes, standing: Standing, ladder: Ladder) -> None:
    """The rungs in force stand on the item from now on: later changes of the team's ladder are for later items."""
    copied = {**ladder.to_json(), "urgency_rank": standing.urgency.rank, "base": standing.base}
    changes.update(escalations, standing.escalation_id, ladder=copied)


def add_page(changes: Changes, standing: Standing, step: int, rung: int, target: Target, channel: PageChannel, body: str) -> None:
    """A page to one person by one channel, due now, with its line in the item's history."""
    changes.insert(
        pages,
        {
            "id": new_id(changes.now),
            "organization_id": standing.organization_id,
            "escalation_id": standing.escalation_id,
            "team_id": standing.team_id,
            "phone": target.phone,
            "body": body,
            "step": step,
            "rung": rung,
            "channel": channel,
            "staff_id": target.staff_id,
            "role": target.role,
            "status": Status.DUE,
            "created_at": changes.now,
            "due_at": changes.now,
            "status_at": changes.now,
        },
    )
    detail: dict[str, object] = {"step": step, "rung": rung, "role": target.role.value, "channel": channel.value}
    if target.staff_id is not None:
        detail["staff_id"] = str(target.staff_id)
    items.add_event(changes, standing.organization_id, standing.escalation_id, "paged", detail)
    changes.wake("outbox:emergency", f"queue:{standing.organization_id}")


NET_AFTER = {Urgency.EMERGENCY: timedelta(minutes=6), Urgency.URGENT: timedelta(minutes=31)}
"""The longest time between two rungs and a minute more: who has waited longer has been forgotten by the ladder's due work."""


async def unpaged(connection: AsyncConnection, now: datetime, limit: int) -> list[UUID]:
    """Emergencies, and urgent clinical items, that nobody has acknowledged and that were last paged too long ago: the net below the
    ladder's due work."""
    last = select(func.max(pages.c.created_at)).where(pages.c.escalation_id == escalations.c.id).scalar_subquery()
    paged_at = func.coalesce(last, escalations.c.opened_at)
    statement = (
        select(escalations.c.id)
        .where(
            escalations.c.state != State.RESOLVED,
            escalations.c.acknowledged_at.is_(None),
            or_(
                (escalations.c.urgency_rank == Urgency.EMERGENCY.rank)
                & (paged_at < literal(now - NET_AFTER[Urgency.EMERGENCY], Instant())),
                (escalations.c.urgency_rank == Urgency.URGENT.rank)
                & (escalations.c.kind == Kind.CLINICAL)
                & (paged_at < literal(now - NET_AFTER[Urgency.URGENT], Instant())),
            ),
        )
        .order_by(escalations.c.urgency_rank, escalations.c.opened_at)
        .limit(limit)
    )
    return list((await connection.scalars(statement)).all())
