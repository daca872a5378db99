"""The pages of the flows in a real browser: at two widths, by keyboard, without JavaScript, without a violation of WCAG 2.2 AA."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from playwright.async_api import Browser, Page, expect

from service.actions.publish_flow import publish_flow
from service.clock import SystemClock
from service.db import flows
from service.db.database import Database
from service.engine import Flow
from tests.browser.conftest import Axe, OpenPage, serving, session_fixture
from tests.browser.test_nurse_pages import SIZES, shot
from tests.seed import PASSWORD, Clinic, Member
from tests.web.conftest import make_app, shelf_of

SHELF = ("heart_failure", "asthma", "weekly")


@session_fixture
async def flows_base(database: Database, clinic: Clinic, browser: Browser) -> AsyncIterator[str]:
    shelf = shelf_of(*SHELF)
    await publish_flow(database, clinic.organization_id, shelf.flows["heart_failure/daily"], datetime.now(UTC))
    async with serving(make_app(database, SystemClock(), shelf=shelf), browser) as address:
        yield address


async def sign_in(page: Page, base: str, member: Member) -> None:
    await page.goto(f"{base}/sign-in")
    await page.get_by_label("E-mail address").fill(member.email)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url(lambda url: "/sign-in" not in url)


@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_flows_are_read_at_every_width(
    open_page: OpenPage, flows_base: str, clinic: Clinic, axe: Axe, width: int, height: int
) -> None:
    page = await open_page(width=width, height=height)
    await sign_in(page, flows_base, clinic.nora)
    if width < 960:
        await page.get_by_text("Menu").click()
    await page.get_by_role("link", name="Flows", exact=True).click()
    await expect(page.get_by_role("heading", name="Flows")).to_be_visible()
    await axe(page)
    await shot(page, "flows")
    for key in ("heart_failure/daily", "asthma/weekly", "weekly/how_are_you"):
        await page.goto(f"{flows_base}/flows/{key}")
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        english, spanish = (await page.locator(".both-one").all())[:2]
        one, other = await english.bounding_box(), await spanish.bounding_box()
        assert one is not None
        assert other is not None
        assert (one["y"] == other["y"]) == (width > 768)  # side by side, or one below the other
        [(across, drawn)] = await page.locator(".drawing svg").evaluate_all(
            "all => all.map(svg => [svg.getBoundingClientRect().width, svg.viewBox.baseVal.width]).filter(([width]) => width)"
        )
        assert 12 <= 14 * across / drawn <= 20  # pixels of its letters
        if key != "heart_failure/daily":  # the same parts, so many times over that axe takes half a minute
            await axe(page)
        await shot(page, f"flow-{key.replace('/', '-')}")


@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_a_draft_beside_the_version_that_runs_fits_every_width(
    open_page: OpenPage, flows_base: str, clinic: Clinic, database: Database, axe: Axe, width: int, height: int
) -> None:
    flow = shelf_of(*SHELF).flows["weekly/how_are_you"]
    data = flow.to_json()
    first = data["steps"][0]
    first["ask"]["es"]["plain"] = "¿Se siente bien? 1 no tan bien, 2 bien."
    first["red_flags"] = first["red_flags"][1:]
    older, now = Flow.from_json(data), datetime.now(UTC)
    await publish_flow(database, clinic.organization_id, older, now)
    async with database.transaction() as connection:
        version_id = await flows.published_as(connection, clinic.organization_id, older.version)
        assert version_id is not None
        await flows.approve(connection, clinic.organization_id, version_id, "Dr. Sample", now)
    page = await open_page(width=width, height=height)
    await sign_in(page, flows_base, clinic.cleo)
    await page.goto(f"{flows_base}/flows/{flow.key}")
    await expect(page.locator("#changes")).to_contain_text("Not there")
    await expect(page.locator("#changes del").first).to_contain_text("¿Se siente bien?")
    await expect(page.get_by_role("button", name="Publish and approve this version")).to_be_visible()
    await page.get_by_text("Withdraw the approval").first.click()
    assert await page.evaluate("document.documentElement.scrollWidth") <= width
    await axe(page)
    await shot(page, "flow-beside")


async def test_a_flow_is_read_and_approved_by_keyboard_without_javascript(open_page: OpenPage, flows_base: str, clinic: Clinic) -> None:
    page = await open_page(javascript=False)
    await sign_in(page, flows_base, clinic.cleo)
    await page.goto(f"{flows_base}/flows/heart_failure/daily")
    case = page.locator("details.case").first
    await case.locator("summary").focus()
    await page.keyboard.press("Enter")
    await expect(case.locator("ol")).to_be_visible()
    tick = page.get_by_role("checkbox")
    await tick.focus()
    await page.keyboard.press("Space")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_contain_text("You have approved")
    await expect(page.locator("#approval")).to_contain_text("Approved by Cleo")
    await page.get_by_text("Withdraw the approval").first.click()
    await page.get_by_label("Why").fill("The limit is wrong")
    await page.get_by_role("button", name="Withdraw the approval").click()
    await expect(page.get_by_role("status")).to_contain_text("You have withdrawn")
    await expect(page.locator("#approval")).to_contain_text("No new check-in of this flow starts")
