"""Accepting a known finding until a date, and taking that back."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from aiohttp import web

from service.actions.accept_finding import accept_finding, end_acceptance
from service.actions.refusal import Refused
from service.web.keys import CLOCK, DATABASE, KNOWN_RULES, WEB_SESSION
from service.web.language import _, told
from service.web.render import say

MOST_TYPED = 400


async def accept(request: web.Request) -> web.Response:
    """POST /items/{id}/accept: what this concern is about raises nothing until that day, unless it gets worse."""
    form, item_id = await request.post(), UUID(request.match_info["id"])
    try:
        concern_id, until = UUID(str(form.get("concern", ""))), date.fromisoformat(str(form.get("known_until", "")))
    except ValueError:
        await say(request, _("Choose the finding, and the day until which it is known."), kind="warning")
        raise web.HTTPSeeOther(f"/items/{item_id}#known") from None
    staff, now, reason = request[WEB_SESSION].staff, request.app[CLOCK].now(), str(form.get("known_reason", ""))[:MOST_TYPED]
    try:
        await accept_finding(request.app[DATABASE], staff, item_id, concern_id, until, reason, now, request.app[KNOWN_RULES])
    except Refused as refused:
        await say(request, told(refused), kind="warning")
    else:
        await say(request, _("Accepted. It stays in the record, and comes back to the queue when it is more urgent or its figure worse."))
    raise web.HTTPSeeOther(f"/items/{item_id}#known")


async def end(request: web.Request) -> web.Response:
    """POST /patients/{id}/known/end: from now on the finding raises items again."""
    form, patient_id = await request.post(), UUID(request.match_info["id"])
    try:
        known_id = UUID(str(form.get("known", "")))
    except ValueError:
        raise web.HTTPBadRequest from None
    await end_acceptance(request.app[DATABASE], request[WEB_SESSION].staff, patient_id, known_id, request.app[CLOCK].now())
    await say(request, _("Taken back: the finding raises items again."))
    back = str(form.get("item", ""))
    try:
        raise web.HTTPSeeOther(f"/items/{UUID(back)}#known")
    except ValueError:
        raise web.HTTPSeeOther(f"/patients/{patient_id}") from None
