"""Asks the provider about calls of nurses whose end nobody has told: a nurse's line is not kept busy by a word that was lost."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog

from service.actions.answer_nurse_call import receive_nurse_call_status
from service.db import joined_calls
from service.db.database import Database
from service.domain.call import OVER, CallUpdate
from service.telephony.port import NotOffered, ProviderError, Telephone

_log = structlog.get_logger(__name__)

QUIET_FOR = timedelta(minutes=2)
"""A call of which nothing was heard for so long is asked about."""


async def reconcile_nurse_calls(database: Database, telephones: Mapping[str, Telephone], now: datetime, *, limit: int = 50) -> int:
    """One round over at most `limit` calls that seem to go on, those first of which nothing was heard the longest; how many have ended.

    No transaction is open while the provider is asked. Where it cannot be asked, `place_nurse_calls` ends the call in the end.
    """
    async with database.reading() as connection:
        going_on = await joined_calls.going_on(connection, now - QUIET_FOR, limit)
    ended = 0
    for one in going_on:
        telephone = telephones.get(one.provider)
        if telephone is None or not one.provider_id:
            continue
        try:
            remote = await telephone.fetch_call(one.provider_id)
        except NotOffered:
            continue
        except ProviderError as error:
            _log.warning("nurse_call_not_looked_up", provider=one.provider, code=error.code)
            continue
        if remote is None or remote.status not in OVER:
            continue
        update = CallUpdate(one.provider, telephone.account, one.provider_id, one.id, remote.status, remote.provider_status)
        ended += await receive_nurse_call_status(database, update, now)
    return ended
