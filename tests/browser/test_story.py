"""The main job in a browser, on the demo's real parts: from the due check-in to the closed item."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

from playwright.async_api import Page, expect

from service.demo.run import Demo
from tests.browser.conftest import Axe, OpenPage, session_fixture
from tests.browser.test_nurse_pages import document, shot
from tests.demo.running import running_demo

WORDS = "I skipped my water pill and my ankles are huge"
ANA, BEN = "#phone-12025550101", "#phone-12025550102"
ON_CALL = "#phone-12025550171, #phone-12025550173"
"""Nora's by day, Sol's by night."""


@session_fixture
async def demo(quick_path: Path) -> AsyncIterator[Demo]:
    async with running_demo(quick_path) as started:
        yield started


async def sign_in(page: Page, demo: Demo) -> None:
    await page.goto(f"{demo.address}/sign-in")
    await page.get_by_label("E-mail address").fill("nora@example.org")
    await page.get_by_label("Password").fill(demo.password)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url("**/queue")


async def answered(phones: Page, phone: str, words: str) -> None:
    """The check-in has arrived on this telephone; its owner answers it."""
    here = phones.locator(phone)
    await expect(here.locator(".bubble-service .said-words").last).to_contain_text("What is your weight this morning")
    await here.get_by_label(re.compile("^Text from")).fill(words)
    await here.get_by_role("button", name=re.compile("^Send as")).click()


async def listed_after_answering(phones: Page, queue: Page, phone: str, name: str) -> None:
    """The row comes by itself onto the queue page that was open all the time. How soon is `tests.bench.queue_live`'s to say."""
    await expect(queue.get_by_role("link", name=name)).to_have_count(0)
    await answered(phones, phone, WORDS)
    await queue.get_by_role("link", name=name).wait_for()


async def test_from_the_due_check_in_to_the_closed_item(demo: Demo, open_page: OpenPage, axe: Axe) -> None:
    phones, queue = await open_page(), await open_page()
    await phones.goto(f"{demo.address}/demo/phones")
    await sign_in(queue, demo)
    await axe(queue)
    for phone in (ANA, BEN):
        last = phones.locator(phone).locator(".bubble-service .said-words").last
        await expect(last).to_contain_text("What is your weight this morning")
    await listed_after_answering(phones, queue, ANA, "Ana Alvarez")
    await listed_after_answering(phones, queue, BEN, "Ben Brooks")
    await shot(queue, "story-queue")

    await queue.get_by_role("link", name="Ana Alvarez").click()
    marked = await queue.locator("mark").all_inner_texts()
    assert any("water pill" in words for words in marked), marked
    assert any("ankles" in words for words in marked), marked
    await axe(queue)
    await queue.get_by_role("button", name="Claim").first.click()
    await queue.locator("#reply textarea").fill("Hello Ana, this is Nora. Please put your feet up; I will call you in a moment.")
    await queue.get_by_role("button", name="Send text").click()
    await expect(phones.locator(ANA).locator(".bubble-service .said-words").last).to_contain_text("this is Nora")

    await queue.locator("#note").fill("Spoke with Ana: ankles swollen since yesterday, no trouble breathing. Took the missed pill.")
    await queue.get_by_role("button", name="Save note").click()
    await expect(queue.get_by_text("Spoke with Ana")).to_be_visible()
    await queue.get_by_role("button", name="Reached the patient").click()
    await expect(queue.get_by_text("Call logged: Reached the patient.")).to_be_visible()
    for concern in await queue.locator("#answers input[type=checkbox]").all():
        await concern.check()
    await document(queue)
    await queue.get_by_label("Whom, when and how, and the answer").fill("Prescriber informed of the missed dose by telephone.")
    await axe(queue)
    await shot(queue, "story-item")
    await queue.get_by_role("button", name="Sign and close").click()
    await queue.wait_for_url("**/queue")
    await queue.goto(f"{demo.address}/queue")
    await expect(queue.get_by_role("link", name="Ben Brooks")).to_be_visible()
    await expect(queue.get_by_role("link", name="Ana Alvarez")).to_have_count(0)


async def test_chest_pain_pages_the_nurse_and_tells_the_patient_what_to_do(demo: Demo, open_page: OpenPage, axe: Axe) -> None:
    phones, queue = await open_page(), await open_page(width=390, height=844)
    await phones.goto(f"{demo.address}/demo/phones")
    await sign_in(queue, demo)
    await answered(phones, ANA, "I have chest pain")
    await expect(phones.locator(ANA).locator(".bubble-service .said-words").last).to_contain_text("Call 911 now")
    await expect(phones.locator(ON_CALL).get_by_text("EMERGENCY").first).to_be_visible()
    await queue.get_by_role("link", name="Ana Alvarez").click()
    await expect(queue.get_by_text("An automatic answer has reached the patient")).to_be_visible()
    assert await queue.evaluate("document.documentElement.scrollWidth") <= 390
    await axe(queue)
    await shot(queue, "story-emergency")
