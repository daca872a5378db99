"""Operational items: work that is nobody's symptom (a text that could not be delivered, work that failed, a provider down)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db import items
from service.db.changes import Changes
from service.db.escalation import concerns, escalation_events, escalations
from service.db.organization import organizations, teams
from service.db.patient import patients
from service.db.schema import new_id
from service.domain.coverage import EMERGENCY_TARGET, URGENT_TARGET
from service.domain.escalation import Kind, State
from service.domain.urgency import Urgency

_ANSWER_WITHIN = {
    Urgency.EMERGENCY: EMERGENCY_TARGET,
    Urgency.URGENT: URGENT_TARGET,
    Urgency.SAME_DAY: timedelta(hours=4),
    Urgency.ROUTINE: timedelta(hours=24),
}
TELL_AGAIN_AFTER = timedelta(minutes=1)
"""An outage adds a line a minute to its item, not one for every batch that fails."""
_TELLS = ("opened", "again")
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
SOURCE = "Rounds safety rule 8: what fails loses nothing, and a person is told"
VERSION = "1"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that a person has to know. Without a patient it is the organization's: one item gathers all of its rule."""

    organization_id: UUID
    rule: str
    reason: str
    urgency: Urgency
    patient_id: UUID | None = None
    phone_id: UUID | None = None
    communication_id: UUID | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    """Codes and counts only: no name, number or words. `about`: whose trouble it is where one item is to gather that of one person."""
    team_id: UUID | None = None
    """Whose work it is; without one the patient's team, else the organization's first."""

    @property
    def place(self) -> tuple[UUID, UUID | None, UUID | None, str]:
        """One open item for each of these."""
        return self.organization_id, self.patient_id, None if self.patient_id else self.phone_id, _kind(self.rule, self.detail)


def _kind(rule: str, detail: Mapping[str, Any]) -> str:
    about = detail.get("about")
    return f"{rule} {about}" if about else rule


async def report(connection: AsyncConnection, changes: Changes, problems: Sequence[Problem], *, repeat: bool = True) -> int:
    """Opens an operational item for each new place, or adds to the open one (with `repeat=False` only what is worse); how many were opened.

    Many problems of one kind (a provider is down) become one item with a count, not one each. What is worse than it was leads the item
    and brings its due time forward, never back.
    """
    if not problems:
        return 0
    by_place: dict[tuple[UUID, UUID | None, UUID | None, str], list[Problem]] = defaultdict(list)
    for problem in problems:
        by_place[problem.place].append(problem)
    organization_ids = sorted({problem.organization_id for problem in problems})
    # Two nodes must not open the same item: the organization's row is the lock (its key stays free for others' inserts).
    await connection.execute(
        select(organizations.c.id)
        .where(organizations.c.id.in_(organization_ids))
        .order_by(organizations.c.id)
        .with_for_update(key_share=True)
    )
    standing = await _open(connection, organization_ids, {problem.rule for problem in problems})
    told = await _told(connection, [item.id for item in standing.values()]) if repeat else {}
    teams_of = await _teams(connection, problems, organization_ids)
    opened = 0
    for place, same in sorted(by_place.items(), key=lambda entry: str(entry[0])):
        first = min(same, key=lambda problem: problem.urgency.rank)
        item = standing.get(place)
        worse = item is not None and first.urgency.rank < (item.urgency_rank if repeat else item.known_rank)
        if item is not None and not worse and (not repeat or told.get(item.id, _LONG_AGO) > changes.now - TELL_AGAIN_AFTER):
            continue
        if item is not None:
            changes.update(escalations, item.id)
            if worse:
                due_at = min(item.due_at, changes.now + _ANSWER_WITHIN[first.urgency])
                changes.update(escalations, item.id, urgency_rank=first.urgency.rank, due_at=due_at, summary=first.reason[:300])
            if worse and item.state == State.SNOOZED:  # it was put off as the lesser trouble that it was
                changes.update(escalations, item.id, **items.WOKEN)
                items.add_event(changes, first.organization_id, item.id, "woken", {"by": "news"})
            items.add_event(changes, first.organization_id, item.id, "again", {"rule": first.rule, "count": len(same), **first.detail})
        else:
            team_id = first.team_id or teams_of.get(first.patient_id or first.organization_id) or teams_of.get(first.organization_id)
            if team_id is None:
                continue  # an organization without a team has no queue; `rounds` refuses to serve one
            _open_item(changes, team_id, first, len(same))
            opened += 1
        changes.wake(f"queue:{first.organization_id}")
    return opened


def _open_item(changes: Changes, team_id: UUID, problem: Problem, count: int) -> None:
    now = changes.now
    item_id = new_id(now)
    changes.insert(
        escalations,
        {
            "id": item_id,
            "organization_id": problem.organization_id,
            "team_id": team_id,
            "patient_id": problem.patient_id,
            "phone_id": problem.phone_id,
            "kind": Kind.OPERATIONAL,
            "state": State.OPEN,
            "urgency_rank": problem.urgency.rank,
            "summary": problem.reason[:300],
            "opened_at": now,
            "due_at": now + _ANSWER_WITHIN[problem.urgency],
        },
    )
    changes.insert(
        concerns,
        {
            "id": new_id(now),
            "organization_id": problem.organization_id,
            "escalation_id": item_id,
            "communication_id": problem.communication_id,
            "rule": problem.rule,
            "rule_version": VERSION,
            "urgency_rank": problem.urgency.rank,
            "reason": problem.reason[:300],
            "source": SOURCE,
            "spans": [],
            "facts": dict(problem.detail),
            "raised_at": now,
        },
    )
    items.add_event(changes, problem.organization_id, item_id, "opened", {"rule": problem.rule, "count": count, **problem.detail})


async def _open(
    connection: AsyncConnection, organization_ids: Sequence[UUID], rules: Iterable[str]
) -> dict[tuple[UUID, UUID | None, UUID | None, str], Any]:
    statement = (
        select(
            escalations.c.id,
            escalations.c.organization_id,
            escalations.c.patient_id,
            escalations.c.phone_id,
            escalations.c.urgency_rank,
            func.coalesce(escalations.c.lowered_from, escalations.c.urgency_rank).label("known_rank"),  # lowered: a nurse has judged it so
            escalations.c.due_at,
            escalations.c.state,
            concerns.c.rule,
            concerns.c.facts,
        )
        .join(concerns, concerns.c.escalation_id == escalations.c.id)
        .where(
            escalations.c.organization_id.in_(organization_ids),
            escalations.c.state != State.RESOLVED,
            escalations.c.kind == Kind.OPERATIONAL,
            concerns.c.rule.in_(sorted(rules)),
        )
    )
    return {
        (row.organization_id, row.patient_id, None if row.patient_id else row.phone_id, _kind(row.rule, row.facts)): row
        for row in (await connection.execute(statement)).all()
    }


async def _told(connection: AsyncConnection, item_ids: Sequence[UUID]) -> dict[UUID, datetime]:
    """When each of these items last told of its trouble; what a nurse has done with it meanwhile keeps no news off it."""
    if not item_ids:
        return {}
    newest = func.max(escalation_events.c.at)
    statement = select(escalation_events.c.escalation_id, newest).where(
        escalation_events.c.escalation_id.in_(item_ids), escalation_events.c.what.in_(_TELLS)
    )
    return {row[0]: row[1] for row in (await connection.execute(statement.group_by(escalation_events.c.escalation_id))).all()}


async def _teams(connection: AsyncConnection, problems: Sequence[Problem], organization_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """Patient -> their team; organization -> its first team, which gets what is nobody's."""
    patient_ids = sorted({problem.patient_id for problem in problems if problem.patient_id})
    found: dict[UUID, UUID] = {}
    firsts = select(teams.c.organization_id, teams.c.id).where(teams.c.organization_id.in_(organization_ids)).order_by(teams.c.id.desc())
    for row in (await connection.execute(firsts)).all():
        found[row.organization_id] = row.id
    if patient_ids:
        for row in (await connection.execute(select(patients.c.id, patients.c.team_id).where(patients.c.id.in_(patient_ids)))).all():
            found[row.id] = row.team_id
    return found
