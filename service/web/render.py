"""Pages from templates: every page gets the same frame (who is signed in, the form token, one message) and is kept by no cache."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import aiohttp_jinja2
from aiohttp import web
from aiohttp_session import get_session

from service.db.sessions import Preferences
from service.domain.sign_in import LONGEST, Step
from service.web.keys import CLOCK, SESSIONS, STATIC, VISITOR, WEB_SESSION
from service.web.language import spoken
from service.web.navigation import NAVIGATION
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
    if session is not None and session.waits_for is not Step.NONE:
        session = None  # whoever is not signed in whole is shown nothing of the clinic
    navigation = request.config_dict[NAVIGATION]
    frame = {
        "staff": session.staff if session else None,
        "organization": session.organization_name if session else "",
        "zone": session.zone if session else "UTC",
        "now": request.config_dict[CLOCK].now(),
        "form_token": form_token(token),
        "static": request.config_dict[STATIC].path,
        "language": spoken(),
        "places": navigation.of_staff(session.staff) if session else [],
        "place": navigation.here(request.path),
        "account": navigation.account,
        "message": None,
        "calls_for": {"/hand-over": session.asked} if session else {},
        "likes": session.likes if session else Preferences(),
        "session_ends": session.created_at + LONGEST if session else None,
    }
    response = aiohttp_jinja2.render_template(template, request, {**frame, **context}, status=status)
    response.headers["Cache-Control"] = "no-store"
    if VISITOR in request:
        sessions.set_cookie(response, request[VISITOR])
    return response


async def say(request: web.Request, text: str, *, kind: str = "good", undo: UUID | None = None) -> None:
    """A message for the next page: kind "good" for done, "warning" for not done. Names are allowed, it stands in the session only.

    `undo`: the step that a button in the message takes back.
    """
    session = await get_session(request)
    session[MESSAGE] = {"text": text, "kind": kind, "undo": str(undo or "")}
