"""The audit trail: read with filters, verified part by part while one looks on, taken out as a file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlencode
from uuid import UUID

from aiohttp import web

from service.actions import read_audit as audit
from service.db.audit_chain import Checked, Head
from service.db.audit_trail import PAGE, Place, Wanted
from service.domain.schedule import to_utc
from service.web.keys import CLOCK, DATABASE, WEB_SESSION
from service.web.language import _, counted
from service.web.render import page

MOST_WORDS, MOST_HEADS = 200, 1000
PROGRESS = "<!-- progress -->"
"""Where the page of a verification is cut in two: what comes in between is written while it goes on."""


@dataclass(frozen=True, slots=True)
class Filters:
    """As they stand in the address."""

    who: str
    whom: str
    action: str
    since: str
    until: str

    @classmethod
    def of(cls, request: web.Request) -> Filters:
        """What the address says, cut to length."""
        return cls(*(request.query.get(name, "").replace("\0", "").strip()[:MOST_WORDS] for name in cls.__slots__))

    def address(self, path: str, **more: str) -> str:
        """The same filters with another path, and with more."""
        told = {name: getattr(self, name) for name in self.__slots__} | more
        return f"{path}?{urlencode({name: value for name, value in told.items() if value})}".rstrip("?")


async def show_audit(request: web.Request) -> web.Response:
    """GET /audit."""
    filters = Filters.of(request)
    wanted = await _wanted(request, filters)
    staff, now = request[WEB_SESSION].staff, request.app[CLOCK].now()
    found = await audit.read_audit(request.app[DATABASE], staff, wanted, _place(request), now)
    last = f"{found[-1].at.isoformat()}_{found[-1].id}" if len(found) == PAGE else ""
    context = {
        "found": found,
        "filters": filters,
        "address": filters.address,
        "first": filters.address("/audit") if "after" in request.query else "",
        "next": filters.address("/audit", after=last) if last else "",
    }
    return await page(request, "audit.html", context)


async def find(request: web.Request) -> web.Response:
    """POST /audit: the same page with these filters; a record or telephone number goes no further, the address holds the patient's id."""
    form = {name: str(value).strip()[:MOST_WORDS] for name, value in (await request.post()).items()}
    filters = Filters(*(form.get(name, "") for name in Filters.__slots__))
    more = {}
    if form.get("whose"):
        found = await audit.patient_meant(request.app[DATABASE], request[WEB_SESSION].staff, form["whose"])
        more["whom"] = str(found or UUID(int=0))
    return web.Response(status=303, headers={"Location": filters.address("/audit", **more)})


async def show_verify(request: web.Request) -> web.Response:
    """GET /audit/verify: what verifying does, and the head to be kept elsewhere."""
    head = await audit.head_now(request.app[DATABASE], request[WEB_SESSION].staff)
    return await page(request, "audit_verify.html", {"head": head, "running": False})


async def verify(request: web.Request) -> web.StreamResponse:
    """POST /audit/verify: the page is written while the chain is walked; heads from a log or file may be given to hold it against."""
    lines = str((await request.post()).get("heads", "")).splitlines()[:MOST_HEADS]
    kept = [head for head in map(Head.read, lines) if head is not None]
    staff, now = request[WEB_SESSION].staff, request.app[CLOCK].now()
    whole = await page(request, "audit_verify.html", {"head": None, "running": True})
    before, _cut, behind = (whole.text or "").partition(PROGRESS)
    response = web.StreamResponse(headers={"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store"})
    await response.prepare(request)
    await response.write(before.encode())
    async for checked in audit.verify_audit(request.app[DATABASE], staff, kept, now):
        await response.write(_said(checked, len(kept)).encode())
    await response.write(behind.encode())
    await response.write_eof()
    return response


async def export(request: web.Request) -> web.StreamResponse:
    """GET /audit/audit.csv: what the filters say, with the chain's signed head as its last line."""
    wanted = await _wanted(request, Filters.of(request))
    parts = audit.export_audit(request.app[DATABASE], request[WEB_SESSION].staff, wanted, request.app[CLOCK].now())
    first = await anext(parts)  # a refusal comes before the answer has begun
    headers = {"Content-Disposition": 'attachment; filename="audit.csv"', "Cache-Control": "no-store"}
    response = web.StreamResponse(headers=headers | {"Content-Type": "text/csv; charset=utf-8"})
    await response.prepare(request)
    await response.write(first.encode())
    async for part in parts:
        await response.write(part.encode())
    await response.write_eof()
    return response


def _said(checked: Checked, kept: int) -> str:
    """A line of progress, or the outcome; no word of it comes from the trail."""
    if checked.broken is not None:
        words = _("Entry {place} does not fit: it was altered, removed or moved. All before it fit.", place=checked.broken.sequence)
        return f'<p class="message message-error" role="alert" id="outcome"><strong>{words}</strong></p>'
    if checked.whole:
        words = counted("{num} entry fits.", "All {num} entries fit.", checked.sequence)
        against = counted("It was held against {num} kept head.", "They were held against {num} kept heads.", kept) if kept else ""
        return f'<p class="message message-good" role="status" id="outcome"><strong>{words}</strong> {against}</p>'
    return f"<p>{counted('{num} entry so far ...', '{num} entries so far ...', checked.sequence)}</p>\n"


async def _wanted(request: web.Request, filters: Filters) -> Wanted:
    zone = request[WEB_SESSION].zone
    try:
        who = UUID(filters.who) if filters.who else None
        whom = UUID(filters.whom) if filters.whom else None
        since = to_utc(date.fromisoformat(filters.since), time(0), zone) if filters.since else None
        until = to_utc(date.fromisoformat(filters.until) + timedelta(days=1), time(0), zone) if filters.until else None
    except (ValueError, OverflowError):
        raise web.HTTPNotFound from None
    return Wanted(who, whom, filters.action.replace(" ", "_"), since, until)


def _place(request: web.Request) -> Place | None:
    """Behind which entry the page begins."""
    at, underscore, id = request.query.get("after", "").partition("_")
    if not underscore:
        return None
    try:
        instant = datetime.fromisoformat(at)
        if instant.tzinfo is None:
            raise web.HTTPNotFound
        return Place(instant.astimezone(UTC), UUID(id))
    except (ValueError, OverflowError):
        raise web.HTTPNotFound from None
