"""What is loaded of a patient's history: doses, symptoms, day and silence, bounded, in a fixed number of statements."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event, insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.check_in import check_ins, enrollments
from service.db.contexts import MAXIMUM_VALUES, load_contexts
from service.db.database import Database
from service.db.observation import observations
from service.db.schema import new_id
from service.domain.facts import PastAnswer, PastDose, PastSymptom
from service.domain.patient import PatientContext
from tests.seed import KEYRING, Clinic, Person, seed_clinic

NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)  # Monday 10:00 in New York
DAY = timedelta(days=1)


class Ward:
    """A clinic's database and rows of its patients' past."""

    def __init__(self, database: Database, clinic: Clinic) -> None:
        self.database, self.clinic = database, clinic

    async def told(self, person: Person, *rows: dict[str, Any]) -> None:
        """Observations, each with kind, name and taken_at."""
        plain = {
            "value": None,
            "value_2": None,
            "unit": "",
            "assertion": "present",
            "detail": "",
            "rule": "t",
            "span_start": 0,
            "span_end": 1,
        }
        whose = {"organization_id": person.organization_id, "patient_id": person.id}
        async with self.database.transaction() as connection:
            await connection.execute(insert(observations), [{"id": new_id(NOW), **whose, **plain, **row} for row in rows])

    async def enroll(self, person: Person, starts_on: date, *statuses: str) -> UUID:
        """An enrollment and its check-ins, one a day, the last one yesterday."""
        id = new_id(NOW)
        whose = {"organization_id": person.organization_id, "patient_id": person.id}
        row = {"id": id, **whose, "programme": "heart_failure", "flow": "daily", "rule": "FREQ=DAILY", "wall_time": time(9)}
        row |= {"high_risk": False, "starts_on": starts_on, "stops_on": starts_on + 90 * DAY, "status": "active", "created_at": NOW}
        planned = [(NOW - (len(statuses) - place) * DAY, status) for place, status in enumerate(statuses)]
        async with self.database.transaction() as connection:
            await connection.execute(insert(enrollments).values(row))
            for due_at, status in planned:
                day = {"local_date": due_at.date(), "slot": 0, "due_at": due_at, "useful_until": due_at + DAY, "status": status}
                await connection.execute(insert(check_ins).values(id=new_id(NOW), **whose, enrollment_id=id, **day))
        return id

    async def load(self, *people: Person) -> dict[UUID, PatientContext]:
        async with self.database.transaction() as connection:
            return await load_contexts(connection, [person.id for person in people], NOW)


@pytest.fixture
async def ward(database_url: str) -> AsyncIterator[Ward]:
    database = Database.open(database_url, KEYRING)
    yield Ward(database, await seed_clinic(database, NOW - 30 * DAY))
    await database.close()


async def test_doses_symptoms_and_values_come_oldest_first_and_are_the_patients_own(ward: Ward) -> None:
    chi = ward.clinic.chi
    await ward.told(
        chi,
        {"kind": "medication", "name": "missed", "detail": "insulin,water_pill", "taken_at": NOW - DAY},
        {"kind": "medication", "name": "taken", "taken_at": NOW - 2 * DAY},
        {"kind": "medication", "name": "missed", "taken_at": NOW - 91 * DAY},
        {"kind": "symptom", "name": "cough", "taken_at": NOW - DAY},
        {"kind": "symptom", "name": "fever", "assertion": "denied", "taken_at": NOW - DAY},
        {"kind": "symptom", "name": "chest_pain", "assertion": "other_person", "taken_at": NOW - DAY},
        {"kind": "reason", "name": "cost", "taken_at": NOW - DAY},
        {"kind": "value", "name": "weight", "value": 181.0, "unit": "lb", "taken_at": NOW - DAY},
        {"kind": "value", "name": "weight", "value": 180.0, "unit": "lb", "taken_at": NOW - 2 * DAY},
        {"kind": "value", "name": "glucose", "value": 400.0, "assertion": "other_person", "taken_at": NOW - DAY},
    )
    await ward.told(ward.clinic.ana, {"kind": "medication", "name": "taken", "taken_at": NOW - DAY})
    facts = (await ward.load(chi, ward.clinic.ana))[chi.id].facts(NOW)
    assert facts.doses == (PastDose("taken", NOW - 2 * DAY), PastDose("missed", NOW - DAY, frozenset({"insulin", "water_pill"})))
    assert facts.symptoms == (PastSymptom("cough", NOW - DAY),)
    assert [past.value for past in facts.history] == [180, 181]


async def test_what_flows_kept_comes_back_under_its_name(ward: Ward) -> None:
    chi = ward.clinic.chi
    await ward.told(
        chi,
        {"kind": "answer", "name": "whereabouts", "detail": "hospital", "taken_at": NOW - 3 * DAY},
        {"kind": "answer", "name": "phq_total", "detail": "total", "value": 9.0, "unit": "{score}", "taken_at": NOW - DAY},
        {"kind": "answer", "name": "whereabouts", "detail": "home", "taken_at": NOW - 91 * DAY},
        {"kind": "value", "name": "scale", "value": 3.0, "taken_at": NOW - DAY},
    )
    await ward.told(ward.clinic.ana, {"kind": "answer", "name": "whereabouts", "detail": "away", "taken_at": NOW - DAY})
    facts = (await ward.load(chi, ward.clinic.ana))[chi.id].facts(NOW)
    assert facts.recorded == (PastAnswer("whereabouts", "hospital", NOW - 3 * DAY), PastAnswer("phq_total", "total", NOW - DAY, 9.0))
    assert [past.value for past in facts.history] == [3.0], "a sum that was kept is no reading"


async def test_one_kind_of_history_takes_nothing_from_another(ward: Ward) -> None:
    chi = ward.clinic.chi
    readings = [
        {"kind": "value", "name": "glucose", "value": float(100 + place), "taken_at": NOW - timedelta(minutes=place + 1)}
        for place in range(MAXIMUM_VALUES + 20)
    ]
    await ward.told(chi, *readings, {"kind": "medication", "name": "missed", "taken_at": NOW - 30 * DAY})
    facts = (await ward.load(chi))[chi.id].facts(NOW)
    assert len(facts.history) == MAXIMUM_VALUES
    assert facts.history[-1].value == 100
    assert len(facts.doses) == 1


@pytest.mark.parametrize(
    ("statuses", "silent"),
    [
        ((), 0),
        (("silent", "silent"), 2),
        (("silent", "answered", "silent"), 1),
        (("silent", "partly"), 0),
        (("answered", "silent", "expired", "cancelled", "silent", "planned"), 2),
    ],
)
async def test_silence_is_counted_from_the_last_check_in_back(ward: Ward, statuses: tuple[str, ...], silent: int) -> None:
    chi = ward.clinic.chi
    await ward.enroll(chi, date(2026, 11, 21), *statuses)
    facts = (await ward.load(chi))[chi.id].facts(NOW)
    assert (facts.silent_check_ins, facts.day) == (silent, 3)


async def test_day_and_silence_are_of_the_enrollment_that_asks(ward: Ward) -> None:
    chi = ward.clinic.chi
    first = await ward.enroll(chi, date(2026, 11, 23), "silent")
    second = await ward.enroll(chi, date(2026, 11, 1))
    later = await ward.enroll(chi, date(2026, 11, 24))
    context = (await ward.load(chi))[chi.id]
    of = {id: context.facts(NOW, id) for id in (first, second, later, None)}
    found = {id: (facts.day, facts.silent_check_ins) for id, facts in of.items()}
    assert found == {first: (1, 1), second: (23, 0), later: (None, 0), None: (None, None)}


async def test_the_day_turns_at_the_patients_midnight(ward: Ward) -> None:
    chi = ward.clinic.chi
    await ward.enroll(chi, date(2026, 11, 23))
    context = (await ward.load(chi))[chi.id]
    assert context.facts(datetime(2026, 11, 24, 4, 59, tzinfo=UTC)).day == 1  # 23:59 in New York
    assert context.facts(datetime(2026, 11, 24, 5, 0, tzinfo=UTC)).day == 2


async def test_how_long_somebody_is_there(ward: Ward) -> None:
    context = (await ward.load(ward.clinic.chi))[ward.clinic.chi.id]
    assert context.facts(NOW).minutes_until_unstaffed == 8 * 60  # 10:00 to 18:00
    assert context.facts(NOW + timedelta(hours=7, minutes=30, seconds=30)).minutes_until_unstaffed == 29
    assert context.facts(NOW + timedelta(hours=8)).minutes_until_unstaffed == 0


async def test_many_patients_take_no_more_statements_than_one(ward: Ward) -> None:
    clinic = ward.clinic
    for person in (clinic.ana, clinic.ben, clinic.chi):
        await ward.enroll(person, date(2026, 11, 1), "silent", "answered")
        await ward.told(person, {"kind": "symptom", "name": "cough", "taken_at": NOW - DAY})
    assert len(await _statements(ward, clinic.ana)) == len(await _statements(ward, clinic.ana, clinic.ben, clinic.chi))


@pytest.mark.parametrize(
    ("words", "index"), [("observations", "ix_observations_patient_id_taken_at"), ("row_number", "ix_check_ins_patient_id_due_at")]
)
async def test_the_history_is_found_by_its_index(ward: Ward, words: str, index: str) -> None:
    clinic = ward.clinic
    for person, days in ((clinic.chi, 20), (clinic.ana, 200), (clinic.ben, 200)):  # one patient's are few among all
        await ward.enroll(person, date(2026, 11, 1), *["answered"] * days)
    async with ward.database.transaction() as connection:
        if connection.dialect.name == "postgresql":
            await connection.execute(text("SET LOCAL enable_seqscan = off"))  # a table of a few rows is read whole
            await connection.execute(text("ANALYZE check_ins"))  # else the plan hangs on whether the server has counted already
        plans = await _plans(connection, clinic.chi)
    assert any(index in plan for statement, plan in plans if words in statement), plans


async def _statements(ward: Ward, *people: Person) -> list[str]:
    async with ward.database.transaction() as connection:
        return [statement for statement, _ in await _executed(connection, *people)]


async def _executed(connection: AsyncConnection, *people: Person) -> list[tuple[str, Any]]:
    seen: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
        seen.append((statement, parameters))

    event.listen(connection.sync_connection, "before_cursor_execute", note)
    await load_contexts(connection, [person.id for person in people], NOW)
    event.remove(connection.sync_connection, "before_cursor_execute", note)
    return seen


async def _plans(connection: AsyncConnection, *people: Person) -> list[tuple[str, str]]:
    explain = "EXPLAIN" if connection.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
    plans = []
    for statement, parameters in await _executed(connection, *people):
        rows = (await connection.exec_driver_sql(f"{explain} {statement}", parameters)).all()
        plans.append((statement, "\n".join(str(row) for row in rows)))
    return plans
