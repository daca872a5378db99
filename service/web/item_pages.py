"""One item: its page, and what a nurse does there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from aiohttp import web

from service.actions.acknowledge_page import acknowledge_page
from service.actions.claim_escalation import claim_escalation
from service.actions.pause_by_staff import Asked, pause_from_item, resume_from_item
from service.actions.refusal import Refused
from service.actions.release_escalation import release_escalation
from service.actions.reply_to_patient import REFUSALS, reason_needed, reply_to_patient, why_refused
from service.actions.resolve_escalation import Closing, resolve_escalation
from service.actions.view_item import view_item
from service.actions.write_note import write_note
from service.db.item import ItemPage
from service.domain.escalation import Concern, Disposition, SpokeTo, by_words
from service.domain.patient import Phone
from service.domain.pause import PauseKind
from service.domain.reading import Span
from service.domain.schedule import quiet
from service.web.keys import CLOCK, DATABASE, WEB_SESSION
from service.web.render import fragment, page, say
from service.web.sessions import BACKGROUND
from service.web.words import clock_time, texts

MOST_CONCERNS = 1000
TOO_LONG = 20_000


async def show_item(request: web.Request) -> web.Response:
    """GET /items/{id}."""
    return await _item_page(request)


async def claim(request: web.Request) -> web.Response:
    """POST /items/{id}/claim: one winner; the others see who has it."""
    now, session, item_id = request.app[CLOCK].now(), request[WEB_SESSION], _id(request)
    result = await claim_escalation(request.app[DATABASE], session.staff, item_id, now)
    if result.won and result.until is not None:
        await say(request, f"You have this item until {clock_time(result.until, session.zone, now)}. Whatever you log here extends it.")
    elif result.closed:
        await say(request, "This item is closed already.", kind="warning")
    elif result.until is not None:
        until = clock_time(result.until, session.zone, now)
        await say(request, f"{result.holder} has this item, until {until} at least. You have not claimed it.", kind="warning")
    else:
        await say(request, "The item changed just now. Look again and claim it if you still want to.", kind="warning")
    return _back(item_id)


async def release(request: web.Request) -> web.Response:
    """POST /items/{id}/release."""
    item_id = _id(request)
    try:
        await release_escalation(request.app[DATABASE], request[WEB_SESSION].staff, item_id, request.app[CLOCK].now())
    except Refused as refused:
        return await _item_page(request, error=str(refused), status=409)
    await say(request, "Given back. The item waits for a nurse again.")
    raise web.HTTPSeeOther("/queue")


async def acknowledge(request: web.Request) -> web.Response:
    """POST /items/{id}/acknowledge: stops the paging, claims nothing."""
    item_id = _id(request)
    try:
        await acknowledge_page(request.app[DATABASE], request[WEB_SESSION].staff, item_id, request.app[CLOCK].now())
    except Refused as refused:
        return await _item_page(request, error=str(refused), status=409)
    await say(request, "Page acknowledged. Nobody holds the item yet: claim it when you start.")
    return _back(item_id)


async def note(request: web.Request) -> web.Response:
    """POST /items/{id}/note."""
    item_id, text = _id(request), await _text(request, "note")
    try:
        await write_note(request.app[DATABASE], request[WEB_SESSION].staff, item_id, text, request.app[CLOCK].now())
    except Refused as refused:
        return await _item_page(request, error=str(refused), filled={"note": text}, status=422)
    await say(request, "Note saved.")
    return _back(item_id)


async def reply(request: web.Request) -> web.Response:
    """POST /items/{id}/reply."""
    item_id, text, reason = _id(request), await _text(request, "text"), await _text(request, "reason")
    phone = await _text(request, "phone")
    try:
        phone_id = UUID(phone) if phone else None
    except ValueError:
        raise web.HTTPNotFound from None
    staff, now = request[WEB_SESSION].staff, request.app[CLOCK].now()
    try:
        await reply_to_patient(request.app[DATABASE], staff, item_id, text=text, phone_id=phone_id, reason=reason, now=now)
    except Refused as refused:
        return await _item_page(request, error=str(refused), filled={"text": text, "reason": reason}, status=422)
    await say(request, "Your message is on its way. Its status is shown in the conversation.")
    return _back(item_id, "conversation")


async def resolve(request: web.Request) -> web.Response:
    """POST /items/{id}/resolve."""
    item_id, form = _id(request), await request.post()
    try:
        answered = {UUID(id) for value in form.getall("answered", [])[:MOST_CONCERNS] for id in str(value).split()[:MOST_CONCERNS]}
        version = int(await _text(request, "version"))
    except ValueError:
        raise web.HTTPNotFound from None
    filled = {name: await _text(request, name) for name in ("disposition", "closing_note", "spoke_to", "follow_up")}
    closing = Closing(version, filled["disposition"], filled["closing_note"], filled["spoke_to"], filled["follow_up"], answered)
    try:
        await resolve_escalation(request.app[DATABASE], request[WEB_SESSION].staff, item_id, closing, request.app[CLOCK].now())
    except Refused as refused:
        return await _item_page(request, error=str(refused), filled=filled | {"answered": answered}, status=422)
    await say(request, "Closed. The next item is on top of the list.")
    raise web.HTTPSeeOther("/queue")


async def pause(request: web.Request) -> web.Response:
    """POST /items/{id}/pause: the patient's check-ins rest."""
    item_id = _id(request)
    filled = {name: await _text(request, name) for name in ("pause_kind", "pause_from", "pause_until", "pause_reason")}
    asked = Asked(filled["pause_kind"], filled["pause_reason"], filled["pause_until"], filled["pause_from"])
    try:
        await pause_from_item(request.app[DATABASE], request[WEB_SESSION].staff, item_id, asked, request.app[CLOCK].now())
    except Refused as refused:
        return await _item_page(request, error=str(refused), filled=filled, status=422)
    await say(request, "Check-ins are paused. What the patient writes is still read and answered.")
    return _back(item_id, "pause")


async def resume(request: web.Request) -> web.Response:
    """POST /items/{id}/resume: the patient's check-ins run again."""
    item_id = _id(request)
    try:
        await resume_from_item(request.app[DATABASE], request[WEB_SESSION].staff, item_id, request.app[CLOCK].now())
    except Refused as refused:
        return await _item_page(request, error=str(refused), status=422)
    await say(request, "Check-ins run again. The next one comes at its usual time.")
    return _back(item_id, "pause")


async def count_texts(request: web.Request) -> web.Response:
    """POST /texts: how many texts a message takes, in words, for the reply box to show while it is written."""
    return web.Response(text=texts(await _text(request, "text")), headers={"Cache-Control": "no-store"})


def _id(request: web.Request) -> UUID:
    return UUID(request.match_info["id"])


async def _text(request: web.Request, name: str) -> str:
    value = (await request.post()).get(name, "")
    return value.replace("\r\n", "\n").replace("\0", "")[:TOO_LONG] if isinstance(value, str) else ""


def _back(item_id: UUID, part: str = "") -> web.Response:
    return web.Response(status=303, headers={"Location": f"/items/{item_id}" + (f"#{part}" if part else "")})


async def _item_page(request: web.Request, *, error: str = "", filled: Mapping[str, Any] | None = None, status: int = 200) -> web.Response:
    staff, now = request[WEB_SESSION].staff, request.app[CLOCK].now()
    found = await view_item(request.app[DATABASE], staff, _id(request), now)
    groups = by_words(found.concerns)
    context = {
        "page": found,
        "item": found.item,
        "groups": groups,
        "spans": _spans(groups),
        "words": {row.id: row.body for row in found.conversation},
        "mine": found.item.claimed_by == staff.id and found.item.state == "claimed",
        "reason_needed": reason_needed(found.item, found.place.zone, found.place.quiet_start, found.place.quiet_end, now),
        "quiet_now": quiet(now, found.place.zone, found.place.quiet_start, found.place.quiet_end),
        "refusal": _refusal(found, now),
        "dispositions": list(Disposition),
        "spoke_to": list(SpokeTo),
        "pause_kinds": list(PauseKind),
        "error": error,
        "filled": {"text": "", "reason": "", "note": "", "disposition": "", "closing_note": "", "spoke_to": "", "follow_up": ""}
        | {"answered": frozenset(), "pause_kind": "", "pause_from": "", "pause_until": "", "pause_reason": ""}
        | dict(filled or {}),
    }
    if BACKGROUND in request.headers:
        return fragment(request, "item.html", context)
    return await page(request, "item.html", context, status=status)


def _refusal(found: ItemPage, now: datetime) -> str:
    """Why a text to the number at hand would be refused, said before anything is typed; "" when it would go."""
    if found.patient is None:
        return REFUSALS["no_consent"]
    rows = {row.id: row for row in found.patient.phones}
    row = rows.get(found.place.phone_id)
    return why_refused(found.item, Phone(row.id, row.number, row.unsafe_since, row.opted_out_at), found.consents, now) if row else ""


def _spans(groups: Sequence[Sequence[Concern]]) -> dict[UUID, list[Span]]:
    """What to mark in the conversation: the words of each group's leading concern."""
    spans: dict[UUID, list[Span]] = defaultdict(list)
    for lead, *_ in groups:
        if lead.communication_id is not None:
            spans[lead.communication_id] += lead.spans
    return spans
