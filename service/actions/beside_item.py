"""What stands beside an item: who else has it open, who worries about the patient, and what a nurse has accepted as known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from service.db import accepted, presence, worries
from service.db.accepted import Standing
from service.db.database import Database
from service.db.worries import Worry
from service.domain.escalation import Escalation
from service.domain.staff import Staff


@dataclass(frozen=True, slots=True)
class Beside:
    """Names of those who have the item open besides the asker; the worry that stands, if one does; accepted findings."""

    here: tuple[str, ...]
    worry: Worry | None
    known: tuple[Standing, ...]


async def beside_item(database: Database, staff: Staff, item: Escalation, now: datetime) -> Beside:
    """Three statements. For an item that the asker has been shown: who may see it is judged there."""
    people = [item.patient_id] if item.patient_id is not None else []
    async with database.reading() as connection:
        here = await presence.present(connection, [item.id], now, but=staff.id)
        worried = await worries.standing(connection, people, now)
        known = await accepted.standing(connection, people, now)
    names = tuple(name for _, name in here.get(item.id, ()))
    return Beside(names, next(iter(worried.values()), None), tuple(known[people[0]]) if people else ())
