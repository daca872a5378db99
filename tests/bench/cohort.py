"""An invented clinic with many patients in the heart failure programme, each with a month of weights behind them.

Set up by the service's own actions.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from service.actions.add_organization import NewOrganization, add_organization
from service.actions.add_team import add_team
from service.actions.import_patients import import_patients
from service.actions.knowledge import Knowledge
from service.actions.plan_check_ins import plan_check_ins
from service.actions.publish_flow import approve_flow, publish_flow
from service.content import Content, load_cases
from service.db import registration
from service.db.changes import Changes
from service.db.database import Database
from service.db.observation import observations
from service.db.schema import new_id
from service.domain.coverage import Shift
from service.domain.registration import NewConsent, NewMedication, NewPatient
from service.domain.staff import Role, Staff
from service.engine.cases import Ears
from tests.bench.load import Writer

START = datetime(2026, 3, 4, 15, 0, tzinfo=UTC)
"""A Wednesday, ten in the morning in New York: staffed, and no quiet hours."""
ZONE = "America/New_York"
SENDER = "+12025550100"
FLOW = "heart_failure/daily"
PROVIDER = "twilio"
DAYS_OF_WEIGHTS = 30


@dataclass(frozen=True, slots=True)
class Cohort:
    """The seeded patients, in waves: the check-ins of a wave are due a minute after those of the wave before."""

    organization_id: UUID
    writers: Sequence[Writer]
    waves: int
    each: int

    def due(self, wave: int) -> datetime:
        """A moment at which the wave's check-ins are due and the next wave's are not yet."""
        return START + timedelta(minutes=wave, seconds=30)

    @property
    def all_due(self) -> datetime:
        """A moment after every wave."""
        return START + timedelta(minutes=self.waves, seconds=30)


async def seed(database: Database, content: Content, knowledge: Knowledge, waves: int, each: int) -> Cohort:
    """`waves` times `each` patients, enrolled, their check-ins planned and none started."""
    before = START - timedelta(hours=1)
    organization_id = await add_organization(
        database,
        NewOrganization("Riverside Clinic", ZONE, "+12025550190", after_hours_number="+12025550199"),
        provider=PROVIDER,
        sender=SENDER,
        now=before,
    )
    hours = [Shift(day, time(8), time(18)) for day in range(7)]
    await add_team(database, organization_id, name="Team A", on_call_phone="+12025550191", hours=hours, now=before)
    flow = content.flows[FLOW]
    await publish_flow(database, organization_id, flow, before)
    clinician = Staff(new_id(before), organization_id, "Sol Sanders RN", Role.CLINICIAN, ())
    ears = Ears(content.lexicon, content.tables, content.wording)
    await approve_flow(
        database, organization_id, flow, version=flow.version, clinician=clinician, cases=load_cases(FLOW), ears=ears, now=before
    )
    numbers = _numbers()
    patients = [(line, _patient(line, next(numbers))) for line in range(waves * each)]
    await import_patients(database, organization_id, patients, content.law, zone=ZONE, now=before)
    writers = [Writer(patient.phones[0], 140 + line % 100) for line, patient in patients]
    for wave in range(waves):
        lines = range(wave * each, (wave + 1) * each)
        await _enrol(database, organization_id, wave, {f"R{line}": writers[line].weight_lb for line in lines}, before)
    await plan_check_ins(database, knowledge, before, send_rate=1_000_000.0)  # nothing is spread: a wave is due at once
    return Cohort(organization_id, writers, waves, each)


def _numbers() -> Iterator[str]:
    """Invented numbers (the 555 01xx range of many areas), without the clinic's own."""
    for area in range(212, 990):
        for line in range(100):
            yield f"+1{area}55501{line:02d}"


def _patient(line: int, number: str) -> NewPatient:
    return NewPatient(
        name=f"{('Ana', 'Ben', 'Chi', 'Dov', 'Eva', 'Fay', 'Gus')[line % 7]} Number {line}",
        birth_date=date(1950, 3, 1),
        record_number=f"R{line}",
        phones=(number,),
        language="es" if line % 8 == 0 else "en",
        conditions=("heart_failure",),
        medications=(NewMedication("Furosemide 40 mg", "water_pill", high_alert=False),),
        consent=NewConsent(date(2026, 2, 1), detail=True, per_day=3, source="paper form", wording_version="1"),
        number_confirmed_on=date(2026, 2, 1),
    )


async def _enrol(database: Database, organization_id: UUID, wave: int, weights: dict[str, int], now: datetime) -> None:
    """One wave: enrolled from today, at its own minute, with a month of weights behind it."""
    dice = random.Random(wave)
    minute = START.astimezone(UTC) + timedelta(minutes=wave)
    wall_time = time(minute.hour - 5, minute.minute)
    async with database.transaction() as connection:
        changes = Changes(now)
        numbers = list(weights)
        for at in range(0, len(numbers), 500):
            found = await registration.patients_by_record_number(connection, organization_id, numbers[at : at + 500])
            for number, patient_id in found.items():
                registration.add_enrollment(
                    changes,
                    organization_id=organization_id,
                    patient_id=patient_id,
                    programme="heart_failure",
                    flow="daily",
                    rule="daily",
                    wall_time=wall_time,
                    high_risk=False,
                    starts_on=START.date(),
                    stops_on=START.date() + timedelta(days=29),
                )
                for day in range(1, DAYS_OF_WEIGHTS + 1):
                    changes.insert(
                        observations,
                        {
                            "id": new_id(now),
                            "organization_id": organization_id,
                            "patient_id": patient_id,
                            "kind": "value",
                            "name": "weight",
                            "value": float(weights[number] + dice.choice((-1, 0, 0, 1))),
                            "unit": "lb",
                            "rule": "bench",
                            "span_start": 0,
                            "span_end": 3,
                            "taken_at": START - timedelta(days=day),
                        },
                    )
        await changes.write(connection)
