"""Typed places where the web app and its requests keep what handlers need."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from aiohttp import web

from service.actions.passwords import Passwords
from service.clock import Clock
from service.db.database import Database
from service.domain.contact_law import ContactLaw
from service.evaluation import Judged
from service.web.feed import Feed
from service.web.language import Language
from service.web.sessions import WEB_SESSION, DatabaseSessions
from service.web.shown import Shown
from service.web.static_files import StaticFiles
from service.web.streams import Streams

DATABASE = web.AppKey("DATABASE", Database)
"""Of the organization of whoever is signed in; of nobody's before (`Database.for_pages`)."""
UNCONFINED = web.AppKey("UNCONFINED", Database)
"""Of every organization: only for what has to look before it is known whose page it is."""
CLOCK = web.AppKey("CLOCK", Clock)
PASSWORDS = web.AppKey("PASSWORDS", Passwords)
SESSIONS = web.AppKey("SESSIONS", DatabaseSessions)
STATIC = web.AppKey("STATIC", StaticFiles)
SHOWN = web.AppKey("SHOWN", Shown)
CLIENT_ADDRESS: web.AppKey[Callable[[web.Request], str]] = web.AppKey("CLIENT_ADDRESS")
STREAMS = web.AppKey("STREAMS", Streams)
FEED = web.AppKey("FEED", Feed)
SECOND_FACTOR_REQUIRED = web.AppKey("SECOND_FACTOR_REQUIRED", bool)
LANGUAGES: web.AppKey[Mapping[str, Language]] = web.AppKey("LANGUAGES")
PUBLIC_BASE_URL = web.AppKey("PUBLIC_BASE_URL", str)
"""The address that staff type, without a slash at the end: behind a proxy a request does not know it."""

LAW = web.AppKey("LAW", ContactLaw)
KNOWN_RULES: web.AppKey[Mapping[str, bool]] = web.AppKey("KNOWN_RULES")
"""The rules whose findings a nurse may accept, and which of them the patient is answered to (`rules_of`)."""
JUDGE: web.AppKey[Callable[..., Judged]] = web.AppKey("JUDGE")

VISITOR = web.RequestKey("VISITOR", str)

__all__ = [
    "CLIENT_ADDRESS",
    "CLOCK",
    "DATABASE",
    "FEED",
    "JUDGE",
    "KNOWN_RULES",
    "LANGUAGES",
    "LAW",
    "PASSWORDS",
    "PUBLIC_BASE_URL",
    "SECOND_FACTOR_REQUIRED",
    "SESSIONS",
    "SHOWN",
    "STATIC",
    "STREAMS",
    "UNCONFINED",
    "VISITOR",
    "WEB_SESSION",
]
