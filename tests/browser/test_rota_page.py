"""The rota and "who would be called?" in a real browser: at two widths, by keyboard, without JavaScript, no violation of WCAG 2.2 AA."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import expect

from service.db.database import Database
from tests.actions.crew import crew_of
from tests.browser.conftest import Axe, OpenPage
from tests.browser.test_nurse_pages import SIZES, sign_in
from tests.seed import Clinic

FITS = "document.documentElement.scrollWidth <= innerWidth"


@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_a_gap_is_made_seen_and_covered_by_keyboard(
    open_page: OpenPage, base: str, clinic: Clinic, database: Database, axe: Axe, width: int, height: int
) -> None:
    now = datetime.now(UTC)
    await crew_of(database, clinic, now)
    page = await open_page(width=width, height=height)
    await sign_in(page, base, clinic.sol)
    await page.goto(f"{base}/rota?team={clinic.team_a}")
    await axe(page)
    day = f"{now + timedelta(days=2):%Y-%m-%d}"
    await page.get_by_label("Somebody is away").focus()
    await page.keyboard.press("Space")
    await page.get_by_label("Instead of, first of the two, or away").select_option(label="Nora")
    await page.get_by_label("From", exact=True).fill(f"{day}T08:00")
    await page.get_by_label("Until", exact=True).fill(f"{day}T12:00")
    await page.get_by_role("button", name="Change the rota").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Nobody is on the rota at these times")).to_be_visible()
    await axe(page)
    assert await page.evaluate(FITS), "nothing runs out of the window"
    await page.get_by_role("link", name="Who would be called now?").click()
    await expect(page.get_by_role("heading", name="Who would be called?")).to_be_visible()
    await page.get_by_label("At (America/New_York)").fill(f"{day}T09:00")
    await page.get_by_role("button", name="Show").click()
    await expect(page.get_by_text("Warning: the rota has a gap: no nurse on call").first).to_be_visible()
    await axe(page)
    assert await page.evaluate(FITS), "nothing runs out of the window"


async def test_without_javascript_the_rota_is_changed_all_the_same(
    open_page: OpenPage, base: str, clinic: Clinic, database: Database
) -> None:
    now = datetime.now(UTC)
    await crew_of(database, clinic, now)
    page = await open_page(javascript=False)
    await sign_in(page, base, clinic.sol)
    await page.goto(f"{base}/rota?team={clinic.team_a}")
    day = f"{now + timedelta(days=2):%Y-%m-%d}"
    await page.locator("input[name=kind][value=swap]").check()
    await page.locator("#from").select_option(label="Nora")
    await page.locator("#to").select_option(label="Omar")
    await page.locator("#starts").fill(f"{day}T08:00")
    await page.locator("#ends").fill(f"{day}T12:00")
    await page.get_by_role("button", name="Change the rota").click()
    await expect(page.get_by_text("Nora and Omar stand for each other")).to_be_visible()
    await page.get_by_role("button", name="Take back").click()
    await expect(page.get_by_text("It was taken back.")).to_be_visible()
