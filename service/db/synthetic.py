"""The synthetic patient's walks: a row each, with the time of every station, so that a break shows where it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Column, Index, Integer, RowMapping, String, Table, Uuid, delete, func, literal, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.calls import call_statuses, calls
from service.db.communication import attempts, communications
from service.db.database import insert_new, skip_locked
from service.db.escalation import escalations, pages
from service.db.schema import Instant, id_column, metadata, organization_column, reference
from service.domain.call import CallStatus
from service.domain.communication import Direction, Status
from service.domain.escalation import Kind
from service.domain.synthetic import Station
from service.domain.urgency import Urgency

_RUNNING = text("ended_at IS NULL")

synthetic_walks = Table(
    "synthetic_walks",
    metadata,
    id_column(),
    organization_column(),
    Column(
        "slot",
        BigInteger().with_variant(Integer, "sqlite"),
        nullable=False,
        unique=True,
        doc="the quarter of an hour, counted since 1970: one walk each",
    ),
    Column("began_at", Instant, nullable=False),
    Column("looked_at", Instant, nullable=False, doc="when anybody last looked how far it had come"),
    Column("ended_at", Instant, doc="empty while it is under way"),
    Column("broken_at", String(16), nullable=False, default="", doc="the station that was not reached in time; empty: it went through"),
    reference("patient_id", "patients"),
    Column("communication_id", Uuid(), nullable=False, doc="the text that it begins with"),
    Column("escalation_id", Uuid(), doc="the emergency that its answer has opened"),
    Column("provider", String(32), nullable=False, default="", doc="by which the first text came in"),
    Column("reply_to", String(64), nullable=False, default="", doc="our own number that it came from"),
    Column("reply_id", String(64), nullable=False, default="", doc="the provider's id of the answer"),
    *(Column(f"{station}_at", Instant) for station in Station),
    Index("ix_synthetic_walks_running", "began_at", postgresql_where=_RUNNING, sqlite_where=_RUNNING),
)


@dataclass(frozen=True, slots=True)
class Walk:
    """A walk as it stands; `reached`: when it passed each station that it has passed."""

    id: UUID
    organization_id: UUID
    slot: int
    began_at: datetime
    looked_at: datetime
    ended_at: datetime | None
    broken_at: str
    patient_id: UUID
    communication_id: UUID
    escalation_id: UUID | None
    provider: str
    reply_to: str
    reply_id: str
    reached: Mapping[Station, datetime]


async def newest(connection: AsyncConnection, limit: int = 1) -> list[Walk]:
    """The last walks, newest first."""
    rows = await connection.execute(select(synthetic_walks).order_by(synthetic_walks.c.slot.desc()).limit(limit))
    return [_walk(row) for row in rows.mappings()]


async def running(connection: AsyncConnection) -> Walk | None:
    """The walk under way, its row locked; None when there is none or another node has it."""
    statement = select(synthetic_walks).where(text("synthetic_walks.ended_at IS NULL")).order_by(synthetic_walks.c.slot).limit(1)
    row = (await connection.execute(skip_locked(statement))).mappings().first()
    return None if row is None else _walk(row)


async def forget(connection: AsyncConnection, before: datetime) -> None:
    """Drops walks that began before this."""
    await connection.execute(delete(synthetic_walks).where(synthetic_walks.c.began_at < before, synthetic_walks.c.ended_at.is_not(None)))


async def begin(connection: AsyncConnection, walk: Walk) -> bool:
    """Writes a new walk; False when this quarter of an hour has one."""
    row = {name: getattr(walk, name) for name in _PLAIN}
    return bool(await insert_new(connection, synthetic_walks, [row], [synthetic_walks.c.slot], [synthetic_walks.c.id]))


async def keep(connection: AsyncConnection, walk: Walk, now: datetime, *, ended_at: datetime | None = None, broken_at: str = "") -> None:
    """Writes what is known of the walk, and its end."""
    stations = {f"{station}_at": at for station, at in walk.reached.items()}
    values = {"looked_at": now, "escalation_id": walk.escalation_id, "ended_at": ended_at, "broken_at": broken_at, **stations}
    await connection.execute(update(synthetic_walks).where(synthetic_walks.c.id == walk.id).values(**values))


async def replied(connection: AsyncConnection, id: UUID, reply_id: str) -> None:
    """The provider has taken the answer under this id."""
    await connection.execute(update(synthetic_walks).where(synthetic_walks.c.id == id).values(reply_id=reply_id[:64]))


async def arrived(connection: AsyncConnection, station: Station, now: datetime, **values: str) -> None:
    """A text came in at one of the walk's telephones: the first time counts."""
    column = synthetic_walks.c[f"{station}_at"]
    first = (text("synthetic_walks.ended_at IS NULL"), column.is_(None))
    await connection.execute(update(synthetic_walks).where(*first).values({column.name: now, **values}))


async def passed(connection: AsyncConnection, walk: Walk) -> tuple[dict[Station, datetime], UUID | None]:
    """The stations whose marks stand in the tables of everybody, and the item that the answer has opened."""
    found: dict[Station, datetime | None] = {}
    handed = (attempts.c.communication_id == walk.communication_id, attempts.c.outcome == "accepted")
    found[Station.ASKED] = await connection.scalar(select(func.min(attempts.c.ended_at)).where(*handed))
    began = literal(walk.began_at, Instant())
    answered = (
        communications.c.patient_id == walk.patient_id,
        communications.c.direction == Direction.IN,
        communications.c.created_at >= began,
    )
    found[Station.RECEIVED] = await connection.scalar(select(func.min(communications.c.created_at)).where(*answered))
    mine = (escalations.c.patient_id == walk.patient_id, escalations.c.kind == Kind.CLINICAL, escalations.c.opened_at >= began)
    emergency = select(escalations.c.id, escalations.c.opened_at).where(*mine, escalations.c.urgency_rank == Urgency.EMERGENCY.rank)
    item = (await connection.execute(emergency.order_by(escalations.c.opened_at).limit(1))).first()
    if item is not None:
        found[Station.RAISED] = item.opened_at
        out = (pages.c.escalation_id == item.id, pages.c.status.in_([Status.ACCEPTED, Status.SENT, Status.DELIVERED]))
        found[Station.PAGED] = await connection.scalar(select(func.min(pages.c.status_at)).where(*out))
    for station, statuses in _CALL.items():
        seen = (calls.c.patient_id == walk.patient_id, calls.c.created_at >= began, call_statuses.c.status.in_(statuses))
        told = select(func.min(call_statuses.c.at)).join(calls, calls.c.id == call_statuses.c.call_id).where(*seen)
        found[station] = await connection.scalar(told)
    return {station: at for station, at in found.items() if at is not None}, item.id if item is not None else None


_TALKED = [CallStatus.TALKING]
_CALL = {
    Station.CALLED: [CallStatus.PLACED, *_TALKED],
    Station.SPOKEN: _TALKED,
    Station.HUNG_UP: [CallStatus.ENDED],
}
_PLAIN = [column.name for column in synthetic_walks.columns if column.name.removesuffix("_at") not in set(Station)]


def _walk(row: RowMapping) -> Walk:
    reached = {station: row[f"{station}_at"] for station in Station if row[f"{station}_at"] is not None}
    return Walk(**{name: row[name] for name in _PLAIN}, reached=reached)
