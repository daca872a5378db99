"""Sends pages to on-call staff: own rows, own attempts, own sender; no consent applies and no health detail is in them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from service.actions.knowledge import Knowledge
from service.actions.settle_communications import Word
from service.actions.settle_pages import settle_pages
from service.clock import Clock
from service.db import outbox, pages
from service.db.database import Database
from service.db.pages import Page
from service.domain.communication import Status
from service.domain.retry import next_attempt_at
from service.telephony.port import OutgoingText, PermanentFailure, Provider, TransientFailure, UnknownOutcome

_log = structlog.get_logger(__name__)

LONGEST_DELAY = timedelta(seconds=30)
"""A page is not put off longer than this after a transient failure: the next step of the ladder comes anyway."""
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
) -> int:
    """Claims at most `limit` due pages, hands them over together with no transaction open, records; how many."""
    now = clock.now()
    async with database.transaction() as connection:
        claimed = await pages.claim(connection, now, node, limit)
        numbers = await outbox.senders(connection, {page.organization_id for page, _ in claimed}) if claimed else {}
    if not claimed:
        return 0
    words: list[Word] = []
    try:
        calls = [_call(providers, numbers, page, attempt_id, clock, words) for page, attempt_id in claimed]
        await asyncio.gather(*calls)
    finally:
        await asyncio.shield(_record(database, knowledge, words, clock.now()))
    return len(claimed)


async def _call(
    providers: Mapping[str, Provider],
    numbers: Mapping[tuple[UUID, str], tuple[str, str]],
    page: Page,
    attempt_id: UUID,
    clock: Clock,
    words: list[Word],
) -> None:
    provider, sender = _way_out(providers, numbers, page.organization_id)
    if provider is None:
        words.append(Word(page.id, Status.FAILED, "sender", attempt_id=attempt_id, outcome="failed", error_code="no_sender_number"))
        return
    status, outcome, code, due_at = Status.UNKNOWN, "unknown", "stopped", None
    provider_id = ""
    try:
        accepted = await provider.send_text(OutgoingText(attempt_id, page.phone, page.body, sender, VALIDITY_SECONDS))
        status, outcome, code, provider_id = Status.ACCEPTED, "accepted", "", accepted.provider_id
    except PermanentFailure as failure:
        status, outcome, code = Status.FAILED, "failed", failure.code
    except TransientFailure as failure:
        due_at = next_attempt_at(page.attempts + 1, clock.now(), jitter=random.random())
        if due_at is None:
            status, outcome, code = Status.FAILED, "failed", failure.code
        else:
            due_at = min(due_at, clock.now() + LONGEST_DELAY)
            status, outcome, code = Status.DUE, "transient", failure.code
    except UnknownOutcome as failure:
        code = failure.code
    except Exception as error:  # a bug in a provider: the page may have left
        _log.error("provider_broke_its_promise", provider=provider.name, error=type(error).__name__)
        code = type(error).__name__
    finally:
        words.append(
            Word(
                page.id,
                status,
                "sender",
                attempt_id=attempt_id,
                outcome=outcome,
                provider=provider.name,
                provider_id=provider_id,
                error_code=code,
                due_at=due_at,
            )
        )


def _way_out(
    providers: Mapping[str, Provider], numbers: Mapping[tuple[UUID, str], tuple[str, str]], organization_id: UUID
) -> tuple[Provider | None, str]:
    for purpose in ("pages", "patients"):
        name, sender = numbers.get((organization_id, purpose), ("", ""))
        if name in providers:
            return providers[name], sender
    return (next(iter(providers.values())), "") if len(providers) == 1 else (None, "")


async def _record(database: Database, knowledge: Knowledge, words: Sequence[Word], now: datetime) -> None:
    for word in words:
        try:
            async with database.transaction() as connection:
                await settle_pages(connection, knowledge, [word], now)
        except Exception as error:
            _log.error("page_result_not_recorded", page_id=str(word.communication_id), error=type(error).__name__)
