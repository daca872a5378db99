"""Reads check-ins of the past to go through them again: patients' records are read, so each batch is audited (law 10)."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from service.actions.refusal import Refused
from service.db import audit, flow_history, flows
from service.db.database import Database
from service.domain.past_check_in import PastCheckIn
from service.domain.staff import Permission, Staff
from service.engine import Flow

BATCH = 50
"""Check-ins that are read, and held in memory, together."""
MOST = 50_000
"""Check-ins of one reading."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The check-ins that are to be read, and how many there are in the period."""

    organization_id: UUID
    key: str
    ids: tuple[UUID, ...]
    there_are: int
    staff_id: UUID | None = None
    counts_only: bool = False
    """True when whoever asks sees no patients: counts may be shown, no check-in by itself."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Some of them, with the versions that they ran on; one that today's program cannot read any more is left out."""

    check_ins: Sequence[PastCheckIn]
    own: Mapping[UUID, Flow]


async def choose_past_check_ins(
    database: Database, organization_id: UUID, key: str, *, since: datetime, until: datetime, limit: int, staff: Staff | None = None
) -> Chosen:
    """The newest `limit` check-ins of the flow that began in the period and are over.

    `staff`: those of their teams' patients; of everybody's, for counts only, where they see no patients (who approves flows). None:
    everybody's, for whoever runs the service. Raises Refused for a limit out of range.
    """
    if not 1 <= limit <= MOST:
        raise Refused(f"Between 1 and {MOST:,} check-ins can be gone through at once.")
    counts_only = staff is not None and not staff.may(Permission.WORK_QUEUE)
    teams = staff.team_ids if staff is not None and not counts_only else None
    programme, _, flow = key.partition("/")
    place = (organization_id, programme, flow)
    async with database.reading() as connection:
        ids, there_are = await flow_history.choose(connection, place, since=since, until=until, limit=limit, team_ids=teams)
    return Chosen(organization_id, key, tuple(ids), there_are, staff.id if staff else None, counts_only)


async def read_past_check_ins(database: Database, chosen: Chosen, now: datetime, *, batch: int = BATCH) -> AsyncIterator[Batch]:
    """The chosen check-ins in batches; a line of audit for each patient of a batch is written before it is handed out."""
    own: dict[UUID, Flow] = {}
    for first in range(0, len(chosen.ids), batch):
        async with database.reading() as connection:
            found = await flow_history.load_past(connection, chosen.ids[first : first + batch])
            missing = {past.version_id for past in found} - own.keys()
            own |= _readable(await flows.contents_of(connection, missing))
        looked_at = Counter(past.patient_id for past in found)
        lines = [
            audit.entry(
                chosen.organization_id,
                now,
                "check_ins_replayed",
                staff_id=chosen.staff_id,
                patient_id=patient_id,
                detail={"flow": chosen.key, "check_ins": number},
            )
            for patient_id, number in sorted(looked_at.items())
        ]
        async with database.transaction() as connection:
            await audit.append(connection, lines)
        yield Batch(found, own)


def _readable(contents: Mapping[UUID, Mapping[str, Any]]) -> dict[UUID, Flow]:
    found: dict[UUID, Flow] = {}
    for id, content in contents.items():
        with suppress(ValueError, TypeError):  # its check-ins are counted as failed, the others go on (law 12)
            found[id] = Flow.from_json(content)
    return found
