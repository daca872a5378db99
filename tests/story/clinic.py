"""A clinic set up by the service's own verbs: organization, team on duty, staff, patients with consent, an approved flow."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from service.actions.add_organization import NewOrganization, add_organization
from service.actions.add_staff import add_staff
from service.actions.add_team import add_team
from service.actions.enroll_patient import Place, enroll_patient
from service.actions.import_patients import import_patients
from service.actions.publish_flow import approve_flow, publish_flow
from service.content import load_cases
from service.db.database import Database
from service.db.schema import new_id
from service.domain.coverage import Shift
from service.domain.registration import NewConsent, NewMedication, NewPatient
from service.domain.staff import Role, Staff
from service.engine.cases import Ears
from tests.actions.house import content

ZONE = "America/New_York"
SENDER = "+12025550190"
ON_CALL = "+12025550193"
NORA = "nora@riverside.example"
PASSWORD = "seven green bicycles"
FLOW = "heart_failure/daily"
CAST = {"Ana Alvarez": "+12025550101", "Ben Brooks": "+12025550102", "Chi Chen": "+12025550103", "Dov Dayan": "+12025550104"}
_AREA_CODES = (
    "202 206 207 208 209 210 212 213 214 215 216 217 218 219 224 225 228 229 231 234 239 240 248 251 252 253 254 256 260 262".split()
)


@dataclass(frozen=True, slots=True)
class SetUp:
    """The organization and its patients: (record number, number), in order."""

    organization_id: UUID
    patients: tuple[tuple[str, str], ...]


def invented(count: int) -> dict[str, str]:
    """Names and numbers of a crowd; numbers lie in the ranges that are set aside for fiction."""
    assert count <= 70 * len(_AREA_CODES)
    return {f"Patient {n}": f"+1{_AREA_CODES[n // 70]}55501{n % 70:02d}" for n in range(count)}


async def set_up(database: Database, people: dict[str, str] = CAST, *, provider: str = "twilio", by_call: Collection[str] = ()) -> SetUp:
    """A clinic that is staffed at this hour, keeps no quiet hours, and has Nora on its one team; nobody is enrolled yet.

    The names in `by_call` are of people who have agreed to calls alone.
    """
    now = datetime.now(UTC)
    midnight = time(0)
    organization = NewOrganization(
        "Riverside Clinic", ZONE, "+12025550198", after_hours_number="+12025550199", quiet_start=midnight, quiet_end=midnight
    )
    organization_id = await add_organization(database, organization, provider=provider, sender=SENDER, now=now)
    every_day = [Shift(day, midnight, midnight) for day in range(7)]
    await add_team(database, organization_id, name="Team A", on_call_phone=ON_CALL, hours=every_day, now=now)
    await add_staff(
        database, organization_id, email=NORA, name="Nora Novak", role=Role.NURSE, team_names=["Team A"], password=PASSWORD, now=now
    )
    lines = [(2 + place, _patient(f"R{place}", name, number, calls=name in by_call)) for place, (name, number) in enumerate(people.items())]
    await import_patients(database, organization_id, lines, content().law, zone=ZONE, now=now)
    flow, ears = content().flows[FLOW], Ears(content().lexicon, content().tables, content().wording)
    await publish_flow(database, organization_id, flow, now)
    clinician = Staff(new_id(now), organization_id, "Dr. Sample", Role.CLINICIAN, ())
    await approve_flow(
        database, organization_id, flow, version=flow.version, clinician=clinician, cases=load_cases(FLOW), ears=ears, now=now
    )
    return SetUp(organization_id, tuple((f"R{place}", number) for place, number in enumerate(people.values())))


async def enroll(
    database: Database, clinic: SetUp, record_numbers: Sequence[str], *, first_in: timedelta, spread: timedelta = timedelta()
) -> None:
    """Enrols these patients; their check-ins are due from `first_in` from now on, evenly over `spread`."""
    made = content()
    for place, record_number in enumerate(record_numbers):
        now = datetime.now(UTC)
        at = now + first_in + spread * (place / len(record_numbers))
        wall_time = at.astimezone(ZoneInfo(ZONE)).time()
        await enroll_patient(
            database, made.wording, made.opening, made.law, clinic.organization_id, record_number, Place(FLOW, wall_time), now
        )


def _patient(record_number: str, name: str, number: str, *, calls: bool) -> NewPatient:
    agreed = NewConsent(date(2026, 1, 5), detail=True, per_day=10, source="paper form", wording_version="1")
    return NewPatient(
        name=name,
        birth_date=date(1950, 3, 1),
        record_number=record_number,
        phones=(number,),
        number_confirmed_on=date(2026, 1, 5),
        conditions=("heart_failure",),
        medications=(NewMedication("Furosemide 40 mg", "water_pill", high_alert=False),),
        consent=None if calls else agreed,
        call_consent=agreed if calls else None,
    )
