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

from service.actions.accept_finding import rules_of
from service.actions.passwords import Passwords
from service.clock import Clock
from service.db.database import Database
from service.domain.contact_law import ContactLaw
from service.domain.ready_answer import ReadyAnswer
from service.evaluation import Judged
from service.evaluation.flows.readable import Shelf
from service.evaluation.flows.terms import terms_of
from service.web import language
from service.web.client_address import own_address
from service.web.feed import Feed
from service.web.flow_history_pages import REPLAYS, Replays
from service.web.flow_pages import SHELF
from service.web.guard import add_headers, guard
from service.web.item_view import ANSWERS
from service.web.item_words import FILTERS as ITEM_FILTERS
from service.web.keys import (
    CLIENT_ADDRESS,
    CLOCK,
    DATABASE,
    FEED,
    JUDGE,
    KNOWN_RULES,
    LANGUAGES,
    LAW,
    PASSWORDS,
    PUBLIC_BASE_URL,
    SECOND_FACTOR_REQUIRED,
    SESSIONS,
    SHOWN,
    STATIC,
    STREAMS,
    UNCONFINED,
)
from service.web.live import close_feed, stop_streams
from service.web.navigation import NAVIGATION, Navigation
from service.web.record_keys import ENROLL, TERMS, Enroll
from service.web.routes import ROUTES, Route
from service.web.sessions import DatabaseSessions
from service.web.shown import Shown
from service.web.static_files import StaticFiles
from service.web.streams import Streams
from service.web.words import FILTERS

UNGUARDED = ("/webhooks", "/healthz", "/readyz", "/metrics", "/api")
"""Paths of other rooms, which verify their callers themselves."""


def setup(
    app: web.Application,
    *,
    database: Database,
    clock: Clock,
    templates: Path,
    public_base_url: str,
    judge_reply: Callable[..., Judged],
    law: ContactLaw,
    shelf: Shelf,
    extra: Sequence[Route] = (),
    unguarded: Sequence[str] = UNGUARDED,
    client_address: Callable[[web.Request], str] | None = None,
    second_factor_required: bool = True,
    enroll: Enroll,
    answers: Sequence[ReadyAnswer] = (),
) -> None:
    """Adds routes, middlewares, headers, templates and sessions.

    `database`: of it the pages see what belongs to the organization of whoever is signed in.
    `templates` is the folder of that name; `public_base_url` decides about the secure cookie and whose forms are ours.
    `judge_reply` reads and judges one reply (evaluation.judge_text with lexicon and tables).
    `law` is what law and agreement say of contacting patients.
    `enroll` puts a patient into a programme (`enroll_own_patient` with wording and opening texts).
    `shelf` holds the flows that the pages show, with their cases and what replies are heard by.
    `extra` are further pages (the demo's telephones) under the same guard: a Route each, made with `render.page`.
    `client_address` tells the address that sign-in failures are counted by; behind a proxy pass `address_behind(networks)`,
    else the whole clinic counts as one address (the default is the connection's own).
    `answers` are the ready answers that every clinic has.
    `second_factor_required`: whoever has none sets one up before anything else.
    """
    base = urlsplit(public_base_url)
    https = base.scheme == "https"
    app[UNCONFINED], app[DATABASE] = database, database.for_pages()
    app[CLOCK], app[SHOWN], app[STATIC] = clock, Shown(), StaticFiles()
    app[PUBLIC_BASE_URL] = public_base_url.rstrip("/")
    app[STREAMS] = Streams()
    app[FEED] = Feed(app[DATABASE], clock, app[SHOWN])
    app[SECOND_FACTOR_REQUIRED] = second_factor_required
    app[JUDGE] = judge_reply
    app[LAW] = law
    app[ANSWERS] = answers
    app[SHELF] = shelf
    app[KNOWN_RULES] = rules_of(shelf.ears.tables, shelf.flows.values())
    app[TERMS] = terms_of(shelf.flows.values(), shelf.ears.tables, shelf.ears.lexicon)
    app[ENROLL] = enroll
    app[REPLAYS] = Replays(shelf)
    app[SESSIONS] = sessions = DatabaseSessions(database, clock, secure=https)
    app[CLIENT_ADDRESS] = client_address or own_address
    app[LANGUAGES] = language.read_languages(templates / "locale")
    environment = aiohttp_jinja2.setup(
        app,
        loader=jinja2.FileSystemLoader(templates),
        extensions=["jinja2.ext.i18n"],
        optimized=False,  # what a filter says of a constant depends on the language of the request
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        filters={**FILTERS, **ITEM_FILTERS},
        default_helpers=False,
    )
    install_languages(environment)
    # aiohttp-session 2.12 still keeps its session on the request under a plain string; that is its business.
    warnings.filterwarnings("ignore", category=web.NotAppKeyWarning, module="aiohttp_session")
    table: dict[web.AbstractRoute, Route] = {}
    for route in (*ROUTES, *extra):
        table[app.router.add_route(route.method, route.path, route.handler)] = route
    app[NAVIGATION] = Navigation.of((route.method, route.path, route.permission) for route in table.values())
    app.middlewares.append(guard(table, tuple(unguarded), base.netloc))
    aiohttp_session.setup(app, sessions)
    app.on_response_prepare.append(add_headers(tuple(unguarded), https=https))
    app.on_shutdown.append(stop_streams)
    app.on_cleanup.append(close_feed)
    app.cleanup_ctx.append(_passwords)


def install_languages(environment: jinja2.Environment) -> None:
    """Gives templates `_()` and `{% trans %}`; the lines of a `{% trans %}` are joined by single blanks."""
    environment.policies["ext.i18n.trimmed"] = True
    environment.install_gettext_callables(  # type: ignore[attr-defined]
        language.gettext, language.ngettext, newstyle=True, pgettext=language.pgettext, npgettext=language.npgettext
    )


async def _passwords(app: web.Application) -> AsyncIterator[None]:
    app[PASSWORDS] = passwords = Passwords()
    yield
    passwords.close()
