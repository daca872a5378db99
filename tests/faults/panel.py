"""A panel of patients who live in many zones, each with a place in a programme, for faults that take days of a fake clock."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID

from sqlalchemy import insert

from service.actions.do_due_work import do_due_work
from service.actions.expire_work import expire_work
from service.actions.plan_check_ins import plan_check_ins
from service.actions.send_communications import send_communications
from service.actions.time_out_sessions import time_out_sessions
from service.db.check_in import enrollments
from service.db.patient import consents, patient_phones, patients, phones
from service.db.schema import new_id
from service.domain.communication import Lane
from service.jobs.work import handlers
from tests.jobs.world import World
from tests.seed import KEYRING

AREAS = range(212, 990)
LINES = range(100)
BATCH = 1_000


@dataclass(frozen=True, slots=True)
class Member:
    """One of the panel."""

    id: UUID
    enrollment_id: UUID
    number: str
    zone: str
    wall_time: time
    rule: str


async def panel(world: World, places: Sequence[tuple[str, time, str]], *, starts_on: date, days: int, since: datetime) -> list[Member]:
    """A patient with consent, a confirmed number and an enrollment for each (zone, wall time, rule)."""
    clinic, found = world.clinic, []
    numbers = (f"+1{area}55501{line:02d}" for area in AREAS for line in LINES)
    rows: dict[object, list[dict[str, object]]] = {table: [] for table in (patients, phones, patient_phones, consents, enrollments)}
    for (zone, wall_time, rule), number in zip(places, numbers, strict=False):
        patient_id, phone_id, enrollment_id = new_id(since), new_id(since), new_id(since)
        own = {"organization_id": clinic.organization_id, "patient_id": patient_id}
        rows[patients].append(
            {
                "id": patient_id,
                "organization_id": clinic.organization_id,
                "team_id": clinic.team_a,
                "name": "Ana Alvarez",
                "birth_date": "1950-03-01",
                "language": "en",
                "zone": zone,
                "status": "active",
                "created_at": since,
            }
        )
        index = KEYRING.blind_index(clinic.organization_id, number)
        rows[phones].append(
            {"id": phone_id, "organization_id": clinic.organization_id, "number": number, "number_index": index, "created_at": since}
        )
        rows[patient_phones].append({"id": new_id(since), **own, "phone_id": phone_id, "position": 0, "confirmed_at": since})
        rows[consents].append(
            {
                "id": new_id(since),
                **own,
                "phone_id": phone_id,
                "channel": "sms",
                "programme": "",
                "detail": True,
                "per_day": 3,
                "source": "paper form",
                "wording_version": "1",
                "given_at": since,
            }
        )
        rows[enrollments].append(
            {
                "id": enrollment_id,
                **own,
                "programme": "heart_failure",
                "flow": "daily",
                "rule": rule,
                "wall_time": wall_time,
                "high_risk": False,
                "starts_on": starts_on,
                "stops_on": starts_on + timedelta(days=days - 1),
                "status": "active",
                "created_at": since,
            }
        )
        found.append(Member(patient_id, enrollment_id, number, zone, wall_time, rule))
    async with world.database.transaction() as connection:
        for table, all_rows in rows.items():
            for at in range(0, len(all_rows), BATCH):
                await connection.execute(insert(table), all_rows[at : at + BATCH])  # type: ignore[arg-type]
    return found


async def work(world: World, *, sending: bool = True) -> None:
    """One round of the jobs that plan, start, expire and send, each until nothing is left to do."""
    while (done := await plan_check_ins(world.database, world.knowledge, world.now)).enrollments:
        if not done.planned and not done.moved:
            break
    await expire_work(world.database, world.now)
    while await do_due_work(world.database, handlers(world.around), Lane.ROUTINE, world.clock, "node-1", limit=500):
        pass
    await time_out_sessions(world.database, world.knowledge, world.now)
    while sending:
        sent = await send_communications(
            world.database, world.providers, Lane.ROUTINE, world.clock, "node-1", world.knowledge.law, limit=500, concurrency=50
        )
        if not sent.claimed and not sent.refused:
            break


def any_time(chance: random.Random, first: int, last: int) -> time:
    """A wall time on the quarter of an hour, from `first` o'clock up to `last` o'clock."""
    minute = chance.randrange(first * 4, last * 4) * 15
    return time(minute // 60, minute % 60)
