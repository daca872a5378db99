"""A new patient, put on record with the words that they agreed to."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from aiohttp import web

from service.actions.refusal import Refused
from service.actions.register_patient import own_teams, register_patient
from service.domain.consent import Method
from service.domain.contact_law import STATES
from service.domain.registration import COLUMNS, RowProblems
from service.domain.row_reader import Problem
from service.domain.wording import LANGUAGES
from service.web.contact_pages import words_for
from service.web.keys import CLOCK, DATABASE, LAW, WEB_SESSION
from service.web.language import _, told
from service.web.record_keys import OTHER_KIND, TERMS
from service.web.render import page, say

LONGEST = 300
MEDICINES = 3
"""Medicines that the form has room for; more are added on the page of the patient."""
FIELDS = (
    "name", "birth_date", "record_number", "phone", "phone_2", "language", "zone", "address", "state", "team", "consent_sms",
    "consent_voice", "consent_detail", "per_day", "per_week", "consent_method", "consent_source", "consent_wording", "number_confirmed",
    "related_name", "related_phone", "relation",
)  # fmt: skip
"""Columns of a list that the form asks for as they are."""


async def show_new(request: web.Request) -> web.Response:
    """GET /patients/new."""
    return await _page(request, {}, (), ())


async def register(request: web.Request) -> web.Response:
    """POST /patients/new."""
    form = await request.post()
    filled = {name: _text(form.get(name, "")) for name in FIELDS}
    conditions = [str(one) for one in form.getall("conditions", [])][: len(request.app[TERMS].conditions)]
    medicines = [
        ":".join((_text(form.get(f"medicine_{n}", "")).replace(":", " "), _text(form.get(f"kind_{n}", "")), _alert(form, n)))
        for n in range(MEDICINES)
        if _text(form.get(f"medicine_{n}", ""))
    ]
    row = {**filled, "conditions": "; ".join(conditions), "medications": "; ".join(medicines)}
    terms = request.app[TERMS]
    known = (terms.conditions, terms.medicines | {OTHER_KIND})
    staff, now = request[WEB_SESSION].staff, request.app[CLOCK].now()
    try:
        id = await register_patient(request.app[DATABASE], request.app[LAW], known, staff, row, now)
    except RowProblems as problems:
        return await _page(request, dict(form), conditions, problems.problems, status=422)
    except Refused as refused:
        return await _page(request, dict(form), conditions, (), error=told(refused), status=422)
    await say(request, _("The patient is on record. Enrol them in a programme for check-ins to begin."))
    return web.Response(status=303, headers={"Location": f"/patients/{id}/record"})


async def _page(
    request: web.Request,
    filled: dict[str, Any],
    conditions: Sequence[str],
    problems: Sequence[Problem],
    *,
    error: str = "",
    status: int = 200,
) -> web.Response:
    law, terms = request.app[LAW], request.app[TERMS]
    session = request[WEB_SESSION]
    teams = await own_teams(request.app[DATABASE], session.staff, request.app[CLOCK].now())
    context = {
        "filled": {name: _text(filled.get(name, "")) for name in (*FIELDS, *_MEDICINE_FIELDS)},
        "ticked": conditions,
        "problems": problems,
        "wrong": {one.field: one.what for one in problems},
        "error": error,
        "teams": [team.name for team in teams],
        "known": sorted(terms.conditions),
        "kinds": [*sorted(terms.medicines), OTHER_KIND],
        "words": law.words,
        "states": sorted(STATES),
        "languages": LANGUAGES,
        "methods": [method for method in Method if method is not Method.IMPORT],
        "medicine_places": range(MEDICINES),
        "columns": COLUMNS,
        "filled_in": partial(words_for, teams[0].organization),
        "zone_here": teams[0].organization.zone,
        "here": "patients",
    }
    return await page(request, "patient_new.html", context, status=status)


_MEDICINE_FIELDS = tuple(f"{name}_{n}" for n in range(MEDICINES) for name in ("medicine", "kind", "alert"))


def _alert(form: Any, number: int) -> str:
    return "high_alert" if form.get(f"alert_{number}") == "yes" else "no"


def _text(value: object) -> str:
    return value.replace("\0", "").replace(";", ",").strip()[:LONGEST] if isinstance(value, str) else ""
