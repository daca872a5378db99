"""A clinic's own ready answers: seen by all who write to patients, changed by those who judge."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from service.actions.refusal import NotFound, Refused
from service.db import audit, ready_answers
from service.db.database import Database
from service.db.ready_answers import Ready
from service.domain.ready_answer import MOST, why_wrong
from service.domain.staff import Permission, Staff
from service.domain.wording import LANGUAGES


async def view_ready_answers(database: Database, staff: Staff) -> list[Ready]:
    """All of the member's organization. Raises NotFound for who writes to no patient."""
    if not staff.may(Permission.GATHER):
        raise NotFound
    async with database.reading() as connection:
        return await ready_answers.of_language(connection, staff.organization_id)


async def add_ready_answer(database: Database, staff: Staff, language: str, title: str, text: str, now: datetime) -> UUID:
    """One more; its id. Raises NotFound, or Refused saying what is wrong with it."""
    if not staff.may(Permission.ASSESS):
        raise NotFound
    if language not in LANGUAGES:
        raise Refused("Choose the language that it is written in.")
    if wrong := why_wrong(title, text):
        raise Refused(wrong)
    async with database.transaction() as connection:
        if len(await ready_answers.of_language(connection, staff.organization_id)) >= MOST:
            raise Refused("There are as many as the list holds: take one out first.")
        id = await ready_answers.add(connection, staff, language, title.strip(), text.strip(), now)
        await audit.append(connection, [_row(staff, "ready_answer_added", id, now)])
    return id


async def end_ready_answer(database: Database, staff: Staff, id: UUID, now: datetime) -> None:
    """One is used no more. Raises NotFound when the organization has none such."""
    if not staff.may(Permission.ASSESS):
        raise NotFound
    async with database.transaction() as connection:
        if not await ready_answers.end(connection, staff, id, now):
            raise NotFound
        await audit.append(connection, [_row(staff, "ready_answer_ended", id, now)])


def _row(staff: Staff, action: str, id: UUID, now: datetime) -> dict[str, object]:
    return audit.entry(staff.organization_id, now, action, staff_id=staff.id, object_kind="ready_answer", object_id=id)
