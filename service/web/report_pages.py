"""The weekly self-report (safety rule 44) as a page and as a table, and the replies that nurses read again."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from aiohttp import web

from service.actions.judge_sample import judge_sample
from service.actions.make_reports import ALL
from service.actions.refusal import NotFound, Refused
from service.actions.view_reports import Reports, view_reports, view_sample
from service.domain.self_report import Verdict
from service.domain.urgency import Urgency
from service.web.keys import CLOCK, DATABASE, WEB_SESSION
from service.web.language import _, told
from service.web.render import page, say
from service.web.supervisor_pages import in_percent, in_time

PACE = ("items", "taken_median", "taken_95", "contact_median", "contact_95", "judged", "kept")


async def show_report(request: web.Request) -> web.Response:
    """GET /supervisor/report?week=&team=."""
    found = await _found(request)
    context = {
        "found": found,
        "week": found.chosen.week if found.chosen is not None else None,
        "figures": _figures(found),
        "urgencies": list(Urgency),
        "seconds": in_time,
        "percent": in_percent,
        "alerts": _alerts(_figures(found)),
    }
    return await page(request, "report.html", context)


async def export_report(request: web.Request) -> web.Response:
    """GET /supervisor/report.csv?week=&team=: one number a row; the heads alone while there is no report."""
    found = await _found(request)
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(("week", "team", "figure", "of", "value"))
    week = found.chosen.week.isoformat() if found.chosen is not None else ""
    scope = _safe(found.teams[found.team_id]) if found.team_id is not None else ALL
    for figure, of, value in _lines(_figures(found) or {}):
        writer.writerow((week, scope, figure, of, "" if value is None else value))
    for verdict, many in sorted(found.verdicts.items()):
        writer.writerow((week, scope, "sample", verdict or "unread", many))
    headers = {"Content-Disposition": f'attachment; filename="report-{week or "none"}.csv"', "Cache-Control": "no-store"}
    return web.Response(text=out.getvalue(), content_type="text/csv", headers=headers)


async def show_sample(request: web.Request) -> web.Response:
    """GET /supervisor/sample: the next reply that led to nothing, to be read again by a nurse."""
    found = await view_sample(request.app[DATABASE], request[WEB_SESSION].staff, request.app[CLOCK].now())
    return await page(request, "report_sample.html", {"found": found, "error": ""})


async def judge(request: web.Request) -> web.Response:
    """POST /supervisor/sample/{id}: nothing was needed, or it should have been an item (which is opened)."""
    staff, now = request[WEB_SESSION].staff, request.app[CLOCK].now()
    text = str((await request.post()).get("verdict", ""))
    try:
        verdict = Verdict(text)
    except ValueError:
        raise NotFound from None
    try:
        await judge_sample(request.app[DATABASE], staff, UUID(request.match_info["id"]), verdict, now)
    except Refused as refused:
        await say(request, told(refused), kind="warning")
    else:
        await say(request, _("Recorded.") if verdict is Verdict.RIGHT else _("Recorded, and an urgent item is open for it."))
    return web.Response(status=303, headers={"Location": "/supervisor/sample"})


async def _found(request: web.Request) -> Reports:
    text = request.query.get("team", "")
    try:
        team_id = UUID(text) if text else None
    except ValueError:
        raise NotFound from None
    return await view_reports(request.app[DATABASE], request[WEB_SESSION].staff, team_id, request.query.get("week", "")[:10])


def _figures(found: Reports) -> Mapping[str, Any] | None:
    if found.chosen is None:
        return None
    figures: Mapping[str, Any] | None = found.chosen.figures.get(str(found.team_id) if found.team_id is not None else ALL)
    return figures


def _alerts(figures: Mapping[str, Any] | None) -> dict[str, float | None]:
    """Items per 100 patient-weeks, of all and by language."""
    if figures is None:
        return {}
    weeks, items = figures["patient_weeks"], figures["items"]
    whole = {ALL: (sum(items.values()), sum(weeks.values()))} | {one: (items.get(one, 0), many) for one, many in sorted(weeks.items())}
    return {language: round(100 * many / care, 1) if care else None for language, (many, care) in whole.items()}


def _lines(figures: Mapping[str, Any]) -> Iterator[tuple[str, str, float | int | None]]:
    """(figure, of what, value) of each number, one a row, so that weeks can be put below each other."""
    for name, whole, part in (("answers", "check_ins_asked", "check_ins_answered"), ("readings", "messages", "messages_not_read")):
        for of, (many, true) in sorted(figures.get(name, {}).items()):
            yield whole, of, many
            yield part, of, true
    for urgency, pace in figures.get("pace", {}).items():
        for name in PACE:
            yield f"{name}_seconds" if name not in ("items", "judged", "kept") else name, urgency, pace[name]
    for language, value in _alerts(figures or None).items():
        yield "items_per_100_patient_weeks", language, value


def _safe(text: str) -> str:
    """A name that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in "=+-@\t" else text
