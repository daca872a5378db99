"""A real browser for tests: headless Chromium through playwright, one for all tests of a process, in one event loop for them all.

- An asynchronous fixture for these tests is made with `session_fixture`.
- `page`: one page, 1280 x 900, in a fresh context. `open_page(...)`: more of them, other widths, no JavaScript.
- A test fails at its end when a page of its own wrote an error to the console (refused by the Content-Security-Policy, a script
  that threw, a missing file), unless `open_page(expect=...)` says which.
- `await axe(page)`: no violation of WCAG 2.2 A and AA.
"""

import asyncio
import inspect
import os
import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Browser, ConsoleMessage, Page, Playwright, async_playwright, expect

from service.clock import SystemClock
from service.db.database import Database
from tests.patience import PATIENCE_SECONDS
from tests.seed import KEYRING, Clinic, seed_clinic
from tests.web.conftest import make_app

expect.set_options(timeout=PATIENCE_SECONDS * 1000)

OpenPage = Callable[..., Awaitable[Page]]
Axe = Callable[[Page], Awaitable[None]]

HOW_TO_GET_ONE = "install chromium (Debian: apt-get install chromium) or set CHROMIUM to the path of one"
SKIPPED = "no Chromium"
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
WCAG_2_2_AA = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
AXE_SOURCE = Path(axe_playwright_python.__file__).parent / "axe.min.js"
SERVER_ENDS_SECONDS = 20
DESKTOP = (1280, 900)
session_fixture = partial(pytest_asyncio.fixture, loop_scope="session")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever stands in this folder needs a browser, and runs in the browser's event loop."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.function):
                item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: Any) -> None:
    """One loud line, last of all, when browser tests were left out."""
    skipped = [report for report in terminalreporter.stats.get("skipped", []) if SKIPPED in str(report.longrepr)]
    if skipped:
        line = f"{len(skipped)} BROWSER TESTS WERE SKIPPED, there is {SKIPPED}: {HOW_TO_GET_ONE}."
        terminalreporter.write_line(line, red=True, bold=True)


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The Chromium to start; without one the test is skipped, and fails under CI=true."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found:
        return found
    if os.environ.get("CI") in ("true", "1"):
        pytest.fail(f"{SKIPPED}: {HOW_TO_GET_ONE}")
    pytest.skip(SKIPPED)


class Chromium:
    """The Chromium of this process, started again should it have died."""

    def __init__(self, playwright: Playwright, path: str) -> None:
        self._playwright, self._path = playwright, path
        self._running: Browser | None = None

    async def get(self) -> Browser:
        if self._running is None or not self._running.is_connected():
            self._running = await self._playwright.chromium.launch(executable_path=self._path, args=ARGUMENTS)
        return self._running

    async def close(self) -> None:
        if self._running is not None:
            await self._running.close()


@session_fixture(scope="session")
async def chromium(chromium_path: str) -> AsyncIterator[Chromium]:
    async with async_playwright() as playwright:
        chromium = Chromium(playwright, chromium_path)
        yield chromium
        await chromium.close()


@session_fixture
async def browser(chromium: Chromium) -> AsyncIterator[Browser]:
    """A started Chromium without a page or a cookie; nothing is downloaded."""
    running = await chromium.get()
    yield running
    for context in running.contexts:
        await context.close()


@pytest.fixture
def console_errors() -> list[str]:
    """What the test's pages complained of so far; whatever stands here at the end fails the test."""
    return []


@session_fixture
async def open_page(browser: Browser, console_errors: list[str]) -> AsyncIterator[OpenPage]:
    """Opens pages, each in a context (cookies) of its own unless `context` is another page's `page.context`.

    `open_page(width=390, height=844, javascript=True, context=None, expect=None)`; `expect` is a regular expression for the
    console errors that the test means to cause, for example r"status of 422".
    """

    async def open_one(
        *, width: int = DESKTOP[0], height: int = DESKTOP[1], javascript: bool = True, context: Any = None, expect: str | None = None
    ) -> Page:
        context = context or await browser.new_context(
            viewport={"width": width, "height": height}, java_script_enabled=javascript, locale="en-US", reduced_motion="reduce"
        )
        context.set_default_timeout(PATIENCE_SECONDS * 1000)
        page: Page = await context.new_page()

        def note(text: str) -> None:
            if not (expect and re.search(expect, text)):
                console_errors.append(f"{page.url}: {text}")

        def note_console(message: ConsoleMessage) -> None:
            if message.type == "error":
                note(f"{message.text} ({message.location.get('url', '')})")

        page.on("console", note_console)
        page.on("pageerror", lambda error: note(str(error)))
        return page

    yield open_one
    assert not console_errors, "errors in the browser's console:\n" + "\n".join(console_errors)


@session_fixture
async def page(open_page: OpenPage) -> Page:
    """A page of desktop width in a fresh context."""
    return await open_page()


@pytest.fixture
def axe() -> Axe:
    """Checks a page for violations of WCAG 2.2 A and AA; its Content-Security-Policy may stay strict, JavaScript must be on."""
    source = AXE_SOURCE.read_text(encoding="utf-8")

    async def check(page: Page) -> None:
        await page.evaluate(source)
        async with asyncio.timeout(PATIENCE_SECONDS):
            found = await page.evaluate("tags => axe.run(document, {runOnly: {type: 'tag', values: tags}})", WCAG_2_2_AA)
        assert found["passes"], f"axe looked at nothing on {page.url}"
        lines = [
            f"{violation['id']} ({violation['impact']}): {violation['help']}\n    "
            + "\n    ".join(f"{' '.join(map(str, node['target']))}  {node['html'][:160]}" for node in violation["nodes"][:5])
            for violation in found["violations"]
        ]
        assert not lines, f"axe on {page.url}:\n" + "\n".join(lines)

    return check


@session_fixture
async def database(sqlite_url: str) -> AsyncIterator[Database]:
    """A database on SQLite for the pages."""
    opened = Database.open(sqlite_url, KEYRING)
    yield opened
    await opened.close()


@session_fixture
async def clinic(database: Database) -> Clinic:
    """The invented clinic, opened two hours ago."""
    return await seed_clinic(database, datetime.now(UTC) - timedelta(hours=2))


@asynccontextmanager
async def serving(app: web.Application, browser: Browser) -> AsyncIterator[str]:
    """The address of a running `app`. The pages are left before it ends, else they ask on; what they have left is not cut off."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SERVER_ENDS_SECONDS)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        for context in browser.contexts:
            await context.close()
        await runner.cleanup()


@session_fixture
async def base(database: Database, clinic: Clinic, browser: Browser) -> AsyncIterator[str]:
    """Where the staff's pages are served."""
    async with serving(make_app(database, SystemClock()), browser) as address:
        yield address
