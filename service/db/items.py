"""Rows of escalations as they are raised: the item, its concerns, its history, and what is due for it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from service.db import due_work
from service.db.changes import Changes
from service.db.escalation import concerns, escalation_events, escalations
from service.db.schema import new_id
from service.domain.communication import Lane
from service.domain.decision import Fired
from service.domain.escalation import Kind, Reached, State
from service.domain.patient import Team
from service.domain.urgency import Urgency

WOKEN: dict[str, Any] = {
    "state": State.OPEN,
    "snoozed_until": None,
    "claimed_by": None,
    "acknowledged_at": None,
    "acknowledged_by": None,
}
"""Columns of an item that was put off or held and is so no more: it counts as unseen."""


def open_item(
    changes: Changes,
    team: Team,
    *,
    patient_id: UUID | None,
    phone_id: UUID | None,
    urgency: Urgency,
    summary: str,
    due_at: datetime,
    kind: Kind = Kind.CLINICAL,
    do_not_contact: bool = False,
) -> UUID:
    """A new open item; returns its id."""
    id = new_id(changes.now)
    changes.insert(
        escalations,
        {
            "id": id,
            "organization_id": team.organization.id,
            "team_id": team.id,
            "patient_id": patient_id,
            "phone_id": phone_id,
            "kind": kind,
            "state": State.OPEN,
            "urgency_rank": urgency.rank,
            "summary": summary[:300],
            "opened_at": changes.now,
            "due_at": due_at,
            "last_patient_event_at": changes.now,
            "version": 1,
            "reached": Reached.NONE_NEEDED,
            "do_not_contact": do_not_contact,
        },
    )
    add_event(changes, team.organization.id, id, "opened", {"urgency": urgency})
    changes.wake(f"queue:{team.organization.id}")
    return id


def change_item(changes: Changes, organization_id: UUID, id: UUID, **values: Any) -> None:
    """Columns to set on an item; its version grows, so that whoever acts on what they saw before is told."""
    changes.update(escalations, id, **values)
    changes.wake(f"queue:{organization_id}")


def add_concern(
    changes: Changes,
    organization_id: UUID,
    escalation_id: UUID,
    fired: Fired,
    *,
    communication_id: UUID | None,
    facts: Mapping[str, Any],
) -> None:
    """One more reason on an item."""
    changes.insert(
        concerns,
        {
            "id": new_id(changes.now),
            "organization_id": organization_id,
            "escalation_id": escalation_id,
            "communication_id": communication_id,
            "rule": fired.rule,
            "rule_version": fired.version,
            "urgency_rank": fired.urgency.rank,
            "reason": fired.reason[:300],
            "source": fired.source[:300],
            "spans": [list(span) for span in fired.spans],
            "facts": dict(facts),
            "measured": dict(fired.measured) or None,
            "raised_at": changes.now,
        },
    )


def add_event(
    changes: Changes, organization_id: UUID, escalation_id: UUID, what: str, detail: Mapping[str, Any], staff_id: UUID | None = None
) -> None:
    """A line of an item's history: who, when, what (law 6)."""
    changes.insert(escalation_events, event_row(organization_id, escalation_id, changes.now, what, detail, staff_id))


def event_row(
    organization_id: UUID, escalation_id: UUID, now: datetime, what: str, detail: Mapping[str, Any], staff_id: UUID | None = None
) -> dict[str, Any]:
    """Such a line as a row; `detail` holds codes, ids and counts only."""
    return {
        "id": new_id(now),
        "organization_id": organization_id,
        "escalation_id": escalation_id,
        "staff_id": staff_id,
        "at": now,
        "what": what,
        "detail": dict(detail),
    }


def plan_paging(changes: Changes, organization_id: UUID, escalation_id: UUID, why: str, urgency: Urgency) -> None:
    """Whoever is on call is found and paged at once, in the emergency lane (a same-day item's ladder has time).

    `why` (`page_again.Why`): "start" for an item that is new or worse, "again" for words on one whose ladder has begun, "next" for one
    that its nurse gives back.
    """
    waits = urgency.rank > Urgency.URGENT.rank
    due_row(
        changes,
        organization_id,
        key=f"page:{escalation_id}:{why}:{new_id(changes.now)}",
        kind="page_ladder",
        lane=Lane.ROUTINE if waits else Lane.EMERGENCY,
        subject_id=escalation_id,
        due_at=changes.now,
        payload={"why": why},
    )
    if not waits:
        changes.wake("outbox:emergency")


def due_row(
    changes: Changes,
    organization_id: UUID,
    *,
    key: str,
    kind: str,
    lane: Lane,
    subject_id: UUID,
    due_at: datetime,
    payload: Mapping[str, Any],
    useful_until: datetime | None = None,
) -> None:
    """Work that becomes due; `key` makes it unique."""
    more: dict[str, Any] = {"lane": lane, "payload": payload, "useful_until": useful_until}
    changes.insert(due_work.due_work, due_work.row(organization_id, key, kind, subject_id, due_at, changes.now, **more))
