"""Finds a version of a flow by its name: letters of its content hash, `published` for the one that new check-ins get, `file`."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.publish_flow import SHORTEST_HASH
from service.actions.refusal import Refused
from service.db import flows
from service.db.database import Database
from service.db.flows import Version
from service.engine import Flow

FILE, PUBLISHED = "file", "published"


async def find_flow_version(database: Database, organization_id: UUID, key: str, name: str, file: Flow | None) -> Flow:
    """The version of this flow that `name` names; `file` is the flow as it stands in the file, None when there is none.

    Raises Refused when there is no such version, or several begin with these letters.
    """
    wanted = name.strip().lower()
    if wanted == FILE:
        if file is None:
            raise Refused("There is no file of {key}: name a published version.", key=key)
        return file
    if wanted != PUBLISHED and len(wanted) < SHORTEST_HASH:
        raise Refused(f'Name a version by at least {SHORTEST_HASH} letters of its hash, or write "{FILE}" or "{PUBLISHED}".')
    async with database.reading() as connection:
        own = [one for one in await flows.versions(connection, organization_id) if one.key == key]
        if wanted == PUBLISHED:
            running = await _running(connection, organization_id, key)
            found = [one for one in own if one.id == running] or own[-1:]
        else:
            found = [one for one in own if one.content_hash.startswith(wanted)]
        if not found and file is not None and file.version.startswith(wanted):
            return file
        if len(found) != 1:
            raise Refused(f"{key} has {len(found) or 'no'} published version{'s' if found else ''} of this name: see `rounds flows list`.")
        return Flow.from_json((await flows.contents_of(connection, [found[0].id]))[found[0].id])


async def versions_to_compare(database: Database, organization_id: UUID, flow: Flow) -> list[Version]:
    """The other published versions of this flow: the one that new check-ins get first, then the newest."""
    async with database.reading() as connection:
        running = await _running(connection, organization_id, flow.key)
        own = [one for one in await flows.versions(connection, organization_id) if one.key == flow.key and one.content_hash != flow.version]
    newest_first = own[::-1]
    return [one for one in newest_first if one.id == running] + [one for one in newest_first if one.id != running]


async def flow_of_version(database: Database, organization_id: UUID, name: str) -> str | None:
    """The flow, such as heart_failure/daily, whose published version begins with these letters; None when no or several flows have one."""
    async with database.reading() as connection:
        keys = {one.key for one in await flows.versions(connection, organization_id) if one.content_hash.startswith(name.strip().lower())}
    return keys.pop() if len(keys) == 1 and len(name.strip()) >= SHORTEST_HASH else None


async def _running(connection: AsyncConnection, organization_id: UUID, key: str) -> UUID | None:
    demos = await flows.demos_among(connection, [organization_id])
    programme, _, flow = key.partition("/")
    return (await flows.newest_runnable(connection, [organization_id], drafts_too=demos)).get((organization_id, programme, flow))
