"""Who is on call this week, changed by cover, swap and absence; and who would be called now, rung by rung."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from aiohttp import web

from service.actions.change_rota import Change, change_rota, may_change
from service.actions.refusal import NotFound, Refused
from service.actions.view_rota import TeamRota, changes_ahead, gaps_ahead, ladders_from, monday_of, view_rota, week_of
from service.domain.ladder import DEFAULTS
from service.domain.page_call import LOCKED_FOR
from service.domain.rota import Override, OverrideKind, RotaRole
from service.domain.schedule import to_local
from service.domain.urgency import Urgency
from service.web.keys import CLOCK, DATABASE, WEB_SESSION
from service.web.language import _, later, told
from service.web.render import page, say
from service.web.times import day_end, wall_clock
from service.web.written import id_or_none, moment

ROLES = later({RotaRole.ON_CALL: "On call", RotaRole.BACKUP: "Back-up", RotaRole.SUPERVISOR: "Supervisor"})
WHOM = {
    **{role.value: word for role, word in ROLES.items()},
    **later({"staff": "Named person", "number": "Number", "team": "Team's number"}),
}
KINDS = later({OverrideKind.COVER: "Cover", OverrideKind.SWAP: "Swap", OverrideKind.SICK: "Away"})
BY = later({"text": "by text", "call": "by call", "both": "by text and call"})
_FIELDS = ("kind", "role", "from", "to", "starts", "ends")
FURTHEST = timedelta(days=370)


async def show_rota(request: web.Request) -> web.Response:
    """GET /rota?team=&week=."""
    return await _rota(request, request.query)


async def change(request: web.Request) -> web.Response:
    """POST /rota: a cover, a swap or an absence."""
    filled = {name: str((await request.post()).get(name, ""))[:64] for name in (*_FIELDS, "team", "week")}
    found = await _found(request, filled)
    try:
        wanted = _override(filled, found.zone)
    except ValueError as error:
        return await _rota(request, filled, error=str(error), filled=filled)
    return await _do(request, found, wanted, filled, _("The rota was changed. It holds for every page from now on."))


async def take_back(request: web.Request) -> web.Response:
    """POST /rota/back: takes a cover, a swap or an absence back."""
    form = await request.post()
    filled = {name: str(form.get(name, ""))[:64] for name in ("team", "week", "change")}
    found = await _found(request, filled)
    try:
        wanted = UUID(filled["change"])
    except ValueError:
        return await _rota(request, filled, error=_("Choose which change to take back."))
    return await _do(request, found, wanted, filled, _("It was taken back."))


async def show_who(request: web.Request) -> web.Response:
    """GET /who?team=&at=&urgency=: the ladders as they would run."""
    now, error = request.app[CLOCK].now(), ""
    found = await _found(request, request.query)
    at, written = now, request.query.get("at", "")[:32]
    if written:
        try:
            at = moment(written, found.zone)
            if abs(at - now) > FURTHEST:
                raise ValueError
        except ValueError:
            at, error = now, _("The time cannot be read: write a day and a time of this year or the next.")
    word = request.query.get("urgency", "")
    only = Urgency(word) if word in {urgency.value for urgency in DEFAULTS} else None
    context = {
        **_frame(found),
        "ladders": ladders_from(found, at, only),
        "at": at,
        "at_value": f"{to_local(at, found.zone):%Y-%m-%dT%H:%M}",
        "only": only or "",
        "urgencies": list(DEFAULTS),
        "whom": WHOM,
        "error": error,
    }
    return await page(request, "who.html", context, status=422 if error else 200)


async def _do(request: web.Request, found: TeamRota, wanted: Change, filled: Mapping[str, str], done: str) -> web.Response:
    try:
        staff, now = request[WEB_SESSION].staff, request.app[CLOCK].now()
        await change_rota(request.app[DATABASE], found.crew.team_id, [wanted], now, by=staff)
    except Refused as refused:
        return await _rota(request, filled, error=told(refused), filled=filled)
    await say(request, done)
    return web.Response(status=303, headers={"Location": f"/rota?team={found.crew.team_id}&week={filled['week']}"})


async def _rota(
    request: web.Request, query: Mapping[str, str], *, error: str = "", filled: Mapping[str, str] | None = None
) -> web.Response:
    staff, now = request[WEB_SESSION].staff, request.app[CLOCK].now()
    found = await _found(request, query)
    first = _week(query.get("week", ""), now, found.zone)
    gaps = gaps_ahead(found, now)
    context = {
        **_frame(found),
        "days": week_of(found, first),
        "first": first,
        "before": first - timedelta(days=7),
        "after": first + timedelta(days=7),
        "this_week": monday_of(now, found.zone),
        "roles": ROLES,
        "standing": found.crew.rota.at(now) if found.crew.rota is not None else {},
        "gaps": gaps,
        "changes": changes_ahead(found, now),
        "kinds": KINDS,
        "locked": {id for id, since in found.locked.items() if now < since + LOCKED_FOR},
        "may_change": may_change(staff, found.crew.team_id),
        "error": error,
        "filled": {**dict.fromkeys(_FIELDS, ""), **(filled or {})},
        "wall": lambda instant: wall_clock(to_local(instant, found.zone)),
        "wall_end": lambda instant: day_end(to_local(instant, found.zone)),
    }
    return await page(request, "rota.html", context, status=422 if error else 200)


def _frame(found: TeamRota) -> dict[str, Any]:
    people = sorted(found.crew.people.values(), key=lambda person: person.name)
    return {
        "crew": found.crew,
        "teams": found.teams,
        "rota_zone": found.zone,
        "people": people,
        "name_of": {person.id: person.name for person in people},
        "by": BY,
    }


async def _found(request: web.Request, query: Mapping[str, str]) -> TeamRota:
    text, now = query.get("team", ""), request.app[CLOCK].now()
    try:
        team_id = UUID(text) if text else None
    except ValueError:
        raise NotFound from None
    week = _week(query.get("week", ""), now, "UTC")
    since = min(now, datetime(week.year, week.month, week.day, tzinfo=now.tzinfo)) - timedelta(days=2)
    return await view_rota(request.app[DATABASE], request[WEB_SESSION].staff, team_id, now, since=since)


def _week(text: str, now: datetime, zone: str) -> date:
    """The Monday of the week that is asked for, this week's when nothing (or nothing near) is."""
    this = monday_of(now, zone)
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return this
    monday = day - timedelta(days=day.weekday())
    return monday if abs(monday - this) <= FURTHEST else this


def _override(filled: Mapping[str, str], zone: str) -> Override:
    """What the form says. ValueError tells what to choose."""
    try:
        kind = OverrideKind(filled["kind"])
    except ValueError:
        raise ValueError(_("Choose what changes: a cover, a swap or somebody away.")) from None
    try:
        starts, ends = moment(filled["starts"], zone), moment(filled["ends"], zone)
    except ValueError:
        raise ValueError(_("Write from when and until when, each with a day and a time.")) from None
    first, second = id_or_none(filled["from"]), id_or_none(filled["to"])
    role = RotaRole(filled["role"]) if filled["role"] in set(RotaRole) and first is None else None
    return Override(kind, starts, ends, first, None if kind is OverrideKind.SICK else second, role)
