"""The next contacts of a patient, what they rest on, and what staff record there: consents, where the patient lives, care that ended."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from datetime import time
from functools import partial
from typing import Any
from uuid import UUID

from aiohttp import web

from service.actions.change_care import STOPS, Where, change_care, change_place
from service.actions.next_contacts import view_next_contacts
from service.actions.record_consent import Given, record_consent, withdraw_consent
from service.actions.refusal import Refused
from service.domain.contact_hours import DAY, EVERY_DAY, ContactHours, Window
from service.domain.patient import Organization, PatientStatus
from service.domain.reading import Channel
from service.domain.registration import WEEKDAYS
from service.web.keys import CLOCK, DATABASE, LAW, WEB_SESSION
from service.web.language import _, later, spoken, told
from service.web.render import page, say
from service.web.times import WEEKDAYS as DAY_NAMES
from service.web.times import wall_clock
from service.web.words import PATIENT_STATUS

LONGEST = 500
METHODS = later({"paper": "on paper", "verbal": "by word of mouth", "text": "by text", "web": "on the web"})
CHANNELS = later({Channel.SMS: "texts", Channel.VOICE: "calls"})
_GIVEN = ("phone_id", "channel", "programme", "per_day", "per_week", "method", "source", "version", "given_on")
_FOR_ANOTHER = ("representative", "relation", "ends_on")
_WHERE = ("zone", "state", "hours")


async def show_contacts(request: web.Request) -> web.Response:
    """GET /patients/{id}/contacts."""
    return await _page(request)


async def give_consent(request: web.Request) -> web.Response:
    """POST /patients/{id}/consents."""
    filled = {name: await _text(request, name) for name in (*_GIVEN, *_FOR_ANOTHER)}
    detail = await _text(request, "detail")
    given = Given(**filled, detail=detail == "yes")
    database, law, staff = request.app[DATABASE], request.app[LAW], request[WEB_SESSION].staff
    done = _("The consent is on record, with the words that were agreed to.")
    filled["detail"] = detail
    now = request.app[CLOCK].now()
    return await _do(request, record_consent(database, law, staff, _id(request), given, now), done, filled, "consent")


async def withdraw(request: web.Request) -> web.Response:
    """POST /patients/{id}/withdraw."""
    consent_id, why = await _text(request, "consent"), await _text(request, "why")
    try:
        wanted = UUID(consent_id)
    except ValueError:
        raise web.HTTPNotFound from None
    database, staff = request.app[DATABASE], request[WEB_SESSION].staff
    done = _("The consent is withdrawn. What waits for it will not be sent.")
    now = request.app[CLOCK].now()
    return await _do(request, withdraw_consent(database, staff, _id(request), wanted, why, now), done, {})


async def care(request: web.Request) -> web.Response:
    """POST /patients/{id}/care."""
    status, database, staff = await _text(request, "status"), request.app[DATABASE], request[WEB_SESSION].staff
    again, over = _("Check-ins run again."), _("Everything automatic has stopped. Nothing was sent about it.")
    done = again if status == PatientStatus.ACTIVE else over
    now = request.app[CLOCK].now()
    return await _do(request, change_care(database, staff, _id(request), status, now), done, {"status": status})


async def place(request: web.Request) -> web.Response:
    """POST /patients/{id}/place."""
    filled: dict[str, Any] = {name: await _text(request, name) for name in _WHERE}
    days = [str(day) for day in (await request.post()).getall("days", []) if day in WEEKDAYS]
    holidays = await _text(request, "on_holidays") == "yes"
    where = Where(filled["zone"], filled["state"], filled["hours"], "; ".join(days), holidays)
    filled |= {"days": days, "on_holidays": holidays}
    database, law, staff = request.app[DATABASE], request.app[LAW], request[WEB_SESSION].staff
    done = _("Recorded. Planned check-ins move within a minute.")
    now = request.app[CLOCK].now()
    return await _do(request, change_place(database, law, staff, _id(request), where, now), done, filled, "place")


async def _do(request: web.Request, act: Awaitable[object], done: str, filled: Mapping[str, Any], form: str = "") -> web.Response:
    try:
        await act
    except Refused as refused:
        return await _page(request, error=told(refused), filled=filled, form=form, status=422)
    await say(request, done)
    return web.Response(status=303, headers={"Location": f"/patients/{_id(request)}/contacts"})


async def _page(
    request: web.Request, *, error: str = "", filled: Mapping[str, Any] | None = None, form: str = "", status: int = 200
) -> web.Response:
    law, now = request.app[LAW], request.app[CLOCK].now()
    found = await view_next_contacts(request.app[DATABASE], law, request[WEB_SESSION].staff, _id(request), now)
    hours = f"{found.row.contact_from:%H:%M}-{found.row.contact_until:%H:%M}" if found.row.contact_from and found.row.contact_until else ""
    wished = found.hours.wish.days if found.hours else EVERY_DAY
    days = [day for n, day in enumerate(WEEKDAYS) if n in wished] if wished != EVERY_DAY else []
    blank = dict.fromkeys((*_GIVEN, *_FOR_ANOTHER, "detail", "status", "why"), "")
    on_record = {"zone": found.patient.zone, "state": found.row.state or "", "hours": hours, "days": days}
    context = {
        "found": found,
        "patient": found.patient,
        "rules": hours_in_words(found.hours) if found.hours else [],
        "words": law.words,
        "filled_in": partial(words_for, found.patient.organization),
        "numbers": {phone.id: _("ends in {end}", end=phone.number[-4:]) for phone in found.patient.phones},
        "channels": {code: _(CHANNELS[code]) for code in Channel},
        "methods": METHODS,
        "method_words": {code: _(words) for code, words in METHODS.items()},
        "weekdays": {day: DAY_NAMES[spoken()][n].capitalize() for n, day in enumerate(WEEKDAYS)},
        "stops": _stops(found.patient.status),
        "error": error,
        "form": form,
        "filled": {**blank, **on_record, "on_holidays": bool(found.row.on_holidays), **(filled or {})},
    }
    return await page(request, "contacts.html", context, status=status)


def _stops(status: str) -> dict[str, str]:
    """What care can change to from this status."""
    back = {PatientStatus.ACTIVE.value: _("Back in care: check-ins run again")} if status in STOPS else {}
    return {code: _(PATIENT_STATUS[code]) for code in STOPS if code != status} | back


def words_for(organization: Organization, words: str) -> str:
    """The words of a consent as they are read to a patient of this organization."""
    own = {"clinic": organization.name, "emergency_number": organization.emergency_number, "crisis_line": organization.crisis_line}
    for name, value in own.items():
        words = words.replace(f"{{{name}}}", value)
    return words


def hours_in_words(hours: ContactHours) -> list[str]:
    """Each rule on the hours in one line; all of them hold together."""
    lines = []
    if hours.quiet_start == hours.quiet_end:
        lines.append(_("Clinic: no quiet hours"))
    else:
        lines.append(_("Clinic: quiet from {start} to {end}", start=_wall(hours.quiet_start), end=_wall(hours.quiet_end)))
    if hours.state is not None:
        lines.append(_("Law of {state}: {hours}", state=hours.state.name, hours=_week(hours.state.days)))
    wish = hours.wish
    if wish.opens is not None and wish.closes is not None:
        lines.append(_("Patient's wish: {start} to {end}", start=_wall(wish.opens), end=_wall(wish.closes)))
    if wish.days != EVERY_DAY:
        days = ", ".join(day for n, day in enumerate(DAY_NAMES[spoken()]) if n in wish.days)
        lines.append(_("Patient's wish: only on {days}", days=days))
    yes, no = _("Holidays of the clinic: check-ins come too"), _("Holidays of the clinic: no check-ins")
    lines.append(yes if wish.on_holidays else no)
    return lines


def _week(days: tuple[Window, ...]) -> str:
    """ "9:00 am to 9:00 pm; Sunday 12:00 pm to 9:00 pm"."""
    usual = max(set(days), key=days.count)
    others = [f"{DAY_NAMES[spoken()][n]} {_window(day)}" for n, day in enumerate(days) if day != usual]
    return "; ".join([_window(usual), *others])


def _window(one: Window) -> str:
    opens, closes = (time(minute // 60 % 24, minute % 60) for minute in (one.opens, one.closes))
    return _("{start} to {end}", start=_wall(opens), end=_("midnight") if one.closes == DAY else _wall(closes))


def _wall(at: time) -> str:
    return wall_clock(at)


def _id(request: web.Request) -> UUID:
    return UUID(request.match_info["id"])


async def _text(request: web.Request, name: str) -> str:
    value = (await request.post()).get(name, "")
    return value.replace("\0", "").strip()[:LONGEST] if isinstance(value, str) else ""
