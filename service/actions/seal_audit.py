"""Chains new audit entries by hash, so that a later change of the trail shows (safety rule 41)."""

from __future__ import annotations

from service.db import audit_chain
from service.db.database import Database

BATCH = 1000


async def seal_audit(database: Database) -> int:
    """Seals at most 1,000 entries of each organization that has open ones; how many."""
    async with database.reading() as connection:
        waiting = await audit_chain.organizations_with_open_entries(connection)
    sealed = 0
    for organization_id in waiting:
        async with database.transaction() as connection:
            sealed += await audit_chain.seal(connection, organization_id, BATCH)
    return sealed
