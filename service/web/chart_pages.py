"""A patient's readings as charts with their tables, and the doses of a month as a calendar."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

from aiohttp import web

from service.actions.view_readings import Doses, view_doses, view_readings
from service.domain.adherence import Day
from service.domain.schedule import to_local
from service.web.chart_views import charts
from service.web.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH
from service.web.keys import CLOCK, DATABASE, WEB_SESSION
from service.web.language import later, spoken
from service.web.render import page
from service.web.times import MONTHS, month_of

SPANS = (7, 30, 90, 365)
"""Days that the charts can show."""
USUAL = 30
FIRST_YEAR, LAST_YEAR = 2000, 2100
LEGEND = later(
    {
        Day.TAKEN: "taken",
        Day.MISSED: "missed",
        Day.PARTLY: "taken in part",
        Day.UNKNOWN: "asked, no answer",
        Day.NOT_ASKED: "not asked",
    }
)


async def show_charts(request: web.Request) -> web.Response:
    """GET /patients/{id}/charts?days=30."""
    wanted = request.query.get("days", "")
    days = int(wanted) if wanted in map(str, SPANS) else USUAL
    found = await view_readings(request.app[DATABASE], request[WEB_SESSION].staff, _id(request), days, request.app[CLOCK].now())
    drawn, missing = charts(found)
    frame = {"width": WIDTH, "height": HEIGHT, "left": LEFT, "right": WIDTH - RIGHT, "top": TOP, "bottom": HEIGHT - BOTTOM}
    context = {"card": found.card, "found": found, "charts": drawn, "missing": missing, "days": days, "spans": SPANS, "frame": frame}
    return await page(request, "patient_charts.html", {**context, "part": "charts", "axis_day": axis_day})


async def show_doses(request: web.Request) -> web.Response:
    """GET /patients/{id}/doses?month=2026-11."""
    now = request.app[CLOCK].now()
    first = _month(request.query.get("month", "")) or to_local(now, request[WEB_SESSION].zone).date().replace(day=1)
    found = await view_doses(request.app[DATABASE], request[WEB_SESSION].staff, _id(request), first.year, first.month, now)
    before, after = (first - timedelta(days=1)).replace(day=1), (first + timedelta(days=31)).replace(day=1)
    context = {
        "card": found.card,
        "found": found,
        "month": month_of(first),
        "weeks": [_weeks(found, n) for n in range(len(found.calendars))],
        "legend": LEGEND,
        "before": before,
        "after": after if after <= found.today else None,
        "part": "doses",
        "month_words": month_of,
    }
    return await page(request, "patient_doses.html", context)


def axis_day(day: date) -> str:
    """A day under a chart: "9 Nov"."""
    return f"{day.day} {MONTHS[spoken()][day.month - 1][:3]}"


def _weeks(found: Doses, place: int) -> list[list[tuple[date, Day] | None]]:
    """The days of a calendar in weeks from Monday, None before the first and after the last."""
    days = [(date(found.year, found.month, number), day) for number, day in enumerate(found.calendars[place].days, 1)]
    cells: list[tuple[date, Day] | None] = [*[None] * days[0][0].weekday(), *days]
    cells += [None] * (-len(cells) % 7)
    return [cells[start : start + 7] for start in range(0, len(cells), 7)]


def _month(written: str) -> date | None:
    try:
        found = date.fromisoformat(f"{written[:7]}-01")
    except ValueError:
        return None
    return found if FIRST_YEAR <= found.year <= LAST_YEAR else None


def _id(request: web.Request) -> UUID:
    return UUID(request.match_info["id"])
