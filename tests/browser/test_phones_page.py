"""The page of simulated telephones in a real browser."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from playwright.async_api import Locator, Page, expect

from service.demo.run import Demo
from tests.browser.conftest import session_fixture
from tests.demo.running import running_demo

ANA, STRANGER = "#phone-12025550101", "#phone-12025550150"
ON_CALL = "#phone-12025550171, #phone-12025550173"
"""Nora's by day, Sol's by night."""
OpenPage = Callable[..., Awaitable[Page]]


@session_fixture
async def demo(quick_path: Path) -> AsyncIterator[Demo]:
    async with running_demo(quick_path) as started:
        yield started


def last_text(phone: Locator) -> Locator:
    return phone.locator(".bubble-service .said-words").last


async def test_a_check_in_arrives_without_reload_and_is_answered_in_place(demo: Demo, page: Page, axe: Any) -> None:
    await page.goto(f"{demo.address}/demo/phones")
    ana = page.locator(ANA)
    await expect(last_text(ana)).to_contain_text("What is your weight this morning")
    await ana.get_by_label("Text from Ana Alvarez").fill("168.4")
    await ana.get_by_role("button", name="Send as Ana Alvarez").click()
    await expect(ana.locator(".bubble-patient .said-words").last).to_contain_text("168.4")
    await expect(last_text(ana)).to_contain_text("harder to breathe")
    await expect(ana.get_by_label("Text from Ana Alvarez")).to_have_value("")
    await axe(page)
    assert page.url.endswith("/demo/phones"), "the page was not left"


async def test_what_is_being_typed_survives_a_text_that_arrives_meanwhile(demo: Demo, page: Page) -> None:
    await page.goto(f"{demo.address}/demo/phones")
    ana, field = page.locator(ANA), page.locator(ANA).get_by_label("Text from Ana Alvarez")
    await field.fill("half a sen")
    await expect(last_text(ana)).to_contain_text("What is your weight this morning")
    await page.locator(STRANGER).get_by_role("button", name="I have chest pain").click()
    await expect(last_text(page.locator(STRANGER))).to_contain_text("Call 911 now")
    await expect(page.locator(ON_CALL).get_by_text("EMERGENCY").first).to_be_visible()
    await expect(field).to_have_value("half a sen")


async def test_signing_in_beside_the_telephones_does_not_silence_them(demo: Demo, open_page: OpenPage) -> None:
    """A sign-in changes the form token of every tab of the browser."""
    page = await open_page(expect=r"status of 403")
    await page.goto(f"{demo.address}/demo/phones")
    await expect(last_text(page.locator(ANA))).to_contain_text("What is your weight this morning")
    queue = await page.context.new_page()
    await queue.goto(f"{demo.address}/sign-in")
    await queue.get_by_label("E-mail address").fill("nora@example.org")
    await queue.get_by_label("Password").fill(demo.password)
    await queue.get_by_role("button", name="Sign in").click()
    await queue.wait_for_url("**/queue")
    await page.locator(STRANGER).get_by_role("button", name="I have chest pain").click()
    await expect(last_text(page.locator(STRANGER))).to_contain_text("Call 911 now")


async def test_a_text_that_could_not_be_sent_says_so(demo: Demo, open_page: OpenPage) -> None:
    page = await open_page(expect=r"ERR_FAILED")
    await page.goto(f"{demo.address}/demo/phones")
    await page.route("**/demo/phones/reply", lambda route: route.abort())
    await page.locator(ANA).get_by_label("Text from Ana Alvarez").fill("168.4")
    await page.locator(ANA).get_by_role("button", name="Send as Ana Alvarez").click()
    await expect(page.locator(ANA).get_by_text("It was not sent. Try again.")).to_be_visible()
    await expect(page.locator(ANA).get_by_label("Text from Ana Alvarez")).to_have_value("168.4")


async def test_everything_works_without_javascript_at_390_pixels(demo: Demo, open_page: OpenPage) -> None:
    page = await open_page(width=390, height=844, javascript=False)
    await page.goto(f"{demo.address}/demo/phones")
    await page.locator(STRANGER).get_by_role("button", name="I have chest pain").click()
    # Back at the same telephone, and shown whole: the click alone waits for the answer only, and a page that is
    # being exchanged cannot be reloaded.
    await page.wait_for_url(f"**/demo/phones{STRANGER}")
    await page.reload()
    await expect(page.locator(STRANGER).locator(".bubble-patient")).to_contain_text("I have chest pain")
    await page.locator(ANA).get_by_role("button", name="Switch off the phone of Ana Alvarez").click()
    await expect(page.locator(ANA)).to_contain_text("The phone is off")
    await page.locator(ANA).get_by_role("button", name="Switch on the phone of Ana Alvarez").click()
    await page.locator(ANA).get_by_label("Text from Ana Alvarez").fill("good morning")
    await page.locator(ANA).get_by_role("button", name="Send as Ana Alvarez").click()
    await expect(page.locator(ANA).locator(".bubble-patient").last).to_contain_text("good morning")


async def test_no_sideways_scrolling_and_no_violation_at_390_pixels(demo: Demo, open_page: OpenPage, axe: Any) -> None:
    page = await open_page(width=390, height=844)
    await page.goto(f"{demo.address}/demo/phones")
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
    await axe(page)


async def test_the_newest_text_is_in_sight(demo: Demo, open_page: OpenPage) -> None:
    page = await open_page(javascript=False)
    await page.goto(f"{demo.address}/demo/phones")
    screen = await page.locator(f"{ANA} .screen").bounding_box()
    newest = await page.locator(f"{ANA} .bubble").last.bounding_box()
    assert screen
    assert newest
    assert screen["y"] <= newest["y"]
    assert newest["y"] + newest["height"] <= screen["y"] + screen["height"]
