"""What the pages of a record are made of: the card, what runs, who changed medicines and limits, the teams there are. Audited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from service.actions.view_patient import see
from service.db import patient_card, patient_list, record_changes
from service.db.database import Database
from service.db.patient_card import Ahead, PatientCard
from service.domain.staff import Staff


@dataclass(frozen=True, slots=True)
class Record:
    """A patient's record for the pages on which it is changed."""

    card: PatientCard
    ahead: Ahead
    medicines: Sequence[Any]
    """Changes of medicines, newest first."""
    limits: Sequence[Any]
    teams: Sequence[tuple[UUID, str]]
    """All teams of the organization but the patient's own."""


async def view_record(database: Database, staff: Staff, patient_id: UUID, now: datetime) -> Record:
    """The record. Raises NotFound for other teams' patients."""
    async with database.transaction() as connection:
        card = await see(connection, staff, patient_id, "record", now)
        return Record(
            card,
            await patient_card.load_ahead(connection, patient_id, now),
            await record_changes.of_medicines(connection, patient_id),
            await record_changes.of_limits(connection, patient_id),
            [one for one in await patient_list.teams_of(connection, card.organization_id) if one[0] != card.team_id],
        )
