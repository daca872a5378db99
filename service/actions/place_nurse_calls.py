"""Places the calls that join a nurse and a patient: claimed in one transaction, placed with none open, recorded in another (law 5)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import structlog

from service.actions.way_out import NoWay, Want, Way, find_ways
from service.clock import Clock
from service.db import joined_calls
from service.db.database import Database
from service.db.joined_calls import Joined
from service.domain.call import CallStatus
from service.domain.nurse_call import Outcome, Stage
from service.domain.sender import Use
from service.telephony.port import OutgoingCall, PermanentFailure, Telephone, TransientFailure, UnknownOutcome, Webhooks

_log = structlog.get_logger(__name__)

USEFUL_FOR = timedelta(minutes=2)
"""A nurse who has waited longer has gone on to something else: her telephone does not ring any more."""
LONGEST = timedelta(hours=1)
"""A call that a provider cannot be asked about holds a nurse's line no longer than this after its last step."""


async def place_nurse_calls(database: Database, telephones: Mapping[str, Telephone], clock: Clock, *, limit: int = 10) -> int:
    """One round over at most `limit` calls that are due; how many were handed over. What nobody heard of again is ended.

    A call is handed over at most once; when the provider has not taken it, the nurse sees so on the item and calls otherwise.
    """
    now = clock.now()
    async with database.transaction() as connection:
        await joined_calls.end_forgotten(connection, now, waited=USEFUL_FOR, lasted=LONGEST)
        claimed = await joined_calls.claim(connection, now, limit)
        wants = [Want(one.organization_id, Use.PATIENTS, one.phone_id) for one in claimed]
        ways = await find_ways(connection, telephones, wants, now)
        for one, way in zip(claimed, ways, strict=True):
            if isinstance(way, Way):
                await joined_calls.name_provider(connection, one.id, way.name)
    for one, way in zip(claimed, ways, strict=True):
        status, provider_id = await _place(one, way)
        failed = {"stage": Stage.OVER, "outcome": Outcome.FAILED} if status is CallStatus.FAILED else {}
        async with database.transaction() as connection:
            at_provider = {"provider_id": provider_id} if provider_id else {}
            await joined_calls.settle(connection, one.id, status, clock.now(), **failed, **at_provider)
    return len(claimed)


async def _place(one: Joined, way: Way[Telephone] | NoWay) -> tuple[CallStatus, str]:
    if isinstance(way, NoWay) or not one.nurse_number or one.unsafe:
        return CallStatus.FAILED, ""
    call = OutgoingCall(call_id=one.id, to=one.nurse_number, sender=way.number, language=one.language, webhooks=Webhooks.NURSE)
    try:
        return CallStatus.PLACED, (await way.provider.place_call(call)).provider_id
    except (PermanentFailure, TransientFailure):
        return CallStatus.FAILED, ""
    except UnknownOutcome:
        return CallStatus.UNKNOWN, ""
    except Exception as error:  # a bug in a provider: it may be ringing
        _log.error("provider_broke_its_promise", provider=way.name, error=type(error).__name__)
        return CallStatus.UNKNOWN, ""
