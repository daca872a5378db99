"""Administration of the organization's own data and of its teams."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from aiohttp import web

from service.actions import change_clinic as clinic
from service.actions.change_clinic import DAYS, TeamForm
from service.actions.refusal import Refused
from service.db.clinic_data import TeamData
from service.web.keys import CLOCK, DATABASE, WEB_SESSION
from service.web.language import _, spoken, told
from service.web.render import page, say
from service.web.times import WEEKDAYS

FIELDS = ("zone", "clinic_phone", "after_hours_number", "quiet_start", "quiet_end")
MOST_WORDS = 1000


async def show_teams(request: web.Request) -> web.Response:
    """GET /admin/teams."""
    return await _teams(request)


async def add_team(request: web.Request) -> web.Response:
    """POST /admin/teams."""
    form = await _team_form(request)
    try:
        await clinic.new_team(request.app[DATABASE], request[WEB_SESSION].staff, form, request.app[CLOCK].now())
    except Refused as refused:
        return await _teams(request, told(refused), form)
    await say(request, _("The team is there. Invite its people, and say who is on call."))
    raise web.HTTPSeeOther("/admin/teams")


async def change_team(request: web.Request) -> web.Response:
    """POST /admin/teams/{id}."""
    form, team_id = await _team_form(request), UUID(request.match_info["id"])
    try:
        await clinic.change_team(request.app[DATABASE], request[WEB_SESSION].staff, team_id, form, request.app[CLOCK].now())
    except Refused as refused:
        return await _teams(request, told(refused))
    await say(request, _("Saved."))
    raise web.HTTPSeeOther("/admin/teams")


async def show_organization(request: web.Request) -> web.Response:
    """GET /admin/organization."""
    return await _organization(request)


async def change_organization(request: web.Request) -> web.Response:
    """POST /admin/organization."""
    form = await request.post()
    filled = {name: str(form.get(name, ""))[:MOST_WORDS] for name in FIELDS}
    try:
        await clinic.change_organization(request.app[DATABASE], request[WEB_SESSION].staff, filled, request.app[CLOCK].now())
    except Refused as refused:
        return await _organization(request, told(refused), filled)
    await say(request, _("Saved."))
    raise web.HTTPSeeOther("/admin/organization")


def written_hours(team: TeamData) -> dict[int, str]:
    """Day (0 Monday) -> "08:00-12:00, 13:00-18:00"."""
    return {day: ", ".join(f"{one.start:%H:%M}-{one.end:%H:%M}" for one in team.hours if one.weekday == day) for day in range(DAYS)}


async def _team_form(request: web.Request) -> TeamForm:
    form = await request.post()
    hours = {day: str(form.get(f"day{day}", ""))[:MOST_WORDS] for day in range(DAYS)}
    return TeamForm(str(form.get("name", ""))[:MOST_WORDS], str(form.get("on_call_phone", ""))[:MOST_WORDS], hours)


async def _teams(request: web.Request, error: str = "", new: TeamForm | None = None) -> web.Response:
    _own, teams = await clinic.view_clinic(request.app[DATABASE], request[WEB_SESSION].staff)
    weekdays = [WEEKDAYS[spoken()][day] for day in range(DAYS)]
    context = {
        "teams": [(team, written_hours(team)) for team in teams],
        "days": list(enumerate(weekdays)),
        "new": new or TeamForm("", "", dict.fromkeys(range(DAYS), "")),
        "error": error,
    }
    return await page(request, "admin_teams.html", context, status=422 if error else 200)


async def _organization(request: web.Request, error: str = "", filled: Mapping[str, str] | None = None) -> web.Response:
    found, _all = await clinic.view_clinic(request.app[DATABASE], request[WEB_SESSION].staff)
    stored = {name: getattr(found, name) for name in FIELDS}
    shown = {name: f"{value:%H:%M}" if name.startswith("quiet") else value for name, value in stored.items()} | dict(filled or {})
    return await page(
        request, "admin_organization.html", {"filled": shown, "name": found.name, "error": error}, status=422 if error else 200
    )
