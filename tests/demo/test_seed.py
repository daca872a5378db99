"""The demo's clinic, whenever it is started: around midnight and on the nights when clocks change too."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from service.actions.knowledge import Knowledge
from service.actions.plan_check_ins import plan_check_ins
from service.db import flows
from service.db.check_in import check_ins, enrollments, flow_sessions
from service.db.communication import communications
from service.db.database import Database
from service.db.escalation import concerns, escalations
from service.db.observation import observations
from service.db.patient import patients
from service.demo.cast import HEART_FAILURE, PATIENTS
from service.demo.seed import DUE_AFTER, seed
from tests.demo.running import content
from tests.seed import KEYRING

WHENEVER = [
    datetime(2026, 11, 21, 15, 0, tzinfo=UTC),
    datetime(2026, 11, 22, 4, 59, 58, tzinfo=UTC),  # two seconds before midnight in New York
    datetime(2026, 11, 22, 5, 0, 30, tzinfo=UTC),
    datetime(2026, 3, 8, 7, 30, tzinfo=UTC),  # half an hour after 2 am was skipped
    datetime(2026, 11, 1, 6, 30, tzinfo=UTC),  # the second 1:30 am
]


@pytest.mark.parametrize("now", WHENEVER, ids=lambda now: f"{now:%m-%d_%H:%M:%S}")
async def test_whoever_is_due_is_due_at_once_and_once(sqlite_url: str, now: datetime) -> None:
    database = Database.open(sqlite_url, KEYRING)
    found = content()
    await seed(database, found.flows, now)
    await plan_check_ins(
        database,
        Knowledge(found.lexicon, found.tables, found.wording, "http://localhost", found.follow_through, found.opening, found.law),
        now,
    )
    statement = (
        select(patients.c.name, check_ins.c.due_at)
        .join(patients, patients.c.id == check_ins.c.patient_id)
        .where(check_ins.c.status == "planned", check_ins.c.due_at < now + timedelta(hours=6))
    )
    async with database.reading() as connection:
        planned = {row.name: row.due_at for row in (await connection.execute(statement)).all()}
        latest = await connection.scalar(select(func.max(communications.c.created_at)))
    await database.close()
    assert set(planned) == {person.name for person in PATIENTS if person.due}
    due = (now + DUE_AFTER).replace(microsecond=0)
    # A wall time that comes twice in a night means its first time, an hour ago: due all the more.
    assert set(planned.values()) <= {due, due - timedelta(hours=1)}
    assert now == WHENEVER[-1] or set(planned.values()) == {due}
    assert latest <= now, "history lies in the past"


async def test_three_weeks_of_everybody_stand_in_both_databases(database_url: str) -> None:
    database, now = Database.open(database_url, KEYRING), WHENEVER[0]
    await seed(database, content().flows, now)
    async with database.reading() as connection:
        past = Counter((await connection.scalars(select(check_ins.c.patient_id))).all())
        names = {row.id: row.name for row in (await connection.execute(select(patients.c.id, patients.c.name))).all()}
        weights = await connection.scalar(select(func.count()).where(observations.c.name == "weight"))
        states = Counter((await connection.scalars(select(escalations.c.state))).all())
        open_ranks = (await connection.scalars(select(escalations.c.urgency_rank).where(escalations.c.state == "open"))).all()
        unanswered = await connection.scalar(
            select(func.count())
            .select_from(concerns.join(escalations, escalations.c.id == concerns.c.escalation_id))
            .where(escalations.c.state == "resolved", concerns.c.answered_at.is_(None))
        )
        stopped = (await connection.scalars(select(enrollments.c.status).where(enrollments.c.status != "active"))).all()
    await database.close()
    assert len(past) == len(PATIENTS)
    days = {names[id]: number for id, number in past.items()}
    assert all(person.days - 5 * (person.key == "dov") <= days[person.name] <= person.days + 1 for person in PATIENTS)
    assert weights is not None
    assert weights > 100
    assert states == {"open": 2, "resolved": 4}
    assert sorted(open_ranks) == [1, 2]
    assert unanswered == 0
    assert stopped == ["opted_out"]


async def test_the_heart_failure_check_in_has_a_version_before_that_a_change_can_be_seen_against(sqlite_url: str) -> None:
    database, found, now = Database.open(sqlite_url, KEYRING), content(), WHENEVER[0]
    organization_id = await seed(database, found.flows, now)
    ours = found.flows[HEART_FAILURE]
    async with database.reading() as connection:
        before, after = [one for one in await flows.versions(connection, organization_id) if one.key == HEART_FAILURE]
        conversations = (await connection.scalars(select(flow_sessions.c.flow_version_id))).all()
    await database.close()
    assert before.content_hash != after.content_hash == ours.version
    assert after.id in conversations
    assert before.id not in conversations
