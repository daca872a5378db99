"""What patients were told about when a nurse would answer, and what became of it: one row for each promise (decisions 7)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Index, SmallInteger, String, Table, and_, exists, func, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.changes import Changes
from service.db.communication import communications
from service.db.escalation import escalation_events, escalations
from service.db.patient import patients
from service.db.schema import Instant, id_column, metadata, new_id, organization_column, reference
from service.domain.communication import Status
from service.domain.escalation import Kind, State
from service.domain.patient import Team
from service.domain.promise import PromiseState, promised
from service.domain.urgency import Urgency, by_rank

_OPEN = text("state = 'open'")

promises = Table(
    "promises",
    metadata,
    id_column(),
    organization_column(),
    reference("team_id", "teams"),
    reference("patient_id", "patients", nullable=True),
    reference("phone_id", "phones", nullable=True),
    reference("escalation_id", "escalations", nullable=True, index=True),
    reference("communication_id", "communications", nullable=True),
    Column("words", String(120), nullable=False, doc='as the patient read them: "by 6 pm today"'),
    Column("urgency_rank", SmallInteger, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False, doc="until when the words hold"),
    Column("state", String(8), nullable=False, doc="open | kept | renewed | broken | void"),
    Column("state_at", Instant, nullable=False),
    Column("warned_at", Instant, doc="when the lead was paged because it was about to break"),
    reference("renews", "promises", nullable=True),
    Index("ix_promises_open", "due_at", postgresql_where=_OPEN, sqlite_where=_OPEN),
    Index("ix_promises_organization_id_made_at", "organization_id", "made_at"),
)

ANSWERS = ("reply_written", "note_written", "resolved")
"""Lines of an item's history by which a nurse has answered: wrote to the patient, logged an attempt, closed it."""
_NEVER_ARRIVED = (Status.FAILED, Status.UNDELIVERED, Status.EXPIRED, Status.CANCELLED)
_LEFT = (Status.ACCEPTED, Status.SENT, Status.DELIVERED)


def note(
    changes: Changes,
    team: Team,
    said: str,
    communication_id: UUID,
    *,
    language: str,
    zone: str,
    patient_id: UUID | None,
    phone_id: UUID,
    escalation_id: UUID | None,
    urgency: Urgency | None = None,
    renews: UUID | None = None,
) -> bool:
    """Writes down the promise that a text makes, when it makes one; True when it does.

    `urgency` is the open item's: of several classes with the same words it decides which time was meant.
    """
    coverage = team.coverage
    if coverage is None:
        return False
    order = sorted(Urgency, key=lambda one: (one is not urgency, one.rank))
    for one in order:
        words = coverage.promise(changes.now, one, language, zone)
        if promised(said, words):
            changes.insert(
                promises,
                {
                    "id": new_id(changes.now),
                    "organization_id": team.organization.id,
                    "team_id": team.id,
                    "patient_id": patient_id,
                    "phone_id": phone_id,
                    "escalation_id": escalation_id,
                    "communication_id": communication_id,
                    "words": words[:120],
                    "urgency_rank": one.rank,
                    "made_at": changes.now,
                    "due_at": coverage.promise_holds_until(changes.now, one, zone),
                    "state": PromiseState.OPEN,
                    "state_at": changes.now,
                    "renews": renews,
                },
            )
            return True
    return False


@dataclass(frozen=True, slots=True)
class Made:
    """An open promise with what is known of its keeping."""

    id: UUID
    organization_id: UUID
    team_id: UUID
    patient_id: UUID | None
    phone_id: UUID | None
    urgency: Urgency
    words: str
    made_at: datetime
    due_at: datetime
    warned_at: datetime | None
    renews: UUID | None
    item_id: UUID | None
    """The open item that it belongs to, None when there is none any more."""
    answered_at: datetime | None
    """When a nurse answered, None when none has since."""
    text_status: str
    renewed: bool
    """The patient has been told of a new time since, and that text has left."""
    invented: bool
    """It was made to a synthetic patient or in a drill."""

    @property
    def void(self) -> bool:
        """Nobody waits for it: the text that made it never reached the patient, or the patient is an invented one."""
        return self.invented or self.text_status in _NEVER_ARRIVED


async def open_ones(connection: AsyncConnection, before: datetime, limit: int) -> list[Made]:
    """Open promises that are due before this, earliest first, locked; others' locked rows are left to them."""
    later = promises.alias("later")
    told = communications.alias("told")
    theirs = or_(
        escalations.c.id == promises.c.escalation_id,
        escalations.c.patient_id == promises.c.patient_id,
        and_(promises.c.patient_id.is_(None), escalations.c.patient_id.is_(None), escalations.c.phone_id == promises.c.phone_id),
    )
    answered = (
        select(func.min(escalation_events.c.at))
        .join(escalations, escalations.c.id == escalation_events.c.escalation_id)
        .where(
            theirs,
            escalation_events.c.what.in_(ANSWERS),
            escalation_events.c.staff_id.is_not(None),
            escalation_events.c.at >= promises.c.made_at,
        )
        .correlate(promises)
        .scalar_subquery()
    )
    item = (
        select(escalations.c.id)
        .where(theirs, escalations.c.state != State.RESOLVED, escalations.c.kind == Kind.CLINICAL)
        .correlate(promises)
        .limit(1)
        .scalar_subquery()
    )
    renewed = (
        exists().where(later.c.renews == promises.c.id, told.c.id == later.c.communication_id, told.c.status.in_(_LEFT)).correlate(promises)
    )
    statement = (
        select(
            promises,
            communications.c.status.label("text_status"),
            answered.label("answered_at"),
            item.label("item_id"),
            renewed.label("new"),
            patients.c.synthetic,
        )
        .outerjoin(communications, communications.c.id == promises.c.communication_id)
        .outerjoin(patients, patients.c.id == promises.c.patient_id)
        .where(text("promises.state = 'open'"), promises.c.due_at <= before)
        .order_by(promises.c.due_at, promises.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True, key_share=True, of=promises)
    )
    return [
        Made(
            row.id,
            row.organization_id,
            row.team_id,
            row.patient_id,
            row.phone_id,
            by_rank(row.urgency_rank),
            row.words,
            row.made_at,
            row.due_at,
            row.warned_at,
            row.renews,
            row.item_id,
            row.answered_at,
            row.text_status or "",
            bool(row.new),
            bool(row.synthetic),
        )
        for row in (await connection.execute(statement)).all()
    ]


async def settle(connection: AsyncConnection, ids: Collection[UUID], state: PromiseState, now: datetime) -> None:
    """What has become of these open promises."""
    if ids:
        mine = promises.c.id.in_(sorted(ids)) & (promises.c.state == PromiseState.OPEN)
        await connection.execute(update(promises).where(mine).values(state=state, state_at=now))


async def warned(connection: AsyncConnection, ids: Iterable[UUID], now: datetime) -> None:
    """The lead has been told that these are about to break."""
    await connection.execute(update(promises).where(promises.c.id.in_(sorted(ids))).values(warned_at=now))


@dataclass(frozen=True, slots=True)
class Told:
    """A promise as it is counted."""

    made_at: datetime
    due_at: datetime
    state: PromiseState


async def made_since(connection: AsyncConnection, organization_id: UUID, since: datetime, limit: int = 100_000) -> Sequence[Told]:
    """An organization's promises since then, oldest first; those to an invented patient (synthetic, drill) are none."""
    statement = (
        select(promises.c.made_at, promises.c.due_at, promises.c.state)
        .outerjoin(patients, patients.c.id == promises.c.patient_id)
        .where(promises.c.organization_id == organization_id, promises.c.made_at >= since, patients.c.synthetic.is_not(True))
        .order_by(promises.c.made_at)
        .limit(limit)
    )
    return [Told(row.made_at, row.due_at, PromiseState(row.state)) for row in (await connection.execute(statement)).all()]


async def of_item(connection: AsyncConnection, item: Any, limit: int = 20) -> list[Any]:
    """(words, due_at, state) of what the patient of this item was promised while it was open, newest first."""
    whose = promises.c.patient_id == item.patient_id if item.patient_id is not None else promises.c.escalation_id == item.id
    statement = (
        select(promises.c.words, promises.c.due_at, promises.c.state, promises.c.made_at)
        .where(promises.c.organization_id == item.organization_id, whose, promises.c.made_at >= item.opened_at - timedelta(minutes=1))
        .order_by(promises.c.made_at.desc())
        .limit(limit)
    )
    return list((await connection.execute(statement)).all())
