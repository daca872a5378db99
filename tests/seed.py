"""The cast of every test: one clinic, two teams, seven members of staff, seven patients; all invented.

database = Database.open(database_url, KEYRING)
clinic = await seed_clinic(database, now)
item_id = await seed_item(database, clinic.chi, now, words="I have chest pain", highlight="chest pain")
"""

from __future__ import annotations

import base64
import functools
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

from argon2 import PasswordHasher
from sqlalchemy import insert

from service.db.changes import Changes
from service.db.communication import communications
from service.db.database import Database
from service.db.encryption import Keyring
from service.db.escalation import concerns, escalation_events, escalations
from service.db.organization import coverage_hours, organizations, sender_numbers, teams
from service.db.patient import conditions, consents, medications, patient_phones, patients, phones
from service.db.schema import new_id
from service.db.senders import senders
from service.db.staff import staff, staff_teams
from service.domain.escalation import Kind, Reached
from service.domain.staff import Role
from service.domain.urgency import Urgency
from tests.hashing import CHEAP

KEYRING = Keyring.parse("test:" + base64.b64encode(b"t" * 32).decode(), base64.b64encode(b"i" * 32).decode())
PASSWORD = "seven green bicycles"
SENDER = "+12025550100"
NOBODY = UUID(int=0)
NEW_YORK = "America/New_York"


@dataclass(frozen=True, slots=True)
class Member:
    """A member of staff as seeded."""

    id: UUID
    name: str
    email: str
    team_ids: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class Person:
    """A patient as seeded, with the phone that check-ins go to."""

    id: UUID
    organization_id: UUID
    team_id: UUID
    name: str
    phone_id: UUID
    number: str
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Clinic:
    """Everything that `seed_clinic` wrote."""

    organization_id: UUID
    team_a: UUID
    team_b: UUID
    nora: Member
    omar: Member
    sol: Member
    ada: Member
    cleo: Member
    cora: Member
    abe: Member
    ana: Person
    ben: Person
    chi: Person
    dov: Person
    eva: Person
    fay: Person
    gus: Person


@functools.cache
def password_hash() -> str:
    """The hash of PASSWORD, made with the least work that argon2id takes: verifying it is quick."""
    return PasswordHasher(**CHEAP).hash(PASSWORD)


async def seed_clinic(database: Database, now: datetime, *, provider: str = "twilio") -> Clinic:
    """One organization in New York (staffed Monday to Friday 08:00-18:00): Nora, Sol and all but Eva in team A; Omar, Sol, Eva in team B.

    Chi has heart failure and a water pill; Dov has opted out; Eva speaks Spanish and agreed to calls only; Fay and Gus share a phone.
    """
    organization_id, team_a, team_b = new_id(now), new_id(now), new_id(now)
    changes = Changes(now)
    changes.insert(
        organizations,
        {
            "id": organization_id,
            "name": "Riverside Clinic",
            "clinic_phone": "+12025550190",
            "zone": NEW_YORK,
            "quiet_start": time(20),
            "quiet_end": time(9),
            "after_hours_number": "+12025550199",
            "is_demo": 0,
            "created_at": now,
        },
    )
    ours = {"organization_id": organization_id}
    for purpose in ("patients", "emergency", "pages"):
        changes.insert(sender_numbers, {"id": new_id(now), **ours, "provider": provider, "sender": SENDER, "purpose": purpose})
    changes.insert(
        senders,
        {
            "id": new_id(now),
            **ours,
            "provider": provider,
            "sender": SENDER,
            "kind": "long_code",
            "segments_per_second": 1000.0,  # a stopped clock fills no bucket
            "created_at": now,
        },
    )
    for team_id, name, phone in ((team_a, "Team A", "+12025550191"), (team_b, "Team B", "+12025550192")):
        changes.insert(teams, {"id": team_id, **ours, "name": name, "on_call_phone": phone})
        for day in range(5):
            opens = {"weekday": day, "starts": time(8), "ends": time(18)}
            changes.insert(coverage_hours, {"id": new_id(now), **ours, "team_id": team_id, **opens})
    members = {
        name: _add_staff(changes, organization_id, name, role, team_ids)
        for name, role, team_ids in (
            ("Nora", Role.NURSE, (team_a,)),
            ("Omar", Role.NURSE, (team_b,)),
            ("Sol", Role.SUPERVISOR, (team_a, team_b)),
            ("Ada", Role.ADMINISTRATOR, ()),
            ("Cleo", Role.CLINICIAN, ()),
            ("Cora", Role.COORDINATOR, (team_a,)),
            ("Abe", Role.AUDITOR, ()),
        )
    }
    shared = _add_phone(changes, organization_id, "+12025550106")
    people = {
        "ana": _add_patient(changes, organization_id, team_a, "Ana Alvarez", "+12025550101"),
        "ben": _add_patient(changes, organization_id, team_a, "Ben Brooks", "+12025550102"),
        "chi": _add_patient(changes, organization_id, team_a, "Chi Chen", "+12025550103"),
        "dov": _add_patient(changes, organization_id, team_a, "Dov Dayan", "+12025550104", opted_out=True),
        "eva": _add_patient(changes, organization_id, team_b, "Eva Estrada", "+12025550105", language="es", channel="voice"),
        "fay": _add_patient(changes, organization_id, team_a, "Fay Foster", "+12025550106", phone_id=shared),
        "gus": _add_patient(changes, organization_id, team_a, "Gus Grant", "+12025550106", phone_id=shared),
    }
    of_chi = {**ours, "patient_id": people["chi"].id}
    changes.insert(conditions, {"id": new_id(now), **of_chi, "code": "heart_failure"})
    pill = {"name": "Furosemide 40 mg", "kind": "water_pill", "high_alert": False, "instructions": "one tablet every morning"}
    changes.insert(medications, {"id": new_id(now), **of_chi, **pill})
    async with database.transaction() as connection:
        await changes.write(connection)
        works_in = [{**ours, "staff_id": one.id, "team_id": team_id} for one in members.values() for team_id in one.team_ids]
        await connection.execute(insert(staff_teams), works_in)
    return Clinic(
        organization_id,
        team_a,
        team_b,
        members["Nora"],
        members["Omar"],
        members["Sol"],
        members["Ada"],
        members["Cleo"],
        members["Cora"],
        members["Abe"],
        **people,
    )


async def seed_item(
    database: Database,
    person: Person,
    now: datetime,
    *,
    words: str = "I skipped my water pill and my ankles are huge",
    highlight: str = "my ankles are huge",
    urgency: Urgency = Urgency.URGENT,
    reason: str = "Swelling of the legs",
    due_in: timedelta = timedelta(hours=1),
    kind: Kind = Kind.CLINICAL,
    reached: Reached = Reached.NONE_NEEDED,
    do_not_contact: bool = False,
    known: bool = True,
) -> UUID:
    """An open item with one concern, read from one inbound text; its id. `known=False`: no patient, only the phone."""
    item_id, communication_id = new_id(now), new_id(now)
    start = words.find(highlight)
    async with database.transaction() as connection:
        await connection.execute(
            insert(communications).values(
                id=communication_id,
                organization_id=person.organization_id,
                patient_id=person.id if known else None,
                phone_id=person.phone_id,
                direction="in",
                channel="sms",
                purpose="reply",
                lane="routine",
                status="received",
                body=words,
                created_at=now,
                status_at=now,
            )
        )
        await connection.execute(
            insert(escalations).values(
                id=item_id,
                organization_id=person.organization_id,
                team_id=person.team_id,
                patient_id=person.id if known else None,
                phone_id=None if known else person.phone_id,
                kind=kind,
                state="open",
                urgency_rank=urgency.rank,
                summary=reason,
                opened_at=now,
                due_at=now + due_in,
                last_patient_event_at=now,
                reached=reached,
                do_not_contact=do_not_contact,
            )
        )
        await connection.execute(
            insert(concerns).values(
                id=new_id(now),
                organization_id=person.organization_id,
                escalation_id=item_id,
                communication_id=communication_id,
                rule="heart_failure.swelling",
                rule_version="1",
                urgency_rank=urgency.rank,
                reason=reason,
                source="an invented source",
                spans=[[start, start + len(highlight)]] if start >= 0 else [],
                facts={},
                raised_at=now,
            )
        )
        await connection.execute(
            insert(escalation_events).values(
                id=new_id(now), organization_id=person.organization_id, escalation_id=item_id, at=now, what="opened", detail={}
            )
        )
    return item_id


async def seed_phone(
    connection: Any, organization_id: UUID, now: datetime, number: str, *, opted_out: bool = False, id: UUID | None = None
) -> UUID:
    """A phone row, with an id of its own unless one is named; its id."""
    changes = Changes(now)
    phone_id = _add_phone(changes, organization_id, number, opted_out=opted_out, id=id)
    await changes.write(connection)
    return phone_id


async def seed_patient(connection: Any, organization_id: UUID, team_id: UUID, now: datetime, name: str, number: str, **more: Any) -> Person:
    """A patient with a confirmed phone and consent to `channel`, in New York."""
    changes = Changes(now)
    person = _add_patient(changes, organization_id, team_id, name, number, **more)
    await changes.write(connection)
    return person


def _add_phone(changes: Changes, organization_id: UUID, number: str, *, opted_out: bool = False, id: UUID | None = None) -> UUID:
    phone_id = id or new_id(changes.now)
    changes.insert(
        phones,
        {
            "id": phone_id,
            "organization_id": organization_id,
            "number": number,
            "number_index": KEYRING.blind_index(organization_id, number),
            "opted_out_at": changes.now if opted_out else None,
            "created_at": changes.now,
        },
    )
    return phone_id


def _add_staff(changes: Changes, organization_id: UUID, name: str, role: Role, team_ids: tuple[UUID, ...]) -> Member:
    member = Member(new_id(changes.now), name, f"{name.lower()}@riverside.example", team_ids)
    changes.insert(
        staff,
        {
            "id": member.id,
            "organization_id": organization_id,
            "name": name,
            "email": member.email,
            "email_index": KEYRING.blind_index(NOBODY, member.email),
            "password_hash": password_hash(),
            "role": role,
            "created_at": changes.now,
        },
    )
    return member


def _add_patient(
    changes: Changes,
    organization_id: UUID,
    team_id: UUID,
    name: str,
    number: str,
    *,
    language: str = "en",
    channel: str = "sms",
    opted_out: bool = False,
    phone_id: UUID | None = None,
) -> Person:
    now, patient_id = changes.now, new_id(changes.now)
    phone_id = phone_id or _add_phone(changes, organization_id, number, opted_out=opted_out)
    theirs = {"organization_id": organization_id, "patient_id": patient_id, "phone_id": phone_id}
    changes.insert(
        patients,
        {
            "id": patient_id,
            "organization_id": organization_id,
            "team_id": team_id,
            "name": name,
            "birth_date": "1950-03-01",
            "language": language,
            "zone": NEW_YORK,
            "status": "active",
            "created_at": now,
        },
    )
    changes.insert(patient_phones, {"id": new_id(now), **theirs, "position": 0, "confirmed_at": now})
    changes.insert(
        consents,
        {
            "id": new_id(now),
            **theirs,
            "channel": channel,
            "programme": "",
            "detail": True,
            "per_day": 3,
            "source": "paper form",
            "wording_version": "1",
            "given_at": now - timedelta(days=30),
            "revoked_at": now if opted_out else None,
            "revoked_why": "stop" if opted_out else None,
        },
    )
    return Person(patient_id, organization_id, team_id, name, phone_id, number, language)
