"""Rows of escalations as they are raised: the item, its concerns, its history, its pages, and what is due for it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from service.db.changes import Changes
from service.db.due_work import due_work
from service.db.escalation import concerns, escalation_events, escalations, pages
from service.db.schema import new_id
from service.domain.communication import Lane, Status
from service.domain.decision import Fired
from service.domain.escalation import PAGE_EVERY, Kind, Reached, State
from service.domain.patient import Team
from service.domain.urgency import Urgency


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
            "raised_at": changes.now,
        },
    )


def add_event(
    changes: Changes, organization_id: UUID, escalation_id: UUID, what: str, detail: Mapping[str, Any], staff_id: UUID | None = None
) -> None:
    """A line of an item's history: who, when, what (law 6)."""
    changes.insert(
        escalation_events,
        {
            "id": new_id(changes.now),
            "organization_id": organization_id,
            "escalation_id": escalation_id,
            "staff_id": staff_id,
            "at": changes.now,
            "what": what,
            "detail": dict(detail),
        },
    )


def add_page(changes: Changes, team: Team, escalation_id: UUID, step: int, body: str) -> None:
    """A text to the team's on-call number, due now in the emergency lane, and the next look at it in five minutes."""
    id = new_id(changes.now)
    changes.insert(
        pages,
        {
            "id": id,
            "organization_id": team.organization.id,
            "escalation_id": escalation_id,
            "team_id": team.id,
            "phone": team.on_call_phone,
            "body": body,
            "step": step,
            "status": Status.DUE,
            "created_at": changes.now,
            "due_at": changes.now,
            "status_at": changes.now,
        },
    )
    add_event(changes, team.organization.id, escalation_id, "paged", {"step": step})
    plan_next_page(changes, team.organization.id, escalation_id, step + 1)
    changes.wake("outbox:emergency")


def plan_next_page(changes: Changes, organization_id: UUID, escalation_id: UUID, step: int) -> None:
    """In five minutes: page again unless somebody has acknowledged."""
    due_row(
        changes,
        organization_id,
        key=f"page:{escalation_id}:{step}",
        kind="page_ladder",
        lane=Lane.EMERGENCY,
        subject_id=escalation_id,
        due_at=changes.now + PAGE_EVERY,
        payload={"step": step},
    )


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
    changes.insert(
        due_work,
        {
            "id": new_id(changes.now),
            "organization_id": organization_id,
            "key": key,
            "kind": kind,
            "lane": lane,
            "subject_id": subject_id,
            "payload": dict(payload),
            "due_at": due_at,
            "useful_until": useful_until,
            "state": "due",
        },
    )
