"""Sign-in, sign-out, and staying signed in."""

from __future__ import annotations

from urllib.parse import quote

from aiohttp import web

from service.actions.passwords import TooBusy
from service.actions.sign_in import sign_in
from service.actions.sign_out import sign_out
from service.actions.view_hand_over import holds_anything
from service.domain.sign_in import Step
from service.domain.staff import Permission
from service.web.keys import CLIENT_ADDRESS, CLOCK, DATABASE, PASSWORDS, SECOND_FACTOR_REQUIRED, SESSIONS, UNCONFINED, WEB_SESSION
from service.web.language import _, later
from service.web.render import page
from service.web.sessions import new_token, token_hash

WRONG = later("E-mail or password is not right.")
LOCKED = later("Too many attempts. Wait 15 minutes, then try again, or ask your administrator.")
MOST_EMAIL = 254
STEPS = {Step.FACTOR: "/sign-in/code", Step.ENROL: "/sign-in/set-up"}


async def home(request: web.Request) -> web.Response:
    """GET /: where this member of staff works."""
    staff = request[WEB_SESSION].staff
    places = (
        (Permission.WORK_QUEUE, "/queue"),
        (Permission.APPROVE_FLOWS, "/flows"),
        (Permission.ADMINISTER, "/admin"),
        (Permission.AUDIT, "/audit"),
    )
    raise web.HTTPSeeOther(next((place for permission, place in places if staff.may(permission)), "/me"))


async def show_sign_in(request: web.Request) -> web.Response:
    """GET /sign-in: the form; says when a session has ended."""
    if WEB_SESSION in request and request[WEB_SESSION].waits_for is Step.NONE:
        raise web.HTTPSeeOther("/")
    return await _form(request, ended="ended" in request.query)


async def submit_sign_in(request: web.Request) -> web.Response:
    """POST /sign-in: a fresh session, or the form again with one answer for every kind of failure."""
    form = await request.post()
    email, password = str(form.get("email", ""))[:MOST_EMAIL], str(form.get("password", ""))
    sessions, token = request.app[SESSIONS], new_token()
    old = sessions.load_cookie(request)
    try:
        result = await sign_in(
            request.app[UNCONFINED],
            request.app[PASSWORDS],
            email=email,
            password=password,
            address=request.app[CLIENT_ADDRESS](request),
            session_hash=token_hash(token),
            old_session_hash=token_hash(old) if old else None,
            second_factor_required=request.app[SECOND_FACTOR_REQUIRED],
            now=request.app[CLOCK].now(),
        )
    except TooBusy:
        raise web.HTTPServiceUnavailable from None
    if result.account is None:
        return await _form(request, email=email, error=_(LOCKED if result.locked else WRONG), status=429 if result.locked else 422)
    wanted = local_path(str(form.get("next", "")))
    if result.step is not Step.NONE:
        wanted = f"{STEPS[result.step]}?next={quote(wanted)}"
    return signed_in(request, token, wanted)


def signed_in(request: web.Request, token: str, path: str) -> web.Response:
    """On to a path, with the cookie of a session that has just begun or been renewed."""
    response = web.Response(status=303, headers={"Location": path})
    request.app[SESSIONS].set_cookie(response, token)
    return response


def asked_for(request: web.Request) -> str:
    """The path that somebody wanted before they had to say who they are."""
    return local_path(request.query.get("next", ""))


async def submit_sign_out(request: web.Request) -> web.Response:
    """POST /sign-out: the session's row goes, and so no copy of the cookie is worth anything. Who holds items is asked first."""
    sessions, staff, now = request.app[SESSIONS], request[WEB_SESSION].staff, request.app[CLOCK].now()
    if "anyway" not in await request.post() and await holds_anything(request.app[DATABASE], staff, now):
        raise web.HTTPSeeOther("/hand-over?leaving=1")
    await sign_out(request.app[DATABASE], staff, token_hash(sessions.load_cookie(request) or ""), now)
    response = web.Response(status=303, headers={"Location": "/sign-in"})
    sessions.drop_cookie(response)
    return response


async def leave(request: web.Request) -> web.Response:
    """POST /sign-in/leave: whoever is not signed in whole gives up; the sign-in form is there again."""
    sessions = request.app[SESSIONS]
    token = token_hash(sessions.load_cookie(request) or "")
    await sign_out(request.app[DATABASE], request[WEB_SESSION].staff, token, request.app[CLOCK].now())
    response = web.Response(status=303, headers={"Location": "/sign-in"})
    sessions.drop_cookie(response)
    return response


async def stay(request: web.Request) -> web.Response:
    """POST /stay: somebody is at the screen; reaching this has kept the session alive."""
    return web.Response(status=204)


def local_path(wanted: str) -> str:
    """A path of these pages to go to after sign-in, "/" for anything else (no other site, no scheme)."""
    plain = wanted.startswith("/") and not wanted.startswith("//") and "\\" not in wanted and wanted.isprintable() and len(wanted) < 200
    return wanted if plain and not wanted.startswith("/sign-") else "/"


async def _form(request: web.Request, *, email: str = "", error: str = "", ended: bool = False, status: int = 200) -> web.Response:
    wanted = request.query.get("next", "")
    if request.method == "POST":
        wanted = str((await request.post()).get("next", ""))
    return await page(
        request,
        "sign_in.html",
        {"email": email, "error": error, "ended": ended, "welcome": "welcome" in request.query, "next": local_path(wanted)},
        status=status,
    )
