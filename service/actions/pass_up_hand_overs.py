"""Pages whoever is asked to take over something pressing, and passes up what they have not answered in time: to the supervisor, by an
operational item, and by a page where the item is pressing.

A step in `do_due_work`'s transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.knowledge import Knowledge
from service.actions.offer_hand_over import OFFERED
from service.db import alarm_items, hand_overs, items, pages, rota
from service.db.changes import Changes
from service.db.due_work import Work
from service.db.hand_overs import UNANSWERED, HandOver
from service.db.pages import Standing
from service.db.problems import Problem, report
from service.domain.hand_over import HandOverState, transition, unanswered_words
from service.domain.ladder import TEXT_ONLY, PageChannel, Rung, Target, Whom, reach
from service.domain.patient import NO_PATIENT
from service.domain.urgency import Urgency


async def pass_up_hand_overs(
    connection: AsyncConnection, knowledge: Knowledge, works: Sequence[Work], now: datetime
) -> Mapping[Work, datetime]:
    """Marks each line that still waits as overdue, opens its operational item, and pages the supervisor for emergency and urgent items;
    work that is due because of the offer itself pages the receiver."""
    new = {work.subject_id for work in works if work.payload.get("why") == OFFERED}
    lines = [line for id in {work.subject_id for work in works} if (line := await hand_overs.get(connection, id)) is not None]
    await pages.lock_items(connection, [line.item_id for line in lines if line.item_id is not None])
    standings = await pages.standings(connection, [line.item_id for line in lines if line.item_id is not None], seen_too=True)
    crews = await rota.crews(connection, {line.team_id for line in lines}, now)
    changes = Changes(now)
    late: list[HandOver] = []
    for seen in lines:
        line = await hand_overs.lock(connection, seen.id)
        if line is None or not transition(line.state, HandOverState.OVERDUE):
            continue
        standing = standings.get(line.item_id) if line.item_id is not None else None
        if line.id in new and now < line.answer_by:
            if standing is not None:
                asked = reach(Rung(0, Whom.STAFF, TEXT_ONLY, line.receiver_id), standing.urgency, crews[line.team_id], now)
                _page(
                    changes,
                    knowledge,
                    "page_hand_over_to_you",
                    standing,
                    [one for one in asked.targets if one.staff_id == line.receiver_id],
                )
            continue
        over = line.item_id is not None and standing is None  # closed meanwhile: nobody needs to take it over
        await hand_overs.settle(connection, line.id, HandOverState.VOID if over else HandOverState.OVERDUE, now)
        if over:
            continue
        late.append(line)
        if standing is not None:
            detail: dict[str, object] = {"to": str(line.receiver_id), "hand_over": str(line.id)}
            items.add_event(changes, line.organization_id, standing.escalation_id, "hand_over_overdue", detail)
            if standing.urgency.rank <= Urgency.URGENT.rank:
                found = reach(Rung(0, Whom.SUPERVISOR, TEXT_ONLY), standing.urgency, crews[line.team_id], now)
                _page(changes, knowledge, "page_hand_over", standing, found.targets)
        changes.wake(f"queue:{line.organization_id}")
    await changes.write(connection)
    more = Changes(now)
    left = {about: await hand_overs.overdue_of(connection, line.giver_id, line.team_id) for about, line in _by_giver(late).items()}
    await report(connection, more, [_problem(line, left[hand_overs.about(line)]) for line in late])
    await more.write(connection)
    await _say_how_many(connection, late, left, now)
    return {}


def _by_giver(lines: Sequence[HandOver]) -> dict[str, HandOver]:
    """One line of each giver and team."""
    return {hand_overs.about(line): line for line in lines}


async def _say_how_many(connection: AsyncConnection, late: Sequence[HandOver], left: Mapping[str, int], now: datetime) -> None:
    """An item that stood already counts its new lines too."""
    changes = Changes(now)
    for about, line in sorted(_by_giver(late).items()):
        for standing in await hand_overs.problems_of(connection, line):
            if standing.opened_at < now:
                alarm_items.say(changes, standing, unanswered_words(left[about]))
    await changes.write(connection)


def _page(changes: Changes, knowledge: Knowledge, words: str, standing: Standing, targets: Sequence[Target]) -> None:
    """One text a person: a call would say that somebody has taken note already, since the giver holds the item."""
    body = knowledge.wording.text(words, "en", initials=standing.initials or NO_PATIENT, link=knowledge.item_link(standing.escalation_id))
    for place, target in enumerate(targets, start=1):
        pages.add_page(changes, standing, standing.step + place, pages.NO_RUNG, target, PageChannel.TEXT, body)


def _problem(line: HandOver, lines: int) -> Problem:
    pressing = line.urgency.rank <= Urgency.URGENT.rank
    return Problem(
        line.organization_id,
        UNANSWERED,
        unanswered_words(lines),
        Urgency.URGENT if pressing else Urgency.SAME_DAY,
        detail={"hand_over": str(line.id), "about": hand_overs.about(line)},
        team_id=line.team_id,
    )
