"""Calls that page staff: the state of each from step to step, and whose PIN they ask for (decisions 16)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, ForeignKey, Integer, String, Table, Uuid, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.escalation import escalations, pages
from service.db.escalation_claims import item_of
from service.db.organization import organizations
from service.db.patient import patients
from service.db.schema import Instant, Json, metadata, organization_column
from service.db.staff import staff
from service.domain.communication import Status
from service.domain.escalation import Escalation, State
from service.domain.ladder import PageChannel
from service.domain.page_call import Outcome, PageCall, Stage
from service.domain.prompt import Prompt
from service.domain.staff import Role, Staff
from service.domain.urgency import Urgency, by_rank

page_calls = Table(
    "page_calls",
    metadata,
    Column("id", Uuid(), ForeignKey("pages.id"), primary_key=True, doc="the page's: one call a page"),
    organization_column(),
    Column("provider", String(32), nullable=False),
    Column("provider_id", String(64), nullable=False, default=""),
    Column("turn", Integer, nullable=False, default=0, doc="number of the open prompt"),
    Column("stage", String(12), nullable=False, doc="pin | message | over"),
    Column("wrong", Integer, nullable=False, default=0, doc="wrong PINs in this call"),
    Column("unheard", Integer, nullable=False, default=0, doc="silences and keys that mean nothing, since the last that did"),
    Column("answered_by", String(8), nullable=False, default=""),
    Column("outcome", String(16), nullable=False, default="", doc="why it ended (domain.page_call)"),
    Column("prompt", Json, nullable=False, doc="the open prompt: a repeated request gets the same; it holds nothing about anybody"),
    Column("began_at", Instant, nullable=False),
    Column("over_at", Instant),
)


@dataclass(frozen=True, slots=True)
class PagedBy:
    """The member of staff whom a call pages."""

    staff: Staff
    pin_hash: str | None
    pin_locked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Seen:
    """A page by call as it stands, with what its next step needs. No patient is in it."""

    id: UUID
    organization_id: UUID
    organization: str
    item_id: UUID
    step: int
    urgency: Urgency
    drill: bool
    waits: bool
    """Nobody has taken note of the item yet."""
    status: Status
    attempt_id: UUID | None
    provider: str
    provider_id: str | None
    whom: PagedBy | None
    call: PageCall
    begun: bool
    answered_by: str
    prompt: Prompt | None


async def look(connection: AsyncConnection, id: UUID) -> Seen | None:
    """The page of this id when it goes by call, else None. To change it, lock it first (`pages.lock`)."""
    statement = (
        select(
            pages,
            organizations.c.name.label("organization"),
            escalations.c.state,
            escalations.c.urgency_rank,
            escalations.c.acknowledged_at,
            patients.c.synthetic,
            staff.c.name.label("staff_name"),
            staff.c.role.label("staff_role"),
            staff.c.pin_hash,
            staff.c.pin_locked_at,
            staff.c.disabled_at,
            *(column.label(f"call_{column.name}") for column in page_calls.c),
        )
        .join(escalations, escalations.c.id == pages.c.escalation_id)
        .join(organizations, organizations.c.id == pages.c.organization_id)
        .outerjoin(patients, patients.c.id == escalations.c.patient_id)
        .outerjoin(staff, staff.c.id == pages.c.staff_id)
        .outerjoin(page_calls, page_calls.c.id == pages.c.id)
        .where(pages.c.id == id, pages.c.channel == PageChannel.CALL)
    )
    row = (await connection.execute(statement)).first()
    if row is None:
        return None
    whom = None
    if row.staff_id is not None and row.disabled_at is None:
        member = Staff(row.staff_id, row.organization_id, row.staff_name, Role(row.staff_role), ())
        whom = PagedBy(member, row.pin_hash, row.pin_locked_at)
    begun = row.call_id is not None
    call = (
        PageCall(row.call_turn, Stage(row.call_stage), row.call_wrong, row.call_unheard, Outcome(row.call_outcome)) if begun else PageCall()
    )
    return Seen(
        id=row.id,
        organization_id=row.organization_id,
        organization=row.organization,
        item_id=row.escalation_id,
        step=row.step,
        urgency=by_rank(row.urgency_rank),
        drill=bool(row.synthetic) or row.urgency_rank == Urgency.ROUTINE.rank,  # routine items page nobody but in a test of a telephone
        waits=row.state != State.RESOLVED and row.acknowledged_at is None,
        status=Status(row.status),
        attempt_id=row.attempt_id,
        provider=row.provider,
        provider_id=row.call_provider_id or row.provider_id,
        whom=whom,
        call=call,
        begun=begun,
        answered_by=row.call_answered_by or "",
        prompt=Prompt.from_json(row.call_prompt) if begun else None,
    )


async def keep(
    connection: AsyncConnection,
    seen: Seen,
    provider: str,
    provider_id: str,
    call: PageCall,
    prompt: Prompt,
    answered_by: str,
    now: datetime,
) -> None:
    """Where the call stands after a step, and what it said."""
    values = {
        "turn": call.turn,
        "stage": call.stage,
        "wrong": call.wrong,
        "unheard": call.unheard,
        "outcome": call.outcome,
        "answered_by": answered_by or seen.answered_by,
        "prompt": prompt.to_json(),
        "over_at": now if call.over else None,
    }
    if seen.begun:
        await connection.execute(update(page_calls).where(page_calls.c.id == seen.id).values(values))
        return
    begun = {"id": seen.id, "organization_id": seen.organization_id, "provider": provider, "provider_id": provider_id, "began_at": now}
    await connection.execute(insert(page_calls).values(begun | values))


async def note_pin(connection: AsyncConnection, staff_id: UUID, now: datetime, *, right: bool, lock: bool) -> None:
    """Counts a wrong PIN, locks it, or forgets what went wrong before."""
    values: dict[str, Any] = {"pin_failures": 0, "pin_locked_at": None} if right else {"pin_failures": staff.c.pin_failures + 1}
    if lock:
        values["pin_locked_at"] = now
    await connection.execute(update(staff).where(staff.c.id == staff_id).values(values))


async def name_provider(connection: AsyncConnection, ids: Mapping[UUID, str]) -> None:
    """By which provider each of these pages is called, before it is."""
    for id, provider in ids.items():
        await connection.execute(update(pages).where(pages.c.id == id).values(provider=provider))


async def item_paged(connection: AsyncConnection, id: UUID) -> Escalation | None:
    """The item as it stands; lock it first."""
    row = (await connection.execute(select(escalations).where(escalations.c.id == id))).mappings().first()
    return item_of(dict(row)) if row is not None else None
