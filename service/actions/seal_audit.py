"""Chains new audit entries by hash, so that a later change of the trail shows (safety rule 41), and keeps each chain's head elsewhere."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path

import structlog

from service.db import audit_chain
from service.db.audit_chain import Head
from service.db.database import Database

BATCH = 1000
_log = structlog.get_logger(__name__)


async def seal_audit(database: Database, now: datetime, heads: Path | None = None) -> int:
    """Seals at most 1,000 entries of each organization that has open ones; how many organizations' trails moved on.

    Each new head goes to the log, and to the file `heads` where one is set, one line each. A file that cannot be written is an
    OSError after all is sealed: the job counts as failed.
    """
    async with database.reading() as connection:
        waiting = await audit_chain.organizations_with_open_entries(connection)
    moved: list[Head] = []
    for organization_id in waiting:
        async with database.transaction() as connection:
            head = await audit_chain.seal(connection, organization_id, BATCH)
        if head is not None:
            _log.info("audit_head", organization=head.organization_id, code=head.mark())
            moved.append(head)
    if heads is not None and moved:
        await asyncio.to_thread(_write, heads, [f"{now.isoformat(timespec='seconds')} {head.written()}" for head in moved])
    return len(moved)


def _write(path: Path, lines: list[str]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)
