"""One's own account: preferences, password, second factor; proving anew who one is; the link of an invitation."""

from __future__ import annotations

from urllib.parse import quote

from aiohttp import web

from service.actions.change_password import accept_invitation, change_password
from service.actions.own_account import Account, end_other_sessions, load_account, set_preferences
from service.actions.passwords import TooBusy
from service.actions.prove_again import Proof, prove_again
from service.actions.refusal import NotFound, Refused
from service.db.sessions import Preferences
from service.web.keys import (
    CLIENT_ADDRESS,
    CLOCK,
    DATABASE,
    LANGUAGES,
    PASSWORDS,
    SECOND_FACTOR_REQUIRED,
    SESSIONS,
    UNCONFINED,
    WEB_SESSION,
)
from service.web.language import _, counted, later, told
from service.web.render import page, say
from service.web.roles import ROLES
from service.web.sessions import new_token, token_hash
from service.web.sign_in_pages import asked_for, local_path, signed_in

NAMES = {"en": "English", "es": "Español"}
WRONG = later("Password or code is not right.")
LOCKED = later("Too many attempts. Wait 15 minutes, then try again, or ask your administrator.")
MOST_WORDS = 1000


async def show_me(request: web.Request) -> web.Response:
    """GET /me."""
    session = request[WEB_SESSION]
    account: Account = await load_account(request.app[DATABASE], session.staff)
    context = {
        "account": account,
        "role": _(ROLES[session.staff.role]),
        "languages": {code: NAMES.get(code, code) for code in request.app[LANGUAGES]},
        "has_factor": session.has_second_factor,
        "required": request.app[SECOND_FACTOR_REQUIRED],
    }
    return await page(request, "me.html", context)


async def change_preferences(request: web.Request) -> web.Response:
    """POST /me."""
    form = await request.post()
    wanted = str(form.get("language", ""))
    likes = Preferences(wanted if wanted in request.app[LANGUAGES] else None, "shortcuts" in form, "sound" in form)
    await set_preferences(request.app[DATABASE], request[WEB_SESSION].staff, likes, request.app[CLOCK].now())
    await say(request, _("Saved."))
    raise web.HTTPSeeOther("/me")


async def show_password(request: web.Request) -> web.Response:
    """GET /me/password."""
    return await page(request, "new_password.html", {"error": "", "action": "/me/password", "invited": False})


async def submit_password(request: web.Request) -> web.Response:
    """POST /me/password: the new one counts, every other session of one's own has ended."""
    form, token = await request.post(), new_token()
    try:
        await change_password(
            request.app[DATABASE],
            request.app[PASSWORDS],
            request[WEB_SESSION].staff,
            str(form.get("password", ""))[:MOST_WORDS],
            str(form.get("again", ""))[:MOST_WORDS],
            session_hash=_own_hash(request),
            new_hash=token_hash(token),
            now=request.app[CLOCK].now(),
        )
    except Refused as refused:
        return await page(request, "new_password.html", {"error": told(refused), "action": "/me/password", "invited": False}, status=422)
    except TooBusy:
        raise web.HTTPServiceUnavailable from None
    await say(request, _("Your password is changed. Wherever else you were signed in, you are signed out."))
    return signed_in(request, token, "/me")


async def end_others(request: web.Request) -> web.Response:
    """POST /me/sessions/end: signed out everywhere but here."""
    ended = await end_other_sessions(request.app[DATABASE], request[WEB_SESSION].staff, _own_hash(request), request.app[CLOCK].now())
    await say(request, counted("{num} other session has ended.", "{num} other sessions have ended.", ended))
    raise web.HTTPSeeOther("/me")


async def show_again(request: web.Request) -> web.Response:
    """GET /again: asks for the password (and a code) anew."""
    return await _again(request, asked_for(request))


async def submit_again(request: web.Request) -> web.Response:
    """POST /again: the session begins anew, and on to where its owner wanted to go."""
    form, token = await request.post(), new_token()
    wanted = local_path(str(form.get("next", "")))
    try:
        proved = await prove_again(
            request.app[DATABASE],
            request.app[PASSWORDS],
            request[WEB_SESSION].staff,
            Proof(str(form.get("password", ""))[:MOST_WORDS], str(form.get("code", ""))[:40]),
            address=request.app[CLIENT_ADDRESS](request),
            session_hash=_own_hash(request),
            new_hash=token_hash(token),
            now=request.app[CLOCK].now(),
        )
    except TooBusy:
        raise web.HTTPServiceUnavailable from None
    if not proved.done:
        return await _again(request, wanted, error=_(LOCKED if proved.locked else WRONG), status=429 if proved.locked else 422)
    return signed_in(request, token, wanted)


async def show_invitation(request: web.Request) -> web.Response:
    """GET /invitation/{secret}: the same form whether the link is good or not; only sending it tells."""
    return await _invitation(request)


async def submit_invitation(request: web.Request) -> web.Response:
    """POST /invitation/{secret}: the password is set, the link is used up; then the usual sign-in, with a second factor to set up."""
    form = await request.post()
    try:
        await accept_invitation(
            request.app[UNCONFINED],
            request.app[PASSWORDS],
            token_hash(request.match_info["secret"]),
            str(form.get("password", ""))[:MOST_WORDS],
            str(form.get("again", ""))[:MOST_WORDS],
            request.app[CLOCK].now(),
        )
    except Refused as refused:
        return await _invitation(request, told(refused), 422)
    except NotFound:
        return await _invitation(request, _("This link has been used or is too old. Ask your administrator for a new one."), 404)
    except TooBusy:
        raise web.HTTPServiceUnavailable from None
    raise web.HTTPSeeOther("/sign-in?welcome=1")


async def _invitation(request: web.Request, error: str = "", status: int = 200) -> web.Response:
    action = f"/invitation/{quote(request.match_info['secret'])}"
    return await page(request, "new_password.html", {"error": error, "action": action, "invited": True}, status=status)


async def _again(request: web.Request, wanted: str, *, error: str = "", status: int = 200) -> web.Response:
    context = {"error": error, "next": wanted, "has_factor": request[WEB_SESSION].has_second_factor}
    return await page(request, "again.html", context, status=status)


def _own_hash(request: web.Request) -> bytes:
    return token_hash(request.app[SESSIONS].load_cookie(request) or "")
