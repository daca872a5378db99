"""Receives a provider's words on a call that pages staff: who was not reached is not waited for, the ladder goes on at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import structlog

from service.actions.answer_page_call import hung_up, outcome_of
from service.actions.knowledge import Knowledge
from service.actions.settle_pages import settle_pages
from service.db import page_calls, pages
from service.db.database import Database
from service.db.page_calls import Seen
from service.domain.call import OVER, AnsweredBy, CallStatus, CallUpdate
from service.domain.page_call import Outcome, PageCall, Stage
from service.domain.prompt import HangUp, Prompt

_log = structlog.get_logger(__name__)

_NOBODY = {CallStatus.UNANSWERED: Outcome.NO_ANSWER, CallStatus.ENGAGED: Outcome.BUSY, CallStatus.FAILED: Outcome.FAILED}
_MACHINES = frozenset({AnsweredBy.MACHINE, AnsweredBy.FAX})


async def receive_page_call_status(database: Database, knowledge: Knowledge, update: CallUpdate, now: datetime) -> bool:
    """Whether the word changed anything; a late, repeated or foreign one does not."""
    async with database.transaction() as connection:
        known = await pages.lock(connection, [update.call_id])
        seen = await page_calls.look(connection, update.call_id) if known else None
        if seen is None or seen.provider != update.provider or seen.provider_id not in (None, "", update.provider_id):
            _log.warning("foreign_page_call", provider=update.provider, known=seen is not None)
            return False
        call = _after(seen, update)
        if call != seen.call:
            prompt = seen.prompt or Prompt((HangUp(),))
            answered_by = update.answered_by.value if update.answered_by is not None else ""
            await page_calls.keep(connection, seen, update.provider, update.provider_id, call, prompt, answered_by, now)
        applied = await settle_pages(connection, knowledge, [outcome_of(seen, call, update.provider, update.provider_id)], now)
        return applied[0]


def _after(seen: Seen, update: CallUpdate) -> PageCall:
    """The call as it stands after this word."""
    if seen.call.over:
        return seen.call
    if update.answered_by in _MACHINES and seen.call.stage is Stage.PIN:  # told while, or after, it was spoken to
        return replace(seen.call, stage=Stage.OVER, outcome=Outcome.VOICEMAIL)
    if update.status in _NOBODY and not seen.begun:
        return replace(seen.call, stage=Stage.OVER, outcome=_NOBODY[update.status])
    return hung_up(seen.call) if update.status in OVER else seen.call
