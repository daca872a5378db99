"""Pauses of check-ins: planned, on and over. Who changes one holds the patient's row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Index, Row, String, Table, and_, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.changes import Changes
from service.db.encryption import Encrypted
from service.db.patient import patients
from service.db.schema import Instant, id_column, metadata, new_id, organization_column, reference
from service.db.staff import staff
from service.domain.patient import PatientStatus
from service.domain.pause import Pause, PauseEnd, PauseKind, PauseState

MOST_SHOWN = 20
LOOK_AGAIN = timedelta(days=7)
"""After so long a nurse is asked whether a pause without an end should go on. Own choice: nobody counts as silent meanwhile."""
_OPEN = text("state <> 'over'")

pauses = Table(
    "pauses",
    metadata,
    id_column(),
    organization_column(),
    reference("patient_id", "patients"),
    Column("kind", String(16), nullable=False, doc="hospital | away | other"),
    Column("state", String(16), nullable=False, doc="planned | on | over"),
    Column("begins_at", Instant, nullable=False),
    Column("ends_at", Instant, doc="from then on check-ins run again; empty: until somebody ends it"),
    reference("staff_id", "staff", nullable=True),
    reference("communication_id", "communications", nullable=True),
    Column("reason", Encrypted("pauses.reason"), nullable=False),
    Column("look_again_at", Instant, doc="of a pause without an end: when a nurse is asked whether it should go on"),
    Column("created_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("ended_how", String(16), doc="date | staff | patient | replaced"),
    reference("ended_by", "staff", nullable=True),
    Index("ix_pauses_patient_id_created_at", "patient_id", "created_at"),
    Index("ix_pauses_open", "patient_id", postgresql_where=_OPEN, sqlite_where=_OPEN),
    Index("ix_pauses_begins_at", "begins_at", postgresql_where=_OPEN, sqlite_where=_OPEN),
)


def add(
    changes: Changes,
    *,
    organization_id: UUID,
    patient_id: UUID,
    kind: PauseKind,
    begins_at: datetime,
    ends_at: datetime | None,
    staff_id: UUID | None,
    communication_id: UUID | None,
    reason: str,
) -> Pause:
    """A new pause, on when it has begun; end the one before it first."""
    state = PauseState.ON if begins_at <= changes.now else PauseState.PLANNED
    id = new_id(changes.now)
    changes.insert(
        pauses,
        {
            "id": id,
            "organization_id": organization_id,
            "patient_id": patient_id,
            "kind": kind,
            "state": state,
            "begins_at": begins_at,
            "ends_at": ends_at,
            "staff_id": staff_id,
            "communication_id": communication_id,
            "reason": reason,
            "look_again_at": begins_at + LOOK_AGAIN if ends_at is None else None,
            "created_at": changes.now,
            "ended_at": None,
            "ended_how": None,
            "ended_by": None,
        },
    )
    return Pause(id, kind, state, begins_at, ends_at, by_staff=staff_id is not None)


def begin(changes: Changes, pause_id: UUID) -> None:
    """A planned pause is on."""
    changes.update(pauses, pause_id, state=PauseState.ON)


def end_one(changes: Changes, pause_id: UUID, how: PauseEnd) -> None:
    """This pause is over."""
    changes.update(pauses, pause_id, state=PauseState.OVER, ended_at=changes.now, ended_how=how)


def end(
    changes: Changes,
    patient_id: UUID,
    how: PauseEnd,
    *,
    staff_id: UUID | None = None,
    but: UUID | None = None,
    states: Collection[PauseState] = (PauseState.ON, PauseState.PLANNED),
) -> None:
    """The patient's pauses in these states are over, all `but` one."""
    mine = [pauses.c.patient_id == patient_id, pauses.c.state.in_(list(states))]
    which = [*mine, pauses.c.id != but] if but is not None else mine
    over = {"state": PauseState.OVER, "ended_at": changes.now, "ended_how": how, "ended_by": staff_id}
    changes.also(update(pauses).where(*which).values(over))


async def open_pauses(connection: AsyncConnection, patient_ids: Collection[UUID]) -> dict[UUID, list[Pause]]:
    """The pauses of each of these patients that are planned or on, the oldest first. Lock the patients first."""
    found: dict[UUID, list[Pause]] = defaultdict(list)
    mine = select(pauses).where(pauses.c.patient_id.in_(list(patient_ids)), pauses.c.state != PauseState.OVER).order_by(pauses.c.id)
    for row in (await connection.execute(mine)).all() if patient_ids else ():
        kind, state = PauseKind(row.kind), PauseState(row.state)
        found[row.patient_id].append(
            Pause(row.id, kind, state, row.begins_at, row.ends_at, by_staff=row.staff_id is not None, look_again_at=row.look_again_at)
        )
    return found


async def turns(connection: AsyncConnection, now: datetime, limit: int) -> dict[UUID, UUID]:
    """Patients with a pause that is to begin, to end or to be looked at by now -> their organization, longest due first."""
    begins = and_(pauses.c.state == PauseState.PLANNED, pauses.c.begins_at <= now)
    ends = and_(pauses.c.state != PauseState.OVER, or_(pauses.c.ends_at <= now, pauses.c.look_again_at <= now))
    due = select(pauses.c.patient_id, pauses.c.organization_id).where(or_(begins, ends)).order_by(pauses.c.begins_at).limit(limit)
    return {row.patient_id: row.organization_id for row in (await connection.execute(due)).all()}


def looked_at(changes: Changes, pause_id: UUID) -> None:
    """A nurse has been asked whether the pause should go on; she is asked again after a while."""
    changes.update(pauses, pause_id, look_again_at=changes.now + LOOK_AGAIN)


def set_paused(changes: Changes, patient_id: UUID, *, paused: bool) -> None:
    """The patient's status; somebody who has died, is in hospice or has left stays so."""
    before, after = (PatientStatus.ACTIVE, PatientStatus.PAUSED) if paused else (PatientStatus.PAUSED, PatientStatus.ACTIVE)
    changes.also(update(patients).where(patients.c.id == patient_id, patients.c.status == before).values(status=after))


async def shown(connection: AsyncConnection, patient_id: UUID) -> list[Row[Any]]:
    """The patient's pauses that are planned or on, with the name of whoever set each (`author`, None for the patient)."""
    statement = (
        select(pauses, staff.c.name.label("author"))
        .outerjoin(staff, staff.c.id == pauses.c.staff_id)
        .where(pauses.c.patient_id == patient_id, pauses.c.state != PauseState.OVER)
        .order_by(pauses.c.id)
        .limit(MOST_SHOWN)
    )
    return list((await connection.execute(statement)).all())
