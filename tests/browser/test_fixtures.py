"""The browser fixtures see what they are there to see."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from playwright.async_api import Browser

from tests.browser.conftest import serving, session_fixture

CSP = "default-src 'none'; script-src 'self'; img-src 'self' data:"
SOUND = "<!doctype html><html lang=en><title>t</title><main><h1>Queue</h1><p>Nothing is waiting.</p></main>"
UNSOUND = (
    "<!doctype html><html lang=en><title>t</title><main><h1>Queue</h1><img src='data:image/gif;base64,R0lGODlhAQABAAAAACw='><input></main>"
)
REFUSED = "<!doctype html><html lang=en><title>t</title><main><h1>Queue</h1><script>alert(1)</script></main>"


@session_fixture
async def address(browser: Browser) -> AsyncIterator[str]:
    app = web.Application()
    for path, body in {"/sound": SOUND, "/unsound": UNSOUND, "/refused": REFUSED}.items():

        async def show(request: web.Request, body: str = body) -> web.Response:
            return web.Response(text=body, content_type="text/html", headers={"Content-Security-Policy": CSP})

        app.router.add_get(path, show)

    async def no_icon(request: web.Request) -> web.Response:
        return web.Response(status=204)

    app.router.add_get("/favicon.ico", no_icon)
    async with serving(app, browser) as base:
        yield f"{base}/"


async def test_axe_passes_a_sound_page_under_a_strict_policy(page, axe, address):
    await page.goto(f"{address}sound")
    await axe(page)


async def test_axe_fails_an_image_without_words_and_a_field_without_label(page, axe, address):
    await page.goto(f"{address}unsound")
    with pytest.raises(AssertionError, match=r"(?s)image-alt.*label"):
        await axe(page)


async def test_a_refused_script_is_noticed(page, console_errors, address):
    await page.goto(f"{address}refused")
    assert "Content Security Policy" in console_errors.pop()


async def test_an_expected_error_is_let_through(open_page, console_errors, address):
    page = await open_page(width=390, height=844, expect="Content Security Policy")
    await page.goto(f"{address}refused")
    assert await page.get_by_role("heading", name="Queue").is_visible()
    assert not console_errors


async def test_a_page_can_be_read_without_javascript(open_page, address):
    page = await open_page(javascript=False)
    await page.goto(f"{address}refused")
    assert await page.get_by_text("Queue").is_visible()
