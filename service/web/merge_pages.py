"""Records that may be one person's: the list, two of them side by side, and the merge."""

from __future__ import annotations

from uuid import UUID

from aiohttp import web

from service.actions.merge_patients import merge_patients, view_pairs, view_side_by_side
from service.actions.refusal import Refused
from service.web.keys import CLOCK, DATABASE, WEB_SESSION
from service.web.language import _, told
from service.web.patient_words import words
from service.web.record_keys import TERMS
from service.web.record_pages import NOBODY
from service.web.render import page, say


async def show_pairs(request: web.Request) -> web.Response:
    """GET /patients/doubles."""
    found = await view_pairs(request.app[DATABASE], request[WEB_SESSION].staff, request.app[CLOCK].now())
    return await page(request, "patient_doubles.html", {"pairs": found, "here": "patients"})


async def show_merge(request: web.Request) -> web.Response:
    """GET /patients/{id}/merge/{other}."""
    return await _side_by_side(request)


async def merge(request: web.Request) -> web.Response:
    """POST /patients/{id}/merge/{other}: `keep` says which of the two stays."""
    ids = _ids(request)
    keep = str((await request.post()).get("keep", ""))
    kept = next((id for id in ids if str(id) == keep), NOBODY)
    if kept == NOBODY:
        return await _side_by_side(request, _("Choose which record stays."), 422)
    other = ids[1] if kept == ids[0] else ids[0]
    staff, now = request[WEB_SESSION].staff, request.app[CLOCK].now()
    try:
        moved = await merge_patients(request.app[DATABASE], request.app[TERMS].limits, staff, kept, other, now)
    except Refused as refused:
        return await _side_by_side(request, told(refused), 422)
    await say(request, _("The two records are one now: {count} entries have moved.", count=sum(moved.values())))
    return web.Response(status=303, headers={"Location": f"/patients/{kept}"})


async def _side_by_side(request: web.Request, error: str = "", status: int = 200) -> web.Response:
    first, second = _ids(request)
    found = await view_side_by_side(request.app[DATABASE], request[WEB_SESSION].staff, first, second, request.app[CLOCK].now())
    both = ((found.first, found.first_ahead), (found.second, found.second_ahead))
    return await page(request, "patient_merge.html", {"both": both, "error": error, "here": "patients", **words()}, status=status)


def _ids(request: web.Request) -> tuple[UUID, UUID]:
    return UUID(request.match_info["id"]), UUID(request.match_info["other"])
