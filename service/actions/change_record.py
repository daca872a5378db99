"""Staff keep a patient's record: name, birth date, language, allergies, what to do in an emergency, conditions, programme and team."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from service.actions.change_medicines import given_reason, may_assess
from service.actions.own_patient import of_own_team, own_patient
from service.actions.refusal import NotFound, Refused
from service.actions.stop_contact import end_conversation
from service.db import audit, patient_card, planning, record, transfers
from service.db.changes import Changes
from service.db.database import Database
from service.db.patient import conditions, patients
from service.db.schema import new_id
from service.domain.staff import Permission, Staff
from service.domain.wording import LANGUAGES

LONGEST_NAME, LONGEST_WORDS = 200, 500
OLDEST = date(1900, 1, 1)
MOST_CONDITIONS = 40


@dataclass(frozen=True, slots=True)
class Details:
    """The record as a form tells it; "" empties what may be empty."""

    name: str
    birth_date: str
    language: str
    allergies: str
    emergency_instruction: str = ""
    emergency_instruction_by: str = ""


async def change_details(database: Database, staff: Staff, patient_id: UUID, told: Details, now: datetime) -> None:
    """Writes what is different. Contact data is everybody's who gathers; allergies and the emergency instruction are a nurse's.

    Raises NotFound for other teams' patients, Refused saying what to write instead, or when nothing is different.
    """
    may_gather(staff)
    wanted = _details(told, now)
    async with database.transaction() as connection:
        context = await own_patient(connection, staff, patient_id, now)
        card = await patient_card.load_card(connection, patient_id, now.date())
        if card is None:
            raise NotFound
        differs = {name: value for name, value in wanted.items() if (getattr(card, name) or None) != value}
        if not differs:
            raise Refused("Nothing is different.")
        if differs.keys() & {"allergies", "emergency_instruction", "emergency_instruction_by"}:
            may_assess(staff)
        if differs.keys() & {"name", "birth_date"}:
            differs |= {"searched_at": None}
        changes = Changes(now)
        changes.update(patients, patient_id, **differs)
        detail = {"changed": sorted(differs.keys() - {"searched_at"})}
        who = {"staff_id": staff.id, "patient_id": patient_id}
        audit.record(changes, context.organization.id, "patient_details_changed", **who, detail=detail)
        changes.wake(f"patient:{patient_id}")
        await changes.write(connection)


async def add_condition(
    database: Database, known: Collection[str], staff: Staff, patient_id: UUID, code: str, reason: str, now: datetime
) -> None:
    """Puts a condition on the problem list; rules go by it at once. `known` are those that rules know.

    Raises NotFound for other teams' patients, Refused for one that no rule knows or that is on the list.
    """
    may_assess(staff)
    why = given_reason(reason)
    if code not in known:
        raise Refused("Choose a condition from the list: the rules go by these.")
    async with database.transaction() as connection:
        context = await own_patient(connection, staff, patient_id, now)
        if code in context.conditions:
            raise Refused("That condition is on the list already.")
        if len(context.conditions) >= MOST_CONDITIONS:
            raise Refused("{most} conditions are on the list: take those off that are none any more.", most=MOST_CONDITIONS)
        changes = Changes(now)
        own = {"id": new_id(now), "organization_id": context.organization.id, "patient_id": patient_id}
        changes.insert(conditions, {**own, "code": code, "since": now.date()})
        record.keep_note(changes, context.organization.id, patient_id, staff.id, f"Problem list: {_plain(code)} added. {why}")
        audit.record(changes, context.organization.id, "condition_added", staff_id=staff.id, patient_id=patient_id, detail={"code": code})
        await changes.write(connection)


async def remove_condition(database: Database, staff: Staff, patient_id: UUID, code: str, reason: str, now: datetime) -> None:
    """Takes a condition off the problem list. Raises NotFound for other teams' patients, Refused when it is not there."""
    may_assess(staff)
    why = given_reason(reason)
    async with database.transaction() as connection:
        context = await own_patient(connection, staff, patient_id, now)
        if not await record.remove_condition(connection, patient_id, code):
            raise Refused("That condition is not on the list.")
        changes = Changes(now)
        record.keep_note(changes, context.organization.id, patient_id, staff.id, f"Problem list: {_plain(code)} taken off. {why}")
        audit.record(changes, context.organization.id, "condition_removed", staff_id=staff.id, patient_id=patient_id, detail={"code": code})
        await changes.write(connection)


async def end_programme(database: Database, staff: Staff, patient_id: UUID, enrollment_id: UUID, reason: str, now: datetime) -> None:
    """The patient is in this programme no more: what is planned is not sent, a conversation under way in it ends without a word.

    Raises NotFound for other teams' patients, Refused when they are not in it.
    """
    may_gather(staff)
    why = given_reason(reason)
    async with database.transaction() as connection:
        context = await own_patient(connection, staff, patient_id, now)
        programme = await record.end_enrollment(connection, patient_id, enrollment_id, now)
        if programme is None:
            raise Refused("The patient is not in this programme any more.")
        changes = Changes(now)
        if context.session is not None and context.session.enrollment_id == enrollment_id:
            end_conversation(changes, context)
        whose = {"staff_id": staff.id, "patient_id": patient_id, "object_kind": "enrollment", "object_id": enrollment_id}
        audit.record(changes, context.organization.id, "enrollment_ended", **whose)
        record.keep_note(changes, context.organization.id, patient_id, staff.id, f"Programme ended: {_plain(programme)}. {why}")
        changes.wake(f"patient:{patient_id}")
        await changes.write(connection)


async def transfer(database: Database, staff: Staff, patient_id: UUID, team_id: UUID, reason: str, now: datetime) -> int:
    """The patient belongs to another team of the organization from now on; how many open items went along.

    Raises NotFound for other teams' patients, Refused for the same team, one that is none of the organization's, or one in which
    nobody could judge an item.
    """
    may_assess(staff)
    why = given_reason(reason)
    async with database.transaction() as connection:
        context = await own_patient(connection, staff, patient_id, now)
        of_own_team(staff, context)
        if context.team.id == team_id:
            raise Refused("The patient is in that team already.")
        found = await transfers.team_to_move_to(connection, staff.organization_id, team_id)
        if found is None:
            raise Refused("Choose one of your organization's teams.")
        if not found[1]:
            raise Refused("No nurse works in that team: nobody would see this patient's answers.")
        changes = Changes(now)
        moved = await transfers.move(connection, changes, patient_id, team_id, staff.id)
        detail = {"from": str(context.team.id), "to": str(team_id), "items": moved}
        audit.record(changes, context.organization.id, "patient_transferred", staff_id=staff.id, patient_id=patient_id, detail=detail)
        record.keep_note(changes, context.organization.id, patient_id, staff.id, f"Transferred to {found[0]}. {why}")
        changes.wake(f"patient:{patient_id}", f"queue:{context.organization.id}")
        await changes.write(connection)
        await planning.plan_anew(connection, patient_id)
    return moved


def may_gather(staff: Staff) -> None:
    """Refused for whoever keeps no records."""
    if not staff.may(Permission.GATHER):
        raise Refused("Your role reads records and does not change them.")


def _plain(code: str) -> str:
    return code.replace("_", " ")


def _details(told: Details, now: datetime) -> dict[str, str | None]:
    name, language = " ".join(told.name.split()), told.language.strip()
    allergies, instruction, by = (
        " ".join(one.split()) for one in (told.allergies, told.emergency_instruction, told.emergency_instruction_by)
    )
    if not name or len(name) > LONGEST_NAME:
        raise Refused("Write the patient's first and last name.")
    if language not in LANGUAGES:
        raise Refused("Choose the language of the patient's texts.")
    if max(len(allergies), len(instruction)) > LONGEST_WORDS:
        raise Refused("Write at most {most} characters.", most=LONGEST_WORDS)
    if instruction and not by:
        raise Refused("An emergency instruction is a named clinician's: write who has signed for it.")
    born = None
    if told.birth_date.strip():
        try:
            born = date.fromisoformat(told.birth_date.strip())
        except ValueError:
            raise Refused("The birth date is none: write it as 1950-03-31.") from None
        if not OLDEST <= born <= now.date():
            raise Refused("The birth date is not one of a living person.")
    return {
        "name": name,
        "birth_date": born.isoformat() if born else None,
        "language": language,
        "allergies": allergies or None,
        "emergency_instruction": instruction or None,
        "emergency_instruction_by": by[:LONGEST_NAME] if instruction else None,
    }
