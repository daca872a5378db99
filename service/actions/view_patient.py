"""The list of patients, and a patient's page: card and time line, on screen and on paper. A read of the record is audited as such."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.refusal import NotFound
from service.db import audit, patient_card, patient_list, record_changes, timeline
from service.db.database import Database
from service.db.encryption import keyring_of
from service.db.patient_card import Ahead, PatientCard
from service.db.patient_list import Listed, Wanted
from service.db.patient_search import tokens_of
from service.db.timeline import Entry, Key, TimeLine
from service.domain.staff import Permission, Staff

PRINTED = timedelta(days=90)
MOST_PRINTED = 1_000


@dataclass(frozen=True, slots=True)
class PatientList:
    """The page of a member's patients."""

    listed: Listed
    programmes: Sequence[str]
    teams: Sequence[tuple[UUID, str]]
    """The member's own."""


@dataclass(frozen=True, slots=True)
class PatientPage:
    """The card with what comes next, and the newest entries of the time line."""

    card: PatientCard
    ahead: Ahead
    line: TimeLine


@dataclass(frozen=True, slots=True)
class Printed:
    """The record for paper: the card, 90 days of the time line (`cut`: not all of it), who changed medicines and limits."""

    card: PatientCard
    ahead: Ahead
    line: TimeLine
    cut: bool
    medicines: Sequence[Any]
    limits: Sequence[Any]


async def view_patients(database: Database, staff: Staff, words: str, wanted: Wanted) -> PatientList:
    """The patients of the member's teams; `words` searches for a name, a number's last digits or a birth date, "" for none."""
    if not staff.may(Permission.WORK_QUEUE):
        raise NotFound
    async with database.reading() as connection:
        if words.strip():
            wanted = replace(wanted, who=tuple(tokens_of(keyring_of(connection), staff.organization_id, words)))
        listed = await patient_list.load(connection, staff, wanted)
        teams = [one for one in await patient_list.teams_of(connection, staff.organization_id) if one[0] in staff.team_ids]
        return PatientList(listed, await patient_list.programmes_of_teams(connection, staff), teams)


async def view_patient(
    database: Database, staff: Staff, patient_id: UUID, kinds: Collection[Entry], before: Key | None, now: datetime
) -> PatientPage:
    """The page of a patient. Raises NotFound for other teams' patients."""
    async with database.transaction() as connection:
        card = await see(connection, staff, patient_id, "time_line", now)
        line = await timeline.load(connection, patient_id, kinds, before, now)
        return PatientPage(card, await patient_card.load_ahead(connection, patient_id, now), line)


async def print_patient(database: Database, staff: Staff, patient_id: UUID, now: datetime) -> Printed:
    """The last 90 days of the record. Raises NotFound for other teams' patients."""
    async with database.transaction() as connection:
        card = await see(connection, staff, patient_id, "printed", now)
        line = await timeline.load(connection, patient_id, (), None, now, most=MOST_PRINTED)
        lately = tuple(one for one in line.lines if one.at >= now - PRINTED)
        return Printed(
            card,
            await patient_card.load_ahead(connection, patient_id, now),
            TimeLine(lately, None),
            line.older is not None and len(lately) == len(line.lines),
            await record_changes.of_medicines(connection, patient_id, now - PRINTED),
            await record_changes.of_limits(connection, patient_id, now - PRINTED),
        )


async def see(connection: AsyncConnection, staff: Staff, patient_id: UUID, what: str, now: datetime) -> PatientCard:
    """The card of a patient whom this member may see; the read is audited. Raises NotFound for others."""
    if not staff.may(Permission.WORK_QUEUE):
        raise NotFound
    card = await patient_card.load_card(connection, patient_id, now.date())
    if card is None or card.organization_id != staff.organization_id or not staff.sees(card.team_id, card.id):
        raise NotFound
    await audit.leave(connection, staff.organization_id, now, "patient_viewed", staff_id=staff.id, patient_id=patient_id, object_kind=what)
    return card
