"""The page of next contacts: at two widths, by keyboard, without JavaScript, without a violation of WCAG 2.2 AA."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from playwright.async_api import Page, expect
from sqlalchemy import insert, update

from service.db.communication import communications
from service.db.database import Database
from service.db.organization import holidays
from service.db.patient import patients
from service.db.schema import new_id
from service.domain.schedule import to_local
from tests.browser.conftest import Axe, OpenPage
from tests.browser.test_nurse_pages import SIZES, shot, sign_in
from tests.seed import Clinic, seed_item
from tests.web.test_contacts_page import planned


async def some_contacts(database: Database, clinic: Clinic) -> None:
    """What a page shows on a busy day: planned, held, refused, a state, a wish, a holiday."""
    now = datetime.now(UTC)
    chi = clinic.chi
    row = {"organization_id": chi.organization_id, "patient_id": chi.id, "phone_id": chi.phone_id, "direction": "out", "channel": "sms"}
    row |= {"lane": "routine", "body": "Hello", "programme": "heart_failure", "created_at": now, "due_at": now, "status_at": now}
    await planned(database, chi, now + timedelta(days=1))
    async with database.transaction() as connection:
        await connection.execute(insert(communications).values(id=new_id(now), purpose="nurse", status="due", **row))
        await connection.execute(insert(communications).values(id=new_id(now), purpose="check_in", status="due", **row))
        refused = {"purpose": "reminder", "status": "expired", "reason": "state_hours_outlast_it"}
        await connection.execute(insert(communications).values(id=new_id(now), **row, **refused))
        day = to_local(now, "America/Chicago").date()
        wish = {"contact_from": time(10), "contact_until": time(18), "contact_days": "".join("01"[n != day.weekday()] for n in range(7))}
        await connection.execute(update(patients).where(patients.c.id == chi.id).values(zone="America/Chicago", state="TX", **wish))
        holiday = {"id": new_id(now), "organization_id": chi.organization_id, "local_date": (now + timedelta(days=5)).date()}
        await connection.execute(insert(holidays).values(**holiday, name="Founders' Day"))


async def record(page: Page) -> None:
    """Records a consent as a nurse does."""
    await page.get_by_text("Record a consent").click()
    await page.get_by_label("Check-ins a day").fill("1")
    await page.get_by_label("Check-ins in seven days").fill("5")
    await page.get_by_label("Given how").select_option(label="on paper")
    await page.get_by_role("button", name="Record consent").click()


@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_the_page_says_what_comes_next_and_why_something_does_not(
    open_page: OpenPage, base: str, clinic: Clinic, database: Database, axe: Axe, width: int, height: int
) -> None:
    await some_contacts(database, clinic)
    item_id = await seed_item(database, clinic.chi, datetime.now(UTC))
    page = await open_page(width=width, height=height, expect=r"status of 422")
    await sign_in(page, base, clinic.nora)
    await page.goto(f"{base}/items/{item_id}")
    await page.get_by_role("link", name="Next contacts and consent").click()
    await expect(page.get_by_role("heading", name="Next contacts of Chi Chen")).to_be_visible()
    await expect(page.get_by_text("Held until").first).to_be_visible()
    await expect(page.get_by_text("Law of Texas")).to_be_visible()
    await axe(page)
    await shot(page, "contacts")
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing runs out of the window"
    await record(page)
    await expect(page.get_by_text("The consent is on record")).to_be_visible()
    await expect(page.get_by_text("1 a day, 5 in seven days")).to_be_visible()
    await page.get_by_text("Record a consent").click()
    await page.get_by_text("Change where the patient lives").click()
    await page.get_by_text("The words, version 1", exact=True).first.click()
    await axe(page)
    await shot(page, "contacts-open")
    await page.get_by_label("State of the address").fill("XX")
    await page.locator("form[action$='/place'] button").click()
    await expect(page.get_by_role("alert")).to_contain_text("two letters")
    await axe(page)


async def test_it_goes_by_keyboard_and_without_javascript(open_page: OpenPage, base: str, clinic: Clinic, database: Database) -> None:
    await some_contacts(database, clinic)
    page = await open_page(javascript=False)
    await sign_in(page, base, clinic.nora)
    await page.goto(f"{base}/patients/{clinic.chi.id}/contacts")
    await page.locator("summary", has_text="Withdraw").first.focus()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    await page.keyboard.type("said so in a call")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("The consent is withdrawn")).to_be_visible()
    await expect(page.get_by_text("there is no consent").first).to_be_visible()
    await record(page)
    await expect(page.get_by_text("The consent is on record")).to_be_visible()
