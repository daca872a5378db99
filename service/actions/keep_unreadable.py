"""Keeps what a provider has signed and we cannot read: it may be a patient's words, so that somebody is told (law 2).

A signature does not prove that a field is there, and a provider may change its form any day. The same request once more changes
nothing, and a flood is bounded: so many rows an hour, one open item a clinic with a line a minute at most. What comes after that item was
closed opens another: whoever closed it had not seen it.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from enum import StrEnum

import structlog

from service.clock import Clock
from service.db import clinic, inbound
from service.db.changes import Changes
from service.db.database import Database
from service.db.problems import Problem, report
from service.db.schema import new_id
from service.domain.urgency import Urgency

_log = structlog.get_logger(__name__)

RULE = "webhook_unreadable"
PERIOD = timedelta(hours=1)
MOST_KEPT = 100
"""Of one provider and kind in a period; each is at most as long as a webhook may be."""


class Unread(StrEnum):
    """What a request that cannot be read may have told of; the kind of its row."""

    WORDS = "unread_words"
    STATUS = "unread_status"


_TELLS = {
    Unread.WORDS: (
        Urgency.URGENT,
        "A message from the telephony provider could not be read by the machine. It is kept, and may be a patient's: look at it now.",
    ),
    Unread.STATUS: (
        Urgency.SAME_DAY,
        "What the telephony provider told of a text or call could not be read by the machine. It is kept: have it looked at.",
    ),
}


async def keep_unreadable(database: Database, clock: Clock, provider: str, kind: Unread, body: str) -> None:
    """Stores the request's body (encrypted), and tells every clinic, since nobody knows whose it is; so too of what is not kept."""
    now = clock.now()
    id = new_id(now)
    name = "unread " + hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest()[:48]
    async with database.transaction() as connection:
        detail: dict[str, object] = {"provider": provider, "kind": kind.value}
        if await inbound.kept_since(connection, provider, kind, now - PERIOD) >= MOST_KEPT:
            _log.error("unreadable_not_kept", provider=provider, kind=kind.value)
            detail["kept"] = False
        elif await inbound.first_seen(connection, [(provider, "", name, id)], now):
            event = inbound.raw_event(id, None, provider, name, {"body": body}, now)
            await inbound.store_raw(connection, [{**event, "kind": kind}])
        else:
            return
        changes = Changes(now)
        urgency, reason = _TELLS[kind]
        everyone = await clinic.list_organizations(connection)
        await report(connection, changes, [Problem(one.id, RULE, reason, urgency, detail=detail) for one in everyone])
        await changes.write(connection)
