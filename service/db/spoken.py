"""What was said to patients on the telephone, kept among the communications so that a nurse reads the conversation whole."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from service.db.calls import CallRow
from service.db.changes import Changes
from service.db.communication import communication_statuses, communications
from service.db.schema import new_id
from service.domain.communication import Direction, Lane, Purpose, Status
from service.domain.reading import Channel


def keep(
    changes: Changes,
    call: CallRow,
    body: str,
    language: str,
    purpose: Purpose,
    *,
    check_in_id: UUID | None,
    escalation_id: UUID | None = None,
    reason: str = "",
) -> UUID:
    """Keeps what was said to a patient, so that a nurse reads the conversation whole; its id."""
    id = new_id(changes.now)
    changes.insert(
        communications,
        {
            "id": id,
            "organization_id": call.organization_id,
            "patient_id": call.patient_id,
            "phone_id": call.phone_id,
            "direction": Direction.OUT,
            "channel": Channel.VOICE,
            "purpose": purpose,
            "lane": Lane.EMERGENCY if purpose is Purpose.SAFETY else Lane.ROUTINE,
            "status": Status.SENT,
            "body": body,
            "language": language,
            "programme": call.programme,
            "reason": reason,
            "check_in_id": check_in_id,
            "flow_session_id": call.flow_session_id,
            "escalation_id": escalation_id,
            "created_at": changes.now,
            "status_at": changes.now,
        },
    )
    changes.insert(communication_statuses, _line(changes, call.organization_id, id, Status.SENT))
    return id


def was_heard(changes: Changes, call: CallRow, communication_id: UUID, *, heard: bool) -> None:
    """The line stood while it was said, or was cut."""
    status = Status.DELIVERED if heard else Status.UNDELIVERED
    changes.update(communications, communication_id, status=status, status_at=changes.now)
    changes.insert(communication_statuses, _line(changes, call.organization_id, communication_id, status))


def _line(changes: Changes, organization_id: UUID, communication_id: UUID, status: Status) -> dict[str, Any]:
    return {
        "id": new_id(changes.now),
        "organization_id": organization_id,
        "communication_id": communication_id,
        "status": status,
        "at": changes.now,
        "source": "call",
    }
