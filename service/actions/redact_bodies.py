"""Empties the words of texts at the provider once their way is over: what patients write and read lies in one place less.

A row with a due time each, in batches, beside the sending and never in its way; asking twice does no harm. What the provider
will not empty for a week is given up, and a person is told.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog

from service.clock import Clock
from service.db import redactions
from service.db.changes import Changes
from service.db.database import Database
from service.db.problems import Problem, report
from service.db.redactions import Redaction
from service.domain.urgency import Urgency
from service.telephony.port import PermanentFailure, ProviderError, Redactor, TransientFailure

_log = structlog.get_logger(__name__)

AFTER = timedelta(minutes=2)
"""The end of a text's way; providers refuse for about a minute, and a status that contradicts the last may still come."""
SOONEST_AGAIN = timedelta(minutes=1)
LATEST_AGAIN = timedelta(hours=6)
GIVEN_UP_AFTER = timedelta(days=7)
TAKEN_FOR = timedelta(minutes=10)
MOST_PLANNED = 1_000
AT_ONCE = 5


async def redact_bodies(database: Database, redactors: Mapping[str, Redactor], clock: Clock, *, limit: int = 100) -> int:
    """Asks for at most `limit` texts to be emptied, a few side by side; how many were."""
    if not redactors:
        return 0
    now = clock.now()
    async with database.transaction() as connection:
        await redactions.plan(connection, redactors.keys(), now, AFTER, MOST_PLANNED)
        waiting = await redactions.claim(connection, redactors.keys(), now, now + TAKEN_FOR, limit)
    gate = asyncio.Semaphore(AT_ONCE)
    outcomes = await asyncio.gather(*(_redact(redactors[one.provider], one, gate) for one in waiting))
    if not waiting:
        return 0
    told = list(zip(waiting, outcomes, strict=True))
    now = clock.now()
    done = [one.communication_id for one, failure in told if failure is None]
    hopeless = [one for one, failure in told if failure is not None and _is_over(one, failure, now)]
    over = {one.communication_id for one in hopeless}
    later = [(one.communication_id, _again(one, failure, now)) for one, failure in told if failure and one.communication_id not in over]
    async with database.transaction() as connection:
        await redactions.settle(connection, done, sorted(over), later)
        changes = Changes(now)
        await report(connection, changes, _problems(hopeless))
        await changes.write(connection)
    return len(done)


async def _redact(redactor: Redactor, one: Redaction, gate: asyncio.Semaphore) -> ProviderError | None:
    """What went wrong, None when the words are gone."""
    async with gate:
        try:
            await redactor.redact_text(one.provider_id)
        except ProviderError as failure:
            return failure
        except Exception as error:  # a bug in a provider must not hold up the others
            _log.error("provider_broke_its_promise", provider=one.provider, error=type(error).__name__)
            return TransientFailure("broken", type(error).__name__)
    return None


def _is_over(one: Redaction, failure: ProviderError, now: datetime) -> bool:
    """Whether asking again is of no use. Wrong credentials are put right by somebody: those wait."""
    refused = isinstance(failure, PermanentFailure) and failure.effect != "configuration"
    return refused or now - one.since > GIVEN_UP_AFTER


def _again(one: Redaction, failure: ProviderError, now: datetime) -> datetime:
    """The longer it has been tried, the later; never before the provider's own pause."""
    pause = max(SOONEST_AGAIN, min(LATEST_AGAIN, (now - one.since) / 2))
    if isinstance(failure, TransientFailure) and failure.retry_after_seconds:
        pause = max(pause, timedelta(seconds=failure.retry_after_seconds))
    return now + pause


def _problems(hopeless: list[Redaction]) -> list[Problem]:
    reason = "The words of texts could not be emptied at the telephony provider: have them deleted there by hand"
    counts = Counter((one.organization_id, one.provider) for one in hopeless)
    return [
        Problem(organization_id, "redactions_given_up", reason, Urgency.ROUTINE, detail={"provider": provider, "texts": count})
        for (organization_id, provider), count in counts.items()
    ]
