"""Sessions live in the database; the cookie holds a random value, the database only its hash (so a log-out really ends it)."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import Any

from aiohttp import web
from aiohttp_session import AbstractStorage, Session, SessionData

from service.clock import Clock
from service.db import sessions as rows
from service.db.database import Database
from service.db.sessions import WebSession

TOUCH_EVERY = timedelta(seconds=30)
WEB_SESSION = web.RequestKey("WEB_SESSION", WebSession)
BACKGROUND = "X-Rounds-Background"
"""Requests that a page makes by itself carry this header; they keep no session alive."""


def new_token() -> str:
    """A fresh cookie value: 256 random bits."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> bytes:
    """What the database knows of a cookie value."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def form_token(token: str) -> str:
    """The token that forms carry, derived from the cookie's value: another site knows neither."""
    return hashlib.sha256(b"form " + token.encode("utf-8", "surrogatepass")).hexdigest()


class DatabaseSessions(AbstractStorage):
    """The storage behind aiohttp-session. The signed-in session's row is written by `actions.sign_in`."""

    def __init__(self, database: Database, clock: Clock, *, secure: bool) -> None:
        super().__init__(
            cookie_name="__Host-rounds" if secure else "rounds", path="/", secure=secure, httponly=True, samesite="Lax", max_age=None
        )
        self._database = database
        self._clock = clock

    async def find(self, request: web.Request, *, touch: bool) -> WebSession | None:
        """The live session of this request, if any; with `touch` it is kept alive (what a person does, not a page by itself)."""
        token = self.load_cookie(request)
        if not token:
            return None
        now = self._clock.now()
        async with self._database.reading() as connection:
            found = await rows.find_session(connection, token_hash(token), now)
        if found is not None and touch and BACKGROUND not in request.headers and now - found.seen_at >= TOUCH_EVERY:
            async with self._database.transaction() as connection:
                await rows.touch_session(connection, token_hash(token), now)
        return found

    async def load_session(self, request: web.Request) -> Session:
        """The session's data for aiohttp-session; an empty new one for a visitor."""
        found = request.get(WEB_SESSION)
        if found is None:
            return Session(None, data=None, new=True)
        return Session(self.load_cookie(request), data=SessionData(session=dict(found.data)), new=False)

    async def save_session(self, request: web.Request, response: web.StreamResponse, session: Session) -> None:
        """Keeps changed data of a signed-in session; a visitor's is kept nowhere."""
        token = self.load_cookie(request)
        if session.new or not token:
            return
        data: dict[str, Any] = dict(session)
        async with self._database.transaction() as connection:
            await rows.store_session(connection, token_hash(token), data)

    def set_cookie(self, response: web.StreamResponse, token: str) -> None:
        """Hands the browser its cookie: for this browser session, never readable by scripts."""
        self.save_cookie(response, token)

    def drop_cookie(self, response: web.StreamResponse) -> None:
        """Takes the cookie away."""
        self.save_cookie(response, "")
