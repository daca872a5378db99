"""The line of the audit trail for what a member of staff does to an item of the queue."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.db import audit
from service.domain.escalation import Escalation
from service.domain.staff import Staff


async def leave_trail(
    connection: AsyncConnection,
    action: str,
    staff: Staff,
    item: Escalation,
    now: datetime,
    detail: Mapping[str, Any] | None = None,
    *,
    object_kind: str = "escalation",
    object_id: UUID | None = None,
) -> None:
    """Appends the entry in the caller's transaction; `detail` holds codes, ids and instants only. Its object is the item, unless another
    is named."""
    await audit.leave(
        connection,
        item.organization_id,
        now,
        action,
        staff_id=staff.id,
        patient_id=item.patient_id,
        object_kind=object_kind,
        object_id=object_id or item.id,
        detail=detail,
    )
