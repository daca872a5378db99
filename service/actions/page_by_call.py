"""Places calls that page staff: claimed and named in one transaction, placed with none open, recorded in another.

The page is the row before the call, its id stands in the path of all the call's webhooks, and it is handed over at most once: an
unknown outcome resolves by itself, or the ladder goes on by its minutes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import structlog

from service.actions.knowledge import Knowledge
from service.actions.send_pages import UNREADABLE
from service.actions.settle_communications import Word
from service.actions.settle_pages import settle_pages
from service.actions.way_out import NoWay, Want, Way, find_ways
from service.clock import Clock
from service.db import page_calls, pages
from service.db.database import Database
from service.db.pages import Page
from service.domain.communication import Status
from service.domain.ladder import PageChannel
from service.domain.sender import Use
from service.telephony.port import OutgoingCall, PermanentFailure, Telephone, TransientFailure, UnknownOutcome, Webhooks

_log = structlog.get_logger(__name__)

MOST_HAND_OVERS = 3
"""Times a call is handed to a provider that says it has not processed it; then the next person is called."""
AGAIN_AFTER = timedelta(seconds=5)
STOP_CALLING_AFTER = pages.LEASE / 2
"""No call is placed later than this after its claim: who was frozen in between gives it back, certain not to have placed it."""
NO_TELEPHONE = "no_telephone"
"""One of settle_pages.NOT_THEIRS: that the service cannot call says nothing about the person."""


@dataclass(slots=True)
class _Calling:
    page: Page
    attempt_id: UUID
    way: Way[Telephone] | NoWay
    word: Word = field(init=False)

    def __post_init__(self) -> None:
        self.word = self.say(Status.UNKNOWN, "unknown", "stopped")

    def say(self, status: Status, outcome: str, code: str = "", **more: object) -> Word:
        """What became of it."""
        name = self.way.name if isinstance(self.way, Way) else ""
        return Word(self.page.id, status, "sender", attempt_id=self.attempt_id, outcome=outcome, provider=name, error_code=code, **more)  # type: ignore[arg-type]


async def page_by_call(
    database: Database,
    telephones: Mapping[str, Telephone],
    knowledge: Knowledge,
    clock: Clock,
    node: str,
    *,
    limit: int = 10,
    began: Callable[[int, int], object] = lambda claimed, refused: None,
    done: Callable[[], object] = lambda: None,
) -> int:
    """Claims at most `limit` due pages by call and places them side by side; how many. Each is recorded as soon as it is placed.

    `began` and `done` as of `send_pages`.
    """
    now = clock.now()
    async with database.transaction() as connection:
        claimed = await pages.claim(connection, now, node, limit, PageChannel.CALL)
        wants = [Want(page.organization_id, Use.PAGES, page.escalation_id) for page, _ in claimed]
        ways = await find_ways(connection, telephones, wants, now)
        calling = [_Calling(page, attempt_id, way) for (page, attempt_id), way in zip(claimed, ways, strict=True)]
        await page_calls.name_provider(connection, {one.page.id: one.way.name for one in calling if isinstance(one.way, Way)})
    began(len(calling), 0)
    late = clock.now() - now > STOP_CALLING_AFTER
    await asyncio.gather(*(_place(database, knowledge, one, clock, done, late=late) for one in calling))
    return len(calling)


async def _place(database: Database, knowledge: Knowledge, one: _Calling, clock: Clock, done: Callable[[], object], *, late: bool) -> None:
    try:
        one.word = one.say(Status.DUE, "transient", "not_called", due_at=clock.now()) if late else await _call(one, clock)
    finally:  # also when we are being stopped: then it may be ringing
        try:
            await asyncio.shield(_record(database, knowledge, one.word, clock))
        except Exception as error:
            _log.error("page_result_not_recorded", page_id=str(one.page.id), error=type(error).__name__)
        done()


async def _call(one: _Calling, clock: Clock) -> Word:
    """One provider call and what it means; never a second one (law 3)."""
    if isinstance(one.way, NoWay):
        return one.say(Status.FAILED, "failed", NO_TELEPHONE)
    if not one.page.phone:
        return one.say(Status.FAILED, "failed", UNREADABLE)
    try:
        placed = await one.way.provider.place_call(
            OutgoingCall(call_id=one.page.id, to=one.page.phone, sender=one.way.number, webhooks=Webhooks.PAGE)
        )
    except PermanentFailure as failure:
        return one.say(Status.FAILED, "failed", NO_TELEPHONE if failure.effect == "configuration" else failure.code)
    except TransientFailure as failure:
        if one.page.attempts + 1 >= MOST_HAND_OVERS:
            return one.say(Status.FAILED, "failed", failure.code)
        return one.say(Status.DUE, "transient", failure.code, due_at=clock.now() + AGAIN_AFTER)
    except UnknownOutcome as failure:
        return one.say(Status.UNKNOWN, "unknown", failure.code)
    except Exception as error:  # a bug in a provider: it may be ringing
        _log.error("provider_broke_its_promise", provider=one.way.name, error=type(error).__name__)
        return one.say(Status.UNKNOWN, "unknown", type(error).__name__)
    return one.say(Status.ACCEPTED, "accepted", provider_id=placed.provider_id)


async def _record(database: Database, knowledge: Knowledge, word: Word, clock: Clock) -> None:
    async with database.transaction() as connection:
        await settle_pages(connection, knowledge, [word], clock.now())
