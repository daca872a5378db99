"""Items that climb their ladder, and what has been paged so far."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import select

from service.actions.do_due_work import do_due_work
from service.actions.send_pages import send_pages
from service.actions.settle_communications import Word
from service.actions.settle_pages import settle_pages
from service.db import items
from service.db.changes import Changes
from service.db.escalation import concerns, escalations, pages
from service.domain.communication import Lane, Status
from service.domain.urgency import Urgency
from service.jobs.work import handlers
from tests.jobs.world import World
from tests.seed import seed_item


async def item(world: World, urgency: Urgency = Urgency.EMERGENCY, *, known: bool = True) -> UUID:
    item_id = await seed_item(world.database, world.clinic.chi, world.now, urgency=urgency, known=known)
    await ask(world, item_id, "start", urgency)
    return item_id


async def ask(world: World, item_id: UUID, why: str, urgency: Urgency) -> None:
    changes = Changes(world.now)
    items.plan_paging(changes, world.clinic.organization_id, item_id, why, urgency)
    async with world.database.transaction() as connection:
        await changes.write(connection)


async def work(world: World) -> None:
    for lane in (Lane.EMERGENCY, Lane.ROUTINE):
        await do_due_work(world.database, handlers(world.around), lane, world.clock, "node-1")
    await send_pages(world.database, world.providers, world.knowledge, world.clock, "node-1")


async def paged(world: World) -> list[tuple[int, str, str]]:
    """(rung, number, channel) of every page so far."""
    return [(page.rung, page.phone, page.channel) for page in await world.rows(pages)]


async def outcome(world: World, channel: str, status: Status, code: str) -> None:
    """What became of the newest page by this channel."""
    page = (await world.rows(pages, pages.c.channel == channel))[-1]
    if page.status == "due":
        await world.set(pages, page.id, status="claimed")
    async with world.database.transaction() as connection:
        await settle_pages(connection, world.knowledge, [Word(page.id, status, "webhook", error_code=code)], world.now)


async def problems(world: World, rule: str) -> list[Any]:
    async with world.database.reading() as connection:
        joined = select(escalations).join(concerns, concerns.c.escalation_id == escalations.c.id)
        return list((await connection.execute(joined.where(concerns.c.rule == rule))).all())


def both(rung: int, phone: str) -> list[tuple[int, str, str]]:
    return [(rung, phone, "text"), (rung, phone, "call")]
