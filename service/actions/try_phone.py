"""A member of staff tries her own telephone: a real page by text and by call to her own number, over an item of its own.

Asking for it writes the item, the test and work that is due at once; the work writes the pages, and ten minutes later ends it all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.knowledge import Knowledge
from service.actions.refusal import NotFound, Refused
from service.db import alarm_items, audit, items, pages, phone_tests
from service.db.alarm_items import StandingItem
from service.db.changes import Changes
from service.db.contexts import load_teams
from service.db.database import Database
from service.db.due_work import Work
from service.domain.communication import Lane
from service.domain.decision import Fired
from service.domain.escalation import Kind
from service.domain.ladder import BOTH, Target, Whom
from service.domain.staff import PAGED, Staff
from service.domain.urgency import Urgency

KIND = "phone_test"
LASTS = timedelta(minutes=10)
"""So long a test waits for its answer; own choice, twice as long as a slow carrier takes."""
MOST_A_DAY = 10
"""Tests of one member of staff a day: each is paid for."""
_WHY = Fired(
    "phone_test",
    "1",
    Urgency.ROUTINE,
    "Somebody tries their own telephone: nobody is ill. It closes by itself.",
    "Rounds: test of one's own telephone",
)


async def try_phone(database: Database, staff: Staff, now: datetime) -> UUID:
    """Begins a test; its id. Raises NotFound for roles that are never paged, Refused without a number or while a test runs."""
    if staff.role not in PAGED or not staff.team_ids:
        raise NotFound
    async with database.transaction() as connection:
        number = await phone_tests.own_number(connection, staff.id)
        if not number:
            raise Refused("You have no telephone number to be paged on: ask your administrator to set it.")
        lately = await phone_tests.lately(connection, staff.id, 1)
        if lately and lately[0].ended_at is None:
            raise Refused("A test is under way: wait for its end.")
        if await phone_tests.begun_since(connection, staff.id, now - timedelta(days=1)) >= MOST_A_DAY:
            raise Refused("You have tried your telephone {most} times within a day: that is enough.", most=MOST_A_DAY)
        changes = Changes(now)
        team = (await load_teams(connection, {min(staff.team_ids)}, now))[min(staff.team_ids)]
        item_id = items.open_item(
            changes,
            team,
            patient_id=None,
            phone_id=None,
            urgency=Urgency.ROUTINE,
            summary=_WHY.reason,
            due_at=now + LASTS,
            kind=Kind.OPERATIONAL,
        )
        items.add_concern(changes, staff.organization_id, item_id, _WHY, communication_id=None, facts={})
        id = phone_tests.add(changes, staff.organization_id, staff.id, item_id)
        items.due_row(
            changes,
            staff.organization_id,
            key=f"{KIND}:{id}",
            kind=KIND,
            lane=Lane.EMERGENCY,
            subject_id=item_id,
            due_at=now,
            payload={"staff_id": str(staff.id)},
        )
        changes.wake("outbox:emergency")
        audit.record(changes, staff.organization_id, "phone_tried", staff_id=staff.id, object_kind="phone_test", object_id=id)
        await changes.write(connection)
    return id


async def page_for_tests(
    connection: AsyncConnection, knowledge: Knowledge, works: Sequence[Work], now: datetime
) -> Mapping[Work, datetime]:
    """A step in `do_due_work`'s transaction: writes the two pages of a test that has just begun, and ends one whose time is over."""
    later: dict[Work, datetime] = {}
    await pages.lock_items(connection, [work.subject_id for work in works])
    standings = await pages.standings(connection, [work.subject_id for work in works], seen_too=True)
    changes = Changes(now)
    for work in works:
        standing, staff_id = standings.get(work.subject_id), UUID(work.payload["staff_id"])
        if standing is None:
            await phone_tests.end(connection, work.subject_id, now)
        elif standing.step >= 0:
            opened = StandingItem(standing.escalation_id, standing.organization_id, _WHY.rule, standing.urgency, standing.opened_at)
            alarm_items.close(changes, opened)
            await phone_tests.end(connection, work.subject_id, now)
        elif number := await phone_tests.own_number(connection, staff_id):
            body = knowledge.wording.text("page_test", "en", link=knowledge.item_link(standing.escalation_id))
            target = Target(Whom.STAFF, "", number, BOTH, staff_id)
            for step, channel in enumerate(target.by):
                pages.add_page(changes, standing, step, pages.NO_RUNG, target, channel, body)
            later[work] = now + LASTS
    await changes.write(connection)
    return later
