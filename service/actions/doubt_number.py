"""A number may be somebody else's by now: no check-in goes to it until staff confirms it, and a person is told, for each patient on it.

A step inside others' transactions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.db import audit, check_in, numbers
from service.db.changes import Changes
from service.db.problems import Problem, report
from service.domain.staff import Staff
from service.domain.urgency import Urgency

RULE = "number_in_doubt"
_REASON = "The number may be somebody else's by now: no check-in goes to it. Find the right number, or confirm this one."


def doubt(
    changes: Changes,
    organization_id: UUID,
    phone_id: UUID,
    patient_ids: Sequence[UUID],
    detail: Mapping[str, Any],
    *,
    staff_id: UUID | None = None,
) -> list[Problem]:
    """Doubts the number for all these patients, whose it is, ends what is being asked on it, and gives the problems to report."""
    numbers.doubt_number(changes, phone_id)
    for id in patient_ids:
        check_in.stop_conversations(changes, id, phone_id=phone_id)
        audit.record(changes, organization_id, "number_doubted", staff_id=staff_id, patient_id=id, object_kind="phone", object_id=phone_id)
    return [
        Problem(organization_id, RULE, _REASON, Urgency.SAME_DAY, patient_id=id, phone_id=phone_id, detail=detail) for id in patient_ids
    ]


async def doubt_called(connection: AsyncConnection, changes: Changes, staff: Staff, phone_id: UUID) -> None:
    """A member of staff has called this number and reached somebody else."""
    whose = (await numbers.standing(connection, [phone_id]))[phone_id].patients
    problems = doubt(changes, staff.organization_id, phone_id, whose, {"by": "nurse's call"}, staff_id=staff.id)
    await report(connection, changes, problems)
