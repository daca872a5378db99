"""The demo's rota, ladder and what its patients were promised in the last weeks: small, with a gap and a broken promise to be seen."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.db import rota
from service.db.changes import Changes
from service.db.promises import promises
from service.db.schema import new_id
from service.db.staff import set_paging, set_pin
from service.demo.cast import ANSWERING_SERVICE, NORA, OMAR, SOL, STAFF, STAFF_NUMBERS, TEAM_A, TEAM_B, ZONE
from service.domain.ladder import Ladder, PageChannel, Rung, Whom
from service.domain.promise import PromiseState
from service.domain.rota import Override, OverrideKind, RotaRole, RotaShift
from service.domain.schedule import to_local, to_utc
from service.domain.staff import Staff
from service.domain.urgency import Urgency

DAY, NIGHT, WHOLE_DAY = (time(7), time(19)), (time(19), time(7)), (time(), time())
PATTERN = {
    TEAM_A: ((RotaRole.ON_CALL, NORA, DAY), (RotaRole.ON_CALL, SOL, NIGHT), (RotaRole.SUPERVISOR, SOL, WHOLE_DAY)),
    TEAM_B: ((RotaRole.ON_CALL, OMAR, DAY), (RotaRole.ON_CALL, SOL, NIGHT)),
}
"""Every day of the week. Team A has no back-up: its ladder goes from the nurse on call to the supervisor and the answering service."""
SERVICE = ("Answering service", ANSWERING_SERVICE)
AWAY_IN = timedelta(days=3)
"""In so many days Nora is away for a day and nobody covers: the gap that the page shows."""
TOLD = (
    (2, "by 6 pm today", 4, PromiseState.KEPT),
    (5, "within 1 hour", 1, PromiseState.KEPT),
    (6, "tomorrow morning", 14, PromiseState.KEPT),
    (9, "within 1 hour", 1, PromiseState.RENEWED),
    (9, "within 1 hour", 2, PromiseState.KEPT),
    (13, "by 6 pm today", 3, PromiseState.BROKEN),
)
"""Days ago, words, hours until they were due, what became of it."""


async def put_on_call(
    connection: AsyncConnection, organization_id: UUID, teams: Mapping[str, UUID], staff: Mapping[str, UUID], pin_hash: str, now: datetime
) -> None:
    """Numbers and PINs, the pattern of both teams, an absence to come, team A's own ladder, and promises made to nobody by name."""
    for member in STAFF:
        if (number := STAFF_NUMBERS.get(member.name)) is not None:
            whose = Staff(staff[member.name], organization_id, member.name, member.role, tuple(teams[team] for team in member.teams))
            await set_paging(connection, whose, phone=number, paged_by="both")
            await set_pin(connection, whose, pin_hash)
    changes = Changes(now)
    crews = await rota.crews(connection, teams.values(), now)
    today = to_local(now, ZONE).date()
    for name, pattern in PATTERN.items():
        for role, person, (start, end) in pattern:
            for weekday in range(7):
                rota.add_shift(changes, crews[teams[name]], RotaShift(role, staff[person], weekday, start, end, today - timedelta(days=30)))
    away = today + AWAY_IN
    sick = Override(OverrideKind.SICK, to_utc(away, time(7), ZONE), to_utc(away, time(19), ZONE), staff[NORA])
    rota.add_override(changes, crews[teams[TEAM_A]], sick, staff[SOL])
    service = rota.add_number(changes, crews[teams[TEAM_A]], *SERVICE)
    for ago, words, hours, state in TOLD:
        made = now - timedelta(days=ago, hours=3)
        changes.insert(
            promises,
            {
                "id": new_id(made),
                "organization_id": organization_id,
                "team_id": teams[TEAM_A],
                "words": words,
                "urgency_rank": (Urgency.URGENT if "1 hour" in words else Urgency.SAME_DAY).rank,
                "made_at": made,
                "due_at": made + timedelta(hours=hours),
                "state": state,
                "state_at": made + timedelta(hours=hours),
            },
        )
    await changes.write(connection)
    rungs = Ladder((Rung(0, Whom.ON_CALL), Rung(5, Whom.SUPERVISOR), Rung(10, Whom.NUMBER, (PageChannel.CALL,), service)), 5)
    await rota.set_ladder(connection, crews[teams[TEAM_A]], Urgency.EMERGENCY, rungs, staff[SOL], now)
