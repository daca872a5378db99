"""A check-in in use whose review date has passed is an item of the clinic: nobody has looked at its content for too long."""

from __future__ import annotations

from datetime import datetime, timedelta

from service.actions.knowledge import Knowledge
from service.db import audit, flows
from service.db.changes import Changes
from service.db.database import Database
from service.db.problems import Problem, report
from service.domain.urgency import Urgency

RULE = "flow_review_due"
AGAIN_AFTER = timedelta(days=7)
"""An item that was closed without a review comes back after this. Own choice: often enough not to be forgotten, no nuisance."""
MOST_NAMED = 5


async def notice_reviews(database: Database, knowledge: Knowledge, now: datetime) -> int:
    """Opens one routine item for each organization that uses such a check-in, at most once in seven days; how many.

    Only versions that run count, and only flows that somebody is enrolled in. Check-ins go on meanwhile: stopping them
    unasked would be the greater danger.
    """
    async with database.transaction() as connection:
        used = await flows.places_in_use(connection)
        running = await flows.newest_runnable(connection, {place[0] for place in used})
        in_use = {place: version for place, version in running.items() if place in used}
        contents = await knowledge.flows(connection, set(in_use.values()))
        overdue = {place: contents[version].review_by for place, version in in_use.items() if contents[version].review_by < now.date()}
        told = await flows.told_since(connection, RULE, now - AGAIN_AFTER)
        changes = Changes(now)
        problems = []
        for organization_id in sorted({place[0] for place in overdue} - told):
            mine = sorted(f"{programme}/{flow} ({day})" for (owner, programme, flow), day in overdue.items() if owner == organization_id)
            names = ", ".join(mine[:MOST_NAMED]) + (f" and {len(mine) - MOST_NAMED} more" if len(mine) > MOST_NAMED else "")
            reason = f"The review date of check-ins in use has passed: {names}. Review them and approve a new version."
            problems.append(Problem(organization_id, RULE, reason, Urgency.ROUTINE, detail={"flows": len(mine)}))
            audit.record(changes, organization_id, "flow_review_due", detail={"flows": len(mine)})
        opened = await report(connection, changes, problems, repeat=False)
        await changes.write(connection)
    return opened
