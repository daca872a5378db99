"""Puts the staff's pages on an application; the composition root calls it once."""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp_jinja2
import aiohttp_session
import jinja2
from aiohttp import web

from service.actions.passwords import Passwords
from service.clock import Clock
from service.db.database import Database
from service.evaluation import Judged
from service.evaluation.flows.readable import Shelf
from service.web.client_address import own_address
from service.web.flow_history_pages import REPLAYS, Replays
from service.web.flow_pages import SHELF
from service.web.guard import add_headers, guard
from service.web.keys import CLIENT_ADDRESS, CLOCK, DATABASE, JUDGE, PASSWORDS, SESSIONS, SHOWN, STATIC, STREAMS
from service.web.live import stop_streams
from service.web.routes import ROUTES, Route
from service.web.sessions import DatabaseSessions
from service.web.shown import Shown
from service.web.static_files import StaticFiles
from service.web.streams import Streams
from service.web.words import FILTERS

UNGUARDED = ("/webhooks", "/healthz", "/api")
"""Paths of other rooms, which verify their callers themselves."""


def setup(
    app: web.Application,
    *,
    database: Database,
    clock: Clock,
    templates: Path,
    public_base_url: str,
    judge_reply: Callable[..., Judged],
    shelf: Shelf,
    extra: Sequence[Route] = (),
    unguarded: Sequence[str] = UNGUARDED,
    client_address: Callable[[web.Request], str] | None = None,
) -> None:
    """Adds routes, middlewares, headers, templates and sessions.

    `templates` is the folder of that name; `public_base_url` decides about the secure cookie and whose forms are ours.
    `judge_reply` reads and judges one reply (evaluation.judge_text with lexicon and tables).
    `shelf` holds the flows that the pages show, with their cases and what replies are heard by.
    `extra` are further pages (the demo's telephones) under the same guard: a Route each, made with `render.page`.
    `client_address` tells the address that sign-in failures are counted by; behind a proxy pass `address_behind(networks)`,
    else the whole clinic counts as one address (the default is the connection's own).
    """
    base = urlsplit(public_base_url)
    https = base.scheme == "https"
    app[DATABASE], app[CLOCK], app[SHOWN], app[STATIC] = database, clock, Shown(), StaticFiles()
    app[STREAMS] = Streams()
    app[JUDGE] = judge_reply
    app[SHELF] = shelf
    app[REPLAYS] = Replays(shelf)
    app[SESSIONS] = sessions = DatabaseSessions(database, clock, secure=https)
    app[CLIENT_ADDRESS] = client_address or own_address
    aiohttp_jinja2.setup(
        app,
        loader=jinja2.FileSystemLoader(templates),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        filters=FILTERS,
        default_helpers=False,
    )
    # aiohttp-session 2.12 still keeps its session on the request under a plain string; that is its business.
    warnings.filterwarnings("ignore", category=web.NotAppKeyWarning, module="aiohttp_session")
    table: dict[web.AbstractRoute, Route] = {}
    for route in (*ROUTES, *extra):
        table[app.router.add_route(route.method, route.path, route.handler)] = route
    app.middlewares.append(guard(table, tuple(unguarded), base.netloc))
    aiohttp_session.setup(app, sessions)
    app.on_response_prepare.append(add_headers(tuple(unguarded), https=https))
    app.on_shutdown.append(stop_streams)
    app.cleanup_ctx.append(_passwords)


async def _passwords(app: web.Application) -> AsyncIterator[None]:
    app[PASSWORDS] = passwords = Passwords()
    yield
    passwords.close()
