"""Swaps and covers that a nurse asks a colleague for; only what the colleague accepts changes the rota."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Index, String, Table, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.changes import Changes
from service.db.schema import Instant, id_column, metadata, new_id, organization_column, reference
from service.db.staff import staff
from service.domain.rota import OverrideKind
from service.domain.swap import SwapState

_ASKED = text("state = 'asked'")

swap_requests = Table(
    "swap_requests",
    metadata,
    id_column(),
    organization_column(),
    reference("team_id", "teams"),
    Column("kind", String(8), nullable=False, doc="cover | swap"),
    reference("asked_by", "staff"),
    reference("asked_of", "staff"),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("state", String(10), nullable=False, doc="asked | accepted | declined | withdrawn"),
    Column("asked_at", Instant, nullable=False),
    Column("answered_at", Instant),
    reference("answered_by", "staff", nullable=True),
    reference("override_id", "rota_overrides", nullable=True),
    reference("item_id", "escalations", nullable=True),
    Index("ix_swap_requests_asked", "team_id", "starts_at", postgresql_where=_ASKED, sqlite_where=_ASKED),
)


@dataclass(frozen=True, slots=True)
class SwapRequest:
    """A request as it stands, with both names."""

    id: UUID
    organization_id: UUID
    team_id: UUID
    kind: OverrideKind
    asked_by: UUID
    asker: str
    asked_of: UUID
    colleague: str
    starts_at: datetime
    ends_at: datetime
    state: SwapState
    asked_at: datetime


def told_by(changes: Changes, id: UUID, item_id: UUID) -> None:
    """This item carries the text to whoever is asked."""
    changes.update(swap_requests, id, item_id=item_id)


def add(
    changes: Changes, organization_id: UUID, team_id: UUID, kind: OverrideKind, by: UUID, of: UUID, span: tuple[datetime, datetime]
) -> UUID:
    """One more request, asked now; its id."""
    id = new_id(changes.now)
    row = {"id": id, "organization_id": organization_id, "team_id": team_id, "kind": kind, "asked_by": by, "asked_of": of}
    more = {"starts_at": span[0], "ends_at": span[1], "state": SwapState.ASKED, "asked_at": changes.now}
    changes.insert(swap_requests, {**row, **more})
    return id


_asker, _colleague = staff.alias("asker"), staff.alias("colleague")
_REQUESTS = (
    select(swap_requests, _asker.c.name.label("asker"), _colleague.c.name.label("colleague"))
    .join(_asker, _asker.c.id == swap_requests.c.asked_by)
    .join(_colleague, _colleague.c.id == swap_requests.c.asked_of)
)


def _request(row: Any) -> SwapRequest:
    return SwapRequest(
        row.id,
        row.organization_id,
        row.team_id,
        OverrideKind(row.kind),
        row.asked_by,
        row.asker,
        row.asked_of,
        row.colleague,
        row.starts_at,
        row.ends_at,
        SwapState(row.state),
        row.asked_at,
    )


async def asked(connection: AsyncConnection, team_id: UUID, now: datetime, limit: int) -> list[SwapRequest]:
    """A team's requests that are not answered and whose time has not begun, the nearest first."""
    mine = (text("swap_requests.state = 'asked'"), swap_requests.c.team_id == team_id, swap_requests.c.starts_at > now)
    statement = _REQUESTS.where(*mine).order_by(swap_requests.c.starts_at, swap_requests.c.id).limit(limit)
    return [_request(row) for row in (await connection.execute(statement)).all()]


async def lock(connection: AsyncConnection, id: UUID) -> SwapRequest | None:
    """One request, locked."""
    await connection.execute(select(swap_requests.c.id).where(swap_requests.c.id == id).with_for_update(key_share=True))
    return await get(connection, id)


async def get(connection: AsyncConnection, id: UUID) -> SwapRequest | None:
    """One request."""
    row = (await connection.execute(_REQUESTS.where(swap_requests.c.id == id))).first()
    return None if row is None else _request(row)


async def settle(
    connection: AsyncConnection, id: UUID, state: SwapState, now: datetime, staff_id: UUID, *, override_id: UUID | None = None
) -> None:
    """What became of a request."""
    values = {"state": state, "answered_at": now, "answered_by": staff_id, "override_id": override_id}
    mine = (swap_requests.c.id == id) & (swap_requests.c.state == SwapState.ASKED)
    await connection.execute(update(swap_requests).where(mine).values(**values))
