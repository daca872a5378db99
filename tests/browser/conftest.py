"""A real browser for tests: headless Chromium through playwright.

- `page`: one page, 1280 x 900, in a fresh context. `open_page(...)`: more of them, other widths, no JavaScript.
- A test fails at its end when a page of its own wrote an error to the console (refused by the Content-Security-Policy, a script
  that threw, a missing file), unless `open_page(expect=...)` says which.
- `await axe(page)`: no violation of WCAG 2.2 A and AA.
"""

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright

from service.clock import SystemClock
from service.db.database import Database
from tests.seed import KEYRING, Clinic, seed_clinic
from tests.web.conftest import make_app

OpenPage = Callable[..., Awaitable[Page]]
Axe = Callable[[Page], Awaitable[None]]

HOW_TO_GET_ONE = "install chromium (Debian: apt-get install chromium) or set CHROMIUM to the path of one"
SKIPPED = "no Chromium"
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
WCAG_2_2_AA = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
AXE_SOURCE = Path(axe_playwright_python.__file__).parent / "axe.min.js"
AXE_SECONDS = 20
DESKTOP = (1280, 900)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever stands in this folder needs a browser."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


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


@pytest.fixture
async def browser(chromium_path: str) -> AsyncIterator[Browser]:
    """A started Chromium; nothing is downloaded."""
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=chromium_path, args=ARGUMENTS)
        yield chromium
        await chromium.close()


@pytest.fixture
def console_errors() -> list[str]:
    """What the test's pages complained of so far; whatever stands here at the end fails the test."""
    return []


@pytest.fixture
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


@pytest.fixture
async def page(open_page: OpenPage) -> Page:
    """A page of desktop width in a fresh context."""
    return await open_page()


@pytest.fixture
def axe() -> Axe:
    """Checks a page for violations of WCAG 2.2 A and AA; its Content-Security-Policy may stay strict, JavaScript must be on."""
    source = AXE_SOURCE.read_text(encoding="utf-8")

    async def check(page: Page) -> None:
        await page.evaluate(source)
        async with asyncio.timeout(AXE_SECONDS):
            found = await page.evaluate("tags => axe.run(document, {runOnly: {type: 'tag', values: tags}})", WCAG_2_2_AA)
        assert found["passes"], f"axe looked at nothing on {page.url}"
        lines = [
            f"{violation['id']} ({violation['impact']}): {violation['help']}\n    "
            + "\n    ".join(f"{' '.join(map(str, node['target']))}  {node['html'][:160]}" for node in violation["nodes"][:5])
            for violation in found["violations"]
        ]
        assert not lines, f"axe on {page.url}:\n" + "\n".join(lines)

    return check


@pytest.fixture
async def database(sqlite_url: str) -> AsyncIterator[Database]:
    """A database on SQLite for the pages."""
    opened = Database.open(sqlite_url, KEYRING)
    yield opened
    await opened.close()


@pytest.fixture
async def clinic(database: Database) -> Clinic:
    """The invented clinic, opened two hours ago."""
    return await seed_clinic(database, datetime.now(UTC) - timedelta(hours=2))


@pytest.fixture
async def base(database: Database, clinic: Clinic) -> AsyncIterator[str]:
    """Where the staff's pages are served."""
    async with TestServer(make_app(database, SystemClock())) as server:
        yield str(server.make_url("")).rstrip("/")
