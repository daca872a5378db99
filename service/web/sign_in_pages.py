"""Sign-in, sign-out, and staying signed in."""

from __future__ import annotations

from aiohttp import web

from service.actions.passwords import TooBusy
from service.actions.sign_in import sign_in
from service.actions.sign_out import sign_out
from service.domain.staff import Permission
from service.web.keys import CLIENT_ADDRESS, CLOCK, DATABASE, PASSWORDS, SESSIONS, WEB_SESSION
from service.web.render import page
from service.web.sessions import new_token, token_hash

WRONG = "E-mail or password is not right."
LOCKED = "Too many attempts. Wait 15 minutes, then try again, or ask your administrator."
MOST_EMAIL = 254


async def home(request: web.Request) -> web.Response:
    """GET /: where this member of staff works."""
    staff = request[WEB_SESSION].staff
    places = ((Permission.WORK_QUEUE, "/queue"), (Permission.APPROVE_FLOWS, "/flows"))
    raise web.HTTPSeeOther(next((place for permission, place in places if staff.may(permission)), "/welcome"))


async def welcome(request: web.Request) -> web.Response:
    """GET /welcome: for whoever has no queue (administrators see no clinical items)."""
    return await page(request, "welcome.html")


async def show_sign_in(request: web.Request) -> web.Response:
    """GET /sign-in: the form; says when a session has ended."""
    if WEB_SESSION in request:
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
            request.app[DATABASE],
            request.app[PASSWORDS],
            email=email,
            password=password,
            address=request.app[CLIENT_ADDRESS](request),
            session_hash=token_hash(token),
            old_session_hash=token_hash(old) if old else None,
            now=request.app[CLOCK].now(),
        )
    except TooBusy:
        raise web.HTTPServiceUnavailable from None
    if result.account is None:
        return await _form(request, email=email, error=LOCKED if result.locked else WRONG, status=429 if result.locked else 422)
    response = web.Response(status=303, headers={"Location": local_path(str(form.get("next", "")))})
    sessions.set_cookie(response, token)
    return response


async def submit_sign_out(request: web.Request) -> web.Response:
    """POST /sign-out: the session's row goes, and so no copy of the cookie is worth anything."""
    sessions = request.app[SESSIONS]
    await sign_out(
        request.app[DATABASE], request[WEB_SESSION].staff, token_hash(sessions.load_cookie(request) or ""), request.app[CLOCK].now()
    )
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
    return await page(request, "sign_in.html", {"email": email, "error": error, "ended": ended, "next": local_path(wanted)}, status=status)
