"""The people around a patient: whose numbers are whose, what relatives and carers may do, and a stop that was told to staff."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any
from uuid import UUID

from aiohttp import web

from service.actions import change_people as act
from service.actions.refusal import Refused
from service.domain.related_person import MEANINGS, Scope
from service.web.keys import CLOCK, DATABASE, WEB_SESSION
from service.web.language import _, told
from service.web.render import page, say

LONGEST = 300
_NOBODY = UUID(int=0)
"""What is no id: refused as one that is not on the record."""
_TOLD = ("name", "relation", "number", "signed_by", "signed_on", "expires_on")


async def show_people(request: web.Request) -> web.Response:
    """GET /patients/{id}/people."""
    return await _page(request)


async def change_number(request: web.Request) -> web.Response:
    """POST /patients/{id}/numbers: one of the patient's numbers is confirmed, put first, not theirs any more or safe again."""
    phone_id, what = await _uuid(request, "phone"), await _text(request, "what")
    done = {
        "confirm": _("The number is confirmed: check-ins may go to it."),
        "first": _("Check-ins go to this number now, where the patient has agreed to that."),
        "end": _("The number is off the record. Nothing goes to it any more."),
        "safe": _("The number may be called and texted again, where the patient has agreed to that."),
    }
    work = act.change_number(request.app[DATABASE], request[WEB_SESSION].staff, _id(request), phone_id, what, request.app[CLOCK].now())
    return await _do(request, work, done.get(what, ""))


async def add_number(request: web.Request) -> web.Response:
    """POST /patients/{id}/number."""
    number = await _text(request, "new_number")
    work = act.add_number(request.app[DATABASE], request[WEB_SESSION].staff, _id(request), number, request.app[CLOCK].now())
    done = _("The number is on record. Nothing goes to it before the patient's consent for it is recorded.")
    return await _do(request, work, done, {"new_number": number})


async def stop(request: web.Request) -> web.Response:
    """POST /patients/{id}/stop: the patient has told staff that they want no more messages."""
    work = act.stop_for_patient(request.app[DATABASE], request[WEB_SESSION].staff, _id(request), request.app[CLOCK].now())
    return await _do(
        request, work, _("All automatic texts and calls have ended. Tell the patient that nobody watches over their answers now.")
    )


async def keep_related(request: web.Request) -> web.Response:
    """POST /patients/{id}/related."""
    filled: dict[str, Any] = {name: await _text(request, name) for name in _TOLD}
    scope = [str(one) for one in (await request.post()).getall("scope", [])][: len(Scope)]
    related = await _text(request, "related")
    related_id = await _uuid(request, "related") if related else None
    wanted = act.Told(**filled, scope=scope)
    database, staff, now = request.app[DATABASE], request[WEB_SESSION].staff, request.app[CLOCK].now()
    work = act.keep_related(database, staff, _id(request), related_id, wanted, now)
    return await _do(request, work, _("Recorded."), {**filled, "scope": scope, "related": related})


async def end_related(request: web.Request) -> web.Response:
    """POST /patients/{id}/related/end."""
    related_id = await _uuid(request, "related")
    work = act.end_related(request.app[DATABASE], request[WEB_SESSION].staff, _id(request), related_id, request.app[CLOCK].now())
    return await _do(request, work, _("They are heard and written to no more."))


async def _do(request: web.Request, work: Awaitable[object], done: str, filled: Mapping[str, Any] | None = None) -> web.Response:
    try:
        await work
    except Refused as refused:
        return await _page(request, error=told(refused), filled=filled, status=422)
    await say(request, done)
    return web.Response(status=303, headers={"Location": f"/patients/{_id(request)}/people"})


async def _page(request: web.Request, *, error: str = "", filled: Mapping[str, Any] | None = None, status: int = 200) -> web.Response:
    found = await act.view_people(request.app[DATABASE], request[WEB_SESSION].staff, _id(request), request.app[CLOCK].now())
    context = {
        "found": found,
        "patient": found.patient,
        "meanings": {scope.value: _(words) for scope, words in MEANINGS.items()},
        "error": error,
        "filled": {**dict.fromkeys((*_TOLD, "related", "new_number"), ""), "scope": [], **(filled or {})},
    }
    return await page(request, "people.html", context, status=status)


def _id(request: web.Request) -> UUID:
    return UUID(request.match_info["id"])


async def _uuid(request: web.Request, name: str) -> UUID:
    try:
        return UUID(await _text(request, name))
    except ValueError:
        return _NOBODY


async def _text(request: web.Request, name: str) -> str:
    value = (await request.post()).get(name, "")
    return value.replace("\0", "").strip()[:LONGEST] if isinstance(value, str) else ""
