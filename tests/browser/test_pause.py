"""Check-ins paused and resumed on the page of an item: at two widths, without JavaScript, without a violation of WCAG 2.2 AA."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from playwright.async_api import Page, expect

from service.db.database import Database
from tests.browser.conftest import Axe, OpenPage
from tests.browser.test_nurse_pages import SIZES, live, shot, sign_in
from tests.seed import Clinic, seed_item


async def paused(page: Page) -> None:
    """Fills the form in as a nurse does."""
    await page.get_by_text("Pause check-ins").first.click()
    await page.get_by_label("Why the pause").select_option(label="In the hospital")
    await page.locator("#pause").get_by_label("Reason").fill("Admitted with pneumonia, St. Sample Hospital")
    await page.get_by_role("button", name="Pause check-ins").click()


@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_a_pause_is_set_and_ended(
    open_page: OpenPage, base: str, clinic: Clinic, database: Database, axe: Axe, width: int, height: int
) -> None:
    item_id = await seed_item(database, clinic.chi, datetime.now(UTC))
    page = await open_page(width=width, height=height)
    await sign_in(page, base, clinic.nora)
    await page.goto(f"{base}/items/{item_id}")
    await expect(page.get_by_text("They run as planned.")).to_be_visible()
    await page.get_by_text("Pause check-ins").first.click()
    await axe(page)
    await page.locator("#pause").scroll_into_view_if_needed()
    await shot(page, "pause-form")
    await page.get_by_text("Pause check-ins").first.click()
    await paused(page)
    await expect(page.get_by_text("until a nurse resumes them").first).to_be_visible()
    await expect(page.get_by_text("Admitted with pneumonia")).to_be_visible()
    await axe(page)
    await shot(page, "paused")
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing runs out of the window"
    await page.get_by_role("button", name="Resume check-ins").click()
    await expect(page.get_by_text("They run as planned.")).to_be_visible()
    await page.close()  # its stream would call a server that is gone


async def test_a_pause_is_seen_at_once_on_a_page_that_is_open(open_page: OpenPage, base: str, clinic: Clinic, database: Database) -> None:
    item_id = await seed_item(database, clinic.chi, datetime.now(UTC))
    one, other = await open_page(), await open_page()
    await sign_in(one, base, clinic.nora)
    await sign_in(other, base, clinic.sol)
    for page in (one, other):
        await page.goto(f"{base}/items/{item_id}")
        await live(page)
    await other.get_by_label("New note").fill("Half a sentence")
    await paused(one)
    await expect(other.locator("#pauses").get_by_text("until a nurse resumes them")).to_be_visible()
    await expect(other.get_by_label("New note")).to_have_value("Half a sentence")
    await one.close()
    await other.close()


async def test_a_pause_goes_without_javascript(open_page: OpenPage, base: str, clinic: Clinic, database: Database) -> None:
    item_id = await seed_item(database, clinic.chi, datetime.now(UTC))
    page = await open_page(javascript=False)
    await sign_in(page, base, clinic.nora)
    await page.goto(f"{base}/items/{item_id}")
    await paused(page)
    await expect(page.get_by_text("until a nurse resumes them").first).to_be_visible()
    await page.get_by_role("button", name="Resume check-ins").click()
    await expect(page.get_by_text("They run as planned.")).to_be_visible()
