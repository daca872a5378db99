"""Whose a telephone number is: taking one off a patient's record, doubting it, and who answers from a shared one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.changes import Changes
from service.db.communication import communications
from service.db.database import among
from service.db.patient import patient_phones, phones, related_persons
from service.domain.communication import Direction


def end_number(changes: Changes, patient_id: UUID, phone_id: UUID, why: str) -> None:
    """The number is not the patient's any more: what comes from it belongs to nobody known. `why`: wrong_number | staff."""
    mine = (patient_phones.c.patient_id == patient_id) & (patient_phones.c.phone_id == phone_id)
    changes.also(update(patient_phones).where(mine, patient_phones.c.ended_at.is_(None)).values(ended_at=changes.now, ended_why=why))


def doubt_number(changes: Changes, phone_id: UUID, patient_id: UUID | None = None) -> None:
    """Somebody else may have the number (of this patient, or of all who had it): no health question until staff confirms it again."""
    theirs = [patient_phones.c.phone_id == phone_id, patient_phones.c.ended_at.is_(None), patient_phones.c.doubted_at.is_(None)]
    if patient_id is not None:
        theirs.append(patient_phones.c.patient_id == patient_id)
    changes.also(update(patient_phones).where(*theirs).values(doubted_at=changes.now))


def end_related(changes: Changes, related_person_id: UUID) -> None:
    """This relative or carer is written to, and heard as such, no more."""
    changes.update(related_persons, related_person_id, ended_at=changes.now)


def answers_until(changes: Changes, phone_id: UUID, patient_id: UUID | None, until: datetime | None) -> None:
    """Who answers from a shared phone, as they said themselves, and until when; None: nobody has said so."""
    changes.update(phones, phone_id, answering_id=patient_id, answering_until=until)


async def lock_phones(connection: AsyncConnection, phone_ids: Collection[UUID]) -> set[UUID]:
    """Locks these numbers, in id order: before the patients, as whoever takes in a text does. Those that are not safe to contact."""
    wanted = select(phones.c.id, phones.c.unsafe_since).where(among(connection, phones.c.id, phone_ids)).order_by(phones.c.id)
    return {row.id for row in (await connection.execute(wanted.with_for_update(key_share=True))).all() if row.unsafe_since is not None}


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a number when a provider refuses it."""

    opted_out_at: datetime | None
    has_written: bool
    """Whether anything ever came from it."""
    patients: tuple[UUID, ...]
    """Whose number it is now, in the order of their ids."""


async def standing(connection: AsyncConnection, phone_ids: Sequence[UUID]) -> dict[UUID, Standing]:
    """How these numbers stand; two statements."""
    came = exists().where(communications.c.phone_id == phones.c.id, communications.c.direction == Direction.IN)
    wanted = select(phones.c.id, phones.c.opted_out_at, came.label("came")).where(among(connection, phones.c.id, phone_ids))
    rows = (await connection.execute(wanted)).all()
    links = select(patient_phones.c.phone_id, patient_phones.c.patient_id).where(
        among(connection, patient_phones.c.phone_id, phone_ids), patient_phones.c.ended_at.is_(None)
    )
    whose: dict[UUID, list[UUID]] = defaultdict(list)
    for link in (await connection.execute(links.order_by(patient_phones.c.patient_id))).all():
        whose[link.phone_id].append(link.patient_id)
    return {row.id: Standing(row.opted_out_at, bool(row.came), tuple(whose[row.id])) for row in rows}
