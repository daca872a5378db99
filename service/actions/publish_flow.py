"""Flow files become immutable versions, and a named clinician approves one (decisions 25, law 7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from service.actions.refusal import Refused
from service.db import audit, flows
from service.db.database import Database
from service.engine import Flow

SHORTEST_HASH = 8


@dataclass(frozen=True, slots=True)
class FlowState:
    """Where a flow file stands in an organization: its content hash, whether that is published, who approved it."""

    key: str
    title: str
    version: str
    published: bool
    approved_by: tuple[str, ...] = ()


async def publish_flow(database: Database, organization_id: UUID, flow: Flow, now: datetime) -> UUID:
    """Stores the flow's content as it is now, unless this very content is stored already; the version's id."""
    programme, _, name = flow.key.partition("/")
    async with database.transaction() as connection:
        version_id = await flows.publish(
            connection,
            organization_id,
            programme=programme,
            flow=name,
            content_hash=flow.version,
            content=flow.to_json(),
            now=now,
        )
        entry = audit.entry(
            organization_id, now, "flow_published", object_kind="flow_version", object_id=version_id, detail={"flow": flow.key}
        )
        await audit.append(connection, [entry])
    return version_id


async def approve_flow(database: Database, organization_id: UUID, flow: Flow, *, version: str, clinician: str, now: datetime) -> UUID:
    """A named clinician approves the content that `version` (the hash, or its first 8 letters and more) names.

    Raises Refused when that is not the flow's content now, or it is not published, or nobody is named.
    """
    clinician = " ".join(clinician.split())
    if not 2 <= len(clinician) <= 200:
        raise Refused("Approval names a clinician: write the name.")
    if len(version) < SHORTEST_HASH or not flow.version.startswith(version.lower()):
        raise Refused(
            "This is not the version that the file holds now: read the file, then approve the version that `rounds flows list` shows."
        )
    async with database.transaction() as connection:
        version_id = await flows.published_as(connection, organization_id, flow.version)
        if version_id is None:
            raise Refused("This version is not published: run `rounds flows publish` first.")
        await flows.approve(connection, organization_id, version_id, clinician, now)
        entry = audit.entry(
            organization_id, now, "flow_approved", object_kind="flow_version", object_id=version_id, detail={"flow": flow.key}
        )
        await audit.append(connection, [entry])
    return version_id


async def flow_states(database: Database, organization_id: UUID, files: Mapping[str, Flow]) -> list[FlowState]:
    """Every flow file with its state, by key."""
    async with database.reading() as connection:
        approvals = await flows.approvals_by_hash(connection, organization_id)
    return [
        FlowState(flow.key, flow.title, flow.version, flow.version in approvals, approvals.get(flow.version, ()))
        for flow in sorted(files.values(), key=lambda flow: flow.key)
    ]
