"""Answers a call to our own number: which clinic this is and whom to call, the same to everybody."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from service.clock import Clock
from service.db import clinic, inbound
from service.db.database import Database
from service.db.schema import new_id
from service.domain.prompt import HangUp, Prompt, Say
from service.domain.script import Script, digit_by_digit

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CallIn:
    """Somebody calls `number` (E.164), as a provider told it."""

    provider: str
    account: str
    provider_id: str
    number: str


async def answer_called_number(database: Database, script: Script, clock: Clock, call: CallIn) -> Prompt:
    """What is said, in English and Spanish: nobody is asked who they are. A number that is no clinic's hears nothing.

    The call is remembered as one that was answered (`recover_calls` looks for others); when that fails it is answered all the same.
    """
    provider, number = call.provider, call.number
    async with database.reading() as connection:
        organization_id = (await inbound.organizations_of(connection, provider, {number})).get(number)
        called = await clinic.numbers_of(connection, organization_id) if organization_id is not None else None
    await _remember(database, clock, call)
    if called is None or not called.number:
        return Prompt((HangUp(),))
    values = {"clinic": called.name, "number": digit_by_digit(called.number), "emergency_number": called.emergency_number}
    says = tuple(Say(script.neutral("called_back", language, **values), language) for language in ("en", "es"))
    return Prompt((*says, HangUp()))


async def _remember(database: Database, clock: Clock, call: CallIn) -> None:
    now = clock.now()
    try:
        async with database.transaction() as connection:
            await inbound.first_seen(connection, [(call.provider, call.account, call.provider_id, new_id(now))], now)
    except Exception as error:  # the caller is on the line: a word to them comes first
        _log.warning("call_not_remembered", error=type(error).__name__)
