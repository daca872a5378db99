"""Time on a patient: the item's timer, the month's list with its marks, and the list as a file."""

from __future__ import annotations

import csv
import io
from datetime import datetime

from aiohttp import web

from service.actions.log_time import add_minutes, beat, code_time, strike_time
from service.actions.refusal import Refused
from service.actions.view_time import TimeOfMonth, view_time
from service.domain.schedule import to_local
from service.domain.time_log import DATA_DAYS_MARK, DATA_DAYS_OF, Code, Month
from service.web.item_forms import id_in, id_of, text
from service.web.item_words import ACTIVITY, CODE, choices
from service.web.keys import CLOCK, DATABASE, WEB_SESSION
from service.web.language import _, told
from service.web.render import page, say

RISKY = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would take for a formula."""


async def count_time(request: web.Request) -> web.Response:
    """POST /items/{id}/time: the page says for how many seconds it was worked on; the answer is how many of them counted."""
    try:
        seconds = float(await text(request, "seconds"))
    except ValueError:
        raise web.HTTPNotFound from None
    if not 0 <= seconds < 1e6:
        raise web.HTTPNotFound
    counted = await beat(request.app[DATABASE], request[WEB_SESSION].staff, id_of(request), seconds, request.app[CLOCK].now())
    return web.Response(text=str(counted), headers={"Cache-Control": "no-store"})


async def show_time(request: web.Request) -> web.Response:
    """GET /patients/{id}/time?month=2026-11."""
    return await _time(request)


async def add(request: web.Request) -> web.Response:
    """POST /patients/{id}/time: minutes written down by hand, another code for an entry, or one that was wrong."""
    patient_id, staff, now = id_of(request), request[WEB_SESSION].staff, request.app[CLOCK].now()
    filled = {name: await text(request, name) for name in ("minutes", "activity", "code", "words")}
    entry_id, database = await id_in(request, "entry"), request.app[DATABASE]
    try:
        if entry_id is None:
            minutes, activity, code, words = filled.values()
            await add_minutes(database, staff, patient_id, minutes, activity, code, words, now)
        elif await text(request, "strike"):
            await strike_time(database, staff, patient_id, entry_id, now)
        else:
            await code_time(database, staff, patient_id, entry_id, filled["code"], now)
    except Refused as refused:
        return await _time(request, error=told(refused), filled=filled, status=422)
    await say(request, _("Saved."))
    raise web.HTTPSeeOther(f"/patients/{patient_id}/time?month={_month(request, now)}")


async def export(request: web.Request) -> web.Response:
    """GET /patients/{id}/time.csv?month=2026-11: the month's entries; no name, no number."""
    now, zone = request.app[CLOCK].now(), request[WEB_SESSION].zone
    month = _month(request, now)
    found = await view_time(request.app[DATABASE], request[WEB_SESSION].staff, id_of(request), month, zone, now, exported=True)
    headers = {"Content-Disposition": f'attachment; filename="time-{month}.csv"', "Cache-Control": "no-store"}
    return web.Response(text=as_csv(found, zone), content_type="text/csv", charset="utf-8", headers=headers)


def as_csv(found: TimeOfMonth, zone: str) -> str:
    """The entries as a table, oldest first; what a spreadsheet would take for a formula is led by an apostrophe."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(
        ["entry", "patient", "date", "begun", "minutes", "seconds", "counted by", "author", "activity", "code", "words", "struck"]
    )
    for one in reversed(found.entries):
        begun = to_local(one.started_at, zone)
        cells = [one.id, found.patient_id, begun.date(), f"{begun:%H:%M}", one.seconds // 60, one.seconds, one.source, one.author]
        cells += [one.activity, one.code, one.words, "struck" if one.struck else ""]
        writer.writerow([f"'{cell}" if str(cell).startswith(RISKY) else str(cell) for cell in cells])
    return file.getvalue()


async def _time(request: web.Request, *, error: str = "", filled: dict[str, str] | None = None, status: int = 200) -> web.Response:
    now, session = request.app[CLOCK].now(), request[WEB_SESSION]
    month, patient_id = _month(request, now), id_of(request)
    found = await view_time(request.app[DATABASE], session.staff, patient_id, month, session.zone, now)
    context = {
        "found": found,
        "month": month,
        "earlier": month.before(),
        "later": month.next() if month.next().bounds(session.zone)[0] <= now else None,
        "codes": choices(CODE),
        "coded": [code for code in Code if code is not Code.NONE],
        "activities": choices(ACTIVITY),
        "data_days": (DATA_DAYS_MARK, DATA_DAYS_OF),
        "error": error,
        "filled": filled or {"minutes": "", "activity": "item", "code": "none", "words": ""},
    }
    return await page(request, "item_time.html", context, status=status)


def _month(request: web.Request, now: datetime) -> Month:
    """The month that is asked for, else the present one on the clinic's clock. 404 for what is none."""
    asked = request.query.get("month", "")
    if not asked:
        today = to_local(now, request[WEB_SESSION].zone).date()
        return Month(today.year, today.month)
    month = Month.parse(asked)
    if month is None:
        raise web.HTTPNotFound
    return month
