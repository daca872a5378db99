"""Writes the demo's clinic: organization, teams, staff, patients, enrollments that are due at once, and their history."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, time, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.passwords import hash_password
from service.content import load_contact_law
from service.db import clinic, consents, flows, inbound, registration
from service.db.changes import Changes
from service.db.check_in import enrollments
from service.db.database import Database
from service.db.patient import care_plans, phones, revoke_consents
from service.db.schema import new_id
from service.demo.cast import (
    AFTER_HOURS,
    CLINIC,
    CLINIC_PHONE,
    DIABETES,
    HEART_FAILURE,
    HOME_AGAIN,
    ON_CALL,
    PASSWORD,
    PATIENTS,
    SENDER,
    STAFF,
    STAFF_PIN,
    TEAM_A,
    TEAM_B,
    ZONE,
    Person,
)
from service.demo.history import DAYS, Diary, Kept
from service.demo.on_call import put_on_call
from service.demo.stories import STORIES
from service.domain.contact_law import ConsentWords
from service.domain.registration import NewConsent, NewPatient
from service.domain.schedule import to_local
from service.domain.staffed_hours import ALWAYS
from service.engine import Flow

FLOWS = (HEART_FAILURE, HOME_AGAIN, DIABETES)
CARE_PLANS = {
    HEART_FAILURE: (
        "Heart failure, the first weeks at home",
        "Weighs every morning, takes the water pill daily, 2 g of salt a day, calls when breathing or swelling gets worse.",
    ),
    HOME_AGAIN: (
        "Home after pneumonia, the first month",
        "Walks a little more every day, drinks enough, sees the clinic within 14 days, calls with fever or when breathing gets worse.",
    ),
    DIABETES: (
        "Type 2 diabetes, a new start with the meter",
        "Measures every morning before breakfast, takes the tablets with meals, looks at the feet daily, knows what to do about a low.",
    ),
}
"""Title and summary of the care plan, by the check-in that goes with it."""
DUE_AFTER = timedelta(seconds=4)
"""From the begin of the demo to the check-ins of those who are due."""
LASTS = timedelta(days=60)
EARLIER = {"fay": timedelta(minutes=70), "gus": timedelta(hours=3), "dov": timedelta(hours=2)}
"""How long before the demo's begin the others' check-in of the day was due."""
PROVIDER = "simulator"
WIDER_LIMIT = "6 lb"
"""Weight gained in a day that called a nurse in the version before."""


async def seed(database: Database, known: Mapping[str, Flow], now: datetime) -> UUID:
    """Fills an empty, migrated database in one transaction; the organization's id."""
    begin = now - timedelta(days=DAYS + 1)
    password_hash = await asyncio.to_thread(hash_password, PASSWORD)
    pin_hash = await asyncio.to_thread(hash_password, STAFF_PIN)
    async with database.transaction() as connection:
        past, changes = Changes(begin), Changes(now)
        organization_id = clinic.add_organization(
            past,
            name=CLINIC,
            zone=ZONE,
            clinic_phone=CLINIC_PHONE,
            after_hours_number=AFTER_HOURS,
            quiet_start=time(),
            quiet_end=time(),
            emergency_number="911",
            crisis_line="988",
            is_demo=True,
        )
        clinic.add_sender(past, organization_id, provider=PROVIDER, sender=SENDER)
        teams = {
            name: clinic.add_team(past, organization_id, name=name, on_call_phone=ON_CALL[name], hours=ALWAYS) for name in (TEAM_A, TEAM_B)
        }
        await past.write(connection)
        staff = await _staff(connection, organization_id, teams, password_hash, begin)
        await put_on_call(connection, organization_id, teams, staff, pin_hash, now)
        await _publish(connection, organization_id, _last_season(known[HEART_FAILURE]), begin - timedelta(days=90))
        versions = {key: await _publish(connection, organization_id, known[key], begin) for key in (*FLOWS, *_rechecks(known))}
        for kept, anchor in await _patients(connection, organization_id, teams, known, begin, now):
            key = kept.person.flow
            diary = Diary(changes, kept, known[key], versions[key], CLINIC, ZONE)
            STORIES[kept.person.key](diary, anchor, staff)
            _leave(changes, kept, anchor)
        await changes.write(connection)
    return organization_id


def _rechecks(known: Mapping[str, Flow]) -> list[str]:
    """The safety re-checks, which begin by themselves."""
    return [key for key, flow in known.items() if flow.kind == "recheck"]


def _last_season(flow: Flow) -> Flow:
    """The heart failure check-in with a wider limit, as a clinic may have begun: the page of a flow then has a change to show."""
    data = flow.to_json()
    [gained] = [flag for step in data["steps"] for flag in step.get("red_flags", ()) if flag["name"] == "gained_in_a_day"]
    gained["when"] = {**gained["when"], "gain_over": {**gained["when"]["gain_over"], "amount": WIDER_LIMIT}}
    return Flow.from_json(data)


async def _publish(connection: AsyncConnection, organization_id: UUID, flow: Flow, begin: datetime) -> UUID:
    programme, _, name = flow.key.partition("/")
    content = flow.to_json()
    return await flows.publish(
        connection, organization_id, programme=programme, flow=name, content_hash=flow.version, content=content, now=begin
    )


async def _staff(
    connection: AsyncConnection, organization_id: UUID, teams: Mapping[str, UUID], password_hash: str, begin: datetime
) -> dict[str, UUID]:
    return {
        member.name: await clinic.add_staff(
            connection,
            organization_id,
            email=member.email,
            name=member.name,
            password_hash=password_hash,
            role=member.role,
            team_ids=[teams[team] for team in member.teams],
            now=begin,
        )
        for member in STAFF
    }


async def _patients(
    connection: AsyncConnection, organization_id: UUID, teams: Mapping[str, UUID], known: Mapping[str, Flow], begin: datetime, now: datetime
) -> list[tuple[Kept, datetime]]:
    """Each patient with the instant at which the check-in of the day is, or was, due."""
    numbers = sorted({person.number for person in PATIENTS})
    rows = await inbound.phones_of(connection, [(organization_id, number) for number in numbers], begin)
    past, people, law = Changes(begin), [], load_contact_law()
    for words in law.words:
        for language, said in words.says.items():
            await consents.keep_words(connection, organization_id, words.version, language, words.warning_version, said, begin)
    wordings = await consents.wordings_of(connection, organization_id)
    for place, person in enumerate(PATIENTS):
        anchor = (now + DUE_AFTER if person.due else now - EARLIER[person.key]).replace(microsecond=0)
        phone_id = rows[organization_id, person.number].id
        patient_id = registration.add_patient(
            connection,
            past,
            _registration(person, place, law.words[0], begin),
            organization_id=organization_id,
            team_id=teams[person.team],
            zone=ZONE,
            phone_ids=[phone_id],
            related_phone_id=None,
            wordings=wordings,
        )
        programme, _, name = person.flow.partition("/")
        flow, local = known[person.flow], to_local(anchor, ZONE)
        starts_on = local.date() - timedelta(days=person.days)
        enrollment_id = registration.add_enrollment(
            past,
            organization_id=organization_id,
            patient_id=patient_id,
            programme=programme,
            flow=name,
            rule=flow.cadence,
            wall_time=local.time(),
            high_risk=person.high_risk,
            starts_on=starts_on,
            stops_on=min((local + LASTS).date(), starts_on + timedelta(days=flow.stop_after - 1)),
        )
        people.append((Kept(person, patient_id, organization_id, teams[person.team], phone_id, enrollment_id), anchor))
        _care_plan(past, people[-1][0])
    await past.write(connection)
    return people


def _registration(person: Person, place: int, words: ConsentWords, begin: datetime) -> NewPatient:
    given_on = to_local(begin, ZONE).date()
    agreed = NewConsent(given_on, detail=True, per_day=3, source="paper form", wording_version=words.version)
    return NewPatient(
        name=person.name,
        birth_date=given_on.fromisoformat(person.born),
        record_number=f"R-{1001 + place}",
        phones=(person.number,),
        language=person.language,
        conditions=person.conditions,
        medications=person.medications,
        consent=agreed if person.texts else None,
        call_consent=agreed if person.calls else None,
        number_confirmed_on=given_on,
    )


def _care_plan(changes: Changes, kept: Kept) -> None:
    title, summary = CARE_PLANS[kept.person.flow]
    row = {
        "id": new_id(changes.now),
        "organization_id": kept.organization_id,
        "patient_id": kept.id,
        "title": title,
        "summary": summary,
        "goals": _goals(kept.person),
        "created_at": changes.now,
    }
    changes.insert(care_plans, row)


def _goals(person: Person) -> list[dict[str, str]]:
    if person.flow == HEART_FAILURE:
        return [{"text": "Weight within 3 lb of the weight at discharge", "measure": "weight", "target": f"{person.first_weight:g} lb"}]
    if person.flow == DIABETES:
        return [{"text": "Sugar before breakfast from 80 to 130", "measure": "glucose", "target": "80 to 130 mg/dL"}]
    return [{"text": "Seen in the clinic within 14 days", "measure": "visit", "target": "visit kept"}]


def _leave(changes: Changes, kept: Kept, anchor: datetime) -> None:
    """Dov has opted out five days ago: consent ended, check-ins stopped, the number known as opted out."""
    if kept.person.key != "dov":
        return
    at = anchor - timedelta(days=5)
    changes.update(phones, kept.phone_id, opted_out_at=at)
    changes.update(enrollments, kept.enrollment_id, status="opted_out")
    revoke_consents(changes, kept.id, "opt_out")
