"""Makes the synthetic patient where there is none: a team that nobody is in, an invented person in it, and their telephone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db import alarms, inbound, synthetic_patient
from service.db.changes import Changes
from service.db.synthetic_patient import SyntheticPatient
from service.domain.synthetic import FIRST_AFTER

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SyntheticPhone:
    """The synthetic patient's telephone: two numbers (one may be both), and how it sends a text.

    `says(provider, our number, words)` gives the text's id at the provider; it raises what providers raise.
    """

    patient_number: str
    pages_number: str
    says: Callable[[str, str, str], Awaitable[str]]

    @property
    def numbers(self) -> frozenset[str]:
        """What comes in to these numbers is the walk's own."""
        return frozenset({self.patient_number, self.pages_number})


async def synthetic_patient_of(connection: AsyncConnection, phone: SyntheticPhone, now: datetime) -> SyntheticPatient | None:
    """The patient, made or given its present number; None while there is no clinic, or when the patient is too new to walk.

    None too when the number is somebody's: then nothing is sent to it.
    """
    known = await synthetic_patient.find(connection)
    organization_id = known.organization_id if known is not None else await alarms.oldest_organization(connection)
    if organization_id is None or await inbound.default_team(connection, organization_id) is None:
        return None
    number = (organization_id, phone.patient_number)
    phone_id = (await inbound.phones_of(connection, [number], now))[number].id
    owners = (await inbound.owners_of(connection, [phone_id]))[phone_id]
    if set(owners.patients) - ({known.id} if known is not None else set()) or owners.related_to:
        _log.error("synthetic_number_is_somebodys")
        return None
    changes = Changes(now)
    if known is None:
        zone = await synthetic_patient.zone_of(connection, organization_id)
        known = synthetic_patient.add(changes, organization_id, zone, phone_id, phone.pages_number)
    elif known.phone_id != phone_id:
        synthetic_patient.take_away_number(changes, known, phone.pages_number)
        await changes.write(connection)
        changes = Changes(now)
        synthetic_patient.link(changes, known, phone_id)
    await changes.write(connection)
    return replace(known, phone_id=phone_id) if now - known.created_at >= FIRST_AFTER else None
