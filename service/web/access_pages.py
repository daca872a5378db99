"""Opening another team's record with a reason, and the report of it."""

from __future__ import annotations

from uuid import UUID

from aiohttp import web

from service.actions.open_record import Ask, close_record, open_now, open_record, review_record, view_report
from service.actions.refusal import Refused
from service.db.break_glass import PAGE
from service.web.keys import CLOCK, DATABASE, WEB_SESSION
from service.web.language import _, told
from service.web.render import page, say

MOST_WORDS = 2000


async def show_open(request: web.Request) -> web.Response:
    """GET /open-record: the form, and what is open."""
    return await _form(request)


async def submit_open(request: web.Request) -> web.Response:
    """POST /open-record: to the patient's page, which is open for an hour."""
    form = await request.post()
    ask = Ask(str(form.get("whose", ""))[:MOST_WORDS], str(form.get("reason", ""))[:MOST_WORDS])
    try:
        patient_id = await open_record(request.app[DATABASE], request[WEB_SESSION].staff, ask, request.app[CLOCK].now())
    except Refused as refused:
        return await _form(request, ask, error=told(refused), status=422)
    return web.Response(status=303, headers={"Location": f"/patients/{patient_id}"})


async def close(request: web.Request) -> web.Response:
    """POST /open-record/{id}/close."""
    await close_record(request.app[DATABASE], request[WEB_SESSION].staff, UUID(request.match_info["id"]), request.app[CLOCK].now())
    await say(request, _("The record is closed again."))
    raise web.HTTPSeeOther("/open-record")


async def show_report(request: web.Request) -> web.Response:
    """GET /access: who opened which record of another team, why, and what was found of it."""
    return await _report(request)


async def review(request: web.Request) -> web.Response:
    """POST /access/{id}: whether the reason holds."""
    words = str((await request.post()).get("words", ""))[:MOST_WORDS]
    try:
        await review_record(
            request.app[DATABASE], request[WEB_SESSION].staff, UUID(request.match_info["id"]), words, request.app[CLOCK].now()
        )
    except Refused as refused:
        return await _report(request, error=told(refused), status=422)
    await say(request, _("Kept."))
    raise web.HTTPSeeOther("/access")


async def _form(request: web.Request, ask: Ask | None = None, *, error: str = "", status: int = 200) -> web.Response:
    opened = await open_now(request.app[DATABASE], request[WEB_SESSION].staff, request.app[CLOCK].now())
    return await page(request, "open_record.html", {"ask": ask or Ask("", ""), "opened": opened, "error": error}, status=status)


async def _report(request: web.Request, *, error: str = "", status: int = 200) -> web.Response:
    try:
        before = UUID(request.query["before"]) if "before" in request.query else None
    except ValueError:
        raise web.HTTPNotFound from None
    found = await view_report(request.app[DATABASE], request[WEB_SESSION].staff, before, request.app[CLOCK].now())
    following = f"/access?before={found[-1].id}" if len(found) == PAGE else ""
    context = {"found": found, "first": "/access" if before else "", "next": following, "error": error}
    return await page(request, "access.html", context, status=status)
