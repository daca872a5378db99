"""One item: its page, and who works on it (claim, give back, take note of its page, pause the patient's check-ins)."""

from __future__ import annotations

from aiohttp import web

from service.actions.acknowledge_page import acknowledge_page
from service.actions.claim_escalation import claim_escalation
from service.actions.lower_urgency import lower_urgency
from service.actions.pause_by_staff import Asked, pause_from_item, resume_from_item
from service.actions.refusal import Refused
from service.actions.release_escalation import release_escalation
from service.web.item_forms import back, id_of, seen, text
from service.web.item_view import item_page
from service.web.keys import CLOCK, DATABASE, WEB_SESSION
from service.web.language import _, told
from service.web.render import say
from service.web.times import clock_time
from service.web.words import texts


async def show_item(request: web.Request) -> web.Response:
    """GET /items/{id}; `?before=` an older page of its thread."""
    return await item_page(request)


async def claim(request: web.Request) -> web.Response:
    """POST /items/{id}/claim: one winner; the others see who has it."""
    now, session, item_id = request.app[CLOCK].now(), request[WEB_SESSION], id_of(request)
    try:
        result = await claim_escalation(request.app[DATABASE], session.staff, item_id, now)
    except Refused as refused:
        return await item_page(request, error=told(refused), status=409)
    until = clock_time(result.until, session.zone, now) if result.until is not None else ""
    if result.won and until:
        await say(request, _("You have this item until {until}. Whatever you log here extends it.", until=until), undo=result.undo)
    elif result.closed:
        await say(request, _("This item is closed already."), kind="warning")
    elif until:
        words = _("{holder} has this item, until {until} at least. You have not claimed it.", holder=result.holder, until=until)
        await say(request, words, kind="warning")
    else:
        await say(request, _("The item changed just now. Look again and claim it if you still want to."), kind="warning")
    return back(item_id)


async def release(request: web.Request) -> web.Response:
    """POST /items/{id}/release."""
    try:
        step = await release_escalation(request.app[DATABASE], request[WEB_SESSION].staff, id_of(request), request.app[CLOCK].now())
    except Refused as refused:
        return await item_page(request, error=told(refused), status=409)
    await say(request, _("Given back. The item waits for a nurse again."), undo=step)
    raise web.HTTPSeeOther("/queue")


async def acknowledge(request: web.Request) -> web.Response:
    """POST /items/{id}/acknowledge: stops the paging, claims nothing."""
    item_id = id_of(request)
    try:
        await acknowledge_page(request.app[DATABASE], request[WEB_SESSION].staff, item_id, request.app[CLOCK].now())
    except Refused as refused:
        return await item_page(request, error=told(refused), status=409)
    await say(request, _("Page acknowledged. Nobody holds the item yet: claim it when you start."))
    return back(item_id)


async def lower(request: web.Request) -> web.Response:
    """POST /items/{id}/lower: a nurse makes it less urgent, with a reason."""
    item_id, filled = id_of(request), {name: await text(request, name) for name in ("lower_to", "lower_why")}
    version, staff, now = seen(await text(request, "version")), request[WEB_SESSION].staff, request.app[CLOCK].now()
    try:
        await lower_urgency(request.app[DATABASE], staff, item_id, filled["lower_to"], filled["lower_why"], version, now)
    except Refused as refused:
        return await item_page(request, error=told(refused), filled=filled, status=422)
    await say(request, _("Lowered. Your reason stands in the history, and it rises again by itself if something worse comes."))
    return back(item_id)


async def pause(request: web.Request) -> web.Response:
    """POST /items/{id}/pause: the patient's check-ins rest."""
    item_id = id_of(request)
    filled = {name: await text(request, name) for name in ("pause_kind", "pause_from", "pause_until", "pause_reason")}
    asked = Asked(filled["pause_kind"], filled["pause_reason"], filled["pause_until"], filled["pause_from"])
    try:
        await pause_from_item(request.app[DATABASE], request[WEB_SESSION].staff, item_id, asked, request.app[CLOCK].now())
    except Refused as refused:
        return await item_page(request, error=told(refused), filled=filled, status=422)
    await say(request, _("Check-ins are paused. What the patient writes is still read and answered."))
    return back(item_id, "pause")


async def resume(request: web.Request) -> web.Response:
    """POST /items/{id}/resume: the patient's check-ins run again."""
    item_id = id_of(request)
    try:
        await resume_from_item(request.app[DATABASE], request[WEB_SESSION].staff, item_id, request.app[CLOCK].now())
    except Refused as refused:
        return await item_page(request, error=told(refused), status=422)
    await say(request, _("Check-ins run again. The next one comes at its usual time."))
    return back(item_id, "pause")


async def count_texts(request: web.Request) -> web.Response:
    """POST /texts: how many texts a message takes, in words, for the reply box to show while it is written."""
    return web.Response(text=texts(await text(request, "text")), headers={"Cache-Control": "no-store"})
