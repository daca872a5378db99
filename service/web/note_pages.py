"""What a nurse writes down on an item: notes, the encounter note as a draft, and the close that signs it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from aiohttp import web

from service.actions.keep_draft import keep_draft
from service.actions.refusal import Refused
from service.actions.resolve_escalation import Closing, Incomplete, resolve_escalation
from service.actions.write_note import write_note
from service.domain.escalation import Disposition
from service.domain.follow_up import LONGEST, Plan, What, due_at
from service.domain.urgency import Urgency
from service.web.item_forms import back, encounter, id_in, id_of, text
from service.web.item_view import item_page
from service.web.item_words import QUICK
from service.web.keys import CLOCK, DATABASE, WEB_SESSION
from service.web.language import _, told
from service.web.render import say

MOST_CONCERNS = 1000
QUICK_DECISION = {
    "seen": Disposition.NO_ACTION_NEEDED,
    "known": Disposition.NO_ACTION_NEEDED,
    "answered": Disposition.ADVICE_GIVEN,
    "passed_on": Disposition.PRESCRIBER_INFORMED,
    "next_visit": Disposition.SEEN_LATER,
}
"""What each phrase decides."""
FOLLOW_UP = ("follow_up", "follow_up_when", "follow_up_day", "follow_up_words")
"""Whoever fills in one of these wants a follow-up: without a time that is one the item is not closed."""


async def note(request: web.Request) -> web.Response:
    """POST /items/{id}/note; with `addends` an addendum to a signed note."""
    item_id, words, addends = id_of(request), await text(request, "note"), await id_in(request, "addends")
    try:
        await write_note(request.app[DATABASE], request[WEB_SESSION].staff, item_id, words, request.app[CLOCK].now(), addends=addends)
    except Refused as refused:
        return await item_page(request, error=told(refused), filled={"note": words}, status=422)
    await say(request, _("Note saved."))
    return back(item_id)


async def draft(request: web.Request) -> web.Response:
    """POST /items/{id}/draft: the encounter note as far as it is filled in."""
    item_id = id_of(request)
    await keep_draft(request.app[DATABASE], request[WEB_SESSION].staff, item_id, await encounter(request), request.app[CLOCK].now())
    await say(request, _("Draft kept. Only you see it until it is signed."))
    return back(item_id, "close")


async def resolve(request: web.Request) -> web.Response:
    """POST /items/{id}/resolve: decision, note and follow-up in one step."""
    item_id, filled = id_of(request), await _filled(request)
    closing = await _closing(request, filled)
    written = closing.encounter
    try:
        await resolve_escalation(request.app[DATABASE], request[WEB_SESSION].staff, item_id, closing, request.app[CLOCK].now())
    except Refused as refused:
        lacks, perhaps = (refused.fields, refused.perhaps) if isinstance(refused, Incomplete) else ((), ())
        return await item_page(request, error=told(refused), filled=filled, written=written, lacks=lacks, perhaps=perhaps, status=422)
    await say(request, _("Closed. The next item is on top of the list."))
    raise web.HTTPSeeOther("/queue")


async def _filled(request: web.Request) -> dict[str, Any]:
    """What stands in the closing form besides the encounter note."""
    form = await request.post()
    names = ("disposition", "closing_note", "spoke_to", "useless", "mine", "quick")
    filled: dict[str, Any] = {name: await text(request, name) for name in names}
    for name in (*FOLLOW_UP, "follow_up_urgency"):
        filled[name] = await text(request, name)
    try:
        filled["answered"] = {
            UUID(id) for value in form.getall("answered", [])[:MOST_CONCERNS] for id in str(value).split()[:MOST_CONCERNS]
        }
        filled["version"] = int(await text(request, "version"))
    except ValueError:
        raise web.HTTPNotFound from None
    if filled["quick"] in QUICK_DECISION:
        filled |= {"disposition": QUICK_DECISION[filled["quick"]].value, "closing_note": QUICK[filled["quick"]]}
    return filled


async def _closing(request: web.Request, filled: Mapping[str, Any]) -> Closing:
    """A form that has the fields of an encounter note is one."""
    session, now = request[WEB_SESSION], request.app[CLOCK].now()
    plan = _plan(filled, now, session.zone)
    return Closing(
        filled["version"],
        filled["disposition"],
        filled["closing_note"],
        filled["spoke_to"],
        filled["answered"],
        await encounter(request) if "situation" in await request.post() else None,
        plan,
        bool(filled["useless"]),
        undated=plan is None and any(filled[name] for name in FOLLOW_UP),
    )


def _plan(filled: Mapping[str, Any], now: datetime, zone: str) -> Plan | None:
    """The follow-up that was asked for, on the clinic's clock; None when none was, or its time is none."""
    when = due_at(filled["follow_up_when"], filled["follow_up_day"], now, zone)
    if when is None:
        return None
    what = What(filled["follow_up"]) if filled["follow_up"] in set(What) else What.OTHER
    urgency = (
        Urgency(filled["follow_up_urgency"]) if filled["follow_up_urgency"] in (Urgency.SAME_DAY, Urgency.ROUTINE) else Urgency.ROUTINE
    )
    return Plan(what, when, filled["follow_up_words"].strip()[:LONGEST], urgency, bool(filled["mine"]))
