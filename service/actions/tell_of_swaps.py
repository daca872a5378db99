"""A colleague is told by text to her own telephone that she is asked for a cover or a swap: at a civil hour, and once.

Asking writes an item that carries the text, and due work for it; the work writes the text and closes the item again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.knowledge import Knowledge
from service.db import alarm_items, audit, items, pages, rota, swaps
from service.db.alarm_items import StandingItem
from service.db.changes import Changes
from service.db.due_work import Work
from service.db.pages import Standing
from service.db.swaps import SwapRequest
from service.domain.communication import Lane
from service.domain.decision import Fired
from service.domain.escalation import Kind
from service.domain.ladder import TEXT_ONLY, PageChannel, Person, Target, Whom
from service.domain.patient import Team
from service.domain.swap import SwapState, told_at
from service.domain.urgency import Urgency

KIND = "swap_asked"
_WHY = Fired(
    KIND,
    "1",
    Urgency.ROUTINE,
    "A colleague was asked to cover or to swap, and is told by text. It closes by itself.",
    "Rounds: a swap that is asked for",
)


def plan_telling(changes: Changes, team: Team, swap_id: UUID, starts_at: datetime) -> UUID:
    """Plans the text to whoever is asked; the item that carries it."""
    at = told_at(changes.now, starts_at, team.organization.zone)
    item_id = items.open_item(
        changes, team, patient_id=None, phone_id=None, urgency=Urgency.ROUTINE, summary=_WHY.reason, due_at=at, kind=Kind.OPERATIONAL
    )
    items.add_concern(changes, team.organization.id, item_id, _WHY, communication_id=None, facts={})
    key, payload = f"{KIND}:{swap_id}", {"swap": str(swap_id)}
    items.due_row(changes, team.organization.id, key=key, kind=KIND, lane=Lane.ROUTINE, subject_id=item_id, due_at=at, payload=payload)
    return item_id


async def tell_of_swaps(connection: AsyncConnection, knowledge: Knowledge, works: Sequence[Work], now: datetime) -> Mapping[Work, datetime]:
    """A step in `do_due_work`'s transaction: each request that still waits is told to its colleague, who may wish for no texts or have no
    number by now; its item is closed.
    """
    await pages.lock_items(connection, [work.subject_id for work in works])
    standings = await pages.standings(connection, [work.subject_id for work in works], seen_too=True)
    crews = await rota.crews(connection, {standing.team_id for standing in standings.values()}, now)
    changes = Changes(now)
    for work in works:
        standing, request = standings.get(work.subject_id), await swaps.get(connection, UUID(work.payload["swap"]))
        if standing is None or request is None:
            continue
        person = crews[standing.team_id].people.get(request.asked_of)
        if person is not None and request.state is SwapState.ASKED and request.starts_at > now:
            _tell(changes, knowledge, standing, request, person)
        alarm_items.close(
            changes, StandingItem(standing.escalation_id, standing.organization_id, KIND, standing.urgency, standing.opened_at)
        )
    await changes.write(connection)
    return {}


def _tell(changes: Changes, knowledge: Knowledge, standing: Standing, request: SwapRequest, person: Person) -> None:
    if not person.phone or person.paged_by == PageChannel.CALL:
        return
    body = knowledge.wording.text("page_swap", "en", link=f"{knowledge.public_base_url}/oncall")
    target = Target(Whom.STAFF, person.name, person.phone, TEXT_ONLY, person.id)
    pages.add_page(changes, standing, standing.step + 1, pages.NO_RUNG, target, PageChannel.TEXT, body)
    audit.record(changes, standing.organization_id, "swap_told", object_kind="swap_request", object_id=request.id)
