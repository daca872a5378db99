"""Pages the on-call number once more for emergencies that nobody has acknowledged. A step inside others' transactions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.knowledge import Knowledge
from service.db import due_work, pages
from service.db.changes import Changes
from service.db.problems import Problem, report
from service.domain.communication import Lane
from service.domain.escalation import PAGE_EVERY
from service.domain.urgency import Urgency

MOST_PAGES = 288
"""A day of pages every five minutes; then the item stands overdue, and an operational item says that nobody answers."""


async def page_again(
    connection: AsyncConnection,
    changes: Changes,
    knowledge: Knowledge,
    escalation_ids: Iterable[UUID],
    *,
    unless_at: Mapping[UUID, int] | None = None,
) -> int:
    """Writes the next page of each item and the look at it five minutes later; how many.

    Items that are acknowledged, resolved or no emergency any more are passed over, and so are those whose last page has
    the step in `unless_at` or a later one: somebody else has paged that step.
    """
    written = 0
    planned = []
    problems = []
    for id, ladder in (await pages.ladders(connection, escalation_ids, changes.now)).items():
        if unless_at is not None and ladder.step >= unless_at.get(id, ladder.step + 1):
            continue
        if ladder.step + 1 >= MOST_PAGES:
            reason = "Nobody has acknowledged an emergency for a day of pages."
            problems.append(Problem(ladder.organization_id, "pages_exhausted", reason, Urgency.EMERGENCY))
            continue
        step = pages.next_page(changes, ladder, ladder.body or _words(knowledge, id))
        planned.append(
            due_work.row(
                ladder.organization_id,
                f"page:{id}:{step + 1}",
                "page_ladder",
                id,
                changes.now + PAGE_EVERY,
                changes.now,
                lane=Lane.EMERGENCY,
                payload={"step": step + 1},
            )
        )
        written += 1
    await due_work.add(connection, planned)
    await report(connection, changes, problems, repeat=False)
    return written


def _words(knowledge: Knowledge, escalation_id: UUID) -> str:
    return knowledge.wording.text(
        "page_to_staff", "en", urgency=Urgency.EMERGENCY.upper(), initials="-", due="now", link=knowledge.item_link(escalation_id)
    )
