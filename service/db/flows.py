"""Published flow versions: immutable rows that sessions are pinned to, and the clinicians' approvals (law 7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import exists, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.check_in import flow_approvals, flow_versions
from service.db.database import insert_missing
from service.db.schema import new_id


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


async def newest_runnable(
    connection: AsyncConnection, organization_ids: Iterable[UUID], *, drafts_too: frozenset[UUID] = frozenset()
) -> dict[tuple[UUID, str, str], UUID]:
    """The newest version that may run, by (organization, programme, flow).

    A version runs only once a named clinician has approved it; `drafts_too` names demo organizations, where drafts run.
    """
    approved = exists().where(flow_approvals.c.flow_version_id == flow_versions.c.id)
    statement = (
        select(flow_versions.c.id, flow_versions.c.organization_id, flow_versions.c.programme, flow_versions.c.flow)
        .where(
            flow_versions.c.organization_id.in_(list(organization_ids)), approved | flow_versions.c.organization_id.in_(list(drafts_too))
        )
        .order_by(flow_versions.c.published_at, flow_versions.c.id)
    )
    return {(row.organization_id, row.programme, row.flow): row.id for row in (await connection.execute(statement)).all()}


async def published_as(connection: AsyncConnection, organization_id: UUID, content_hash: str) -> UUID | None:
    """The version with this very content, None when it is not published."""
    found: UUID | None = await connection.scalar(
        select(flow_versions.c.id).where(flow_versions.c.organization_id == organization_id, flow_versions.c.content_hash == content_hash)
    )
    return found


async def approvals_by_hash(connection: AsyncConnection, organization_id: UUID) -> dict[str, tuple[str, ...]]:
    """Who approved each published version of this organization, by content hash; a version nobody approved has none."""
    statement = (
        select(flow_versions.c.content_hash, flow_approvals.c.clinician)
        .outerjoin(flow_approvals, flow_approvals.c.flow_version_id == flow_versions.c.id)
        .where(flow_versions.c.organization_id == organization_id)
        .order_by(flow_approvals.c.approved_at)
    )
    found: dict[str, tuple[str, ...]] = {}
    for row in (await connection.execute(statement)).all():
        found[row.content_hash] = (*found.get(row.content_hash, ()), *([row.clinician] if row.clinician else []))
    return found
