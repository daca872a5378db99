"""The hand-over of a shift: what I hold and give, what I am asked to take, what is due for the next, and the end of my shift."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from aiohttp import web

from service.actions.answer_hand_over import answer_hand_over
from service.actions.end_shift import Left, end_shift
from service.actions.offer_hand_over import Offer, offer_hand_over
from service.actions.refusal import Refused
from service.actions.sign_out import sign_out
from service.actions.view_hand_over import HandOverPage, view_hand_over
from service.db.hand_over_lists import HeldItem
from service.domain.hand_over import LONGEST_WORDS, MOST_LINES, WAITING, HandOverState, Ipass
from service.domain.urgency import Urgency
from service.web.keys import CLOCK, DATABASE, SESSIONS, WEB_SESSION
from service.web.language import _, counted, later, told
from service.web.render import page, say
from service.web.sessions import token_hash
from service.web.times import age, clock_time

STATES = later(
    {
        HandOverState.OFFERED: "Waits for an answer",
        HandOverState.OVERDUE: "Not answered in time: the supervisor has been told",
        HandOverState.ACCEPTED: "Taken over",
        HandOverState.DECLINED: "Declined",
        HandOverState.WITHDRAWN: "Taken back",
        HandOverState.VOID: "No longer needed: closed, or held by somebody else",
    }
)
CONTINGENCY = later(
    {
        Urgency.EMERGENCY: "If they cannot be reached or get worse: call the emergency number and the emergency contact.",
        Urgency.URGENT: "If it gets worse or they cannot be reached within the hour: call, then treat it as an emergency.",
        Urgency.SAME_DAY: "If it gets worse or nobody has answered them by its due time: treat it as urgent.",
        Urgency.ROUTINE: "If they write of new complaints: look at it the same day.",
    }
)
"""Proposed words of what to do if, by urgency; own wording, the giver changes it to fit the patient."""
ANSWERED = later(
    {
        HandOverState.ACCEPTED: "You have it now. What was said about it stands in its history.",
        HandOverState.DECLINED: "Declined. The giver keeps it and sees your reason.",
        HandOverState.WITHDRAWN: "Taken back. You keep it.",
        HandOverState.VOID: "It was closed, or somebody else holds it by now: there is nothing to take over.",
    }
)
PATIENT = "patient-"
"""How the key of a line begins that is about a patient without an item in hand."""
_PARTS = ("summary", "actions", "contingency")


async def show_hand_over(request: web.Request) -> web.Response:
    """GET /hand-over; `?leaving=1` after signing out while something was in hand."""
    return await _page(request, leaving="leaving" in request.query)


async def offer(request: web.Request) -> web.Response:
    """POST /hand-over: every line that is ticked is offered, each on its own."""
    form, now = await request.post(), request.app[CLOCK].now()
    keys = list(dict.fromkeys(str(key)[:64] for key in form.getall("line", [])))[:MOST_LINES]
    filled = {str(name): str(value)[:2000] for name, value in form.items() if isinstance(value, str)}
    if not keys:
        return await _page(request, error=_("Tick what you hand over."), filled=filled)
    done, error = 0, ""
    for key in keys:
        try:
            await offer_hand_over(request.app[DATABASE], request[WEB_SESSION].staff, _offer(key, filled), now)
            done += 1
        except Refused as refused:
            error = told(refused)
    if error:
        return await _page(request, error=error, filled=filled)
    await say(
        request,
        counted(
            "{num} line is offered. You hold it until it is accepted.",
            "{num} lines are offered. You hold them until they are accepted.",
            done,
        ),
    )
    return web.Response(status=303, headers={"Location": "/hand-over#given"})


async def answer(request: web.Request) -> web.Response:
    """POST /hand-over/{id}: accepted, declined or taken back."""
    form, now = await request.post(), request.app[CLOCK].now()
    wanted, reason = str(form.get("answer", "")), str(form.get("reason", ""))
    if wanted not in {one.value for one in ANSWERED if one is not HandOverState.VOID}:
        return await _page(request, error=_("Choose whether you take it over."))
    id = UUID(request.match_info["id"])
    try:
        became = await answer_hand_over(request.app[DATABASE], request[WEB_SESSION].staff, id, HandOverState(wanted), now, reason=reason)
    except Refused as refused:
        return await _page(request, error=told(refused))
    await say(request, _(ANSWERED[became]), kind="warning" if became is HandOverState.VOID else "good")
    return web.Response(status=303, headers={"Location": "/hand-over"})


async def leave(request: web.Request) -> web.Response:
    """POST /hand-over/leave: the shift ends and with it the session, unless something dangerous is in hand."""
    staff, now, sessions = request[WEB_SESSION].staff, request.app[CLOCK].now(), request.app[SESSIONS]
    left = await end_shift(request.app[DATABASE], staff, now)
    if left.blocked_by:
        return await _page(request, blocked=left)
    await sign_out(request.app[DATABASE], staff, token_hash(sessions.load_cookie(request) or ""), now)
    response = web.Response(status=303, headers={"Location": "/sign-in"})
    sessions.drop_cookie(response)
    return response


def _offer(key: str, filled: Mapping[str, str]) -> Offer:
    """One line of the form; ids that are none become nobody's, which the action refuses."""
    about = _uuid(key.removeprefix(PATIENT)) or UUID(int=0)
    words = Ipass(*(filled.get(f"{part}-{key}", "").replace("\0", "").strip() for part in _PARTS))
    of_item = not key.startswith(PATIENT)
    return Offer(about if of_item else None, None if of_item else about, _uuid(filled.get("receiver", "")), words)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


async def _page(
    request: web.Request,
    *,
    error: str = "",
    filled: Mapping[str, str] | None = None,
    blocked: Left | None = None,
    leaving: bool = False,
) -> web.Response:
    session, now = request[WEB_SESSION], request.app[CLOCK].now()
    found = await view_hand_over(request.app[DATABASE], session.staff, now)
    context = {
        "page": found,
        "lines": _lines(found, session.zone, now, filled or {}),
        "receiver": (filled or {}).get("receiver") or found.next_id or "",
        "states": {state: _(words) for state, words in STATES.items()},
        "waiting_states": WAITING,
        "opens": found.opens(now),
        "blocked": blocked,
        "pressing": [item for item in (*found.held, *found.waking) if item.urgency.rank <= Urgency.URGENT.rank],
        "leaving": leaving,
        "most": LONGEST_WORDS,
        "error": error,
    }
    return await page(request, "hand_over.html", context, status=422 if error else 409 if blocked is not None else 200)


def _lines(found: HandOverPage, zone: str, now: datetime, filled: Mapping[str, str]) -> list[dict[str, Any]]:
    """What can be offered: patients that somebody worries about first, then items by danger, those in hand before those that are put off
    until the next shift; each with its proposed words."""
    worried = {worry.patient_id: worry for worry in found.worries}
    offered = {line.patient_id for line in found.given if line.state in WAITING and line.item_id is None}
    mine = (*found.held, *found.waking)
    held = sorted(mine, key=lambda item: (item.patient_id not in worried, item.urgency.rank, item.wakes_at or item.due_at))
    in_hand = {item.patient_id for item in held}
    lines = [_line(str(item.id), item, zone, now, filled) for item in held]
    for patient_id, worry in worried.items():
        if patient_id not in in_hand:
            name, born = found.people.get(patient_id, ("", ""))
            who = _who(name, born, zone, now)
            words = _(
                "{who}. {by} has a bad feeling about them{why}.", who=who, by=worry.by, why=f": {worry.reason}" if worry.reason else ""
            )
            proposed = (words, _("Watch for what they write, and call if they stay silent."), _(CONTINGENCY[Urgency.SAME_DAY]))
            about = {"item": None, "patient_id": patient_id, "name": name, "urgency": None, "worry": worry}
            lines.append(_filled(f"{PATIENT}{patient_id}", proposed, filled) | about | {"offered_to": patient_id in offered})
    for line in lines:
        line.setdefault("worry", worried.get(line["patient_id"]))
    return sorted(lines, key=lambda line: line["worry"] is None)


def _line(key: str, item: HeldItem, zone: str, now: datetime, filled: Mapping[str, str]) -> dict[str, Any]:
    who = _who(item.patient, item.birth_date, zone, now)
    summary = _(
        "{who}. {summary} Open since {since}.", who=who, summary=item.summary.rstrip(".") + ".", since=clock_time(item.opened_at, zone, now)
    )
    actions = _("Answer them by {due}.", due=clock_time(item.due_at, zone, now))
    if item.wakes_at is not None:
        actions = _("Snoozed until {wakes}: look at it then.", wakes=clock_time(item.wakes_at, zone, now))
    proposed = (summary, actions, _(CONTINGENCY[item.urgency]))
    about = {"item": item, "patient_id": item.patient_id, "name": item.patient, "urgency": item.urgency, "offered_to": item.offered_to}
    return _filled(key, proposed, filled) | about


def _filled(key: str, proposed: tuple[str, ...], filled: Mapping[str, str]) -> dict[str, Any]:
    words = {part: filled.get(f"{part}-{key}", one[:LONGEST_WORDS]) for part, one in zip(_PARTS, proposed, strict=True)}
    return {"key": key, **words}


def _who(name: str, born: str, zone: str, now: datetime) -> str:
    years = age(born, now, zone)
    if not name:
        return _("Nobody knows who it is")
    return name if years is None else f"{name}, {years}"
