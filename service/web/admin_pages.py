"""Administration: who has an account and what for, teams, the organization's own data."""

from __future__ import annotations

from uuid import UUID

from aiohttp import web

from service.actions import change_accounts as accounts
from service.actions.change_accounts import Person, ResetReason
from service.actions.refusal import Refused
from service.domain.staff import IN_A_TEAM, Role
from service.web.keys import CLOCK, DATABASE, PUBLIC_BASE_URL, WEB_SESSION
from service.web.language import _, later, told
from service.web.render import page, say
from service.web.roles import MEANS, ROLES
from service.web.sessions import new_token, token_hash

REASONS = later(
    {
        ResetReason.LOST: "The telephone is lost",
        ResetReason.STOLEN: "The telephone was stolen",
        ResetReason.REPLACED: "The telephone was replaced",
        ResetReason.BROKEN: "The telephone is broken",
    }
)
MOST_WORDS = 1000


async def show_staff(request: web.Request) -> web.Response:
    """GET /admin: every account, and the form for a new one."""
    return await _list(request)


async def invite(request: web.Request) -> web.Response:
    """POST /admin/staff: the account, and its link, shown this once."""
    form, secret = await request.post(), new_token()
    email, person = str(form.get("email", ""))[:MOST_WORDS], await _person(request)
    staff, now = request[WEB_SESSION].staff, request.app[CLOCK].now()
    try:
        staff_id = await accounts.invite_staff(request.app[DATABASE], staff, email, person, token_hash(secret), now)
    except Refused as refused:
        return await _list(request, email=email, person=person, error=told(refused), status=422)
    return await _link(request, staff_id, secret)


async def show_account(request: web.Request) -> web.Response:
    """GET /admin/staff/{id}."""
    return await _account(request)


async def change(request: web.Request) -> web.Response:
    """POST /admin/staff/{id}: name, role, teams."""
    person, staff, now = await _person(request), request[WEB_SESSION].staff, request.app[CLOCK].now()
    try:
        await accounts.change_account(request.app[DATABASE], staff, _id(request), person, now)
    except Refused as refused:
        return await _account(request, error=told(refused))
    await say(request, _("Saved."))
    return _back(request)


async def renew_link(request: web.Request) -> web.Response:
    """POST /admin/staff/{id}/link: a new link, shown this once."""
    secret = new_token()
    try:
        await accounts.renew_link(
            request.app[DATABASE], request[WEB_SESSION].staff, _id(request), token_hash(secret), request.app[CLOCK].now()
        )
    except Refused as refused:
        return await _account(request, error=told(refused))
    return await _link(request, _id(request), secret)


async def disable(request: web.Request) -> web.Response:
    """POST /admin/staff/{id}/disable."""
    return await _disabled(request, disabled=True)


async def enable(request: web.Request) -> web.Response:
    """POST /admin/staff/{id}/enable."""
    return await _disabled(request, disabled=False)


async def reset_second_factor(request: web.Request) -> web.Response:
    """POST /admin/staff/{id}/second-factor: they set up another at the next sign-in."""
    reason = str((await request.post()).get("reason", ""))[:MOST_WORDS]
    try:
        await accounts.reset_second_factor(
            request.app[DATABASE], request[WEB_SESSION].staff, _id(request), reason, request.app[CLOCK].now()
        )
    except Refused as refused:
        return await _account(request, error=told(refused))
    await say(request, _("The second step is taken away, and they are signed out. They set up another when they sign in."))
    return _back(request)


async def _disabled(request: web.Request, *, disabled: bool) -> web.Response:
    staff, now = request[WEB_SESSION].staff, request.app[CLOCK].now()
    try:
        await accounts.set_disabled(request.app[DATABASE], staff, _id(request), disabled=disabled, now=now)
    except Refused as refused:
        return await _account(request, error=told(refused))
    await say(request, _("The account is closed, and they are signed out everywhere.") if disabled else _("The account is open again."))
    return _back(request)


async def _person(request: web.Request) -> Person:
    form = await request.post()
    teams = tuple(str(team)[:40] for team in form.getall("team", [])[:500])
    return Person(str(form.get("name", ""))[:MOST_WORDS], str(form.get("role", "")), teams)


def _id(request: web.Request) -> UUID:
    return UUID(request.match_info["id"])


def _back(request: web.Request) -> web.Response:
    return web.Response(status=303, headers={"Location": f"/admin/staff/{_id(request)}"})


async def _list(request: web.Request, *, email: str = "", person: Person | None = None, error: str = "", status: int = 200) -> web.Response:
    found, teams = await accounts.view_accounts(request.app[DATABASE], request[WEB_SESSION].staff, request.app[CLOCK].now())
    context = {"accounts": found, "teams": teams, "email": email, "person": person or Person("", "", ()), "error": error} | _words()
    return await page(request, "admin_staff.html", context, status=status)


async def _account(request: web.Request, *, error: str = "") -> web.Response:
    staff, now = request[WEB_SESSION].staff, request.app[CLOCK].now()
    found, teams = await accounts.view_account(request.app[DATABASE], staff, _id(request), now)
    reasons = {code.value: _(words) for code, words in REASONS.items()}
    context = {"account": found, "teams": teams, "reasons": reasons, "error": error} | _words()
    return await page(request, "admin_account.html", context, status=422 if error else 200)


async def _link(request: web.Request, staff_id: UUID, secret: str) -> web.Response:
    staff, now = request[WEB_SESSION].staff, request.app[CLOCK].now()
    found, _all = await accounts.view_account(request.app[DATABASE], staff, staff_id, now)
    return await page(request, "admin_link.html", {"account": found, "link": f"{request.app[PUBLIC_BASE_URL]}/invitation/{secret}"})


def _words() -> dict[str, object]:
    return {
        "roles": {role.value: _(ROLES[role]) for role in Role},
        "means": {role.value: _(MEANS[role]) for role in Role},
        "in_a_team": sorted(role.value for role in IN_A_TEAM),
    }
