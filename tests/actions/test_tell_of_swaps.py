"""Whoever is asked for a swap is told by text to her own telephone, once, at a civil hour, and never of a request that is over."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from service.actions.answer_swap import answer_swap
from service.actions.ask_swap import ask_swap
from service.actions.do_due_work import do_due_work
from service.actions.send_pages import send_pages
from service.actions.set_staff_paging import set_staff_paging
from service.db.escalation import escalations, pages
from service.db.staff import staff
from service.db.swaps import swap_requests
from service.domain.communication import Lane
from service.domain.rota import OverrideKind
from service.domain.staff import Role, Staff
from service.domain.swap import SwapState
from service.jobs.work import handlers
from tests.actions.crew import OMAR, member
from tests.jobs.world import World

pytestmark = pytest.mark.usefixtures("on_call")

LATE = 11.5
"""Hours after ten in the morning: half past nine in the evening."""


def nora(world: World) -> Staff:
    return member(world.clinic, world.clinic.nora, Role.NURSE)


async def asked(world: World, **ahead: float) -> UUID:
    """Nora asks Omar to cover an hour that begins so far ahead."""
    start = world.now + timedelta(**ahead)
    span = (start, start + timedelta(hours=1))
    return await ask_swap(world.database, nora(world), world.clinic.team_a, OverrideKind.COVER, world.clinic.omar.id, span, world.now)


async def texts(world: World) -> list[Any]:
    """What has been handed to the provider by now, as (number, words)."""
    await do_due_work(world.database, handlers(world.around), Lane.ROUTINE, world.clock, "node-1")
    await send_pages(world.database, world.providers, world.knowledge, world.clock, "node-1")
    return [(text.to, text.body) for text in world.provider.calls]


async def test_the_colleague_is_told_at_once_by_day_without_a_word_on_patients_and_nothing_stays_in_the_queue(world: World) -> None:
    id = await asked(world, days=2)
    words = "Rounds: a colleague asks you to cover or swap an on-call shift. Answer on the on-call page: http://localhost:8080/oncall"
    for _ in range(2):
        assert await texts(world) == [(OMAR, words)]
    [item] = await world.rows(escalations)
    [page] = await world.rows(pages)
    assert (item.kind, item.state, item.patient_id) == ("operational", "resolved", None)
    [request] = await world.rows(swap_requests, swap_requests.c.id == id)
    assert (request.item_id, page.escalation_id, page.staff_id) == (item.id, item.id, world.clinic.omar.id)


@pytest.mark.parametrize(("ahead", "at_once"), [({"days": 2}, False), ({"hours": 6}, True)])
async def test_in_the_night_it_waits_for_the_morning_unless_the_shift_begins_before(
    world: World, ahead: dict[str, float], at_once: bool
) -> None:
    world.clock.forward(hours=LATE)
    await asked(world, **ahead)
    assert len(await texts(world)) == at_once
    world.clock.forward(hours=10.5)
    assert len(await texts(world)) == 1


async def test_of_what_was_taken_back_meanwhile_nobody_is_told(world: World) -> None:
    world.clock.forward(hours=LATE)
    id = await asked(world, days=2)
    await answer_swap(world.database, nora(world), id, SwapState.WITHDRAWN, world.now)
    world.clock.forward(hours=10.5)
    assert await texts(world) == []
    [item] = await world.rows(escalations)
    assert item.state == "resolved"


@pytest.mark.parametrize("how", ["by call alone", "left"])
async def test_who_takes_no_texts_or_has_left_gets_none(world: World, how: str) -> None:
    await asked(world, days=2)
    omar = member(world.clinic, world.clinic.omar, Role.NURSE)
    if how == "left":
        await world.set(staff, omar.id, disabled_at=world.now)
    else:
        await set_staff_paging(world.database, omar, phone=OMAR, paged_by="call", pin="4071", now=world.now)
    assert await texts(world) == []
    [item] = await world.rows(escalations)
    assert item.state == "resolved"
