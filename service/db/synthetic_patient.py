"""The synthetic patient's rows: a team that nobody is in, an invented person in it, their telephone, and what they agreed to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.changes import Changes
from service.db.escalation import concerns, escalation_events, escalations
from service.db.organization import coverage_hours, organizations, teams
from service.db.patient import consents, patient_phones, patients
from service.db.rota import ladders, page_numbers
from service.db.schema import new_id
from service.domain.escalation import Kind, State
from service.domain.ladder import TEXT_ONLY, Ladder, Rung, Whom
from service.domain.patient import PatientStatus
from service.domain.reading import Channel
from service.domain.urgency import Urgency

NAME = "Synthetic Patient"
TEAM = "Synthetic patient (nobody is in this team)"
MIDNIGHT = time(0)


@dataclass(frozen=True, slots=True)
class SyntheticPatient:
    """The patient of the walks, and the telephone that is theirs now."""

    id: UUID
    organization_id: UUID
    team_id: UUID
    phone_id: UUID | None
    created_at: datetime


async def find(connection: AsyncConnection) -> SyntheticPatient | None:
    """The synthetic patient, the oldest one should there be two; None when there is none yet."""
    statement = (
        select(patients.c.id, patients.c.organization_id, patients.c.team_id, patient_phones.c.phone_id, patients.c.created_at)
        .join(teams, teams.c.id == patients.c.team_id)
        .outerjoin(patient_phones, (patient_phones.c.patient_id == patients.c.id) & patient_phones.c.ended_at.is_(None))
        .where(patients.c.synthetic, teams.c.synthetic)
        .order_by(patients.c.id, patient_phones.c.position)
        .limit(1)
    )
    row = (await connection.execute(statement)).first()
    return None if row is None else SyntheticPatient(*row)


async def zone_of(connection: AsyncConnection, organization_id: UUID) -> str:
    """The organization's time zone."""
    return str(await connection.scalar(select(organizations.c.zone).where(organizations.c.id == organization_id)))


def add(changes: Changes, organization_id: UUID, zone: str, phone_id: UUID, pages_number: str) -> SyntheticPatient:
    """Team, patient, telephone and consent. The team is staffed day and night, so that no text speaks of hours."""
    now = changes.now
    team_id, patient_id, number_id = new_id(now), new_id(now), new_id(now)
    own: dict[str, Any] = {"organization_id": organization_id}
    changes.insert(teams, {"id": team_id, "name": TEAM, "on_call_phone": pages_number, "synthetic": True, **own})
    for weekday in range(7):
        hours = {"team_id": team_id, "weekday": weekday, "starts": MIDNIGHT, "ends": MIDNIGHT}
        changes.insert(coverage_hours, {"id": new_id(now), **hours, **own})
    changes.insert(page_numbers, {"id": number_id, "team_id": team_id, "name": "loop", "phone": pages_number, "created_at": now, **own})
    for urgency in (Urgency.EMERGENCY, Urgency.URGENT):
        ladder = Ladder((Rung(0, Whom.NUMBER, TEXT_ONLY, number_id),), repeat_minutes=5)
        row = {"team_id": team_id, "urgency_rank": urgency.rank, "rungs": ladder.to_json(), "changed_at": now}
        changes.insert(ladders, {"id": new_id(now), **row, **own})
    person = {"team_id": team_id, "name": NAME, "birth_date": "1950-01-01", "language": "en", "zone": zone, "synthetic": True}
    changes.insert(patients, {"id": patient_id, "status": PatientStatus.ACTIVE, "created_at": now, **person, **own})
    patient = SyntheticPatient(patient_id, organization_id, team_id, None, now)
    link(changes, patient, phone_id)
    return patient


def take_away_number(changes: Changes, patient: SyntheticPatient, pages_number: str) -> None:
    """The telephone that they have is theirs no more, and pages go to this number: the setting was changed. Then `link` the new one."""
    ending = update(patient_phones).where(patient_phones.c.patient_id == patient.id, patient_phones.c.ended_at.is_(None))
    changes.also(ending.values(ended_at=changes.now, ended_why="staff"))
    ending_consents = update(consents).where(consents.c.patient_id == patient.id, consents.c.revoked_at.is_(None))
    changes.also(ending_consents.values(revoked_at=changes.now, revoked_why="number changed"))
    changes.also(update(page_numbers).where(page_numbers.c.team_id == patient.team_id).values(phone=pages_number))
    changes.update(teams, patient.team_id, on_call_phone=pages_number)


def link(changes: Changes, patient: SyntheticPatient, phone_id: UUID) -> None:
    """Gives the patient this telephone, confirmed, with consent to texts and calls."""
    now = changes.now
    own: dict[str, Any] = {"organization_id": patient.organization_id, "patient_id": patient.id, "phone_id": phone_id}
    changes.insert(patient_phones, {"id": new_id(now), "position": 0, "confirmed_at": now, **own})
    for channel in (Channel.SMS, Channel.VOICE):
        agreed = {"channel": channel, "programme": "", "detail": False, "per_day": 100, "source": "invented", "wording_version": "none"}
        changes.insert(consents, {"id": new_id(now), "given_at": now, **agreed, **own})


async def close_items(connection: AsyncConnection, changes: Changes, patient_id: UUID) -> None:
    """Closes the patient's open items: nobody is ill, and the next walk opens its own (a person's item only a nurse may close)."""
    mine = select(patients.c.id).where(patients.c.id == patient_id, patients.c.synthetic)
    open_items = (escalations.c.patient_id.in_(mine), escalations.c.kind == Kind.CLINICAL, escalations.c.state != State.RESOLVED)
    locked = (
        select(escalations.c.id, escalations.c.organization_id)
        .where(*open_items)
        .order_by(escalations.c.id)
        .with_for_update(key_share=True)
    )
    for id, organization_id in (await connection.execute(locked)).all():
        changes.update(escalations, id, state=State.RESOLVED, resolved_at=changes.now, claimed_until=None)
        unanswered = (concerns.c.escalation_id == id) & concerns.c.answered_at.is_(None)
        changes.also(update(concerns).where(unanswered).values(answered_at=changes.now))
        row = {"escalation_id": id, "at": changes.now, "what": "resolved", "detail": {"why": "synthetic"}}
        changes.insert(escalation_events, {"id": new_id(changes.now), "organization_id": organization_id, **row})
