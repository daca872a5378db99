"""Writes words on texts in one commit, and one by one where that fails, so that one bad row costs no other its result."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import structlog

from service.actions.settle_communications import Word, settle_communications
from service.db.database import Database

_log = structlog.get_logger(__name__)


async def record_words(database: Database, words: Sequence[Word], now: datetime) -> int:
    """Settles these words; one that cannot be written is logged and leaves its text as it is (a claim runs out by its lease).

    How many of them changed something.
    """
    if not words:
        return 0
    try:
        async with database.transaction() as connection:
            return sum(await settle_communications(connection, words, now))
    except Exception as error:
        _log.error("results_batch_failed", texts=len(words), error=type(error).__name__)
    applied = 0
    for word in words:
        try:
            async with database.transaction() as connection:
                applied += sum(await settle_communications(connection, [word], now))
        except Exception as error:
            _log.error("result_not_recorded", communication_id=str(word.communication_id), error=type(error).__name__)
    return applied
