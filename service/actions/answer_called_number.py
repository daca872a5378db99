"""Answers a call to our own number: which clinic this is and whom to call, the same to everybody."""

from __future__ import annotations

from service.db import clinic, inbound
from service.db.database import Database
from service.domain.prompt import HangUp, Prompt, Say
from service.domain.script import Script, digit_by_digit


async def answer_called_number(database: Database, script: Script, provider: str, number: str) -> Prompt:
    """What is said, in English and Spanish: nobody is asked who they are. A number that is no clinic's hears nothing."""
    async with database.reading() as connection:
        organization_id = (await inbound.organizations_of(connection, provider, {number})).get(number)
        called = await clinic.numbers_of(connection, organization_id) if organization_id is not None else None
    if called is None or not called.number:
        return Prompt((HangUp(),))
    values = {"clinic": called.name, "number": digit_by_digit(called.number), "emergency_number": called.emergency_number}
    says = tuple(Say(script.neutral("called_back", language, **values), language) for language in ("en", "es"))
    return Prompt((*says, HangUp()))
