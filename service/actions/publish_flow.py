"""Flow files become immutable versions; a named clinician approves one, or takes the approval back (decisions 25, law 7)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.refusal import Refused
from service.db import audit, flows
from service.db.database import Database
from service.db.flows import Approval, Place, Version
from service.domain.staff import Permission, Staff
from service.engine import Flow
from service.engine.cases import Case, Ears, play
from service.engine.play import handed_over, named
from service.engine.steps import HandOverStep

SHORTEST_HASH = 8
SHORTEST_REASON, LONGEST_REASON = 3, 500
"""Letters of the reason for which an approval is withdrawn."""
MOST_TOLD = 5
"""Reasons that one refusal lists."""
SAYS_NOTHING = frozenset({"?", "unknown", "none", "todo", "tbd", "to do", "n/a", "source"})
"""Texts that stand where a source should."""


@dataclass(frozen=True, slots=True)
class Running:
    """The version that new check-ins get, whole."""

    flow: Flow
    published_at: datetime
    approvals: tuple[Approval, ...]
    """Those that stand; none in a demo, where drafts run."""


@dataclass(frozen=True, slots=True)
class FlowState:
    """Where a flow file stands in an organization."""

    key: str
    title: str
    version: str
    """Content hash of the file as it is now."""
    review_by: date
    published: bool
    approvals: tuple[Approval, ...] = ()
    """Of this very content, oldest first, withdrawn ones among them."""
    runs: str = ""
    """Content hash of the version that new check-ins get, "" when none start."""
    others_under_way: Mapping[str, int] = field(default_factory=dict)
    """Conversations on other versions, by content hash."""

    @property
    def approved_by(self) -> tuple[str, ...]:
        """Whose approval of this content stands."""
        return tuple(approval.clinician for approval in self.approvals if approval.stands)


async def publish_flow(database: Database, organization_id: UUID, flow: Flow, now: datetime, *, by: Staff | None = None) -> UUID:
    """Stores the flow's content as it is now, unless this very content is stored already; the version's id.

    `by` is who did it, None for the command line. Raises Refused when they may not.
    """
    if by is not None:
        _allowed(by, organization_id, Permission.PUBLISH_FLOWS, "publish")
    async with database.transaction() as connection:
        return await _publish(connection, organization_id, flow, now, by)


async def _publish(connection: AsyncConnection, organization_id: UUID, flow: Flow, now: datetime, by: Staff | None) -> UUID:
    programme, _, name = flow.key.partition("/")
    version_id = await flows.publish(
        connection, organization_id, programme=programme, flow=name, content_hash=flow.version, content=flow.to_json(), now=now
    )
    await audit.append(connection, [_entry(organization_id, now, "flow_published", flow.key, version_id, by)])
    return version_id


async def approve_flow(
    database: Database,
    organization_id: UUID,
    flow: Flow,
    *,
    version: str,
    clinician: Staff,
    cases: Sequence[Case],
    ears: Ears,
    now: datetime,
    publish: bool = False,
) -> UUID:
    """A clinician approves, by name, the content that `version` (the hash, or its first 8 letters and more) names; the version's id.

    `cases` are those beside the file; they are played by `ears` first. `publish`: it is published in the same transaction.
    Raises Refused when `version` is not the flow's content now, when it is not published or not fit to be approved (see
    `unfit`), or when this member of staff is no clinician. What this clinician has approved and runs is not approved a second time.
    """
    _allowed(clinician, organization_id, Permission.APPROVE_FLOWS, "approve")
    if len(version) < SHORTEST_HASH or not flow.version.startswith(version.lower()):
        raise Refused("This is not the version that the file holds now: read it, then approve the version that `rounds flows list` shows.")
    if wrong := await asyncio.to_thread(unfit, flow, cases, ears, now.date()):  # seconds of reading: replies come in meanwhile
        some = "; ".join(wrong[:MOST_TOLD]) + (f" (+{len(wrong) - MOST_TOLD})" if len(wrong) > MOST_TOLD else "")
        raise Refused("This version cannot be approved: {wrong}. `rounds flows check {key}` tells all.", wrong=some, key=flow.key)
    async with database.transaction() as connection:
        version_id = await flows.published_as(connection, organization_id, flow.version)
        if version_id is None and publish:
            version_id = await _publish(connection, organization_id, flow, now, clinician)
        if version_id is None:
            raise Refused("This version is not published: publish it first (`rounds flows publish`).")
        if await _runs_by(connection, organization_id, flow, version_id, clinician):
            return version_id  # the same form sent twice
        await flows.approve(connection, organization_id, version_id, clinician.name, now)
        await audit.append(connection, [_entry(organization_id, now, "flow_approved", flow.key, version_id, clinician)])
    return version_id


async def _runs_by(connection: AsyncConnection, organization_id: UUID, flow: Flow, version_id: UUID, clinician: Staff) -> bool:
    """True when this version runs already, and by this clinician's approval among others."""
    programme, _, name = flow.key.partition("/")
    if (await _runnable(connection, organization_id)).get((organization_id, programme, name)) != version_id:
        return False
    given = await flows.approvals(connection, organization_id)
    return any(one.stands and (one.version_id, one.clinician) == (version_id, clinician.name) for one in given)


def unfit(flow: Flow, cases: Sequence[Case], ears: Ears, today: date) -> list[str]:
    """Why this content is not fit to be approved, in plain words; [] when it is.

    Every case comes out, every red flag and every hand_over is shown by one, every rule has a source that says something, and the
    review date lies ahead.
    """
    wrong = [] if cases else ["there are no cases beside it"]
    played = [play(flow, case, ears) for case in cases]
    wrong += [f'the case "{each.case.name}" (line {each.case.line}) does not come out' for each in played if each.failures]
    shown = {name for each in played for name in {**named(flow, each.story), **handed_over(flow, each.story)}}
    sources = {f"{step.key}.{flag.name}": flag.source for step in flow.questions for flag in step.red_flags}
    sources |= {step.key: step.hand_over.source for step in flow.steps if isinstance(step, HandOverStep)}
    wrong += [f"no case shows {name}" for name in sources if cases and name not in shown]
    for name, source in {**sources, "silence": flow.silence.source}.items():
        if flow.sources.get(source, "").strip(" .").lower() in ("", *SAYS_NOTHING):
            wrong.append(f"the source of {name} is not known ({source})")
    if flow.review_by < today:
        wrong.append(f"its review date has passed ({flow.review_by}): review it and set a new one")
    return wrong


async def withdraw_approval(database: Database, organization_id: UUID, key: str, *, clinician: Staff, reason: str, now: datetime) -> int:
    """A clinician takes the approval of a flow back, by name: no new check-in of it starts, those under way go on.

    All approvals of the flow that stand are withdrawn; of how many versions. Raises Refused when there is none, when no reason
    is told, or when this member of staff is no clinician.
    """
    _allowed(clinician, organization_id, Permission.APPROVE_FLOWS, "withdraw")
    reason = " ".join(reason.split())
    if not SHORTEST_REASON <= len(reason) <= LONGEST_REASON:
        raise Refused(
            "Withdrawal needs a reason of {shortest_reason} to {longest_reason} letters: write why.",
            shortest_reason=SHORTEST_REASON,
            longest_reason=LONGEST_REASON,
        )
    programme, _, name = key.partition("/")
    async with database.transaction() as connection:
        versions = await flows.withdraw(connection, (organization_id, programme, name), clinician.name, reason, now)
        if not versions:
            raise Refused("No approval of {key} stands: there is nothing to withdraw.", key=key)
        await audit.append(
            connection,
            [_entry(organization_id, now, "flow_approval_withdrawn", key, version_id, clinician) for version_id in sorted(versions)],
        )
    return len(versions)


async def flow_states(database: Database, organization_id: UUID, files: Mapping[str, Flow]) -> list[FlowState]:
    """Every flow file with its state, by key; in a demo drafts run."""
    async with database.reading() as connection:
        versions = await flows.versions(connection, organization_id)
        approvals = await flows.approvals(connection, organization_id)
        running = set((await _runnable(connection, organization_id)).values())
    return [_state(flow, versions, approvals, running) for flow in sorted(files.values(), key=lambda flow: flow.key)]


async def running_version(database: Database, organization_id: UUID, key: str) -> Running | None:
    """The version of this flow that new check-ins get, with its content; None when none start."""
    programme, _, name = key.partition("/")
    async with database.reading() as connection:
        version_id = (await _runnable(connection, organization_id)).get((organization_id, programme, name))
        if version_id is None:
            return None
        content = (await flows.contents_of(connection, [version_id]))[version_id]
        [version] = [each for each in await flows.versions(connection, organization_id) if each.id == version_id]
        approvals = [each for each in await flows.approvals(connection, organization_id) if each.version_id == version_id and each.stands]
    return Running(Flow.from_json(content), version.published_at, tuple(approvals))


async def _runnable(connection: AsyncConnection, organization_id: UUID) -> dict[Place, UUID]:
    demos = await flows.demos_among(connection, [organization_id])
    return await flows.newest_runnable(connection, [organization_id], drafts_too=demos)


def _state(flow: Flow, versions: Sequence[Version], approvals: Sequence[Approval], running: set[UUID]) -> FlowState:
    own = [version for version in versions if version.key == flow.key]
    same = next((version for version in own if version.content_hash == flow.version), None)
    return FlowState(
        key=flow.key,
        title=flow.title,
        version=flow.version,
        review_by=flow.review_by,
        published=same is not None,
        approvals=tuple(approval for approval in approvals if same is not None and approval.version_id == same.id),
        runs=next((version.content_hash for version in own if version.id in running), ""),
        others_under_way={version.content_hash: version.waiting for version in own if version.waiting and version is not same},
    )


def _allowed(staff: Staff, organization_id: UUID, permission: Permission, what: str) -> None:
    """Raises Refused unless this member of this organization's staff may."""
    if staff.organization_id != organization_id or not staff.may(permission):
        who = "a clinician" if permission is Permission.APPROVE_FLOWS else "a clinician or an administrator"
        raise Refused("To {what} a check-in is for {who}: ask one of your clinic to do it.", what=what, who=who)


def _entry(organization_id: UUID, now: datetime, action: str, key: str, version_id: UUID, by: Staff | None) -> dict[str, Any]:
    return audit.entry(
        organization_id,
        now,
        action,
        staff_id=by.id if by is not None else None,
        object_kind="flow_version",
        object_id=version_id,
        detail={"flow": key},
    )
