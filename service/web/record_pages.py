"""Medicines, limits and conditions of a patient, and the record itself: who it is, programmes, team."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from aiohttp import web

from service.actions import change_limits, change_medicines, change_record
from service.actions.enroll_patient import Place
from service.actions.pause_by_staff import Asked, pause_patient, resume_patient
from service.actions.refusal import Refused
from service.actions.view_record import view_record
from service.domain.pause import PauseKind
from service.domain.registration import parse_wall_time
from service.domain.staff import Staff
from service.domain.wording import LANGUAGES
from service.web.flow_pages import SHELF
from service.web.keys import CLOCK, DATABASE, LAW, WEB_SESSION
from service.web.language import _, told
from service.web.patient_words import words
from service.web.record_keys import ENROLL, OTHER_KIND, TERMS
from service.web.render import page, say

LONGEST = 600
_MEDICINE = ("name", "kind", "instructions", "high_alert", "reason")
_LIMIT = ("limit", "amount", "unit", "clinician", "starts_on", "ends_on", "reason")
_DETAILS = ("name", "birth_date", "language", "allergies", "emergency_instruction", "emergency_instruction_by")
_PAUSE = ("kind", "why_paused", "until", "begins")
_PLACE = ("flow", "time", "first", "last", "high_risk")
NOBODY = UUID(int=0)
"""What is no id: refused as one that is not on the record."""


async def show_care(request: web.Request) -> web.Response:
    """GET /patients/{id}/care."""
    return await _care(request)


async def show_record(request: web.Request) -> web.Response:
    """GET /patients/{id}/record."""
    return await _record(request)


async def add_medicine(request: web.Request) -> web.Response:
    """POST /patients/{id}/medicines."""
    form = await _form(request, _MEDICINE)
    kinds = request.app[TERMS].medicines | {OTHER_KIND}
    work = change_medicines.add_medicine(request.app[DATABASE], kinds, _staff(request), _id(request), _medicine(form), _now(request))
    return await _do(request, work, _("The medicine is on the list."), _care, form, "medicine")


async def change_medicine(request: web.Request) -> web.Response:
    """POST /patients/{id}/medicines/change."""
    form = await _form(request, (*_MEDICINE, "medicine"))
    which = _uuid(form["medicine"])
    work = change_medicines.change_medicine(request.app[DATABASE], _staff(request), _id(request), which, _medicine(form), _now(request))
    return await _do(request, work, _("The medicine is changed."), _care, form, form["medicine"])


async def stop_medicine(request: web.Request) -> web.Response:
    """POST /patients/{id}/medicines/stop."""
    form = await _form(request, ("medicine", "reason"))
    which = _uuid(form["medicine"])
    work = change_medicines.stop_medicine(request.app[DATABASE], _staff(request), _id(request), which, form["reason"], _now(request))
    return await _do(request, work, _("The medicine is stopped from today on."), _care, form, f"stop-{form['medicine']}")


async def set_limit(request: web.Request) -> web.Response:
    """POST /patients/{id}/limits."""
    form = await _form(request, _LIMIT)
    limit = change_limits.Limit(
        form["limit"], form["amount"], form["unit"], form["reason"], form["clinician"], form["starts_on"], form["ends_on"]
    )
    terms = request.app[TERMS].limits_for
    work = change_limits.set_limit(request.app[DATABASE], terms, _staff(request), _id(request), limit, _now(request))
    return await _do(request, work, _("The limit is set."), _care, form, "limit")


async def end_limit(request: web.Request) -> web.Response:
    """POST /patients/{id}/limits/end."""
    form = await _form(request, ("limit", "reason"))
    work = change_limits.end_limit(request.app[DATABASE], _staff(request), _id(request), form["limit"], form["reason"], _now(request))
    return await _do(request, work, _("The limit has ended: the usual one of the rules holds again."), _care, form, f"end-{form['limit']}")


async def add_condition(request: web.Request) -> web.Response:
    """POST /patients/{id}/conditions."""
    form = await _form(request, ("condition", "reason"))
    known = request.app[TERMS].conditions
    code, reason = form["condition"], form["reason"]
    work = change_record.add_condition(request.app[DATABASE], known, _staff(request), _id(request), code, reason, _now(request))
    return await _do(request, work, _("The condition is on the list: rules go by it from now on."), _care, form, "condition")


async def remove_condition(request: web.Request) -> web.Response:
    """POST /patients/{id}/conditions/remove."""
    form = await _form(request, ("condition", "reason"))
    work = change_record.remove_condition(
        request.app[DATABASE], _staff(request), _id(request), form["condition"], form["reason"], _now(request)
    )
    return await _do(request, work, _("The condition is off the list."), _care, form, f"off-{form['condition']}")


async def change_details(request: web.Request) -> web.Response:
    """POST /patients/{id}/record."""
    form = await _form(request, _DETAILS)
    work = change_record.change_details(request.app[DATABASE], _staff(request), _id(request), change_record.Details(**form), _now(request))
    return await _do(request, work, _("Recorded."), _record, form, "details")


async def enroll(request: web.Request) -> web.Response:
    """POST /patients/{id}/programmes."""
    form = await _form(request, _PLACE)
    return await _do(request, _enroll(request, form), _("The patient is in the programme now."), _record, form, "programme")


async def end_programme(request: web.Request) -> web.Response:
    """POST /patients/{id}/programmes/end."""
    form = await _form(request, ("enrollment", "reason"))
    which = _uuid(form["enrollment"])
    work = change_record.end_programme(request.app[DATABASE], _staff(request), _id(request), which, form["reason"], _now(request))
    return await _do(request, work, _("The programme has ended. Nothing was sent about it."), _record, form, f"end-{form['enrollment']}")


async def pause(request: web.Request) -> web.Response:
    """POST /patients/{id}/pause."""
    form = await _form(request, _PAUSE)
    asked = Asked(form["kind"], form["why_paused"], form["until"], form["begins"])
    work = pause_patient(request.app[DATABASE], _staff(request), _id(request), asked, _now(request))
    done = _("Check-ins are paused. What the patient writes is still read and answered.")
    return await _do(request, work, done, _record, form, "pause")


async def resume(request: web.Request) -> web.Response:
    """POST /patients/{id}/resume."""
    work = resume_patient(request.app[DATABASE], _staff(request), _id(request), _now(request))
    return await _do(request, work, _("Check-ins run again. The next one comes at its usual time."), _record, {}, "pause")


async def transfer(request: web.Request) -> web.Response:
    """POST /patients/{id}/transfer: whoever is in the new team too goes on with the patient, others to their list."""
    form = await _form(request, ("team", "reason"))
    staff, team_id = _staff(request), _uuid(form["team"])
    try:
        await change_record.transfer(request.app[DATABASE], staff, _id(request), team_id, form["reason"], _now(request))
    except Refused as refused:
        return await _record(request, told(refused), form, "team", 422)
    await say(request, _("The patient and their open items belong to the other team now."))
    here = f"/patients/{_id(request)}/record" if staff.sees(team_id, None) else "/patients"
    return web.Response(status=303, headers={"Location": here})


async def _enroll(request: web.Request, form: Mapping[str, str]) -> None:
    if form["flow"] not in request.app[SHELF].flows:
        raise Refused("Choose a programme.")
    try:
        at = parse_wall_time(form["time"])
    except ValueError:
        raise Refused("The time is none: write it as 09:00.") from None
    place = Place(form["flow"], at, _day(form["first"]), _day(form["last"]), form["high_risk"] == "yes")
    await request.app[ENROLL](request.app[DATABASE], request.app[LAW], _staff(request), _id(request), place, _now(request))


Show = Callable[..., Awaitable[web.Response]]


async def _do(request: web.Request, work: Awaitable[object], done: str, show: Show, filled: Mapping[str, str], form: str) -> web.Response:
    try:
        await work
    except Refused as refused:
        return await show(request, told(refused), filled, form, 422)
    await say(request, done)
    part = "care" if show is _care else "record"
    return web.Response(status=303, headers={"Location": f"/patients/{_id(request)}/{part}"})


async def _care(
    request: web.Request, error: str = "", filled: Mapping[str, str] | None = None, form: str = "", status: int = 200
) -> web.Response:
    found = await view_record(request.app[DATABASE], _staff(request), _id(request), _now(request))
    terms = request.app[TERMS]
    context = {
        "found": found,
        "card": found.card,
        "terms": terms.limits_for([one.programme for one in found.ahead.enrollments]),
        "kinds": [*sorted(terms.medicines), OTHER_KIND],
        "known": sorted(terms.conditions - set(found.card.conditions)),
        "error": error,
        "form": form,
        "filled": {**dict.fromkeys((*_MEDICINE, *_LIMIT, "condition"), ""), **(filled or {})},
        "part": "care",
        **words(),
    }
    return await page(request, "patient_care.html", context, status=status)


async def _record(
    request: web.Request, error: str = "", filled: Mapping[str, str] | None = None, form: str = "", status: int = 200
) -> web.Response:
    found = await view_record(request.app[DATABASE], _staff(request), _id(request), _now(request))
    own = {name: getattr(found.card, name) for name in _DETAILS}
    context = {
        "found": found,
        "card": found.card,
        "ahead": found.ahead,
        "flows": sorted(key for key, flow in request.app[SHELF].flows.items() if flow.kind == "check_in"),
        "languages": LANGUAGES,
        "pause_kinds": list(PauseKind),
        "error": error,
        "form": form,
        "filled": {**own, **dict.fromkeys((*_PLACE, *_PAUSE, "team", "reason"), ""), **(filled or {})},
        "part": "record",
        **words(),
    }
    return await page(request, "patient_record.html", context, status=status)


def _medicine(form: Mapping[str, str]) -> change_medicines.Medicine:
    return change_medicines.Medicine(form["name"], form["kind"], form["instructions"], form["high_alert"] == "yes", form["reason"])


def _day(written: str) -> date | None:
    try:
        return date.fromisoformat(written) if written else None
    except ValueError:
        raise Refused("That day is none: write it as 2026-03-31.") from None


async def _form(request: web.Request, names: tuple[str, ...]) -> dict[str, str]:
    """The named fields of the form, cut to a bearable length; "" for what is not there."""
    given: Mapping[str, Any] = await request.post()
    found = {}
    for name in names:
        value = given.get(name, "")
        found[name] = value.replace("\0", "").strip()[:LONGEST] if isinstance(value, str) else ""
    return found


def _uuid(written: str) -> UUID:
    try:
        return UUID(written)
    except ValueError:
        return NOBODY


def _staff(request: web.Request) -> Staff:
    return request[WEB_SESSION].staff


def _now(request: web.Request) -> datetime:
    return request.app[CLOCK].now()


def _id(request: web.Request) -> UUID:
    return UUID(request.match_info["id"])
