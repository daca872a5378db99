"""Pages whoever is on call now for items that nobody has acknowledged: rung after rung of the ladder that each began with.

A step inside others' transactions. Whom a rung reaches is looked up at the instant of the page, so that a change of shift
or a swap counts at once; the rungs themselves are copied onto the item with its first page.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.knowledge import Knowledge
from service.db import due_work, items, organization, pages, rota
from service.db.changes import Changes
from service.db.pages import Standing
from service.db.problems import Problem, report
from service.domain.communication import Lane, Status
from service.domain.ladder import Crew, Ladder, PageChannel, reach
from service.domain.patient import NO_PATIENT
from service.domain.schedule import plain_time, to_local
from service.domain.urgency import Urgency

MOST_RUNGS = 288
"""A day of rungs every five minutes; then the item stands overdue, and an operational item says that nobody answers."""


class Why(StrEnum):
    """What asks for a page."""

    START = "start"  # the item is new, or worse than the ladder it climbs
    AGAIN = "again"  # new words on it: the same people once more, the ladder goes on as planned
    NEXT = "next"  # who was paged cannot be reached or does not take it: the next rung at once
    RUNG = "rung"  # this rung is due


@dataclass(frozen=True, slots=True)
class Ask:
    """Why an item is paged for; `rung` is the one that is due. `words`: new words ask for a page too, should that rung be paged already."""

    why: Why
    rung: int = 0
    words: bool = False


def asking(ids: Iterable[UUID], why: Why = Why.NEXT) -> dict[UUID, Ask]:
    """The same for each of these items."""
    return {id: Ask(why) for id in ids}


async def page_again(connection: AsyncConnection, changes: Changes, knowledge: Knowledge, asked: Mapping[UUID, Ask]) -> int:
    """Writes the pages of the rung that each item is to be paged by, and the rung after it as due work; how many pages.

    Items that are acknowledged, resolved or routine are passed over, and so is a rung that has been paged already.
    """
    standings = await pages.standings(connection, asked)
    crews = await rota.crews(connection, {one.team_id for one in standings.values()}, changes.now) if standings else {}
    zones = await organization.zones(connection, {one.organization_id for one in standings.values()}) if standings else {}
    planned: list[dict[str, Any]] = []
    problems: list[Problem] = []
    written = 0
    for id, standing in standings.items():
        climb = _Climb(changes, knowledge, crews[standing.team_id], zones[standing.organization_id], planned, problems)
        written += climb.answer(standing, asked[id])
    await due_work.add(connection, planned)
    await report(connection, changes, problems, repeat=False)
    return written


@dataclass(frozen=True, slots=True)
class _Climb:
    changes: Changes
    knowledge: Knowledge
    crew: Crew
    zone: str
    planned: list[dict[str, Any]]
    problems: list[Problem]

    def answer(self, standing: Standing, ask: Ask) -> int:
        if standing.ladder is None:
            return self._start(standing)
        match ask.why:
            case Why.START:  # a ladder that has begun already is not begun twice
                return 0
            case Why.NEXT:
                return self._next(standing, standing.ladder, self._somebody_else(standing, standing.ladder))
            case Why.AGAIN:
                return self._fire(standing, standing.ladder, max(standing.rung, standing.base))
            case Why.RUNG if ask.rung > standing.rung:
                return self._fire(standing, standing.ladder, ask.rung)
            case Why.RUNG:
                return self.answer(standing, Ask(Why.AGAIN)) if ask.words else 0

    def _start(self, standing: Standing) -> int:
        ladder = self.crew.ladder(standing.urgency)
        if ladder is None:
            return 0
        pages.keep_ladder(self.changes, standing, ladder)
        return self._next(standing, ladder, standing.rung + 1)

    def _somebody_else(self, standing: Standing, ladder: Ladder) -> int:
        """The next rung that reaches anybody beyond those whom the last one tried; the very next when there is none.

        Whoever did not take a call is not reached by a text either: one person may stand on several rungs.
        """
        not_taken = {page.phone for page in standing.last if page.channel is PageChannel.CALL and page.status is Status.UNDELIVERED}
        tried = {(page.phone, page.channel) for page in standing.last} | {(phone, PageChannel.TEXT) for phone in not_taken}
        for number in range(standing.rung + 1, standing.rung + 1 + len(ladder.rungs)):
            rung = ladder.rung(number - standing.base)
            if rung is None:
                break
            targets = reach(rung, standing.urgency, self.crew, self.changes.now).targets
            if any((target.phone, channel) not in tried for target in targets for channel in target.by):
                return number
        return standing.rung + 1

    def _next(self, standing: Standing, ladder: Ladder, number: int) -> int:
        """This rung at once; the first one of a same-day item in its time."""
        begins_at = ladder.begins_at(standing.opened_at, standing.due_at)
        if standing.rung < standing.base and begins_at > self.changes.now:
            self._plan(standing, standing.base, begins_at)
            return 0
        return self._fire(standing, ladder, number)

    def _fire(self, standing: Standing, ladder: Ladder, number: int) -> int:
        """Pages this rung; when it reaches nobody, the one after it."""
        if number - standing.base >= MOST_RUNGS:
            reason = "Nobody has acknowledged an item for a day of pages."
            self.problems.append(Problem(standing.organization_id, "pages_exhausted", reason, Urgency.EMERGENCY))
            return 0
        for _ in ladder.rungs:
            rung = ladder.rung(number - standing.base)
            if rung is None:
                return 0
            found = reach(rung, standing.urgency, self.crew, self.changes.now)
            if found.hole:
                detail: dict[str, object] = {"rung": number, "role": rung.whom.value}
                items.add_event(self.changes, standing.organization_id, standing.escalation_id, "nobody_on_call", detail)
            if found.gap:
                reason = (
                    f'Somebody had to be paged and {found.hole} (team "{self.crew.name}"): a supervisor was paged instead. Fill the rota.'
                )
                detail = {"role": rung.whom.value}
                self.problems.append(Problem(standing.organization_id, "nobody_on_call", reason, Urgency.EMERGENCY, detail=detail))
            if found.targets:
                break
            number += 1
        else:
            reason = f'Nobody at all could be paged for an item of team "{self.crew.name}": give its supervisor or the team a number.'
            self.problems.append(Problem(standing.organization_id, "ladder_empty", reason, Urgency.EMERGENCY))
            self._plan_next(standing, ladder, number - 1)
            return 0
        body, step = self._words(standing), standing.step
        for target in found.targets:
            for channel in target.by:
                step += 1
                pages.add_page(self.changes, standing, step, number, target, channel, body)
        self._plan_next(replace(standing, step=step), ladder, number)
        return step - standing.step

    def _plan_next(self, standing: Standing, ladder: Ladder, number: int) -> None:
        wait = ladder.wait(number - standing.base)
        if wait is not None:
            self._plan(standing, number + 1, self.changes.now + wait)

    def _plan(self, standing: Standing, number: int, due_at: Any) -> None:
        lane = Lane.EMERGENCY if standing.urgency.rank <= Urgency.URGENT.rank else Lane.ROUTINE
        key = f"page:{standing.escalation_id}:{number}:{standing.step + 1}"
        payload = {"why": Why.RUNG, "rung": number}
        work = due_work.row(
            standing.organization_id, key, "page_ladder", standing.escalation_id, due_at, self.changes.now, lane=lane, payload=payload
        )
        self.planned.append(work)

    def _words(self, standing: Standing) -> str:
        due = to_local(standing.due_at, self.zone)
        words = self.knowledge.wording.text(
            "page_to_staff",
            "en",
            urgency=standing.urgency.value.replace("_", "-").upper(),
            initials=standing.initials or NO_PATIENT,
            due=plain_time(due),
            link=self.knowledge.item_link(standing.escalation_id),
        )
        return f"DRILL. {words}" if standing.drill else words
