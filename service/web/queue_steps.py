"""What is done to items from the queue's page: put off, several at once, taken back; and a nurse's worry about a patient."""

from __future__ import annotations

from uuid import UUID

from aiohttp import web
from aiohttp.web_request import FileField
from multidict import MultiDictProxy

from service.actions.refusal import Refused
from service.actions.snooze_escalation import snooze_escalation
from service.actions.undo_step import undo_step
from service.actions.work_many import Wanted, What, work_many
from service.actions.worry import end_worry, press_worry
from service.web.item_forms import seen
from service.web.keys import CLOCK, DATABASE, WEB_SESSION
from service.web.language import _, counted, told
from service.web.queue_view import snooze_until
from service.web.render import say

Form = MultiDictProxy[str | bytes | bytearray | FileField]
MOST_TYPED = 400


async def snooze(request: web.Request) -> web.Response:
    """POST /items/{id}/snooze: puts an item off, as far as its urgency lets it wait."""
    form, now = await request.post(), request.app[CLOCK].now()
    item_id = UUID(request.match_info["id"])
    try:
        until = snooze_until(str(form.get("for", "")), now)
        reason, version = str(form.get("reason", ""))[:MOST_TYPED], seen(str(form.get("version", "")))
        step = await snooze_escalation(request.app[DATABASE], request[WEB_SESSION].staff, item_id, until, reason, version, now)
    except ValueError:
        raise web.HTTPBadRequest from None
    except Refused as refused:
        await say(request, told(refused), kind="warning")
        raise web.HTTPSeeOther(_back(form, f"/items/{item_id}")) from None
    await say(request, _("The item is snoozed. It comes back by itself, and at once when the patient writes or calls."), undo=step)
    raise web.HTTPSeeOther(_back(form, "/queue"))


async def many(request: web.Request) -> web.Response:
    """POST /queue/many: claims, puts off or closes the routine items that are selected."""
    form, now = await request.post(), request.app[CLOCK].now()
    try:
        chosen = dict(_chosen(str(one)) for one in form.getall("chosen", []))
        wanted = _wanted(form)
        until = snooze_until(str(form.get("for", "")), now) if wanted.what is What.SNOOZE else None
    except ValueError:
        raise web.HTTPBadRequest from None
    try:
        done = await work_many(request.app[DATABASE], request[WEB_SESSION].staff, wanted, chosen, until, now)
    except Refused as refused:
        await say(request, told(refused), kind="warning")
        raise web.HTTPSeeOther(_back(form, "/queue")) from None
    words = _done(wanted.what, done.done)
    if done.left_out:
        words += " " + counted(
            "{num} was left as it is: only routine items that are nobody else's and have not changed meanwhile are worked together.",
            "{num} were left as they are: only routine items that are nobody else's and have not changed meanwhile are worked together.",
            done.left_out,
        )
    await say(request, words, kind="good" if done.done else "warning", undo=done.undo)
    raise web.HTTPSeeOther(_back(form, "/queue"))


async def undo(request: web.Request) -> web.Response:
    """POST /queue/undo: takes the last step back, within ten seconds."""
    form = await request.post()
    try:
        step = UUID(str(form.get("step", "")))
    except ValueError:
        raise web.HTTPBadRequest from None
    done, left = await undo_step(request.app[DATABASE], request[WEB_SESSION].staff, step, request.app[CLOCK].now())
    if done and not left:
        await say(request, _("Taken back: it stands as it did before."))
    elif done:
        await say(request, _("Taken back, except where something has happened since."), kind="warning")
    else:
        await say(request, _("It is too late to take that back: nothing was changed."), kind="warning")
    raise web.HTTPSeeOther("/queue")


async def worry(request: web.Request) -> web.Response:
    """POST /patients/{id}/worry: watches a patient more closely for 48 hours; a reason is not needed."""
    form, patient_id = await request.post(), UUID(request.match_info["id"])
    reason = str(form.get("reason", ""))[:MOST_TYPED]
    try:
        await press_worry(request.app[DATABASE], request[WEB_SESSION].staff, patient_id, reason, request.app[CLOCK].now())
    except Refused as refused:
        await say(request, told(refused), kind="warning")
    else:
        await say(
            request, _("Noted. For 48 hours silence counts sooner, check-ins come daily, and the hand-over begins with this patient.")
        )
    raise web.HTTPSeeOther(_back(form, f"/patients/{patient_id}"))


async def worry_ends(request: web.Request) -> web.Response:
    """POST /patients/{id}/worry/end: takes the worry back before its time."""
    form, patient_id = await request.post(), UUID(request.match_info["id"])
    await end_worry(request.app[DATABASE], request[WEB_SESSION].staff, patient_id, request.app[CLOCK].now())
    await say(request, _("The worry is taken back. The check-ins that were added stay."))
    raise web.HTTPSeeOther(_back(form, f"/patients/{patient_id}"))


def _done(what: What, many: int) -> str:
    match what:
        case What.CLAIM:
            return counted("{num} item is yours now.", "{num} items are yours now.", many)
        case What.SNOOZE:
            return counted("{num} item is snoozed.", "{num} items are snoozed.", many)
        case What.RESOLVE:
            return counted("{num} item is closed.", "{num} items are closed.", many)


def _wanted(form: Form) -> Wanted:
    what = What(str(form.get("what", "")))
    words = {name: str(form.get(name, "")).replace("\r\n", "\n") for name in ("reason", "disposition", "note")}
    return Wanted(what, words["reason"][:MOST_TYPED], words["disposition"], words["note"])


def _chosen(text: str) -> tuple[UUID, int]:
    """ "<id>.<version>" as the list's boxes say it."""
    id, _dot, version = text.partition(".")
    return UUID(id), int(version)


def _back(form: Form, otherwise: str) -> str:
    """Where the form was, if it says so and means one of our own pages."""
    path = str(form.get("back", ""))
    ours = path.startswith(("/queue", "/items/", "/patients/")) and "\\" not in path and len(path) < 600 and path.isprintable()
    return path if ours else otherwise
