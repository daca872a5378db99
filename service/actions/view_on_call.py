"""What the on-call pages show besides the rota: pages in flight, swaps asked for, the ledger of promises, and drills."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.refusal import NotFound
from service.db import audit, drills, pages_in_flight, promise_ledger, rota, swaps
from service.db.contexts import load_teams
from service.db.database import Database
from service.db.drills import Drill
from service.db.pages_in_flight import InFlight
from service.db.promise_ledger import Line
from service.db.swaps import SwapRequest
from service.domain.promise import PromiseState
from service.domain.staff import Permission, Role, Staff
from service.domain.swap import MOST_ASKED

SEEN_WITHIN = timedelta(hours=4)
"""How long a page that somebody has taken note of stays among those in flight."""
COUNTED = timedelta(days=30)
MOST_DRILLS = 50


@dataclass(frozen=True, slots=True)
class Moves:
    """A team's pages in flight and the swaps that are asked for."""

    in_flight: Sequence[InFlight]
    asked: Sequence[SwapRequest]


@dataclass(frozen=True, slots=True)
class Ledger:
    """A page of promises, where the next one begins (None: there is none), and counts of the last 30 days."""

    lines: Sequence[Line]
    next: UUID | None
    counts: Mapping[PromiseState, int]
    teams: Mapping[UUID, str]


@dataclass(frozen=True, slots=True)
class Drills:
    """The last drills of the viewer's teams."""

    drills: Sequence[Drill]
    teams: Mapping[UUID, str]


async def view_moves(database: Database, staff: Staff, team_id: UUID, now: datetime) -> Moves:
    """What moves in a team now; the caller has made sure that the viewer may see its rota."""
    async with database.reading() as connection:
        flight = await pages_in_flight.in_flight(connection, staff.organization_id, team_id, now - SEEN_WITHIN)
        return Moves(flight, await swaps.asked(connection, team_id, now, MOST_ASKED))


async def view_promises(
    database: Database, staff: Staff, team_id: UUID | None, state: PromiseState | None, before: UUID | None, now: datetime
) -> Ledger:
    """The ledger of one of the viewer's teams, of all of them with None; audited once for each patient whose initials it shows.

    Raises NotFound for another's team.
    """
    if not staff.may(Permission.WORK_QUEUE) or (team_id is not None and team_id not in staff.team_ids):
        raise NotFound
    chosen = [team_id] if team_id is not None else list(staff.team_ids)
    async with database.transaction() as connection:
        names = await _names(connection, staff, now)
        lines, following = await promise_ledger.ledger(connection, chosen, staff.organization_id, state, before)
        counts = await promise_ledger.counts(connection, chosen, staff.organization_id, now - COUNTED)
        shown = sorted({line.patient_id for line in lines if line.patient_id is not None})
        entries = [
            audit.entry(staff.organization_id, now, "patient_viewed", staff_id=staff.id, patient_id=id, object_kind="promise")
            for id in shown
        ]
        await audit.append(connection, entries)
    return Ledger(lines, following, counts, names)


async def view_drills(database: Database, staff: Staff, now: datetime) -> Drills:
    """The last drills that the viewer may know of."""
    if not staff.may(Permission.SEE_ROTA):
        raise NotFound
    async with database.reading() as connection:
        names = await _names(connection, staff, now)
        found = await drills.lately(connection, staff.organization_id, MOST_DRILLS)
    return Drills([one for one in found if one.team_id in names], names)


async def _names(connection: AsyncConnection, staff: Staff, now: datetime) -> dict[UUID, str]:
    mine = await rota.team_ids(connection, staff.organization_id)
    if staff.role is not Role.ADMINISTRATOR:
        mine = [id for id in mine if id in staff.team_ids]
    teams = await load_teams(connection, set(mine), now) if mine else {}
    return {id: team.name for id, team in sorted(teams.items(), key=lambda one: one[1].name)}
