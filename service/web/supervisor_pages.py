"""Supervision: what waits, how soon it was taken and answered against what is promised, who carries what, and what works."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from aiohttp import web

from service.actions.refusal import NotFound
from service.actions.view_supervision import ENOUGH, USEFUL_SHARE, Span, view_supervision
from service.domain.coverage import EMERGENCY_TARGET, URGENT_TARGET
from service.domain.rota import RotaRole
from service.domain.urgency import Urgency
from service.evaluation.flows.reasons import reasons
from service.web.flow_pages import SHELF
from service.web.keys import CLOCK, DATABASE, WEB_SESSION
from service.web.language import _, later
from service.web.render import page
from service.web.times import duration
from service.web.words import in_words

SPANS = later({Span.TODAY: "Today", Span.WEEK: "7 days", Span.MONTH: "30 days"})
ROLES = later({RotaRole.ON_CALL: "On call", RotaRole.BACKUP: "Back-up", RotaRole.SUPERVISOR: "Supervisor"})
LAG = later(
    {
        "work_emergency_late": "Steps of emergencies",
        "work_routine_late": "Planned work",
        "texts_emergency_late": "Safety texts",
        "texts_routine_late": "Other texts",
        "pages_late": "Pages to staff",
    }
)
OUTCOMES = later(
    {
        "": "Under way",
        "accepted": "Taken",
        "failed": "Refused for good",
        "transient": "To be tried again",
        "refused": "Not set up",
        "unknown": "Not known",
        "found": "Found later",
        "missing": "Never arrived there",
    }
)


async def show_supervision(request: web.Request) -> web.Response:
    """GET /supervisor?team=&span=."""
    session, now = request[WEB_SESSION], request.app[CLOCK].now()
    wanted, text = request.query.get("span", ""), request.query.get("team", "")
    span = Span(wanted) if wanted in set(Span) else Span.TODAY
    try:
        team_id = UUID(text) if text else None
    except ValueError:
        raise NotFound from None
    found = await view_supervision(request.app[DATABASE], session.staff, team_id, span, now)
    fired = {*(one.rule for one in found.yields), *(rule for rule, _many, _hour in found.bursts)}
    context = {
        "found": found,
        "name_of": {rule: in_words(rule.replace(".", " ")) for rule in fired} | reasons(fired, request.app[SHELF]),
        "team": team_id,
        "span": span,
        "spans": {one.value: _(words) for one, words in SPANS.items()},
        "roles": {role: _(words) for role, words in ROLES.items()},
        "lag": {name: (_(words), found.lag.get(name, timedelta())) for name, words in LAG.items()},
        "outcome": lambda code: _(OUTCOMES[code]) if code in OUTCOMES else code,
        "promise": {Urgency.EMERGENCY: duration(EMERGENCY_TARGET), Urgency.URGENT: duration(URGENT_TARGET)},
        "seconds": in_time,
        "percent": in_percent,
        "useful": USEFUL_SHARE,
        "enough": ENOUGH,
    }
    return await page(request, "supervisor.html", context)


def in_time(seconds: float | None) -> str:
    """A length of time in words, seconds below two minutes; a dash for none."""
    if seconds is None:
        return "-"
    return f"{round(seconds)} s" if seconds < 120 else duration(timedelta(seconds=seconds))


def in_percent(part: int, whole: int) -> str:
    """ "67 %" of a whole; a dash of nothing."""
    return f"{round(100 * part / whole)} %" if whole else "-"
