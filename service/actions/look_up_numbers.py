"""Asks the provider what kind of line patients' numbers are, so that a landline is known before its first text.

A number is asked about once. A routine text to a landline is then not handed over (`hand_over`): its check-in goes on by
telephone, or a nurse gets an item, as when the provider had refused it.
"""

from __future__ import annotations

import structlog

from service.db import phone_lines
from service.db.database import Database
from service.telephony.port import Directory, Line, PermanentFailure, ProviderError

_log = structlog.get_logger(__name__)


async def look_up_numbers(database: Database, directory: Directory | None, *, limit: int = 20) -> int:
    """Asks about at most `limit` numbers, the newest first; how many are known now. Nothing without a directory.

    A number that the provider cannot tell counts as `unknown`; when it does not answer, the round ends and comes again.
    """
    if directory is None:
        return 0
    async with database.reading() as connection:
        waiting = await phone_lines.not_asked(connection, limit)
    found: dict[Line, list[phone_lines.Asked]] = {}
    for one in waiting:
        try:
            line = await directory.look_up(one.number)
        except PermanentFailure as refused:
            if refused.effect == "configuration":
                _log.error("numbers_not_looked_up", provider=directory.name, code=refused.code)
                break
            line = Line.UNKNOWN
        except ProviderError as failure:
            _log.warning("numbers_not_looked_up", provider=directory.name, code=failure.code)
            break
        found.setdefault(line, []).append(one)
    if found:
        async with database.transaction() as connection:
            for line, phones in sorted(found.items()):
                await phone_lines.keep(connection, [phone.id for phone in phones], line)
    return sum(len(phones) for phones in found.values())
