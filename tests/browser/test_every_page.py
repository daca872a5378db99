"""Every page at every width: WCAG 2.2 AA in light and dark, no error in the console, nothing wider than the screen, no script needed."""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from playwright.async_api import Browser, Page

from service.db.database import Database
from service.web.routes import ROUTES
from service.web.words import URGENCY
from tests.browser.conftest import AXE_SOURCE, WCAG_2_2_AA, OpenPage, session_fixture
from tests.browser.every_page import NOT_PAGES, VISITOR, Shown, World, make_world, plain
from tests.seed import PASSWORD, Clinic
from tests.web.conftest import Browser as Visitor

SHOTS = os.environ.get("PAGES", "")
"""A folder: each page is kept there as a picture, to be looked at."""
MOST_BYTES = 150_000
"""Of a page with its style and scripts, compressed, at the first visit."""
SMALLEST_TARGET = 44
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
LOW = """(least) => [...document.querySelectorAll('main button, main .button, main select, main input:not([type=hidden])')]
  .filter((one) => one.offsetParent && !one.closest('.tick, .hidden-text') && !['checkbox', 'radio'].includes(one.type))
  .filter((one) => one.getBoundingClientRect().height < least - 0.5)
  .map((one) => one.outerHTML.slice(0, 90))"""
TEXT = """() => { // what has a language of its own (a patient's words, those of a consent) is left out
  const seen = document.querySelector('main').cloneNode(true);
  seen.querySelectorAll('[lang]').forEach((one) => one.remove());
  return document.title + ' ' + seen.textContent.replace(/\\s+/g, ' ');
}"""


@session_fixture
async def world(database: Database, clinic: Clinic) -> World:
    return await make_world(database, clinic)


async def visitors(open_page: OpenPage, base: str, world: World, **how: Any) -> dict[str, Page]:
    """One page for each of the cast whom the pages need, signed in."""
    pages = {}
    for who in sorted({shown.who for shown in world.shown()}):
        pages[who] = page = await open_page(**how)
        if who != VISITOR:
            await page.goto(f"{base}/sign-in")
            await page.locator("#email").fill(getattr(world.clinic, who).email)
            await page.locator("#password").fill(PASSWORD)
            await page.locator("main form button").click()
            await page.wait_for_url(lambda url: "sign-in" not in url)
    return pages


async def each(pages: dict[str, Page], base: str, world: World, wrong: list[str]) -> AsyncIterator[tuple[Shown, Page]]:
    """Goes from page to page; what does not answer with a page is wrong."""
    for shown in world.shown():
        page = pages[shown.who]
        answer = await page.goto(base + shown.path)
        if answer is None or answer.status != 200 or plain_path(page.url, base) != shown.path.partition("?")[0]:
            wrong.append(f"{shown.path}: {answer.status if answer else 'no answer'}, at {page.url}")
            continue
        yield shown, page


def plain_path(url: str, base: str) -> str:
    return url.removeprefix(base).partition("?")[0].partition("#")[0]


async def violations(page: Page, what: dict[str, Any]) -> list[str]:
    found = await page.evaluate("what => axe.run(document, {runOnly: what})", what)
    return [
        f"{one['id']}: {one['help']}: "
        + " | ".join(f"{' '.join(map(str, node['target']))} {node['html'][:120]}" for node in one["nodes"][:3])
        for one in found["violations"]
    ]


def test_every_route_that_shows_a_page_is_walked(world_without_database: World) -> None:
    walked = {shown.route for shown in world_without_database.shown()}
    routes = {plain(route.path) for route in ROUTES if route.method == "GET"}
    assert routes - walked - NOT_PAGES.keys() == set(), "write them into tests/browser/every_page.py"
    assert walked - routes == set()


@pytest.fixture
def world_without_database() -> World:
    class Anybody:
        def __getattr__(self, name: str) -> Any:
            return Anybody()

    return World(Anybody(), *("x" for _ in range(6)))  # type: ignore[arg-type]


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("width", "height", "reflowed"), [(1280, 900, 640), (390, 844, 320)])
async def test_no_page_violates_wcag_in_light_or_dark_and_each_reflows(
    open_page: OpenPage, base: str, world: World, width: int, height: int, reflowed: int
) -> None:
    """A window of 1280 px at 200 % is one of 640, at 400 % one of 320 (WCAG 1.4.4, 1.4.10): no page scrolls sideways there."""
    source, wrong = AXE_SOURCE.read_text(encoding="utf-8"), list[str]()
    pages = await visitors(open_page, base, world, width=width, height=height)
    async for shown, page in each(pages, base, world, wrong):
        await page.evaluate(source)
        wrong += [f"{shown.path}: {one}" for one in await violations(page, {"type": "tag", "values": WCAG_2_2_AA})]
        await page.emulate_media(color_scheme="dark")
        wrong += [f"{shown.path} (dark): {one}" for one in await violations(page, {"type": "rule", "values": ["color-contrast"]})]
        await page.emulate_media(color_scheme="light")
        wrong += [f"{shown.path}: lower than {SMALLEST_TARGET} px: {one}" for one in await page.evaluate(LOW, SMALLEST_TARGET)]
        if SHOTS:
            name = re.sub(r"\W+", "-", re.sub(r"[0-9a-f-]{36}", "x", shown.path)).strip("-")
            await page.screenshot(path=Path(SHOTS) / f"{name}-{width}.png", full_page=True)
        for wide, high in ((width, height), (reflowed, 640)):
            await page.set_viewport_size({"width": wide, "height": high})
            if (wider := await page.evaluate(WIDER)) > 0:
                wrong.append(f"{shown.path}: at {wide} px it scrolls sideways by {wider} px")
        await page.set_viewport_size({"width": width, "height": height})
    assert not wrong, "\n".join(wrong)


@pytest.mark.timeout(900)
async def test_every_page_stands_without_javascript(open_page: OpenPage, base: str, world: World) -> None:
    wrong: list[str] = []
    pages = await visitors(open_page, base, world, javascript=False)
    async for shown, page in each(pages, base, world, wrong):
        if await page.locator("main h1").count() != 1:
            wrong.append(f"{shown.path}: {await page.locator('main h1').count()} headings of the first level")
    assert not wrong, "\n".join(wrong)


@pytest.mark.timeout(900)
async def test_every_page_speaks_spanish(browser: Browser, base: str, world: World) -> None:
    """With a Spanish browser; words that every English page of the kind has stand on none."""
    english = re.compile(rf"\b({'|'.join(URGENCY.values())}|Nobody|Waiting|Save|Choose|Record|Show|Search|Patient|Queue|None)\b")
    wrong: list[str] = []

    async def open_spanish(**_how: Any) -> Page:
        return await (await browser.new_context(locale="es-MX")).new_page()

    pages = await visitors(open_spanish, base, world)
    async for shown, page in each(pages, base, world, wrong):
        if await page.locator("html").get_attribute("lang") != "es":
            wrong.append(f"{shown.path}: lang is not es")
        found = set(english.findall(await page.evaluate(TEXT)))
        if found:
            wrong.append(f"{shown.path}: {', '.join(sorted(found))}")
    assert not wrong, "\n".join(wrong)


async def test_no_page_is_heavy_at_the_first_visit(base: str, world: World) -> None:
    """The page as it is served, its style, scripts and pictures, each compressed."""
    wrong: list[str] = []
    sizes: dict[str, int] = {}
    async with AsyncExitStack() as stack:
        people: dict[str, Visitor] = {}
        for who in sorted({shown.who for shown in world.shown()}):
            session = await stack.enter_async_context(aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)))
            people[who] = Visitor(session, base)
            if who != VISITOR:
                assert await people[who].sign_in(getattr(world.clinic, who)) == 303
        for shown in world.shown():
            status, html, _ = await people[shown.who].get(shown.path)
            files = set(re.findall(r'(?:src|href)="(/[^"]*static/[^"]+)"', html))
            for path in files - sizes.keys():
                async with people[shown.who].session.get(base + path) as answer:
                    sizes[path] = len(gzip.compress(await answer.read()))
            whole = len(gzip.compress(html.encode())) + sum(sizes[path] for path in files)
            if status != 200 or not files or whole > MOST_BYTES:
                wrong.append(f"{shown.path}: {status}, {whole} bytes in {len(files)} files")
    assert not wrong, "\n".join(wrong)
