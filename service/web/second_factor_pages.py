"""The second factor: asked for at sign-in, set up there where it is missing, changed and renewed on one's own page."""

from __future__ import annotations

from aiohttp import web
from segno import make_qr

from service.actions.pass_second_factor import Passed, confirm_second_factor, pass_second_factor
from service.actions.second_factors import address_for_apps
from service.actions.set_up_second_factor import offered_secret, renew_recovery_codes, start_second_factor, take_second_factor_away
from service.domain.sign_in import Step
from service.web.keys import CLIENT_ADDRESS, CLOCK, DATABASE, SECOND_FACTOR_REQUIRED, SESSIONS, WEB_SESSION
from service.web.language import _, later
from service.web.render import page, say
from service.web.sessions import new_token, token_hash
from service.web.sign_in_pages import STEPS, asked_for, local_path, signed_in

WRONG = later("This code is not right, or it has been used already. Wait for the next one and try again.")
LOCKED = later("Too many attempts. Wait 15 minutes, use a recovery code, or ask your administrator.")
MOST_CODE = 40
MODULE_PIXELS = 5
"""Of the picture that a telephone reads."""


async def show_code(request: web.Request) -> web.Response:
    """GET /sign-in/code: asks for a one-time code or a recovery code."""
    if request[WEB_SESSION].waits_for is not Step.FACTOR:
        raise web.HTTPSeeOther(STEPS[request[WEB_SESSION].waits_for])
    return await page(request, "second_factor.html", {"error": "", "next": asked_for(request)})


async def submit_code(request: web.Request) -> web.Response:
    """POST /sign-in/code: the session is whole, or the form again."""
    form, session = await request.post(), request[WEB_SESSION]
    wanted = local_path(str(form.get("next", "")))
    if session.waits_for is not Step.FACTOR:
        raise web.HTTPSeeOther(STEPS[session.waits_for])
    token = new_token()
    passed = await pass_second_factor(
        request.app[DATABASE],
        session.staff,
        str(form.get("code", ""))[:MOST_CODE],
        address=request.app[CLIENT_ADDRESS](request),
        session_hash=_own_hash(request),
        new_hash=token_hash(token),
        now=request.app[CLOCK].now(),
    )
    if passed.done:
        return signed_in(request, token, wanted)
    return await page(request, "second_factor.html", {"error": _why(passed), "next": wanted}, status=429 if passed.locked else 422)


async def show_set_up(request: web.Request) -> web.Response:
    """GET /sign-in/set-up and /me/second-factor: the picture for the app, and a field for its first code."""
    _not_in_place_of_the_code(request)
    return await _set_up(request, asked_for(request) if request[WEB_SESSION].waits_for is Step.ENROL else "/me")


async def submit_set_up(request: web.Request) -> web.Response:
    """POST of the same: the recovery codes, shown this once; or the form again."""
    _not_in_place_of_the_code(request)
    form, token = await request.post(), new_token()
    wanted = local_path(str(form.get("next", "")))
    passed = await confirm_second_factor(
        request.app[DATABASE],
        request[WEB_SESSION].staff,
        str(form.get("code", ""))[:MOST_CODE],
        address=request.app[CLIENT_ADDRESS](request),
        session_hash=_own_hash(request),
        new_hash=token_hash(token),
        now=request.app[CLOCK].now(),
    )
    if not passed.done:
        return await _set_up(request, wanted, error=_why(passed), status=429 if passed.locked else 422)
    response = await page(request, "recovery_codes.html", {"codes": passed.recovery_codes, "next": wanted})
    request.app[SESSIONS].set_cookie(response, token)
    return response


async def start(request: web.Request) -> web.Response:
    """POST /me/second-factor/new: another app takes over; the one before counts until the new one's first code is given."""
    await start_second_factor(request.app[DATABASE], request[WEB_SESSION].staff, request.app[CLOCK].now())
    raise web.HTTPSeeOther("/me/second-factor")


async def renew_codes(request: web.Request) -> web.Response:
    """POST /me/recovery-codes: ten new codes, shown this once; those before are worth nothing."""
    codes = await renew_recovery_codes(request.app[DATABASE], request[WEB_SESSION].staff, request.app[CLOCK].now())
    return await page(request, "recovery_codes.html", {"codes": codes, "next": "/me"})


async def take_away(request: web.Request) -> web.Response:
    """POST /me/second-factor/off: only where none is required."""
    if request.app[SECOND_FACTOR_REQUIRED]:
        raise web.HTTPForbidden
    await take_second_factor_away(request.app[DATABASE], request[WEB_SESSION].staff, request.app[CLOCK].now())
    await say(request, _("From now on your password alone signs you in."), kind="warning")
    raise web.HTTPSeeOther("/me")


async def _set_up(request: web.Request, wanted: str, *, error: str = "", status: int = 200) -> web.Response:
    session = request[WEB_SESSION]
    found = await offered_secret(request.app[DATABASE], session.staff)
    if found is None:
        raise web.HTTPSeeOther("/me")
    secret, email = found
    picture = make_qr(address_for_apps(secret, email)).svg_data_uri(scale=MODULE_PIXELS, dark="#000", light="#fff", border=4)
    grouped = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
    context = {"picture": picture, "secret": grouped, "error": error, "next": wanted, "enrolling": session.waits_for is Step.ENROL}
    return await page(request, "set_up_second_factor.html", context, status=status)


def _not_in_place_of_the_code(request: web.Request) -> None:
    """Who knows the password alone is not shown the secret of another app that its owner has begun to set up, nor lets it count."""
    if request[WEB_SESSION].waits_for is Step.FACTOR:
        raise web.HTTPSeeOther(STEPS[Step.FACTOR])


def _own_hash(request: web.Request) -> bytes:
    return token_hash(request.app[SESSIONS].load_cookie(request) or "")


def _why(passed: Passed) -> str:
    return _(LOCKED if passed.locked else WRONG)
