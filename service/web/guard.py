"""What stands before every handler: who asks, whether they may, whether the form is ours; and what leaves with every answer."""

from __future__ import annotations

import hmac
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from urllib.parse import quote, urlsplit

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from service.actions.refusal import NotFound
from service.db.sessions import WebSession
from service.db.tenants import on_behalf_of
from service.domain.sign_in import PROVED_FOR, Step
from service.domain.staff import Permission
from service.web.keys import CLOCK, LANGUAGES, SESSIONS, WEB_SESSION
from service.web.language import Language, _, choose, later, speak
from service.web.render import fragment
from service.web.routes import Route
from service.web.sessions import BACKGROUND, form_token
from service.web.sign_in_pages import STEPS

_log = structlog.get_logger(__name__)

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
SIGN_IN = "/sign-in"
TITLES = later(
    {
        400: ("Not understood", "What was sent could not be read. Go back, reload the page and try again."),
        403: ("Not allowed", "This page is not part of your work, or the form was too old. Go back, reload the page and try again."),
        404: ("Not found", "There is no such page, or it belongs to another team."),
        405: ("Not found", "There is no such page, or it belongs to another team."),
        413: ("Too long", "What you sent is too long. Go back and shorten it."),
        500: (
            "Something went wrong",
            "Nothing was changed by this step. Try again; if it happens again, tell your administrator the time.",
        ),
        503: ("Busy", "Too many people are signing in right now. Try again in a minute."),
    }
)


def is_open(path: str, unguarded: Sequence[str]) -> bool:
    """True for paths of other rooms (webhooks, health), which verify their callers themselves."""
    return any(path == prefix or path.startswith(prefix.rstrip("/") + "/") for prefix in unguarded)


def guard(table: Mapping[web.AbstractRoute, Route], unguarded: Sequence[str], base_host: str) -> Middleware:
    """Denies by default: a route without an entry in the table does not answer, whatever its handler is."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if is_open(request.path, unguarded):
            return await handler(request)
        speak(_language(request))
        try:
            response = await _answer(request, handler, table, base_host)
        except web.HTTPException as error:
            if error.status < 400:
                raise
            response = error_page(request, error.status)
        except NotFound:
            response = error_page(request, 404)
        except ConnectionResetError:
            raise
        except Exception as error:  # a page of its own instead of a trace; the log gets places, never values
            places = [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)[-3:]]
            _log.error("page_failed", error=type(error).__name__, at="-".join(reversed(places)), method=request.method)
            response = error_page(request, 500)
        return response

    return middleware


async def _answer(request: web.Request, handler: Handler, table: Mapping[web.AbstractRoute, Route], base_host: str) -> web.StreamResponse:
    route = table.get(request.match_info.route)
    if route is None:
        raise web.HTTPNotFound
    permission = route.permission
    sessions = request.config_dict[SESSIONS]
    found = await sessions.find(request, touch=route.activity) if route.session else None
    if found is not None:
        request[WEB_SESSION] = found
        speak(_language(request))
    elif permission is not Permission.PUBLIC:
        raise _to_sign_in(request, was_signed_in=bool(sessions.load_cookie(request)))
    if found is not None and permission is not Permission.PUBLIC:
        _check_step(request, found, permission)
    if found is not None and permission is not Permission.SIGNING_IN and not found.staff.may(permission):
        # Whoever may not work the queue is not told either whether an item exists.
        raise web.HTTPNotFound if request.match_info else web.HTTPForbidden
    if request.method not in SAFE:
        await _check_origin(request, sessions.load_cookie(request) or "", base_host)
    if found is not None and permission is Permission.SIGNING_IN and found.waits_for is Step.NONE:
        raise web.HTTPSeeOther("/")  # whoever is signed in whole has nothing to do there
    if route.recent and found is not None and not found.proved_since(request.config_dict[CLOCK].now() - PROVED_FOR):
        raise _to_proof(request)
    if found is None:
        return await handler(request)
    with on_behalf_of(found.staff.organization_id):
        return await handler(request)


def _check_step(request: web.Request, session: WebSession, permission: Permission) -> None:
    """Whoever still has to give a second factor reaches its pages alone."""
    if session.waits_for is not Step.NONE and permission is not Permission.SIGNING_IN:
        if BACKGROUND in request.headers:
            raise web.HTTPUnauthorized
        raise web.HTTPSeeOther(STEPS[session.waits_for])


def _to_proof(request: web.Request) -> web.HTTPException:
    """To the page that asks for the password anew; from there back here, or to the page whose form was sent."""
    back = request.path_qs
    if request.method not in SAFE:
        came_from = urlsplit(request.headers.get("Referer", ""))
        back = came_from.path or "/"
    return web.HTTPSeeOther(f"/again?next={quote(back)}")


def _language(request: web.Request) -> Language:
    """The language that this member of staff has chosen; who has chosen none (or is not signed in) gets their browser's."""
    found = request.get(WEB_SESSION)
    chosen = found.likes.language if found else None
    return choose(request.config_dict[LANGUAGES], chosen, request.headers.get("Accept-Language", ""))


async def _check_origin(request: web.Request, token: str, base_host: str) -> None:
    """Refuses a form that another site sent, by what the browser says and by the token that only our pages hold."""
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None:
        ours = site in ("same-origin", "none")
    else:
        ours = origin is not None and urlsplit(origin).netloc in (request.host, base_host)
    if not ours:
        raise web.HTTPForbidden
    try:
        given = (await request.post()).get("form_token")
    except (ValueError, LookupError):  # no UTF-8, a character set that nobody knows, a multipart form without its boundary
        raise web.HTTPBadRequest from None
    if not token or not isinstance(given, str) or not hmac.compare_digest(given.encode(), form_token(token).encode()):
        raise web.HTTPForbidden


def _to_sign_in(request: web.Request, *, was_signed_in: bool) -> web.HTTPException:
    if BACKGROUND in request.headers:
        return web.HTTPUnauthorized()
    query = "?ended=1" if was_signed_in else "?"
    if request.method == "GET" and request.path != "/":
        query += f"&next={quote(request.path)}"
    return web.HTTPSeeOther((SIGN_IN + query).rstrip("?").replace("?&", "?"))


def error_page(request: web.Request, status: int) -> web.Response:
    """A page for an error: what happened and what to do, without any detail."""
    title, text = TITLES.get(status, TITLES[404] if status < 500 else TITLES[500])
    return fragment(request, "error.html", {"title": _(title), "text": _(text), "status": status}, status=status)


def add_headers(unguarded: Sequence[str], *, https: bool) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """The signal handler that gives every answer of these pages its security headers, streams included."""

    async def on_prepare(request: web.Request, response: web.StreamResponse) -> None:
        if is_open(request.path, unguarded):
            return
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if https:
            response.headers.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")

    return on_prepare
