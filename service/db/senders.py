"""Senders: the numbers and pools that texts and calls go out by, with their token buckets, daily counts and shares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Date,
    Float,
    ForeignKey,
    Integer,
    String,
    Table,
    UniqueConstraint,
    Uuid,
    and_,
    bindparam,
    case,
    delete,
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.changes import Changes
from service.db.communication import attempts, communications
from service.db.database import among, database_now, insert_missing, insert_or_add, seconds_between
from service.db.organization import sender_numbers
from service.db.schema import Instant, id_column, metadata, new_id, organization_column
from service.domain.communication import Lane, Status
from service.domain.failover import FULL, SLOW, Shift, Signals, Standing
from service.domain.sender import Kind, Use, capacity, carrier_day, kind_of

senders = Table(
    "senders",
    metadata,
    id_column(),
    organization_column(),
    Column("provider", String(32), nullable=False),
    Column("sender", String(64), nullable=False, doc="E.164, a short code, a pool's id, or \"\" for the provider's default"),
    Column("kind", String(16), nullable=False, doc="long_code | toll_free | short_code | pool"),
    Column("segments_per_second", Float, nullable=True, doc="null: the site's setting, else its kind's default"),
    Column("day_cap", Integer, nullable=True, doc="segments a carrier day, null for none"),
    Column("texts", Boolean, nullable=False, default=True),
    Column("calls", Boolean, nullable=False, default=True),
    Column("weight", Integer, nullable=False, default=FULL, doc="its part of the texts among those of its position, at rest"),
    Column("share", Integer, nullable=False, default=FULL, doc="how much of that it carries now, in hundredths"),
    Column("shifted_at", Instant, nullable=True),
    Column("given_up_at", Instant, nullable=True),
    Column("tokens", Float, nullable=False, default=0.0, doc="segments that may go at `refilled_at`; below 0 an emergency has gone before"),
    Column("refilled_at", Instant, nullable=True, doc="by the database's clock; null: full"),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("organization_id", "provider", "sender"),
)

sender_days = Table(
    "sender_days",
    metadata,
    organization_column(),
    Column("sender_id", Uuid(), ForeignKey("senders.id"), primary_key=True),
    Column("day", Date, primary_key=True, doc="the carriers' day, Pacific time"),
    Column("segments", Integer, nullable=False),
)

known_senders = Table(
    "known_senders",
    metadata,
    organization_column(),
    Column("phone_id", Uuid(), ForeignKey("phones.id"), primary_key=True),
    Column("sender_id", Uuid(), ForeignKey("senders.id"), nullable=False, doc="the number that this phone knows us by"),
    Column("since", Instant, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Sender:
    """A sender as it stands, for one of its uses; the lowest `position` of a use is used, the next stand in."""

    id: UUID
    organization_id: UUID
    provider: str
    number: str
    kind: Kind
    use: Use
    position: int
    segments_per_second: float | None
    day_cap: int | None
    spent_today: int
    texts: bool
    calls: bool
    weight: int
    share: int
    given_up_at: datetime | None
    tokens: float
    idle_seconds: float | None
    """Since `tokens` was counted, by the database's clock; None when nothing was ever taken."""

    def available(self, rate: float) -> float:
        """The tokens that stand in its bucket now, at this rate in segments a second."""
        if self.idle_seconds is None:
            return capacity(rate)
        return min(capacity(rate), self.tokens + max(0.0, self.idle_seconds) * rate)


async def of_organizations(
    connection: AsyncConnection, organization_ids: Iterable[UUID], defaults: Sequence[str], now: datetime
) -> list[Sender]:
    """Every use of every sender of these organizations, best first.

    An organization without any number sends by the default of the one provider in `defaults`, when there is just one.
    A sender that is met for the first time gets its row.
    """
    wanted = sorted(set(organization_ids))
    uses = (await connection.execute(select(sender_numbers).where(sender_numbers.c.organization_id.in_(wanted)))).all()
    placed = [(row.organization_id, row.provider, row.sender, Use(row.purpose), row.position, row.id) for row in uses]
    if len(defaults) == 1:
        reachable = {organization_id for organization_id, provider, *_ in placed if provider in defaults}
        placed += [(id, defaults[0], "", use, 0, id) for id in wanted if id not in reachable for use in Use]
    known = await _rows(connection, wanted, now)
    missing = sorted({place[:3] for place in placed} - known.keys())
    if missing:
        await connection.execute(insert_missing(senders, connection), [_row(*place, now) for place in missing])
        known = await _rows(connection, wanted, now)
    ordered = sorted(placed, key=lambda place: (place[0], place[3], place[4], place[5]))
    return [
        Sender(
            row.id,
            organization_id,
            provider,
            number,
            Kind(row.kind),
            use,
            position,
            row.segments_per_second,
            row.day_cap,
            row.spent_today or 0,
            row.texts,
            row.calls,
            row.weight,
            row.share,
            row.given_up_at,
            row.tokens,
            row.idle_seconds,
        )
        for organization_id, provider, number, use, position, _ in ordered
        if (row := known.get((organization_id, provider, number))) is not None
    ]


async def _rows(connection: AsyncConnection, organization_ids: Sequence[UUID], now: datetime) -> dict[tuple[UUID, str, str], Any]:
    idle = seconds_between(connection, senders.c.refilled_at, database_now(connection, now))
    statement = (
        select(senders, idle.label("idle_seconds"), sender_days.c.segments.label("spent_today"))
        .outerjoin(sender_days, and_(sender_days.c.sender_id == senders.c.id, sender_days.c.day == carrier_day(now)))
        .where(senders.c.organization_id.in_(organization_ids))
    )
    return {(row.organization_id, row.provider, row.sender): row for row in (await connection.execute(statement)).all()}


def _row(organization_id: UUID, provider: str, sender: str, now: datetime) -> dict[str, Any]:
    kind = kind_of(sender)
    return {
        "id": new_id(now),
        "organization_id": organization_id,
        "provider": provider,
        "sender": sender,
        "kind": kind,
        "calls": kind is not Kind.SHORT_CODE,
        "created_at": now,
    }


async def take(connection: AsyncConnection, id: UUID, segments: int, rate: float, now: datetime, *, least: float = 0.0) -> bool:
    """Takes segments from a bucket that fills at `rate` a second: one conditional update, by the database's clock.

    With `least` only while it holds so many tokens: False when another node was quicker. Without, always; it may fall below 0.
    """
    clock = database_now(connection, now)
    full, held = capacity(rate), senders.c.tokens
    idle = seconds_between(connection, senders.c.refilled_at, clock)
    refilled: ColumnElement[float] = case(
        (senders.c.refilled_at.is_(None), full), (idle < 0, held), (held + idle * rate > full, full), else_=held + idle * rate
    )
    statement = update(senders).where(senders.c.id == id)
    if least > 0:
        statement = statement.where(refilled >= least - _ROUNDING)
    later = case((senders.c.refilled_at > clock, senders.c.refilled_at), else_=clock)
    changed = await connection.execute(statement.values(tokens=refilled - segments, refilled_at=later).returning(senders.c.id))
    return changed.first() is not None


_ROUNDING = 1e-6


async def count(connection: AsyncConnection, spent: Mapping[UUID, tuple[UUID, int]], now: datetime) -> None:
    """Adds sent segments to the senders' day: sender -> (organization, segments)."""
    if not spent:
        return
    day = carrier_day(now)
    rows = [{"organization_id": owner, "sender_id": id, "day": day, "segments": more} for id, (owner, more) in sorted(spent.items())]
    key = [sender_days.c.sender_id, sender_days.c.day]
    await connection.execute(insert_or_add(sender_days, connection, key, sender_days.c.segments), rows)


async def known_to(connection: AsyncConnection, phone_ids: Iterable[UUID]) -> dict[UUID, UUID]:
    """Phone -> the sender that it knows us by."""
    statement = select(known_senders.c.phone_id, known_senders.c.sender_id).where(known_senders.c.phone_id.in_(sorted(set(phone_ids))))
    return {row.phone_id: row.sender_id for row in (await connection.execute(statement)).all()}


async def make_known(connection: AsyncConnection, met: Mapping[UUID, tuple[UUID, UUID]], now: datetime) -> None:
    """From now on these phones know us by these senders: phone -> (organization, sender)."""
    if not met:
        return
    rows = [{"organization_id": owner, "phone_id": phone, "sender_id": id, "since": now} for phone, (owner, id) in sorted(met.items())]
    await connection.execute(insert_missing(known_senders, connection), rows)
    moved = update(known_senders).where(
        known_senders.c.phone_id == bindparam("phone"), known_senders.c.sender_id != bindparam("new_sender")
    )
    moved = moved.values(sender_id=bindparam("new_sender"), since=now)
    await connection.execute(moved, [{"phone": phone, "new_sender": id} for phone, (_, id) in sorted(met.items())])


async def written_to(connection: AsyncConnection, heard: Mapping[UUID, tuple[UUID, str, Sequence[str]]], now: datetime) -> None:
    """From now on these phones know us by the sender for patients' texts that they have written to, where it is one.

    `heard`: phone -> (organization, provider, the number that it wrote to and its pool).
    """
    if not heard:
        return
    known = (
        select(known_senders.c.phone_id, senders.c.provider, senders.c.sender)
        .join(senders, senders.c.id == known_senders.c.sender_id)
        .where(among(connection, known_senders.c.phone_id, sorted(heard)))
    )
    by = {row.phone_id: (row.provider, row.sender) for row in (await connection.execute(known)).all()}
    new = {phone: one for phone, one in heard.items() if by.get(phone) not in {(one[1], name) for name in one[2]}}
    if not new:
        return
    for_patients = select(sender_numbers.c.id).where(
        sender_numbers.c.organization_id == senders.c.organization_id,
        sender_numbers.c.provider == senders.c.provider,
        sender_numbers.c.sender == senders.c.sender,
        sender_numbers.c.purpose == Use.PATIENTS,
    )
    statement = select(senders.c.id, senders.c.organization_id, senders.c.provider, senders.c.sender).where(
        among(connection, senders.c.organization_id, sorted({owner for owner, _, _ in new.values()})),
        among(connection, senders.c.sender, sorted({name for _, _, names in new.values() for name in names})),
        senders.c.texts,
        for_patients.exists(),
    )
    ids = {(row.organization_id, row.provider, row.sender): row.id for row in (await connection.execute(statement)).all()}
    met: dict[UUID, tuple[UUID, UUID]] = {}
    for phone, (owner, provider, names) in new.items():
        found = [ids[owner, provider, name] for name in names if (owner, provider, name) in ids]
        if found:
            met[phone] = (owner, found[0])
    await make_known(connection, met, now)


async def tried_by(
    connection: AsyncConnection, ids: Iterable[UUID], *, busy_too: bool, what: Column[UUID] = attempts.c.communication_id
) -> dict[UUID, set[UUID]]:
    """Text (or page, by `what`) -> the senders whose set-up has refused it; with `busy_too` also those that had no time for it."""
    found: dict[UUID, set[UUID]] = {}
    statement = select(what.label("id"), attempts.c.sender_id).where(
        what.in_(sorted(set(ids))),
        attempts.c.sender_id.is_not(None),
        attempts.c.outcome.in_(["transient", "refused"] if busy_too else ["refused"]),
    )
    for row in (await connection.execute(statement)).all():
        found.setdefault(row.id, set()).add(row.sender_id)
    return found


@dataclass(frozen=True, slots=True)
class Judged:
    """A sender with what its hand-overs of late say of it."""

    id: UUID
    organization_id: UUID
    provider: str
    standing: Standing
    signals: Signals


MOST_JUDGED = 500
_OURS = ("not_called", "stopped", "lost", "landline")
"""Codes of attempts that say nothing of the provider: we did not call, or nobody was left to hear the answer."""


async def judged(connection: AsyncConnection, now: datetime, window: timedelta) -> list[Judged]:
    """Senders with hand-overs in the window before now, or since their share last moved if that is less (not for one given up);
    and those that have lost a part of their share, also when nothing has gone by them.
    """
    since = now - window
    recent = select(attempts.c.id).where(attempts.c.sender_id == senders.c.id, attempts.c.started_at > since).exists()
    used_for = select(sender_numbers.c.id).where(
        sender_numbers.c.organization_id == senders.c.organization_id,
        sender_numbers.c.provider == senders.c.provider,
        sender_numbers.c.sender == senders.c.sender,
    )
    probed = or_(used_for.where(sender_numbers.c.purpose == Use.PATIENTS).exists(), ~used_for.exists())
    wanted = select(senders, probed.label("probed")).where(or_(recent, senders.c.share < FULL))
    rows = (await connection.execute(wanted.order_by(senders.c.id).limit(MOST_JUDGED))).all()
    if not rows:
        return []
    moved = {row.id: row.shifted_at for row in rows if row.shifted_at is not None and row.given_up_at is None and row.shifted_at > since}
    lately = or_(
        *(and_(attempts.c.sender_id == row.id, attempts.c.started_at > moved.get(row.id, since)) for row in rows),
    )
    took = seconds_between(connection, attempts.c.started_at, attempts.c.ended_at)
    handed = (
        select(
            attempts.c.sender_id,
            func.sum(case((attempts.c.outcome.in_(["accepted", "failed"]), 1), else_=0)).label("accepted"),
            func.sum(case((attempts.c.outcome.in_(["transient", "unknown", "refused", "found", "missing"]), 1), else_=0)).label("refused"),
            func.sum(case((took > SLOW.total_seconds(), 1), else_=0)).label("slow"),
        )
        .where(lately, attempts.c.error_code.not_in(_OURS), attempts.c.ended_at.is_not(None))
        .group_by(attempts.c.sender_id)
    )
    ended = (
        select(attempts.c.sender_id, communications.c.status, func.count().label("texts"))
        .join(communications, communications.c.attempt_id == attempts.c.id)
        .where(lately, communications.c.status.in_([Status.DELIVERED, Status.UNDELIVERED]))
        .group_by(attempts.c.sender_id, communications.c.status)
    )
    hands = {row.sender_id: row for row in (await connection.execute(handed)).all()}
    ends = {(row.sender_id, row.status): row.texts for row in (await connection.execute(ended)).all()}
    found = []
    for row in rows:
        mine = hands.get(row.id)
        delivered, undelivered = ends.get((row.id, Status.DELIVERED), 0), ends.get((row.id, Status.UNDELIVERED), 0)
        signals = Signals(mine.accepted, mine.refused, mine.slow, delivered, undelivered) if mine else Signals()
        standing = Standing(row.share, row.shifted_at, row.given_up_at, bool(row.probed))
        found.append(Judged(row.id, row.organization_id, row.provider, standing, signals))
    return found


async def move_share(connection: AsyncConnection, one: Judged, step: Shift, now: datetime) -> bool:
    """Writes a shift; False when another node has moved the share meanwhile."""
    given_up = now if step.given_up else None
    statement = update(senders).where(senders.c.id == one.id, senders.c.share == one.standing.share)
    same = senders.c.given_up_at.is_(None) if one.standing.given_up_at is None else senders.c.given_up_at == one.standing.given_up_at
    statement = statement.where(same).values(share=step.share, shifted_at=now, given_up_at=given_up)
    return (await connection.execute(statement.returning(senders.c.id))).first() is not None


async def given_up(connection: AsyncConnection, late: datetime) -> set[UUID]:
    """Organizations with a sender that is given up just now, or with routine texts that have been due since before `late`."""
    ill = select(senders.c.organization_id).where(senders.c.given_up_at.is_not(None))
    behind = select(communications.c.organization_id).where(
        text("communications.status IN ('due', 'held')"), communications.c.lane == Lane.ROUTINE, communications.c.due_at < late
    )
    return set((await connection.scalars(ill.union(behind))).all())


async def find(connection: AsyncConnection, organization_id: UUID, provider: str, sender: str) -> Judged | None:
    """A sender of an organization as it stands, locked, without what its hand-overs say; None when there is no such."""
    which = (senders.c.organization_id == organization_id) & (senders.c.provider == provider) & (senders.c.sender == sender)
    row = (await connection.execute(select(senders).where(which).with_for_update(key_share=True))).first()
    if row is None:
        return None
    return Judged(row.id, organization_id, provider, Standing(row.share, row.shifted_at, row.given_up_at), Signals())


async def uses_of(connection: AsyncConnection, organization_id: UUID) -> dict[tuple[str, str], set[Use]]:
    """(provider, sender) -> what each number of an organization is used for."""
    found: dict[tuple[str, str], set[Use]] = {}
    mine = sender_numbers.c.organization_id == organization_id
    for row in (await connection.execute(select(sender_numbers).where(mine))).all():
        found.setdefault((row.provider, row.sender), set()).add(Use(row.purpose))
    return found


async def end_uses(connection: AsyncConnection, organization_id: UUID, provider: str, sender: str, uses: Iterable[Use]) -> None:
    """From now on the number is no longer used for these."""
    mine = (sender_numbers.c.organization_id == organization_id) & (sender_numbers.c.provider == provider)
    gone = mine & (sender_numbers.c.sender == sender) & sender_numbers.c.purpose.in_(sorted(uses))
    await connection.execute(delete(sender_numbers).where(gone))


async def row_of(connection: AsyncConnection, organization_id: UUID, provider: str, sender: str, now: datetime) -> UUID:
    """The id of a sender's row, which is made when there is none."""
    await connection.execute(insert_missing(senders, connection), [_row(organization_id, provider, sender, now)])
    which = (senders.c.organization_id == organization_id) & (senders.c.provider == provider) & (senders.c.sender == sender)
    id: UUID = (await connection.execute(select(senders.c.id).where(which))).scalar_one()
    return id


async def set_uses(
    connection: AsyncConnection,
    changes: Changes,
    organization_id: UUID,
    provider: str,
    sender: str,
    uses: Sequence[Use],
    position: int | None,
) -> None:
    """Adds uses that a number has not yet, and sets its place among those (all of its uses when none is named)."""
    mine = (sender_numbers.c.provider == provider) & (sender_numbers.c.sender == sender)
    known = {row.purpose: row.id for row in (await connection.execute(select(sender_numbers).where(mine))).all()}
    for use in uses:
        if use not in known:
            row = {"id": new_id(changes.now), "organization_id": organization_id, "provider": provider, "sender": sender, "purpose": use}
            changes.insert(sender_numbers, {**row, "position": position or 0})
    if position is not None:
        for purpose, id in known.items():
            if not uses or purpose in uses:
                changes.update(sender_numbers, id, position=position)
