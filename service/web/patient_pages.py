"""The patients of one's teams: the list, and the page of one of them with the card and the time line, on screen and on paper."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import urlencode
from uuid import UUID

from aiohttp import web

from service.actions.view_patient import print_patient, view_patient, view_patients
from service.db.patient_list import Wanted
from service.db.timeline import Entry, Key
from service.domain.patient import PatientStatus
from service.web.keys import CLOCK, DATABASE, WEB_SESSION
from service.web.language import _
from service.web.patient_words import ENTRIES, words
from service.web.render import page, say

LONGEST = 80
_FILTERS = ("programme", "status", "team")


async def show_patients(request: web.Request) -> web.Response:
    """GET /patients: the member's patients, with filters in the address."""
    return await _list(request, "", {name: _query(request, name) for name in _FILTERS})


async def search(request: web.Request) -> web.Response:
    """POST /patients: a name, a birth date or a number among what the filters let through. It stands in no address (law 10)."""
    form = await request.post()
    typed, *rest = (_cut(str(form.get(name, ""))) for name in ("q", *_FILTERS))
    asked = dict(zip(_FILTERS, rest, strict=True))
    if not typed:
        raise web.HTTPSeeOther(f"/patients?{urlencode({name: value for name, value in asked.items() if value})}")
    return await _list(request, typed, asked)


async def _list(request: web.Request, typed: str, asked: Mapping[str, str]) -> web.Response:
    status = asked["status"] if asked["status"] in set(PatientStatus) else ""
    chosen = {**asked, "status": status}
    before = _id_in(_query(request, "before"))
    wanted = Wanted(programme=asked["programme"], status=status, team_id=_id_in(asked["team"]), before=before)
    found = await view_patients(request.app[DATABASE], request[WEB_SESSION].staff, typed, wanted)
    more = found.listed.older
    older = urlencode({**{k: v for k, v in chosen.items() if v}, "before": more}) if more and not typed else ""
    context = {"found": found, "listed": found.listed, "chosen": {**chosen, "q": typed}, "statuses": list(PatientStatus), "older": older}
    return await page(request, "patients.html", {**context, "cut": bool(more and typed), "here": "patients"})


async def show_patient(request: web.Request) -> web.Response:
    """GET /patients/{id}: card and time line; a record that was merged leads to the one that it is part of."""
    kinds = [Entry(one) for one in request.query.getall("type", [])[: len(Entry)] if one in set(Entry)]
    before = key_of(_query(request, "before"))
    patient_id = UUID(request.match_info["id"])
    now = request.app[CLOCK].now()
    found = await view_patient(request.app[DATABASE], request[WEB_SESSION].staff, patient_id, kinds, before, now)
    if found.card.merged_into_id is not None and not _query(request, "merged"):
        await say(request, _("That record was a second one of this person and has become part of this one."))
        raise web.HTTPSeeOther(f"/patients/{found.card.merged_into_id}")
    older = urlencode([*(("type", one.value) for one in kinds), ("before", written_key(found.line.older))]) if found.line.older else ""
    context = {
        "card": found.card,
        "ahead": found.ahead,
        "lines": found.line.lines,
        "entries": ENTRIES,
        "kinds": kinds,
        "older": older,
        "first_page": before is None,
        "part": "line",
        **words(),
    }
    return await page(request, "patient.html", context)


async def show_print(request: web.Request) -> web.Response:
    """GET /patients/{id}/print: the last 90 days of the record, for paper."""
    patient_id, now = UUID(request.match_info["id"]), request.app[CLOCK].now()
    found = await print_patient(request.app[DATABASE], request[WEB_SESSION].staff, patient_id, now)
    return await page(request, "patient_print.html", {"found": found, "card": found.card, "ahead": found.ahead, **words()})


def key_of(written: str) -> Key | None:
    """The key of a page from the address; None for what is none: the newest page."""
    moment, _dot, id = written.partition("_")
    try:
        return Key(datetime.fromtimestamp(int(moment) / 1_000_000, UTC), UUID(id))
    except (ValueError, OverflowError, OSError):
        return None


def written_key(key: Key) -> str:
    """A key as it stands in the address: microseconds and id."""
    return f"{round(key.at.timestamp() * 1_000_000)}_{key.id.hex}"


def _query(request: web.Request, name: str) -> str:
    return _cut(request.query.get(name, ""))


def _cut(written: str) -> str:
    return written.replace("\0", "").strip()[:LONGEST]


def _id_in(written: str) -> UUID | None:
    try:
        return UUID(written)
    except ValueError:
        return None
