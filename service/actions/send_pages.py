"""Sends pages to on-call staff: own rows, own attempts, own sender; no consent applies and no health detail is in them."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from service.actions.knowledge import Knowledge
from service.actions.ledger import Ledger
from service.actions.settle_communications import Word
from service.actions.settle_pages import settle_pages
from service.actions.way_out import NoWay, Want, Way, find_ways
from service.clock import Clock
from service.db import outcomes, pages, senders
from service.db.communication import attempts
from service.db.database import Database
from service.db.pages import Page
from service.domain.communication import Status
from service.domain.ladder import PageChannel
from service.domain.retry import next_attempt_at
from service.domain.segments import count_segments
from service.domain.sender import Use
from service.telephony.port import OutgoingText, PermanentFailure, Provider, TransientFailure, UnknownOutcome

_log = structlog.get_logger(__name__)

LONGEST_DELAY = timedelta(seconds=30)
"""A page is not put off longer than this after a transient failure: the next step of the ladder comes anyway."""
STOP_CALLING_AFTER = pages.LEASE / 2
"""No page leaves later than this after its claim: whoever was frozen in between gives it back, certain not to have sent it."""
VALIDITY_SECONDS = 240
"""A page that has not arrived before the next one goes is of no use."""


async def send_pages(
    database: Database,
    providers: Mapping[str, Provider],
    knowledge: Knowledge,
    clock: Clock,
    node: str,
    *,
    limit: int = 20,
    began: Callable[[int, int], object] = lambda claimed, refused: None,
    done: Callable[[], object] = lambda: None,
) -> int:
    """Claims at most `limit` due pages, hands them over side by side with no transaction open, and records each; how many.

    `began` is told how many were claimed as soon as that is committed, `done` of each page whose call is over: nobody's page has to
    wait for another one's slow call.
    """
    now = clock.now()
    async with database.transaction() as connection:
        claimed = await pages.claim(connection, now, node, limit, PageChannel.TEXT)
        again = [page.id for page, _ in claimed if page.attempts]
        tried = await senders.tried_by(connection, again, busy_too=True, what=attempts.c.page_id) if again else {}
        wants = [
            Want(
                page.organization_id,
                Use.PAGES,
                page.escalation_id,
                count_segments(page.body).count or 1,
                tried=frozenset(tried.get(page.id, ())),
            )
            for page, _ in claimed
        ]
        ways = await find_ways(connection, providers, wants, now)
        named = [(attempt_id, way.sender_id) for (_, attempt_id), way in zip(claimed, ways, strict=True) if isinstance(way, Way)]
        await outcomes.name_senders(connection, named)
    began(len(claimed), 0)
    if not claimed:
        return 0
    ledger = Ledger(lambda words: _record(database, knowledge, words, clock.now()))
    late = clock.now() - now > STOP_CALLING_AFTER
    leaving = zip(claimed, ways, strict=True)
    await ledger.hold(_call(way, page, attempt_id, clock, ledger, done, late=late) for (page, attempt_id), way in leaving)
    return len(claimed)


UNREADABLE = "unreadable"
"""The code of a page whose row cannot be decrypted: it fails, and the next person is paged at once."""


async def _call(
    way: Way[Provider] | NoWay, page: Page, attempt_id: UUID, clock: Clock, ledger: Ledger, done: Callable[[], object], *, late: bool
) -> None:
    if late or isinstance(way, NoWay) or not page.phone:
        code = str(way) if isinstance(way, NoWay) else UNREADABLE
        refused = Word(page.id, Status.FAILED, "sender", attempt_id=attempt_id, outcome="failed", error_code=code)
        ledger.add(_not_called(page, attempt_id, clock.now()) if late else refused)
        done()
        return
    status, outcome, code, due_at = Status.UNKNOWN, "unknown", "stopped", None
    provider_id = ""
    try:
        accepted = await way.provider.send_text(OutgoingText(attempt_id, page.phone, page.body, way.number, VALIDITY_SECONDS))
        status, outcome, code, provider_id = Status.ACCEPTED, "accepted", "", accepted.provider_id
    except PermanentFailure as failure:
        set_up = failure.effect == "configuration"  # says nothing of the number, and another sender's set-up may be right
        status, outcome, code = Status.FAILED, "refused" if set_up else "failed", failure.code
        if set_up and way.others:
            status, due_at = Status.DUE, clock.now()
    except TransientFailure as failure:
        due_at = clock.now() if way.others else next_attempt_at(page.attempts + 1, clock.now(), jitter=random.random())
        if due_at is None:
            status, outcome, code = Status.FAILED, "failed", failure.code
        else:
            due_at = min(due_at, clock.now() + LONGEST_DELAY)
            status, outcome, code = Status.DUE, "transient", failure.code
    except UnknownOutcome as failure:
        code = failure.code
    except Exception as error:  # a bug in a provider: the page may have left
        _log.error("provider_broke_its_promise", provider=way.name, error=type(error).__name__)
        code = type(error).__name__
    finally:
        ledger.add(
            Word(
                page.id,
                status,
                "sender",
                attempt_id=attempt_id,
                outcome=outcome,
                provider=way.name,
                provider_id=provider_id,
                error_code=code,
                due_at=due_at,
            )
        )
        done()


def _not_called(page: Page, attempt_id: UUID, now: datetime) -> Word:
    return Word(page.id, Status.DUE, "sender", attempt_id=attempt_id, outcome="transient", error_code="not_called", due_at=now)


async def _record(database: Database, knowledge: Knowledge, words: Sequence[Word], now: datetime) -> None:
    """Each on its own: what follows from one page must not undo another's result."""
    for word in words:
        try:
            async with database.transaction() as connection:
                await settle_pages(connection, knowledge, [word], now)
        except Exception as error:
            _log.error("page_result_not_recorded", page_id=str(word.communication_id), error=type(error).__name__)
