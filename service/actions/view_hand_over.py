"""Everything that a nurse hands over or takes over, on one page; a read of patients' records, audited once for each patient it shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from service.actions.refusal import NotFound
from service.db import audit, hand_over_lists, hand_overs, rota, worries
from service.db.contexts import load_teams
from service.db.database import Database
from service.db.hand_over_lists import HeldItem, Planned
from service.db.hand_overs import HandOver
from service.db.worries import Worry
from service.domain.hand_over import MOST_LINES, OPENS_BEFORE
from service.domain.ladder import Crew
from service.domain.rota import RotaRole
from service.domain.staff import Permission, Staff

NEXT_SHIFT = timedelta(hours=12)
"""How far what is due counts for the shift to come; own choice, the length of a long shift."""
GIVEN_SINCE = timedelta(hours=18)
"""How long the page shows what the giver has offered."""


@dataclass(frozen=True, slots=True)
class HandOverPage:
    """`receivers` by id; `next_id`: who is on call when this shift ends; `shift_ends` is None when no end is known."""

    held: tuple[HeldItem, ...]
    worries: tuple[Worry, ...]
    waking: tuple[HeldItem, ...]
    planned: tuple[Planned, ...]
    promised: tuple[Planned, ...]
    asked: tuple[HandOver, ...]
    overdue: tuple[HandOver, ...]
    given: tuple[HandOver, ...]
    receivers: Mapping[UUID, str]
    next_id: UUID | None
    shift_ends: datetime | None
    people: Mapping[UUID, tuple[str, str]]
    """Name and birth date of the patients that somebody worries about."""

    def opens(self, now: datetime) -> bool:
        """Whether the shift's end is so near that handing over is next."""
        return self.shift_ends is not None and self.shift_ends - now <= OPENS_BEFORE


async def view_hand_over(database: Database, staff: Staff, now: datetime) -> HandOverPage:
    """The page for this member of staff."""
    if not staff.may(Permission.WORK_QUEUE):
        raise NotFound
    async with database.transaction() as connection:
        crews = await rota.crews(connection, staff.team_ids, now)
        teams = await load_teams(connection, set(staff.team_ids), now) if staff.team_ids else {}
        ends = _ends(crews, staff.id, now) or min(
            (end for team in teams.values() if team.coverage is not None and (end := team.coverage.closes(now)) is not None),
            default=None,
        )
        until = (ends or now) + NEXT_SHIFT
        worried = await worries.of_teams(connection, staff, now, limit=MOST_LINES)
        page = HandOverPage(
            tuple(await hand_over_lists.held_by(connection, staff, now, MOST_LINES)),
            tuple(worried),
            tuple(await hand_over_lists.put_off_by(connection, staff, until, MOST_LINES)),
            tuple(await hand_over_lists.planned(connection, staff.team_ids, until, MOST_LINES)),
            tuple(await hand_over_lists.promised(connection, staff.team_ids, until, MOST_LINES)),
            tuple(await hand_overs.waiting_for(connection, staff, MOST_LINES)),
            tuple(await hand_overs.unanswered(connection, staff.team_ids, MOST_LINES)) if staff.may(Permission.SUPERVISE) else (),
            tuple(await hand_overs.given_by(connection, staff, now - GIVEN_SINCE, MOST_LINES)),
            {person.id: person.name for crew in crews.values() for person in crew.people.values() if person.id != staff.id},
            _next(crews, staff.id, ends or now),
            ends,
            await hand_over_lists.names(connection, {one.patient_id for one in worried}),
        )
        await audit.append(
            connection,
            [
                audit.entry(staff.organization_id, now, "patient_viewed", staff_id=staff.id, patient_id=id, object_kind="hand_over")
                for id in sorted(_shown(page))
            ],
        )
    return page


async def holds_anything(database: Database, staff: Staff, now: datetime) -> bool:
    """Whether this member of staff has an item in hand: asked before they sign out."""
    if not staff.may(Permission.WORK_QUEUE):
        return False
    async with database.reading() as connection:
        return bool(await hand_over_lists.held_by(connection, staff, now, 1))


def _ends(crews: Mapping[UUID, Crew], staff_id: UUID, now: datetime) -> datetime | None:
    found = [end for crew in crews.values() if crew.rota is not None and (end := crew.rota.duty_ends(staff_id, now)) is not None]
    return max(found, default=None)


def _next(crews: Mapping[UUID, Crew], staff_id: UUID, at: datetime) -> UUID | None:
    """Who is on call at that instant, else the back-up, else the supervisor; somebody else than who asks."""
    for role in RotaRole:
        for crew in crews.values():
            standing = crew.rota.at(at)[role] if crew.rota is not None else ()
            if found := next((id for id in standing if id != staff_id and id in crew.people), None):
                return found
    return None


def _shown(page: HandOverPage) -> set[UUID]:
    """The patients that the page names."""
    items = [*(one.patient_id for one in page.held), *(one.patient_id for one in page.waking)]
    lists = [one.patient_id for one in (*page.planned, *page.promised)]
    lines = [one.patient_id for one in (*page.asked, *page.overdue, *page.given)]
    return {id for id in (*items, *lists, *lines, *(one.patient_id for one in page.worries)) if id is not None}
