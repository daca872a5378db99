"""Typed places where the web app and its requests keep what handlers need."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from service.actions.passwords import Passwords
from service.clock import Clock
from service.db.database import Database
from service.evaluation import Judged
from service.web.sessions import WEB_SESSION, DatabaseSessions
from service.web.shown import Shown
from service.web.static_files import StaticFiles
from service.web.streams import Streams

DATABASE = web.AppKey("DATABASE", Database)
CLOCK = web.AppKey("CLOCK", Clock)
PASSWORDS = web.AppKey("PASSWORDS", Passwords)
SESSIONS = web.AppKey("SESSIONS", DatabaseSessions)
STATIC = web.AppKey("STATIC", StaticFiles)
SHOWN = web.AppKey("SHOWN", Shown)
CLIENT_ADDRESS: web.AppKey[Callable[[web.Request], str]] = web.AppKey("CLIENT_ADDRESS")
STREAMS = web.AppKey("STREAMS", Streams)

JUDGE: web.AppKey[Callable[..., Judged]] = web.AppKey("JUDGE")

VISITOR = web.RequestKey("VISITOR", str)

__all__ = [
    "CLIENT_ADDRESS",
    "CLOCK",
    "DATABASE",
    "JUDGE",
    "PASSWORDS",
    "SESSIONS",
    "SHOWN",
    "STATIC",
    "STREAMS",
    "VISITOR",
    "WEB_SESSION",
]
