"""The item's pages in a real browser: how many touches the work takes, what is live, what is wide, what axe says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import Page, expect
from sqlalchemy import insert, select, update

from service.db.communication import communications
from service.db.database import Database, notify
from service.db.escalation import concerns, escalations, notes
from service.db.schema import new_id
from service.db.time_log import time_entries
from service.domain.urgency import Urgency
from tests.browser.conftest import Axe, OpenPage
from tests.browser.test_nurse_pages import LOW, TOO_WIDE, document, sign_in
from tests.seed import Clinic, seed_item

A_TOUCH_SECONDS = 2.65
"""Of one touch by the keystroke-level model (Card, Moran and Newell 1980): 1.35 s to decide, 1.1 s to point, 0.2 s to press."""
FIGURES = {"name": "weight", "value": "204.5", "unit": "lb", "change": "5.1", "threshold": "5", "side": "gain_over", "hours": "168"}


async def all_of(database: Database, table: object) -> list[object]:
    async with database.reading() as connection:
        return list((await connection.execute(select(table))).all())  # type: ignore[call-overload]


@pytest.mark.parametrize("width", [1280, 390])
async def test_a_routine_item_takes_three_touches_and_one_page(
    open_page: OpenPage, base: str, clinic: Clinic, database: Database, width: int
) -> None:
    await seed_item(database, clinic.chi, datetime.now(UTC), urgency=Urgency.ROUTINE)
    page = await open_page(width=width)
    await sign_in(page, base, clinic.nora)
    await page.get_by_role("button", name="Claim: Chi Chen").click()  # the first touch, on the list
    await page.wait_for_url("**/items/*")
    await page.get_by_role("link", name="Close item").click()  # the second: down to the phrases
    await page.get_by_role("button", name="Read, nothing to do").click()
    await page.wait_for_url("**/queue")
    [row] = await all_of(database, escalations)
    assert row.state == "resolved"  # type: ignore[attr-defined]


async def test_an_urgent_item_is_documented_in_ninety_seconds_of_touches_without_typing(
    open_page: OpenPage, base: str, clinic: Clinic, database: Database
) -> None:
    await seed_item(database, clinic.chi, datetime.now(UTC))
    page = await open_page()
    await sign_in(page, base, clinic.nora)
    await page.get_by_role("button", name="Claim: Chi Chen").click()
    await page.get_by_role("button", name="Reached the patient").click()
    await expect(page.get_by_text("Call logged: Reached the patient.")).to_be_visible()
    await page.locator("#answers").get_by_label("Swelling of the legs").check()
    touches = 3 + await document(page)
    await page.locator("#close summary").click()
    await page.get_by_label("What", exact=True).select_option("call")
    await page.get_by_label("When", exact=True).select_option("tomorrow_morning")
    await page.get_by_role("button", name="Sign and close").click()
    touches += 6  # each list takes two: open it, choose
    await page.wait_for_url("**/queue")
    assert touches * A_TOUCH_SECONDS <= 90, touches
    [note] = await all_of(database, notes)
    for words in (
        "Situation: Swelling of the legs",
        "Teach-back: Said it back correctly",
        "Denies: chest pain, fainting",
        "Told: The prescriber",
    ):
        assert words in note.body  # type: ignore[attr-defined]


@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)])
async def test_the_pages_of_an_item_violate_nothing_and_fit_the_screen(
    open_page: OpenPage, axe: Axe, base: str, clinic: Clinic, database: Database, width: int, height: int
) -> None:
    item_id = await seed_item(database, clinic.chi, datetime.now(UTC) - timedelta(minutes=7))
    async with database.transaction() as connection:
        await connection.execute(update(concerns).values(measured=FIGURES))
    page = await open_page(width=width, height=height, expect=r"status of 422")
    await sign_in(page, base, clinic.nora)

    async def check() -> None:
        await axe(page)
        assert await page.evaluate(TOO_WIDE) == []
        assert await page.evaluate(LOW) == []

    await page.goto(f"{base}/items/{item_id}")
    await page.get_by_role("button", name="Claim", exact=True).click()
    await page.get_by_role("button", name="Busy").click()
    for summary in await page.locator("main details > summary").all():
        await summary.click()
    await check()
    await page.get_by_role("button", name="Sign and close").click()
    await expect(page.get_by_role("alert").filter(has_text="The note is not complete")).to_be_focused()
    await check()
    await page.get_by_role("alert").get_by_role("link", name="Decision").click()
    await expect(page.get_by_role("group", name="Decision")).to_be_in_viewport()
    for path in (f"/patients/{clinic.chi.id}/time", "/answers"):
        await page.goto(base + path)
        await check()


async def test_a_ready_answer_is_read_before_it_leaves(open_page: OpenPage, base: str, clinic: Clinic, database: Database) -> None:
    item_id = await seed_item(database, clinic.chi, datetime.now(UTC))
    page = await open_page()
    await sign_in(page, base, clinic.nora)
    await page.goto(f"{base}/items/{item_id}")
    await page.get_by_role("button", name="Claim", exact=True).click()
    await page.get_by_text("Ready answers").first.click()
    await page.get_by_role("button", name="Please measure again").click()
    await expect(page.get_by_label("Text message")).to_have_value(
        "Riverside Clinic: this is Nora. Please sit for 5 minutes, measure once more, and text me the number."
    )
    await expect(page.locator("#text-count")).to_contain_text("1 text")


async def test_the_timer_counts_while_somebody_works_and_stands_still_when_nobody_does(
    open_page: OpenPage, base: str, clinic: Clinic, database: Database
) -> None:
    item_id = await seed_item(database, clinic.chi, datetime.now(UTC))
    page = await open_page()
    await page.clock.install()
    await sign_in(page, base, clinic.nora)
    await page.goto(f"{base}/items/{item_id}")
    async with page.expect_response("**/time") as told:
        await page.clock.run_for(31_000)
    assert (await told.value).status == 200
    await page.clock.run_for(150_000)
    await expect(page.locator("#timer-state")).to_have_text("paused: nothing has been done for 2 minutes")
    [entry] = await all_of(database, time_entries)
    assert 0 < entry.seconds <= 120  # type: ignore[attr-defined]
    await page.goto("about:blank")  # else the page asks on while the server ends


async def test_the_minutes_of_a_note_follow_the_timer_and_those_that_were_typed_stay(
    open_page: OpenPage, base: str, clinic: Clinic, database: Database
) -> None:
    item_id = await seed_item(database, clinic.chi, datetime.now(UTC))
    page = await open_page(expect=r"status of 422")
    await page.clock.install()
    await sign_in(page, base, clinic.nora)
    await page.goto(f"{base}/items/{item_id}")
    await page.get_by_role("button", name="Claim", exact=True).click()
    minutes = page.locator("#minutes")
    await expect(minutes).to_have_value("1")
    await minutes.fill("12")
    await page.get_by_role("button", name="Sign and close").click()
    await expect(page.get_by_role("alert")).to_contain_text("The note is not complete")
    async with page.expect_response("**/time"):
        await page.clock.run_for(31_000)
    await expect(minutes).to_have_value("12")
    await page.goto("about:blank")  # else the page asks on while the server ends


async def arrives_text(database: Database, clinic: Clinic, words: str) -> None:
    now = datetime.now(UTC)
    row = {"id": new_id(now), "organization_id": clinic.organization_id, "patient_id": clinic.chi.id, "phone_id": clinic.chi.phone_id}
    more = {"direction": "in", "channel": "sms", "purpose": "reply", "lane": "routine", "status": "received", "body": words}
    async with database.transaction() as connection:
        await connection.execute(insert(communications).values(**row, **more, created_at=now, status_at=now))
        await notify(connection, f"queue:{clinic.organization_id}")


async def settled(page: Page) -> None:
    await page.wait_for_timeout(400)


async def test_what_comes_in_is_shown_and_what_is_being_written_stays(
    open_page: OpenPage, base: str, clinic: Clinic, database: Database
) -> None:
    item_id = await seed_item(database, clinic.chi, datetime.now(UTC))
    page = await open_page()
    await sign_in(page, base, clinic.nora)
    await page.goto(f"{base}/items/{item_id}")
    await page.get_by_role("button", name="Claim", exact=True).click()
    await settled(page)
    await page.locator("#notified_words").fill("Dr. Sample, half past")
    await page.locator('#close input[name="finding"][value="worse"]').check()
    await arrives_text(database, clinic, "now my chest hurts")
    await expect(page.locator("#talk").get_by_text("now my chest hurts")).to_be_visible()
    await expect(page.locator("#say-status")).to_have_text("New message from the patient")
    await expect(page.locator("#notified_words")).to_have_value("Dr. Sample, half past")
    await expect(page.locator('#close input[name="finding"][value="worse"]')).to_be_checked()
