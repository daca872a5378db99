"""The invented patient of drills: one for an organization, in the team that is being drilled, on a number that nobody has."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db import inbound
from service.db.changes import Changes
from service.db.organization import organizations, teams
from service.db.patient import consents, patient_phones, patients
from service.db.schema import new_id
from service.domain.patient import PatientStatus
from service.domain.reading import Channel
from service.domain.synthetic import DRILL_NUMBER

NAME = "DRILL (no real patient)"
"""As the queue and the item show it."""


async def into_team(connection: AsyncConnection, changes: Changes, organization_id: UUID, team_id: UUID) -> UUID:
    """The patient's id, made where there is none, and in this team from now on."""
    now = changes.now
    known = await connection.scalar(
        select(patients.c.id)
        .join(teams, teams.c.id == patients.c.team_id)
        .where(patients.c.organization_id == organization_id, patients.c.synthetic, ~teams.c.synthetic)
        .order_by(patients.c.id)
        .limit(1)
    )
    if known is not None:
        changes.update(patients, known, team_id=team_id, status=PatientStatus.ACTIVE)
        return UUID(str(known))
    key = (organization_id, DRILL_NUMBER)
    phone_id = (await inbound.phones_of(connection, [key], now))[key].id
    zone = await connection.scalar(select(organizations.c.zone).where(organizations.c.id == organization_id))
    patient_id = new_id(now)
    own: dict[str, Any] = {"organization_id": organization_id}
    person = {"team_id": team_id, "name": NAME, "birth_date": "1950-01-01", "language": "en", "zone": zone, "synthetic": True}
    changes.insert(patients, {"id": patient_id, "status": PatientStatus.ACTIVE, "created_at": now, **person, **own})
    theirs = {"patient_id": patient_id, "phone_id": phone_id, **own}
    changes.insert(patient_phones, {"id": new_id(now), "position": 0, "confirmed_at": now, **theirs})
    agreed = {"channel": Channel.SMS, "programme": "", "detail": False, "per_day": 100, "source": "invented", "wording_version": "none"}
    changes.insert(consents, {"id": new_id(now), "given_at": now, **agreed, **theirs})
    return patient_id
