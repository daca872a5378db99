"""Published flow versions, the clinicians' approvals and their withdrawals, and which version runs (law 7, decisions 25)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, ColumnElement, Table, UniqueConstraint, exists, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.check_in import enrollments, flow_approvals, flow_sessions, flow_versions
from service.db.database import insert_missing, insert_new
from service.db.encryption import Encrypted
from service.db.escalation import concerns, escalations
from service.db.organization import organizations
from service.db.schema import Instant, id_column, metadata, new_id, organization_column, reference
from service.domain.escalation import Kind, State

flow_withdrawals = Table(
    "flow_withdrawals",
    metadata,
    id_column(),
    organization_column(),
    reference("flow_approval_id", "flow_approvals"),
    Column("clinician", Encrypted("flow_withdrawals.clinician"), nullable=False),
    Column("reason", Encrypted("flow_withdrawals.reason"), nullable=False),
    Column("withdrawn_at", Instant, nullable=False),
    UniqueConstraint("flow_approval_id"),
)

Place = tuple[UUID, str, str]
"""Where a flow runs: organization, programme, flow."""


@dataclass(frozen=True, slots=True)
class Version:
    """A published version of a flow, without its content."""

    id: UUID
    programme: str
    flow: str
    content_hash: str
    published_at: datetime
    waiting: int = 0
    """Conversations under way on it."""

    @property
    def key(self) -> str:
        """The flow, such as heart_failure/daily."""
        return f"{self.programme}/{self.flow}"


@dataclass(frozen=True, slots=True)
class Approval:
    """A clinician's approval of a version, and who took it back, if anybody did."""

    version_id: UUID
    clinician: str
    approved_at: datetime
    withdrawn_by: str = ""
    withdrawn_at: datetime | None = None
    reason: str = ""

    @property
    def stands(self) -> bool:
        """True until it is withdrawn."""
        return self.withdrawn_at is None


async def contents_of(connection: AsyncConnection, version_ids: Iterable[UUID]) -> dict[UUID, dict[str, Any]]:
    """The content of these versions as stored when they were published, by id."""
    statement = select(flow_versions.c.id, flow_versions.c.content).where(flow_versions.c.id.in_(list(version_ids)))
    return {row.id: row.content for row in (await connection.execute(statement)).all()}


async def publish(
    connection: AsyncConnection,
    organization_id: UUID,
    *,
    programme: str,
    flow: str,
    content_hash: str,
    content: Mapping[str, Any],
    now: datetime,
) -> UUID:
    """Stores a version unless this organization has the very same content already; returns its id."""
    row = {
        "id": new_id(now),
        "organization_id": organization_id,
        "programme": programme,
        "flow": flow,
        "content_hash": content_hash,
        "content": dict(content),
        "published_at": now,
    }
    statement = insert_missing(flow_versions, connection, flow_versions.c.organization_id, flow_versions.c.content_hash)
    await connection.execute(statement.values(row))
    id: UUID | None = await connection.scalar(
        select(flow_versions.c.id).where(flow_versions.c.organization_id == organization_id, flow_versions.c.content_hash == content_hash)
    )
    if id is None:
        raise LookupError("the flow version that was just published is not there")
    return id


async def approve(connection: AsyncConnection, organization_id: UUID, version_id: UUID, clinician: str, now: datetime) -> None:
    """Records that a named clinician approved this very content (decisions 25)."""
    await connection.execute(
        insert(flow_approvals).values(
            id=new_id(now), organization_id=organization_id, flow_version_id=version_id, clinician=clinician, approved_at=now
        )
    )


async def withdraw(connection: AsyncConnection, place: Place, clinician: str, reason: str, now: datetime) -> set[UUID]:
    """Takes back every approval of this flow that stands; the versions they were given to, none when there was no such approval.

    All of them, so that no earlier version comes back to run unseen: a flow runs again once a version is approved again. What somebody
    else takes back at the same time is theirs.
    """
    statement = (
        select(flow_approvals.c.id, flow_approvals.c.flow_version_id)
        .join(flow_versions, flow_versions.c.id == flow_approvals.c.flow_version_id)
        .where(*_of(place), approval_stands())
        .order_by(flow_approvals.c.id)
        .with_for_update(of=flow_approvals, key_share=True)
    )
    standing = (await connection.execute(statement)).all()
    rows = [
        {
            "id": new_id(now),
            "organization_id": place[0],
            "flow_approval_id": row.id,
            "clinician": clinician,
            "reason": reason,
            "withdrawn_at": now,
        }
        for row in standing
    ]
    withdrawal = flow_withdrawals.c.flow_approval_id
    taken_back = {row[0] for row in await insert_new(connection, flow_withdrawals, rows, [withdrawal], [withdrawal])}
    return {row.flow_version_id for row in standing if row.id in taken_back}


def approval_stands() -> ColumnElement[bool]:
    """A condition on `flow_approvals`: nobody has withdrawn the approval."""
    return ~exists().where(flow_withdrawals.c.flow_approval_id == flow_approvals.c.id)


def _of(place: Place) -> tuple[ColumnElement[bool], ...]:
    organization_id, programme, flow = place
    return flow_versions.c.organization_id == organization_id, flow_versions.c.programme == programme, flow_versions.c.flow == flow


async def newest_runnable(
    connection: AsyncConnection, organization_ids: Iterable[UUID], *, drafts_too: frozenset[UUID] = frozenset()
) -> dict[Place, UUID]:
    """The version that runs, by (organization, programme, flow): the one approved last, by a clinician who has not withdrawn that.

    `drafts_too` names demo organizations, where drafts run: there a version counts from its publication on.
    """
    wanted, drafts = list(organization_ids), list(drafts_too)
    since = func.max(func.coalesce(flow_approvals.c.approved_at, flow_versions.c.published_at))
    statement = (
        select(flow_versions.c.id, flow_versions.c.organization_id, flow_versions.c.programme, flow_versions.c.flow)
        .select_from(flow_versions)
        .outerjoin(flow_approvals, (flow_approvals.c.flow_version_id == flow_versions.c.id) & approval_stands())
        .where(
            flow_versions.c.organization_id.in_(wanted),
            flow_approvals.c.id.is_not(None) | flow_versions.c.organization_id.in_(drafts),
        )
        .group_by(flow_versions.c.id, flow_versions.c.organization_id, flow_versions.c.programme, flow_versions.c.flow)
        .order_by(since, flow_versions.c.id)
    )
    return {(row.organization_id, row.programme, row.flow): row.id for row in (await connection.execute(statement)).all()}


async def demos_among(connection: AsyncConnection, organization_ids: Iterable[UUID]) -> frozenset[UUID]:
    """Those of these organizations that are demos, where drafts run."""
    statement = select(organizations.c.id).where(organizations.c.id.in_(list(organization_ids)), organizations.c.is_demo == 1)
    return frozenset((await connection.scalars(statement)).all())


async def places_in_use(connection: AsyncConnection) -> set[Place]:
    """Where somebody is enrolled whose check-ins run."""
    columns = (enrollments.c.organization_id, enrollments.c.programme, enrollments.c.flow)
    rows = (await connection.execute(select(*columns).distinct().where(enrollments.c.status == "active"))).all()
    return {(row.organization_id, row.programme, row.flow) for row in rows}


async def told_since(connection: AsyncConnection, rule: str, since: datetime) -> set[UUID]:
    """Organizations that have had an operational item of this rule opened since then, or still have one open."""
    statement = (
        select(concerns.c.organization_id)
        .distinct()
        .join(escalations, escalations.c.id == concerns.c.escalation_id)
        .where(
            concerns.c.rule == rule,
            escalations.c.kind == Kind.OPERATIONAL,
            (concerns.c.raised_at > since) | (escalations.c.state != State.RESOLVED),
        )
    )
    return set((await connection.scalars(statement)).all())


async def published_as(connection: AsyncConnection, organization_id: UUID, content_hash: str) -> UUID | None:
    """The version with this very content, None when it is not published."""
    found: UUID | None = await connection.scalar(
        select(flow_versions.c.id).where(flow_versions.c.organization_id == organization_id, flow_versions.c.content_hash == content_hash)
    )
    return found


async def versions(connection: AsyncConnection, organization_id: UUID) -> list[Version]:
    """Every published version of this organization, oldest first, with how many conversations run on it."""
    waiting = select(flow_sessions.c.flow_version_id, func.count().label("number")).where(flow_sessions.c.status == "waiting")
    counted = waiting.group_by(flow_sessions.c.flow_version_id).subquery()
    statement = (
        select(
            flow_versions.c.id,
            flow_versions.c.programme,
            flow_versions.c.flow,
            flow_versions.c.content_hash,
            flow_versions.c.published_at,
            func.coalesce(counted.c.number, 0),
        )
        .outerjoin(counted, counted.c.flow_version_id == flow_versions.c.id)
        .where(flow_versions.c.organization_id == organization_id)
        .order_by(flow_versions.c.published_at, flow_versions.c.id)
    )
    return [Version(*row) for row in (await connection.execute(statement)).all()]


async def approvals(connection: AsyncConnection, organization_id: UUID) -> list[Approval]:
    """Every approval that was ever given in this organization, oldest first."""
    statement = (
        select(
            flow_approvals.c.flow_version_id,
            flow_approvals.c.clinician,
            flow_approvals.c.approved_at,
            flow_withdrawals.c.clinician.label("withdrawn_by"),
            flow_withdrawals.c.withdrawn_at,
            flow_withdrawals.c.reason,
        )
        .outerjoin(flow_withdrawals, flow_withdrawals.c.flow_approval_id == flow_approvals.c.id)
        .where(flow_approvals.c.organization_id == organization_id)
        .order_by(flow_approvals.c.approved_at, flow_approvals.c.id)
    )
    return [
        Approval(row.flow_version_id, row.clinician, row.approved_at, row.withdrawn_by or "", row.withdrawn_at, row.reason or "")
        for row in (await connection.execute(statement)).all()
    ]


async def under_way(
    connection: AsyncConnection, place: Place, *, besides: UUID, after: UUID | None, patient_ids: Collection[UUID] | None, limit: int
) -> dict[UUID, UUID]:
    """Conversations of this flow that wait for their patient on another version than `besides`: id -> patient, in id order.

    `after`: only those with a later id; `patient_ids`: only these patients'.
    """
    statement = (
        select(flow_sessions.c.id, flow_sessions.c.patient_id)
        .join(flow_versions, flow_versions.c.id == flow_sessions.c.flow_version_id)
        .where(*_of(place), flow_sessions.c.status == "waiting", flow_sessions.c.flow_version_id != besides)
        .order_by(flow_sessions.c.id)
        .limit(limit)
    )
    if after is not None:
        statement = statement.where(flow_sessions.c.id > after)
    if patient_ids is not None:
        statement = statement.where(flow_sessions.c.patient_id.in_(list(patient_ids)))
    return {row.id: row.patient_id for row in (await connection.execute(statement)).all()}
