"""Check-ins that are due all at once, workers that are killed among them: none is lost, no patient is asked twice, all doubt is listed."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update

from service.actions.import_patients import import_patients
from service.actions.plan_check_ins import plan_check_ins
from service.db import registration
from service.db.changes import Changes
from service.db.check_in import check_ins
from service.db.communication import attempts, communications
from service.db.database import Database
from service.db.due_work import due_work
from service.db.unknown import list_unknown
from service.domain.registration import NewConsent, NewMedication, NewPatient
from service.domain.schedule import to_local
from tests.calls.conftest import known
from tests.faults import SECONDS_A_TEST
from tests.faults.killer import reconcile_all, tell
from tests.faults.ledger import attempt_of, in_hand, let_leases_end, let_repeats_be_due, let_retries_be_due
from tests.patience import PATIENCE_SECONDS
from tests.stand_in_twilio import StandIn
from tests.story import warm
from tests.story.clinic import ZONE, SetUp, set_up
from tests.story.rows import opened, rows, until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(SECONDS_A_TEST)]
CHECK_INS = (100, 10_000)
"""Sampled, full."""
KILLS = (2, 20)
WORKERS = {"postgresql": 4, "sqlite": 1}
"""SQLite serves one process."""
AT_ONCE = 20
"""Texts that a worker has under way at a time: what one kill may leave in doubt."""
SEGMENTS_PER_SECOND = 200


class Workers:
    """The killable processes behind one pipe."""

    def __init__(self, process: warm.Process) -> None:
        self._process = process

    @classmethod
    @asynccontextmanager
    async def running(cls, count: int, told: dict[str, Any]) -> AsyncIterator[Workers]:
        """All of them, ended with the block."""
        process = await warm.start("tests.faults.workers", str(count))
        workers = cls(process)
        try:
            assert await workers.say(json.dumps(told)) == "ready"
            yield workers
        finally:
            try:
                if process.returncode is None:
                    async with asyncio.timeout(PATIENCE_SECONDS):
                        assert await workers.say("stop") == "stopped"
            finally:
                process.stdin.close()
                await process.wait()

    async def say(self, line: str) -> str:
        """One line, and the answer to it."""
        self._process.stdin.write(line.encode() + b"\n")
        return (await self._process.stdout.readline()).decode().strip()


@pytest.fixture(params=[pytest.param("postgresql", marks=pytest.mark.postgres), "sqlite"])
def kind_and_url(request: pytest.FixtureRequest) -> tuple[str, str]:
    return request.param, request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "durable_postgres_url")


@pytest.mark.law(2, 3, 11, 12)
async def test_fault_4_of_10000_due_check_ins_none_is_lost_or_asked_twice_by_20_kills_of_4_workers(
    kind_and_url: tuple[str, str], twilio: StandIn, chance: random.Random, full_faults: bool
) -> None:
    began = time.monotonic()
    kind, url = kind_and_url
    count, kills = CHECK_INS[full_faults], KILLS[full_faults]
    twilio.options.callbacks = []  # no word comes back by itself: only the carrier's list can tell
    knowledge = known()
    async with opened(url) as database:
        await _enrol(database, await set_up(database, {}), count)
        while (await plan_check_ins(database, knowledge, datetime.now(UTC))).planned:
            pass
        await _let_all_be_due(database)
        told = {
            "database_url": url,
            "segments_per_second": SEGMENTS_PER_SECOND,
            "at_once": AT_ONCE,
            "twilio": {
                "account_sid": twilio.options.account_sid,
                "auth_token": twilio.options.auth_token,
                "sender": twilio.options.numbers[0],
                "public_base_url": "http://127.0.0.1:9",
                "api_base": twilio.url,
            },
        }
        async with Workers.running(WORKERS[kind], told) as workers:
            for number in range(kills):
                part = 1 + int(0.9 * count * (number + chance.random()) / kills)
                twilio.options.answer_seconds = chance.choice([0.0, 0.2])  # some die with many answers on the way
                await until(partial(_accepted_by_now, twilio, part), seconds=PATIENCE_SECONDS + count / 5)
                said, _, dead = (await workers.say(f"kill {chance.randrange(WORKERS[kind])}")).partition(" ")
                assert said == "killed"
                await let_leases_end(database, int(dead))  # it may have held all that is left
            twilio.options.answer_seconds = 0.0
            await let_retries_be_due(database)
            await until(lambda: _begun(database, count), seconds=PATIENCE_SECONDS + count / 5)
            await until(lambda: _nothing_in_hand(database), seconds=PATIENCE_SECONDS + count / 5)
        doubt = await _doubt(database, twilio, kills, count)
        await reconcile_all(database, twilio)
        await let_repeats_be_due(database)
        async with Workers.running(1, told):  # what the carrier never had is sent anew, by a row of its own
            await until(lambda: _nothing_in_hand(database), seconds=PATIENCE_SECONDS + len(doubt))
        figures = await _check(database, twilio, doubt, count)
    tell(f"fault 4, kill -9 among due check-ins, {kind}, {WORKERS[kind]} worker(s)", {"kills": kills, **figures}, began)


def _accepted_by_now(twilio: StandIn, count: int) -> bool:
    return len(twilio.store.accepted) >= count


async def _begun(database: Database, count: int) -> bool:
    return len(await rows(database, check_ins, check_ins.c.status == "started")) == count


async def _nothing_in_hand(database: Database) -> bool:
    return await in_hand(database) == 0


async def _let_all_be_due(database: Database) -> None:
    """What was planned for the next hour is due now."""
    now = datetime.now(UTC)
    async with database.transaction() as connection:
        await connection.execute(update(check_ins).values(due_at=now))
        await connection.execute(update(due_work).where(due_work.c.kind == "start_check_in").values(due_at=now))


async def _doubt(database: Database, twilio: StandIn, kills: int, count: int) -> set[UUID]:
    """The texts in doubt after the last kill: at most what was in flight, all of them listed, and nobody asked twice by then."""
    begun = await rows(database, check_ins, check_ins.c.status == "started")
    assert len(begun) == count, "a check-in that was due was never begun"
    works = await rows(database, due_work, due_work.c.kind == "start_check_in", due_work.c.subject_id.in_([row.id for row in begun]))
    assert Counter(row.state for row in works) == {"done": count}, "work is stuck or was given up"
    asked = await _questions(database)
    first = Counter(row.check_in_id for row in asked if row.again_of is None)
    assert first == Counter(row.id for row in begun), "a check-in has no question, or two"
    unknown = {row.id for row in asked if row.status == "unknown"}
    assert len(unknown) <= kills * AT_ONCE, f"{len(unknown)} texts are in doubt after {kills} kills"
    async with database.reading() as connection:
        listed = {one.id for one in await list_unknown(connection)}
    assert unknown <= listed, f"{len(unknown - listed)} texts in doubt are not listed"
    accepted = await _accepted(database, twilio)
    assert not [one for one, times in accepted.items() if times > 1], "a patient was asked twice"
    sure = {row.check_in_id for row in asked if row.status == "accepted"}
    assert sure <= set(accepted), "a text that is said to be accepted was not"
    return unknown


async def _check(database: Database, twilio: StandIn, doubt: set[UUID], count: int) -> dict[str, object]:
    """Our rows against the carrier's own record, once all doubt is resolved: each check-in was asked once, and stands so."""
    accepted = await _accepted(database, twilio)
    doubled = [one for one, times in accepted.items() if times > 1]
    assert not doubled, f"{len(doubled)} patients were asked twice"
    assert len(accepted) == count, f"{count - len(accepted)} patients were never asked"
    asked = await _questions(database)
    ends = {row.id: row.status for row in asked}
    assert set(ends.values()) <= {"accepted", "failed"}, Counter(ends.values())
    assert Counter(row.check_in_id for row in asked if row.status == "accepted") == accepted, "what we say was sent is not what was"
    had_left = sum(ends[one] == "accepted" for one in doubt)
    return {
        "check_ins": count,
        "asked_once": len(accepted),
        "asked_twice": 0,
        "unknown_and_listed": len(doubt),
        "of_these_had_left": had_left,
        "of_these_had_not_and_were_sent_anew": len(doubt) - had_left,
    }


async def _questions(database: Database) -> list[Any]:
    return await rows(database, communications, communications.c.purpose == "check_in")


async def _accepted(database: Database, twilio: StandIn) -> Counter[UUID]:
    """How often the carrier has accepted a question of each check-in."""
    of_attempt = {row.id: row.communication_id for row in await rows(database, attempts)}
    of_text = {row.id: row.check_in_id for row in await _questions(database)}
    return Counter(
        of_text[of_attempt[attempt_of(message)]] for message in twilio.store.accepted if of_attempt[attempt_of(message)] in of_text
    )


async def _enrol(database: Database, clinic: SetUp, count: int) -> None:
    """So many patients, with one check-in a day, an hour from now."""
    now = datetime.now(UTC)
    numbers = (f"+1{area}55501{line:02d}" for area in range(212, 990) for line in range(100))
    people = [(place, _patient(place, number)) for place, number in zip(range(count), numbers, strict=False)]
    await import_patients(database, clinic.organization_id, people, known().law, zone=ZONE, now=now)
    due = to_local(now + timedelta(minutes=60), ZONE)
    for at in range(0, count, 500):
        async with database.transaction() as connection:
            changes = Changes(now)
            wanted = [person.record_number for _, person in people[at : at + 500]]
            for patient_id in (await registration.patients_by_record_number(connection, clinic.organization_id, wanted)).values():
                registration.add_enrollment(
                    changes,
                    organization_id=clinic.organization_id,
                    patient_id=patient_id,
                    programme="heart_failure",
                    flow="daily",
                    rule="daily",
                    wall_time=due.time().replace(microsecond=0, tzinfo=None),
                    high_risk=False,
                    starts_on=due.date(),
                    stops_on=due.date(),
                )
            await changes.write(connection)


def _patient(place: int, number: str) -> NewPatient:
    return NewPatient(
        name=f"Ana Number {place}",
        birth_date=date(1950, 3, 1),
        record_number=f"R{place}",
        phones=(number,),
        conditions=("heart_failure",),
        medications=(NewMedication("Furosemide 40 mg", "water_pill", high_alert=False),),
        consent=NewConsent(date(2026, 2, 1), detail=True, per_day=9, source="paper form", wording_version="1"),
        number_confirmed_on=date(2026, 2, 1),
    )
