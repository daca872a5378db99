"""The staff's pages on a real server over a real database, and people who use them the way a browser does."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web as aiohttp_web
from aiohttp.test_utils import TestServer

from service import web
from service.actions.enroll_patient import enroll_own_patient
from service.content import (
    content_root,
    load_cases,
    load_contact_law,
    load_flows,
    load_lexicon,
    load_opening,
    load_ready_answers,
    load_tables,
    load_wording,
)
from service.db.database import Database
from service.engine.cases import Ears
from service.evaluation import judge_text
from service.evaluation.flows.readable import Shelf
from tests.seed import KEYRING, PASSWORD, Clinic, Member, seed_clinic

NOW = datetime(2026, 11, 16, 15, 0, tzinfo=UTC)  # a Monday, 10 in the morning in New York
LEXICON, TABLES = load_lexicon(), load_tables()
LAW = load_contact_law()
ANSWERS = load_ready_answers()
WORDING, OPENING = load_wording(), load_opening()
JUDGE_REPLY = partial(judge_text, LEXICON, TABLES)
TEMPLATES = Path(__file__).parents[2] / "templates"


@cache
def shelf_of(*programmes: str) -> Shelf:
    """The flows of these programmes only, which takes a fraction of the time that all of them take."""
    words = load_wording()
    with tempfile.TemporaryDirectory() as folder:
        for name in ("shared", *programmes):
            shutil.copytree(content_root() / "flows" / name, Path(folder) / "flows" / name)
        return Shelf(load_flows(Path(folder), words), cache(load_cases), Ears(LEXICON, TABLES, words))


@dataclass
class HandClock:
    """A clock that a test sets."""

    at: datetime = NOW

    def now(self) -> datetime:
        return self.at

    def advance(self, **by: float) -> None:
        self.at += timedelta(**by)


@dataclass
class Browser:
    """Cookies, forms with their token, no redirects followed: what a browser does without JavaScript."""

    session: aiohttp.ClientSession
    base: str
    headers: dict[str, str] = field(default_factory=lambda: {"Sec-Fetch-Site": "same-origin"})

    async def get(self, path: str, **more: Any) -> tuple[int, str, aiohttp.ClientResponse]:
        async with self.session.get(self.base + path, allow_redirects=False, **more) as response:
            return response.status, await response.text(), response

    async def post(
        self, path: str, form: Any = None, *, page: str = "", token: str | None = None, **more: Any
    ) -> tuple[int, str, aiohttp.ClientResponse]:
        """Sends a form with the token of `page` (by default of any page)."""
        if token is None:
            _, text, _ = await self.get(page or "/sign-in")
            if found := re.search(r'name="form_token" value="([0-9a-f]{64})"', text):
                token = found[1]
            else:
                _, text, _ = await self.get("/queue")
                found = re.search(r'name="form_token" value="([0-9a-f]{64})"', text)
                token = found[1] if found else ""
        data = [("form_token", token), *(form.items() if isinstance(form, dict) else form or [])]
        headers = more.pop("headers", self.headers)
        async with self.session.post(self.base + path, data=data, allow_redirects=False, headers=headers, **more) as response:
            return response.status, await response.text(), response

    async def sign_in(self, member: Member, password: str = PASSWORD) -> int:
        status, _, _ = await self.post("/sign-in", {"email": member.email, "password": password, "next": ""})
        return status


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database.open(database_url, KEYRING)
    async with opened.listening():
        yield opened
    await opened.close()


@pytest.fixture
async def clinic(database: Database, clock: HandClock) -> Clinic:
    return await seed_clinic(database, clock.now())


def make_app(
    database: Database,
    clock: Any,
    *,
    public_base_url: str = "http://127.0.0.1",
    extra: Any = (),
    shelf: Shelf | None = None,
    second_factor_required: bool = False,
) -> aiohttp_web.Application:
    """The application as the composition root makes it."""
    app = aiohttp_web.Application()
    web.setup(
        app,
        database=database,
        clock=clock,
        templates=TEMPLATES,
        public_base_url=public_base_url,
        judge_reply=JUDGE_REPLY,
        law=LAW,
        answers=ANSWERS,
        shelf=shelf or shelf_of("weekly"),
        extra=extra,
        enroll=partial(enroll_own_patient, WORDING, OPENING),
        second_factor_required=second_factor_required,
    )
    return app


@pytest.fixture
async def server(database: Database, clock: HandClock, clinic: Clinic) -> AsyncIterator[TestServer]:
    async with TestServer(make_app(database, clock)) as started:
        yield started


NewBrowser = Callable[..., Awaitable[Browser]]


@pytest.fixture
async def browse(server: TestServer) -> AsyncIterator[NewBrowser]:
    """Opens a browser, signed in when a member is named."""
    sessions: list[aiohttp.ClientSession] = []

    async def open_one(member: Member | None = None) -> Browser:
        session = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
        sessions.append(session)
        browser = Browser(session, str(server.make_url("")).rstrip("/"))
        if member is not None:
            assert await browser.sign_in(member) == 303
        return browser

    yield open_one
    for session in sessions:
        await session.close()
