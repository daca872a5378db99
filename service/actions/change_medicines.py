"""Staff put a medicine on a patient's list, change its dose or stop it: with who and why, and kept for the time line."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.own_patient import own_patient
from service.actions.refusal import Refused
from service.db import audit, patient_card, record_changes
from service.db.changes import Changes
from service.db.database import Database
from service.db.patient import medications
from service.db.schema import new_id
from service.domain.staff import Permission, Staff

LONGEST_NAME, LONGEST_WORDS = 200, 500
MOST = 50
"""Medicines of one patient that are taken at a time."""


@dataclass(frozen=True, slots=True)
class Medicine:
    """A medicine as a form tells it."""

    name: str
    kind: str
    instructions: str
    high_alert: bool
    reason: str


async def add_medicine(database: Database, kinds: Collection[str], staff: Staff, patient_id: UUID, told: Medicine, now: datetime) -> UUID:
    """Puts it on the list; its id. `kinds` are those that rules know.

    Raises NotFound for other teams' patients, Refused saying what to write instead.
    """
    may_assess(staff)
    name, instructions, reason = _checked(told)
    if told.kind not in kinds:
        raise Refused("Choose what kind of medicine it is: the rules go by it.")
    async with database.transaction() as connection:
        context = await own_patient(connection, staff, patient_id, now)
        taken = await patient_card.medicines(connection, patient_id, now.date())
        if len(taken) >= MOST:
            raise Refused("{most} medicines are on the list: stop those that are not taken any more.", most=MOST)
        if any((one.name.casefold(), one.kind) == (name.casefold(), told.kind) for one in taken):
            raise Refused("This medicine is on the list already: change it there.")
        changes, id = Changes(now), new_id(now)
        own = {"id": id, "organization_id": context.organization.id, "patient_id": context.id}
        changes.insert(
            medications, {**own, "name": name, "kind": told.kind, "high_alert": told.high_alert, "instructions": instructions or None}
        )
        _keep(changes, staff, context.organization.id, patient_id, id, "added", _words(name, instructions), reason)
        await changes.write(connection)
    return id


async def change_medicine(database: Database, staff: Staff, patient_id: UUID, medication_id: UUID, told: Medicine, now: datetime) -> None:
    """Changes name, dose or mark of a medicine that is taken; its kind stays.

    Raises NotFound for other teams' patients, Refused when it is not on the list, nothing changes, or words are missing.
    """
    may_assess(staff)
    name, instructions, reason = _checked(told)
    async with database.transaction() as connection:
        context = await own_patient(connection, staff, patient_id, now)
        row = await _row(connection, patient_id, medication_id, now)
        if (row.name, row.instructions or "", bool(row.high_alert)) == (name, instructions, told.high_alert):
            raise Refused("Nothing is different: write the new dose or name.")
        changes = Changes(now)
        changes.update(medications, medication_id, name=name, instructions=instructions or None, high_alert=told.high_alert)
        _keep(changes, staff, context.organization.id, patient_id, medication_id, "changed", _words(name, instructions), reason)
        await changes.write(connection)


async def stop_medicine(database: Database, staff: Staff, patient_id: UUID, medication_id: UUID, reason: str, now: datetime) -> None:
    """It is not taken any more, from today on.

    Raises NotFound for other teams' patients, Refused when it is not on the list or no reason is given.
    """
    may_assess(staff)
    why = given_reason(reason)
    async with database.transaction() as connection:
        context = await own_patient(connection, staff, patient_id, now)
        row = await _row(connection, patient_id, medication_id, now)
        changes = Changes(now)
        changes.update(medications, medication_id, ended_on=now.date())
        _keep(changes, staff, context.organization.id, patient_id, medication_id, "stopped", _words(row.name, row.instructions or ""), why)
        await changes.write(connection)


def may_assess(staff: Staff) -> None:
    """Refused for whoever may not judge: medicines and limits decide when a nurse is called."""
    if not staff.may(Permission.ASSESS):
        raise Refused("Medicines and limits are changed by a nurse: ask one of your team.")


def given_reason(written: str) -> str:
    """The reason of a change. Refused when there is none, or a letter instead of one."""
    reason = " ".join(written.split())
    if not reason:
        raise Refused("Write why: the next nurse reads it.")
    if len(reason) > LONGEST_WORDS:
        raise Refused("Write at most {most} characters as the reason.", most=LONGEST_WORDS)
    return reason


def _checked(told: Medicine) -> tuple[str, str, str]:
    name, instructions = " ".join(told.name.split()), " ".join(told.instructions.split())
    if not name or len(name) > LONGEST_NAME:
        raise Refused("Write the medicine's name and strength, such as Furosemide 40 mg.")
    if len(instructions) > LONGEST_WORDS:
        raise Refused("Write at most {most} characters on how it is taken.", most=LONGEST_WORDS)
    return name, instructions, given_reason(told.reason)


def _words(name: str, instructions: str) -> str:
    return f"{name}, {instructions}" if instructions else name


async def _row(connection: AsyncConnection, patient_id: UUID, medication_id: UUID, now: datetime) -> Any:
    """The medicine as it stands on the list."""
    for row in await patient_card.medicines(connection, patient_id, now.date()):
        if row.id == medication_id:
            return row
    raise Refused("That medicine is not on the list any more.")


def _keep(
    changes: Changes, staff: Staff, organization_id: UUID, patient_id: UUID, medication_id: UUID, what: str, words: str, reason: str
) -> None:
    record_changes.keep_medicine(changes, staff.id, organization_id, patient_id, medication_id, what, words, reason)
    audit.record(
        changes,
        organization_id,
        f"medicine_{what}",
        staff_id=staff.id,
        patient_id=patient_id,
        object_kind="medication",
        object_id=medication_id,
    )
