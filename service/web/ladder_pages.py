"""A team's ladders as they stand: whom to page after how many minutes and how; administrators change them, with the command's checks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from aiohttp import web

from service.actions.refusal import NotFound, Refused
from service.actions.set_ladder import set_ladder
from service.actions.view_rota import TeamRota, view_rota
from service.domain.ladder import BOTH, DEFAULTS, MOST_RUNGS, Ladder, PageChannel, Rung, Whom, could_end_with_nobody
from service.domain.staff import Permission
from service.domain.urgency import Urgency
from service.web.keys import CLOCK, DATABASE, WEB_SESSION
from service.web.language import _, later, told
from service.web.render import page, say
from service.web.written import id_or_none

WHOM = later({"on_call": "On call", "backup": "Back-up", "supervisor": "Supervisor"})
HOW = later({"text+call": "Text and call", "text": "Text", "call": "Call"})
MORE_ROWS = 2
"""Empty rows after the last rung."""


async def show_ladders(request: web.Request) -> web.Response:
    """GET /oncall/ladders?team=."""
    return await _page(request, request.query.get("team", ""))


async def change(request: web.Request) -> web.Response:
    """POST /oncall/ladders: one ladder of a team is replaced; items that climb already keep theirs."""
    form = await request.post()
    filled = {str(name): str(value)[:64] for name, value in form.items() if isinstance(value, str)}
    staff, now = request[WEB_SESSION].staff, request.app[CLOCK].now()
    found = await view_rota(request.app[DATABASE], staff, id_or_none(filled.get("team", "")), now)
    word = filled.get("urgency", "")
    if word not in {urgency.value for urgency in DEFAULTS}:
        raise NotFound
    urgency = Urgency(word)
    try:
        ladder = _ladder(filled, urgency)
    except ValueError:
        error = _("Write whole minutes for each rung, and choose whom and how.")
        return await _page(request, filled.get("team", ""), error=error, filled=filled)
    try:
        await set_ladder(request.app[DATABASE], found.crew.team_id, urgency, ladder, now, by=staff)
    except Refused as refused:
        return await _page(request, filled.get("team", ""), error=told(refused), filled=filled)
    await say(request, _("The ladder was set. Items that climb already keep theirs."))
    return web.Response(status=303, headers={"Location": f"/oncall/ladders?team={found.crew.team_id}"})


def _ladder(filled: Mapping[str, str], urgency: Urgency) -> Ladder:
    """What the form says; rows without anybody are left out. ValueError for what is no number or nobody."""
    rungs = []
    for row in range(MOST_RUNGS + MORE_ROWS):
        whom = filled.get(f"whom-{row}", "")
        if whom:
            kind, _sign, id = whom.partition(":")
            by = tuple(PageChannel(one) for one in filled.get(f"how-{row}", "").split("+"))
            rungs.append(Rung(int(filled.get(f"minutes-{row}", "")), Whom(kind), by, UUID(id) if id else None))
    from_due = urgency is Urgency.SAME_DAY
    return Ladder(tuple(rungs), 0 if from_due else int(filled.get("repeat", "")), from_due)


async def _page(request: web.Request, team: str, *, error: str = "", filled: Mapping[str, str] | None = None) -> web.Response:
    staff, now = request[WEB_SESSION].staff, request.app[CLOCK].now()
    found = await view_rota(request.app[DATABASE], staff, id_or_none(team), now)
    crew = found.crew
    context = {
        "found": found,
        "crew": crew,
        "whom": _whom(found),
        "how": {key: _(words) for key, words in HOW.items()},
        "ladders": [_shown(found, urgency, filled or {}) for urgency in DEFAULTS],
        "warnings": {urgency: could_end_with_nobody(crew, urgency) for urgency in DEFAULTS},
        "may_change": staff.may(Permission.ADMINISTER),
        "error": error,
    }
    return await page(request, "ladders.html", context, status=422 if error else 200)


def _whom(found: TeamRota) -> dict[str, str]:
    """Whom a rung may name: a role, a person of the team, one of its further numbers."""
    roles = {key: _(words) for key, words in WHOM.items()}
    people = {f"staff:{person.id}": person.name for person in sorted(found.crew.people.values(), key=lambda one: one.name) if person.phone}
    return {**roles, **people, **{f"number:{id}": name for id, (name, _number) in found.crew.numbers.items()}}


def _shown(found: TeamRota, urgency: Urgency, filled: Mapping[str, str]) -> dict[str, Any]:
    """A ladder as its form shows it: what was typed, else what stands."""
    ladder = found.crew.ladder(urgency) or DEFAULTS[urgency]
    standing: list[dict[str, Any]] = [
        {"minutes": rung.minutes, "whom": rung.whom.value + (f":{rung.id}" if rung.id else ""), "how": _how(rung)} for rung in ladder.rungs
    ]
    rows, typed = list(standing), filled.get("urgency") == urgency.value
    rows += [{"minutes": "", "whom": "", "how": "text+call"}] * max(0, min(MORE_ROWS, MOST_RUNGS - len(rows)))
    repeat: int | str = ladder.repeat_minutes
    if typed:
        numbers = [row for row in range(MOST_RUNGS + MORE_ROWS) if f"whom-{row}" in filled]
        rows = [{part: filled.get(f"{part}-{row}", "") for part in ("minutes", "whom", "how")} for row in numbers]
        repeat = filled.get("repeat", "")
    shown = {"urgency": urgency, "standing": standing, "rows": rows, "typed": typed}
    return {**shown, "repeat": repeat, "from_due": ladder.from_due, "own": urgency in found.crew.ladders}


def _how(rung: Rung) -> str:
    return "text+call" if set(rung.by) == set(BOTH) else rung.by[0].value
