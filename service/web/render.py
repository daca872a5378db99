"""Pages from templates: every page gets the same frame (who is signed in, the form token, one message) and is kept by no cache."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aiohttp_jinja2
from aiohttp import web
from aiohttp_session import get_session

from service.web.keys import CLOCK, SESSIONS, STATIC, VISITOR, WEB_SESSION
from service.web.sessions import form_token, new_token

MESSAGE = "message"


async def page(request: web.Request, template: str, context: Mapping[str, Any] | None = None, *, status: int = 200) -> web.Response:
    """A whole page; takes the waiting message (see `say`) with it."""
    message: Any = None
    if WEB_SESSION in request and status == 200:
        session = await get_session(request)
        message = session.get(MESSAGE)
        if message is not None:
            del session[MESSAGE]
    return fragment(request, template, {"message": message, **(context or {})}, status=status)


def fragment(request: web.Request, template: str, context: Mapping[str, Any], *, status: int = 200) -> web.Response:
    """A page or a part of one, without taking the waiting message."""
    sessions = request.config_dict[SESSIONS]
    token = sessions.load_cookie(request) or request.get(VISITOR)
    if token is None:
        token = request[VISITOR] = new_token()
    session = request.get(WEB_SESSION)
    frame = {
        "staff": session.staff if session else None,
        "organization": session.organization_name if session else "",
        "zone": session.zone if session else "UTC",
        "now": request.config_dict[CLOCK].now(),
        "form_token": form_token(token),
        "static": request.config_dict[STATIC].path,
        "message": None,
    }
    response = aiohttp_jinja2.render_template(template, request, {**frame, **context}, status=status)
    response.headers["Cache-Control"] = "no-store"
    if VISITOR in request:
        sessions.set_cookie(response, request[VISITOR])
    return response


async def say(request: web.Request, text: str, *, kind: str = "good") -> None:
    """A message for the next page: kind "good" for done, "warning" for not done. Names are allowed, it stands in the session only."""
    session = await get_session(request)
    session[MESSAGE] = {"text": text, "kind": kind}
