"""Finds out what became of calls in doubt: the provider is asked, and what it does not know was never placed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog

from service.actions.knowledge import Knowledge
from service.actions.receive_call_status import receive_call_status
from service.db import call_lists, calls
from service.db.calls import CallRow
from service.db.changes import Changes
from service.db.database import Database
from service.domain.call import CallStatus, CallUpdate
from service.telephony.port import NotOffered, ProviderError, RemoteCall, Telephone

_log = structlog.get_logger(__name__)

A_LITTLE = timedelta(seconds=30)
"""Providers' clocks differ from ours."""
GRACE = timedelta(minutes=3)
"""Only a call that a sure list still lacks after this was never placed."""
SURELY_OVER = timedelta(hours=1)
"""A call lasts a quarter of an hour at most: whatever became of one in doubt for so long, it is over, and the next may be placed."""


async def reconcile_calls(
    database: Database, telephones: Mapping[str, Telephone], knowledge: Knowledge, now: datetime, *, limit: int = 20
) -> int:
    """Settles at most `limit` calls whose claim has run out or of which nothing was heard for too long; how many were settled.

    No transaction is open while the provider is asked. When it cannot be asked, the call is looked at again in the next round.
    """
    async with database.transaction() as connection:
        doubtful = await call_lists.in_doubt(connection, now, limit)
        changes = Changes(now)
        for row, _ in doubtful:
            if row.status is CallStatus.CLAIMED:
                calls.move(changes, row, CallStatus.UNKNOWN, "service", reason="lease over")
        await changes.write(connection)
    settled = 0
    for row, number in doubtful:
        telephone = telephones.get(row.provider)
        if telephone is None:
            continue
        over = now - row.status_at >= SURELY_OVER
        remote: RemoteCall | None = None
        try:
            remote = await _look_up(database, telephone, row, number)
        except NotOffered:
            pass
        except ProviderError as error:
            _log.warning("call_not_looked_up", code=error.code)
            if not over:
                continue
        if remote is None and not over and (not telephone.list_is_sure or now - row.created_at < GRACE):
            continue  # a list lags: what it lacks may be ringing
        if remote is not None and remote.status is None and not over:
            continue
        status = remote.status if remote is not None and remote.status is not None else CallStatus.FAILED
        provider_id = remote.provider_id if remote is not None else row.provider_id or ""
        word = remote.provider_status if remote is not None else "not found"
        update = CallUpdate(row.provider, telephone.account, provider_id, row.id, status, word)
        settled += await receive_call_status(database, knowledge, update, now, source="reconcile")
    return settled


async def _look_up(database: Database, telephone: Telephone, row: CallRow, number: str) -> RemoteCall | None:
    """The provider's view: by id, else the one call to this number since ours was begun that is no other call of ours."""
    if row.provider_id:
        return await telephone.fetch_call(row.provider_id)
    listed = await telephone.list_calls(to=number, since=row.created_at - A_LITTLE)
    async with database.reading() as connection:
        ours = await call_lists.known_provider_ids(connection, row.provider, [remote.provider_id for remote in listed])
    free = [remote for remote in listed if remote.provider_id not in ours]
    return free[-1] if free else None
