"""On call: who is there now, what is being paged for, swaps asked for, promises, drills, and a try of one's own telephone."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any
from uuid import UUID

from aiohttp import web

from service.actions.answer_swap import answer_swap
from service.actions.ask_swap import ask_swap
from service.actions.refusal import NotFound, Refused
from service.actions.start_drill import start_drill
from service.actions.try_phone import LASTS, try_phone
from service.actions.view_on_call import view_drills, view_moves, view_promises
from service.actions.view_phone import view_phone
from service.actions.view_rota import gaps_ahead, ladders_from, view_rota
from service.domain.drill import Station, seconds
from service.domain.phone_number import masked_phone_number
from service.domain.promise import PromiseState
from service.domain.rota import OverrideKind, RotaRole
from service.domain.staff import Permission
from service.domain.swap import SwapState
from service.web.keys import CLOCK, DATABASE, WEB_SESSION
from service.web.language import _, later, told
from service.web.render import page, say
from service.web.written import id_or_none, moment

ROLES = later({RotaRole.ON_CALL: "On call", RotaRole.BACKUP: "Back-up", RotaRole.SUPERVISOR: "Supervisor"})
STATES = later(
    {
        PromiseState.OPEN: "Open",
        PromiseState.KEPT: "Kept",
        PromiseState.RENEWED: "Renewed in time",
        PromiseState.BROKEN: "Not kept",
        PromiseState.VOID: "Never arrived",
    }
)
STATIONS = later(
    {
        Station.SAID: "Words of danger put in",
        Station.RAISED: "Item opened",
        Station.ANSWERED: "Safety text handed over",
        Station.HEARD: "Safety text with the patient",
        Station.PAGED: "First page handed over",
        Station.ACKNOWLEDGED: "Acknowledged",
        Station.FOLLOWED: "Patient's answer taken in",
    }
)
SWAPS = later({OverrideKind.COVER: "Cover for me", OverrideKind.SWAP: "Swap with me"})
ANSWERS = {"accepted": SwapState.ACCEPTED, "declined": SwapState.DECLINED, "withdrawn": SwapState.WITHDRAWN}
SWAPPED = later(
    {
        SwapState.ACCEPTED: "Accepted: the rota is changed. It holds for every page from now on.",
        SwapState.DECLINED: "Declined. The rota stays as it was.",
        SwapState.WITHDRAWN: "Taken back.",
    }
)


async def show_on_call(request: web.Request) -> web.Response:
    """GET /oncall?team=."""
    return await _on_call(request, request.query)


async def ask(request: web.Request) -> web.Response:
    """POST /oncall/swaps: a cover or a swap is asked for."""
    form = await request.post()
    filled = {name: str(form.get(name, ""))[:64] for name in ("team", "kind", "colleague", "starts", "ends")}
    staff, now = request[WEB_SESSION].staff, request.app[CLOCK].now()
    found = await view_rota(request.app[DATABASE], staff, id_or_none(filled["team"]), now)
    try:
        kind = OverrideKind(filled["kind"])
        span = moment(filled["starts"], found.zone), moment(filled["ends"], found.zone)
    except ValueError:
        return await _on_call(request, filled, error=_("Choose a cover or a swap, and write from when and until when."), filled=filled)
    try:
        await ask_swap(request.app[DATABASE], staff, found.crew.team_id, kind, id_or_none(filled["colleague"]), span, now)
    except Refused as refused:
        return await _on_call(request, filled, error=told(refused), filled=filled)
    await say(request, _("Asked. The rota changes when your colleague accepts."))
    return web.Response(status=303, headers={"Location": f"/oncall?team={found.crew.team_id}#swaps"})


async def answer(request: web.Request) -> web.Response:
    """POST /oncall/swaps/{id}: accepted, declined or taken back."""
    form = await request.post()
    wanted, team = ANSWERS.get(str(form.get("answer", ""))), str(form.get("team", ""))[:64]
    if wanted is None:
        raise NotFound
    staff, now = request[WEB_SESSION].staff, request.app[CLOCK].now()
    work = answer_swap(request.app[DATABASE], staff, UUID(request.match_info["id"]), wanted, now)
    return await _done(request, work, _(SWAPPED[wanted]), f"/oncall?team={id_or_none(team) or ''}")


async def show_promises(request: web.Request) -> web.Response:
    """GET /oncall/promises?team=&state=&before=."""
    staff, now, query = request[WEB_SESSION].staff, request.app[CLOCK].now(), request.query
    state = PromiseState(query["state"]) if query.get("state") in set(PromiseState) else None
    team, before = (id_or_none(query.get(name, "")) for name in ("team", "before"))
    found = await view_promises(request.app[DATABASE], staff, team, state, before, now)
    context = {
        "found": found,
        "state": state or "",
        "team": team or "",
        "first": bool(query.get("before")),
        "states": {one.value: _(words) for one, words in STATES.items()},
    }
    return await page(request, "promises.html", context)


async def show_drills(request: web.Request) -> web.Response:
    """GET /oncall/drills."""
    found = await view_drills(request.app[DATABASE], request[WEB_SESSION].staff, request.app[CLOCK].now())
    taken = {one.id: seconds(one.reached, one.began_at) if one.began_at is not None else {} for one in found.drills}
    stations = {station: _(words) for station, words in STATIONS.items()}
    return await page(request, "drills.html", {"found": found, "taken": taken, "stations": stations})


async def drill(request: web.Request) -> web.Response:
    """POST /oncall/drills: a supervisor drills a team now."""
    team_id = id_or_none(str((await request.post()).get("team", "")))
    if team_id is None:
        raise NotFound
    work = start_drill(request.app[DATABASE], request[WEB_SESSION].staff, team_id, request.app[CLOCK].now())
    done = _("The drill begins within seconds: whoever is on call is really paged. While a real emergency has no nurse, it waits.")
    return await _done(request, work, done, "/oncall/drills")


async def show_phone(request: web.Request) -> web.Response:
    """GET /oncall/phone: a page to oneself, and what became of the last ones."""
    found = await view_phone(request.app[DATABASE], request[WEB_SESSION].staff)
    return await page(
        request, "phone_test.html", {"found": found, "minutes": int(LASTS.total_seconds() // 60), "masked": masked_phone_number}
    )


async def test_phone(request: web.Request) -> web.Response:
    """POST /oncall/phone."""
    work = try_phone(request.app[DATABASE], request[WEB_SESSION].staff, request.app[CLOCK].now())
    return await _done(
        request, work, _("Your telephone should ring within a minute, and a text should come. Answer both."), "/oncall/phone"
    )


async def _done(request: web.Request, work: Awaitable[object], done: str, back: str) -> web.Response:
    try:
        await work
    except Refused as refused:
        await say(request, told(refused), kind="warning")
    else:
        await say(request, done)
    return web.Response(status=303, headers={"Location": back})


async def _on_call(
    request: web.Request, query: Mapping[str, str], *, error: str = "", filled: Mapping[str, str] | None = None
) -> web.Response:
    staff, now = request[WEB_SESSION].staff, request.app[CLOCK].now()
    found = await view_rota(request.app[DATABASE], staff, id_or_none(query.get("team", "")), now)
    moves = await view_moves(request.app[DATABASE], staff, found.crew.team_id, now)
    people = sorted(found.crew.people.values(), key=lambda person: person.name)
    coverage = found.team.coverage
    context: dict[str, Any] = {
        "found": found,
        "crew": found.crew,
        "people": people,
        "name_of": {person.id: person.name for person in people},
        "standing": found.crew.rota.at(now) if found.crew.rota is not None else {},
        "roles": {role: _(words) for role, words in ROLES.items()},
        "gaps": gaps_ahead(found, now),
        "moves": moves,
        "asked_kinds": {kind.value: _(words) for kind, words in SWAPS.items()},
        "staffed_until": coverage.closes(now) if coverage is not None else None,
        "round_the_clock": coverage is not None and coverage.minutes_until_unstaffed(now) is None,
        "next_staffed": coverage.next_staffed(now) if coverage is not None else None,
        "could_end": [could_end for _urgency, _run, could_end in ladders_from(found, now, None) if could_end],
        "sees_items": staff.may(Permission.WORK_QUEUE) and found.crew.team_id in staff.team_ids,
        "error": error,
        "filled": {**dict.fromkeys(("kind", "colleague", "starts", "ends"), ""), **(filled or {})},
    }
    return await page(request, "oncall.html", context, status=422 if error else 200)
