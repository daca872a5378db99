"""The lanes' own loops: the emergency lane, woken at once, that never waits behind a routine batch (decisions 15), and the routine one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence

import structlog

from service.actions.do_due_work import do_due_work
from service.actions.page_by_call import page_by_call
from service.actions.place_calls import place_calls
from service.actions.send_communications import send_communications
from service.actions.send_pages import send_pages
from service.domain.communication import Lane, Purpose
from service.jobs.outflow import Began, Done, Outflow
from service.jobs.work import Surroundings, handlers

_log = structlog.get_logger(__name__)

TOPIC, STOP = "outbox:emergency", "stop"
TICK_SECONDS = 1.0
"""The net below the wake-up: due rows are looked for this often anyway."""
PATIENTS, STAFF, CALLS, ROUTINE = "emergency_lane", "emergency_pages", "emergency_calls", "send_routine"
SAFETY_CALLS, ROUTINE_CALLS = "safety_calls", "routine_calls"
LOOPS = (PATIENTS, STAFF, CALLS, SAFETY_CALLS, ROUTINE, ROUTINE_CALLS)
SAFETY_CALLS_AT_ONCE, ROUTINE_CALLS_AT_ONCE = 20, 10
"""Besides the pages by call: a telephone of a provider keeps 50 connections."""


async def emergency_lane(around: Surroundings, ran: Callable[[str], None], stopping: asyncio.Event) -> None:
    """Runs until `stopping` is set and the calls under way are done. Patients' safety texts and calls, staff's pages by text and those by
    call go side by side, so that none waits for another, and none for a neighbour's slow call.

    `ran` is told after each round that went through, for the watchdog. Whoever sets `stopping` wakes STOP too.
    """
    texts = texts_out(around, Lane.EMERGENCY, around.emergency_concurrency)
    pages = Outflow(
        lambda limit, began, done: send_pages(
            around.database, around.providers, around.knowledge, around.clock, around.node, limit=limit, began=began, done=done
        ),
        around.emergency_concurrency,
    )
    calls = Outflow(
        lambda limit, began, done: page_by_call(
            around.database, around.telephones, around.knowledge, around.clock, around.node, limit=limit, began=began, done=done
        ),
        around.emergency_concurrency,
    )

    to_patients = calls_out(around, {Purpose.SAFETY}, SAFETY_CALLS_AT_ONCE)

    async def climb_and_page() -> int:
        await do_due_work(around.database, handlers(around), Lane.EMERGENCY, around.clock, around.node, limit=100)
        return await pages.round()

    async with asyncio.TaskGroup() as group:
        group.create_task(_draining(texts, _loop(around, PATIENTS, texts.round, ran, stopping)), name=PATIENTS)
        group.create_task(_draining(pages, _loop(around, STAFF, climb_and_page, ran, stopping)), name=STAFF)
        group.create_task(_draining(calls, _loop(around, CALLS, calls.round, ran, stopping)), name=CALLS)
        group.create_task(_draining(to_patients, _loop(around, SAFETY_CALLS, to_patients.round, ran, stopping)), name=SAFETY_CALLS)


async def routine_lane(around: Surroundings, ran: Callable[[str], None], stopping: asyncio.Event) -> None:
    """The same for everything else: as fast as the senders' buckets fill, and never in front of an emergency."""
    texts = texts_out(around, Lane.ROUTINE, around.concurrency)
    calls = calls_out(around, set(Purpose) - {Purpose.SAFETY}, ROUTINE_CALLS_AT_ONCE)
    async with asyncio.TaskGroup() as group:
        group.create_task(_draining(texts, _loop(around, ROUTINE, texts.round, ran, stopping, wakes=())), name=ROUTINE)
        group.create_task(_draining(calls, _loop(around, ROUTINE_CALLS, calls.round, ran, stopping, wakes=())), name=ROUTINE_CALLS)


def texts_out(around: Surroundings, lane: Lane, places: int) -> Outflow:
    """A lane's texts to patients, at most so many calls at once."""

    async def send(limit: int, began: Began, done: Done) -> None:
        await send_communications(
            around.database,
            around.providers,
            lane,
            around.clock,
            around.node,
            around.knowledge.law,
            limit=limit,
            concurrency=places,
            default_rate=around.send_rate,
            began=began,
            done=done,
        )

    return Outflow(send, places, patient=lane is not Lane.EMERGENCY)


def calls_out(around: Surroundings, purposes: Collection[Purpose], places: int) -> Outflow:
    """Calls to patients for these purposes, at most so many being handed over at once."""

    async def place(limit: int, began: Began, done: Done) -> None:
        await place_calls(
            around.database,
            around.telephones,
            around.clock,
            around.node,
            around.knowledge.law,
            limit=limit,
            purposes=purposes,
            began=began,
            done=done,
        )

    return Outflow(place, places)


async def _draining(outflow: Outflow, loop: Coroutine[None, None, None]) -> None:
    try:
        await loop
    finally:
        await outflow.drain()


async def _loop(
    around: Surroundings,
    name: str,
    once: Callable[[], Awaitable[int]],
    ran: Callable[[str], None],
    stopping: asyncio.Event,
    *,
    wakes: Sequence[str] = (TOPIC,),
) -> None:
    with around.database.wakeups.listen(*wakes, STOP) as woken:
        while not stopping.is_set():
            woken.clear()
            more = 0
            try:
                more = await once()
                ran(name)
            except Exception as error:  # whatever it was: this loop must not end, and the next tick tries again
                _log.error("job_failed", job=name, error=type(error).__name__)
            if not more and not stopping.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(woken.wait(), TICK_SECONDS)
