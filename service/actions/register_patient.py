"""Staff put one patient on record, with the consent that was given and its words: the same checks as for a list of patients."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from service.actions.change_record import may_gather
from service.actions.import_patients import ImportRefused, register
from service.actions.refusal import NotFound
from service.db import organization, registration
from service.db.contexts import load_teams
from service.db.database import Database
from service.domain.contact_law import ContactLaw
from service.domain.patient import Team
from service.domain.registration import KnownWords, RowProblems, read_row
from service.domain.row_reader import Problem
from service.domain.schedule import to_local
from service.domain.staff import Permission, Staff


async def own_teams(database: Database, staff: Staff, now: datetime) -> list[Team]:
    """The member's teams by name, where a new patient can go. Raises NotFound when they put nobody on record, or have no team."""
    if not staff.may(Permission.GATHER) or not staff.team_ids:
        raise NotFound
    async with database.reading() as connection:
        found = await load_teams(connection, set(staff.team_ids), now)
    return sorted(found.values(), key=lambda team: team.name)


async def register_patient(
    database: Database,
    law: ContactLaw,
    known: tuple[Collection[str], Collection[str]],
    staff: Staff,
    row: Mapping[str, str],
    now: datetime,
) -> UUID:
    """The id of the new patient. `row` as a row of a list (domain.registration.COLUMNS); `known`: conditions and kinds of medicines.

    Raises NotFound when the member may not, and RowProblems naming every field that is wrong.
    """
    may_gather(staff)
    teams = [team.name for team in await own_teams(database, staff, now)]
    row = {**row, "team": row.get("team") or (teams[0] if len(teams) == 1 else "")}
    async with database.transaction() as connection:
        zone = (await organization.zones(connection, [staff.organization_id]))[staff.organization_id]
        patient = read_row(row, to_local(now, zone).date())
        problems = KnownWords(frozenset(known[0]), frozenset(known[1])).problems(patient)
        if patient.team not in teams:
            problems.append(Problem("team", "is none of yours"))
        if problems:
            raise RowProblems(tuple(problems))
        line = [(1, patient)]
        try:
            await register(connection, staff.organization_id, line, law, zone=zone, now=now, staff_id=staff.id)
        except ImportRefused as refused:
            raise RowProblems(tuple(Problem(one.field, one.what) for one in refused.problems)) from None
        found = await registration.patients_by_record_number(connection, staff.organization_id, [patient.record_number])
    return found[patient.record_number]
