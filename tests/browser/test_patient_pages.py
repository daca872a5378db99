"""A patient's pages in a browser: a nurse finds a patient, sets a limit without a mouse, and the chart and the paper show it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from playwright.async_api import expect
from sqlalchemy import insert

from service.db.database import Database
from service.db.observation import observations
from service.db.schema import new_id
from tests.browser.conftest import OpenPage
from tests.browser.test_nurse_pages import sign_in
from tests.seed import Clinic


async def feel_the_pulse(database: Database, clinic: Clinic) -> None:
    """Chi's pulse over four days, one of them without."""
    chi, now = clinic.chi, datetime.now(UTC) - timedelta(minutes=1)
    rows = [
        {
            "id": new_id(now),
            "organization_id": chi.organization_id,
            "patient_id": chi.id,
            "kind": "value",
            "name": "pulse",
            "value": value,
            "unit": "/min",
            "rule": "r",
            "span_start": 0,
            "span_end": 1,
            "taken_at": now - timedelta(days=days),
        }
        for days, value in ((4, 88.0), (3, 92.0), (1, 97.0), (0, 104.0))
    ]
    async with database.transaction() as connection:
        await connection.execute(insert(observations), rows)


async def test_a_nurse_without_a_mouse_or_a_script_sets_a_limit_that_chart_and_paper_show(
    open_page: OpenPage, base: str, clinic: Clinic, database: Database
) -> None:
    await feel_the_pulse(database, clinic)
    page = await open_page(width=390, height=844, javascript=False)
    await sign_in(page, base, clinic.nora)
    await page.goto(f"{base}/patients")
    await page.get_by_role("link", name="Chi Chen", exact=True).press("Enter")
    await page.get_by_role("link", name="Medicines", exact=True).press("Enter")
    await page.get_by_text("Set a limit").press("Enter")
    form = page.locator("form[action$='/limits']")
    await form.get_by_label("Of what").select_option("pulse_high")
    await form.get_by_label("Amount").fill("100")
    await form.get_by_label("Why").fill("Beta blocker stopped")
    await form.get_by_label("Why").press("Enter")
    await expect(page.get_by_text("The limit is set.")).to_be_visible()
    await page.get_by_role("link", name="Charts", exact=True).press("Enter")
    chart = page.get_by_role("img", name="Heart rate")
    await expect(chart.locator(".chart-bound-words")).to_have_text("limit: under 100")
    await expect(chart.locator(".chart-band")).to_have_count(1)
    await expect(chart.locator(".chart-line")).to_have_count(2)
    await page.get_by_text("Heart rate as a table").press("Enter")
    await expect(page.get_by_role("table", name="Heart rate").get_by_role("row")).to_have_count(5)
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
    await page.goto(f"{base}/patients/{clinic.chi.id}/print")
    await page.emulate_media(media="print")
    await expect(page.get_by_text("Limit set").first).to_be_visible()
    await expect(page.locator(".crumb")).to_be_hidden()
