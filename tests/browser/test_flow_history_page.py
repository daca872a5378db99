"""What a version would have changed, in a real browser: at two widths, without JavaScript, without a violation of WCAG 2.2 AA."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from playwright.async_api import Browser, expect

from service.actions.publish_flow import publish_flow
from service.clock import SystemClock
from service.db.database import Database
from tests.browser.conftest import Axe, OpenPage, serving, session_fixture
from tests.browser.test_flow_pages import sign_in
from tests.browser.test_nurse_pages import SIZES, shot
from tests.seed import Clinic
from tests.web.conftest import make_app, shelf_of
from tests.web.test_flow_history_page import KEY, PAGE, stricter, two_days


@session_fixture
async def base(database: Database, clinic: Clinic, browser: Browser) -> AsyncIterator[str]:
    """A clinic with check-ins of last week, and two other versions of their flow."""
    shelf, now = shelf_of("heart_failure"), SystemClock().now()
    for days, amount in ((9, "1 lb"), (8, "1.5 lb")):
        await publish_flow(database, clinic.organization_id, stricter(shelf.flows[KEY], amount), now - timedelta(days=days))
    await two_days(database, clinic, shelf, now - timedelta(days=7))
    async with serving(make_app(database, SystemClock(), shelf=shelf), browser) as address:
        yield address


@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_it_is_read_at_every_width(open_page: OpenPage, base: str, clinic: Clinic, axe: Axe, width: int, height: int) -> None:
    page = await open_page(width=width, height=height)
    await sign_in(page, base, clinic.sol)
    await page.goto(f"{base}/flows/{KEY}")
    await page.get_by_role("link", name="What this version would have changed last month").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("What this version would have changed last month")
    await expect(page.get_by_role("row", name="Weight: gained in a day")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") <= width
    await axe(page)
    await shot(page, "flow-history")


async def test_another_version_is_chosen_by_keyboard_without_javascript(open_page: OpenPage, base: str, clinic: Clinic) -> None:
    page = await open_page(javascript=False)
    await sign_in(page, base, clinic.nora)
    await page.goto(f"{base}{PAGE}")
    chosen = page.get_by_label("Compare with")
    before = await chosen.input_value()
    await chosen.focus()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await page.wait_for_url(lambda url: "old=" in url)
    assert await page.get_by_label("Compare with").input_value() != before
    await expect(page.get_by_role("row", name="Weight: gained in a day")).to_be_visible()
