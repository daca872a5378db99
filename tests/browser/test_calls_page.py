"""Calls on the page of simulated telephones in a real browser: a phone rings, is answered, and what is said reaches a nurse."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from service.demo.run import Demo
from tests.browser.conftest import Axe, OpenPage, session_fixture
from tests.demo.running import running_demo

EVA = "#phone-12025550105"
SHOTS = Path(__file__).parents[2] / "build" / "screenshots"
LISTENS = """
window.said = [];
document.addEventListener("DOMContentLoaded", () => {
  const status = document.getElementById("say-status");
  window.rangBefore = Boolean(document.querySelector(".phone-ringing"));
  new MutationObserver(() => said.push(status.textContent)).observe(status, { childList: true, characterData: true, subtree: true });
});
"""
"""Gathers what a screen reader is told, one after the other; what already was when the page came is in its text and told by that."""
WIDTHS = pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)])


@session_fixture
async def demo(quick_path: Path) -> AsyncIterator[Demo]:
    async with running_demo(quick_path) as started:
        yield started


async def sign_in(page: Page, demo: Demo, email: str) -> None:
    await page.goto(f"{demo.address}/sign-in")
    await page.get_by_label("E-mail address").fill(email)
    await page.get_by_label("Password").fill(demo.password)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url("**/queue")


async def ringing(phones: Page, demo: Demo) -> Locator:
    """Eva's phone, once it rings."""
    await phones.goto(f"{demo.address}/demo/phones")
    eva = phones.locator(EVA)
    await expect(eva.get_by_text("Riverside Clinic is calling")).to_be_visible()
    return eva


def last_line(phone: Locator) -> Locator:
    return phone.locator(".phonecall .bubble-service .said-words").last


async def press(phone: Locator, keys: str) -> None:
    for key in keys:
        await phone.get_by_role("button", name=key, exact=True).click()


@WIDTHS
async def test_a_phone_rings_is_answered_and_a_red_flag_by_words_is_on_the_nurses_queue(
    demo: Demo, open_page: OpenPage, axe: Axe, width: int, height: int
) -> None:
    phones, queue = await open_page(width=width, height=height), await open_page(width=width, height=height)
    await sign_in(queue, demo, "omar@example.org")
    eva = await ringing(phones, demo)
    await axe(phones)
    await expect(queue.get_by_role("link", name="Eva Estrada")).to_have_count(0)
    await eva.get_by_role("button", name="Answer as Eva Estrada").click()
    await expect(last_line(eva)).to_contain_text("marque 0 o diga persona")
    await press(eva.locator(".keypad"), "1955")
    await expect(eva.locator(".phonecall .bubble-patient kbd")).to_have_text("1955")
    await expect(last_line(eva)).to_contain_text("Diga la cifra")
    await eva.get_by_label("What Eva Estrada says").fill("ciento cincuenta libras")
    await eva.get_by_role("button", name="Mumble it as Eva Estrada").click()
    await expect(last_line(eva)).to_contain_text("Oímos ciento cincuenta libras")
    await expect(eva.get_by_label("What Eva Estrada says")).to_have_value("")
    await press(eva.locator(".keypad"), "1")
    await expect(last_line(eva)).to_contain_text("marque 2 para no")
    await eva.get_by_role("button", name="me duele mucho el pecho").click()
    await expect(eva.locator(".phonecall")).to_contain_text("9 1 1")
    await expect(queue.get_by_role("link", name="Eva Estrada")).to_be_visible()
    await axe(phones)
    assert await phones.evaluate("document.documentElement.scrollWidth") <= width
    SHOTS.mkdir(parents=True, exist_ok=True)
    await eva.screenshot(path=SHOTS / f"call-{width}.png")
    await queue.get_by_role("link", name="Eva Estrada").click()
    await expect(queue.locator("#talk")).to_contain_text("ciento cincuenta libras")
    assert "duele mucho el pecho" in " ".join(await queue.locator("mark").all_inner_texts())
    await expect(queue.locator("#talk").get_by_text("by phone").first).to_be_visible()
    await eva.get_by_role("button", name="Hang up as Eva Estrada").click()
    await expect(eva.locator(".phonecall")).to_have_count(0)
    await expect(eva.locator(".call-past summary").last).to_contain_text("ended")
    await expect(eva.locator(".bubble-service:not(.call-line)").last).to_contain_text("911")
    assert phones.url.endswith("/demo/phones"), "the page was not left"


async def test_a_call_is_worked_by_keyboard_alone_and_the_focus_is_never_lost(demo: Demo, open_page: OpenPage) -> None:
    page = await open_page()
    await page.add_init_script(LISTENS)
    eva = await ringing(page, demo)
    assert await page.evaluate("rangBefore || said.includes('The phone of Eva Estrada is ringing')"), await page.evaluate("said")
    await eva.get_by_role("button", name="Answer as Eva Estrada").focus()
    await page.keyboard.press("Enter")
    words = eva.get_by_label("What Eva Estrada says")
    await expect(words).to_be_focused()
    await eva.get_by_role("button", name="1", exact=True).focus()
    await page.keyboard.type("1955")
    await expect(last_line(eva)).to_contain_text("Diga la cifra")
    await expect(eva.get_by_role("button", name="1", exact=True)).to_be_focused()
    await words.focus()
    await page.keyboard.type("ciento cincuenta libras")
    await page.keyboard.press("Enter")
    await expect(last_line(eva)).to_contain_text("marque 2 para no")
    await expect(words).to_be_focused()
    await eva.get_by_role("button", name="Hang up as Eva Estrada").focus()
    await page.keyboard.press("Enter")
    await expect(eva.get_by_label("Text from Eva Estrada")).to_be_focused()


async def test_a_call_works_without_javascript_at_390_pixels(demo: Demo, open_page: OpenPage) -> None:
    page = await open_page(width=390, height=844, javascript=False)
    await page.goto(f"{demo.address}/demo/phones")
    eva = page.locator(EVA)
    for _ in range(20):
        if await eva.get_by_text("Riverside Clinic is calling").count():
            break
        await page.wait_for_timeout(500)
        await page.reload()
    await eva.get_by_role("button", name="Answer as Eva Estrada").click()
    await expect(last_line(eva)).to_contain_text("marque 0 o diga persona")
    for place, key in enumerate("1955", 1):
        await eva.locator(".keypad").get_by_role("button", name=key, exact=True).click()
        await expect(eva.locator(".typed kbd")).to_have_text("1955"[:place] if place < 4 else "-")
    await expect(last_line(eva)).to_contain_text("Diga la cifra")
    await eva.get_by_role("button", name="Say nothing as Eva Estrada").click()
    await expect(eva.locator(".phonecall .bubble-patient").last).to_contain_text("says nothing")
    await eva.get_by_role("button", name="Hang up as Eva Estrada").click()
    await expect(eva.locator(".call-past summary").last).to_contain_text("ended")
    await eva.get_by_role("button", name="Call the clinic as Eva Estrada").click()
    await eva.locator(".call-past summary").last.click()
    await expect(eva.locator(".call-past").last).to_contain_text("Riverside Clinic")
    assert page.url.endswith(EVA)


async def test_declined_and_left_to_voicemail(demo: Demo, page: Page) -> None:
    eva = await ringing(page, demo)
    await eva.get_by_role("button", name="To voicemail of Eva Estrada").click()
    await expect(eva.locator(".call-past summary").last).to_contain_text("left to voicemail")
    await eva.get_by_role("button", name="Let hours pass without an answer of Eva Estrada").click()
    await eva.get_by_role("button", name="Decline as Eva Estrada").click()
    await expect(eva.locator(".call-past summary").last).to_contain_text("declined")


async def test_calls_are_read_aloud_only_when_asked_for_and_in_their_language(demo: Demo, page: Page) -> None:
    await page.add_init_script(
        "window.heard = []; speechSynthesis.cancel = () => {};"
        "speechSynthesis.speak = (one) => window.heard.push(`${one.lang}: ${one.text}`);"
    )
    eva = await ringing(page, demo)
    aloud = page.get_by_role("button", name="Read calls aloud")
    await expect(aloud).to_have_attribute("aria-pressed", "false")
    await eva.get_by_role("button", name="Answer as Eva Estrada").click()
    await expect(last_line(eva)).to_contain_text("marque 0 o diga persona")
    assert await page.evaluate("window.heard") == []
    await aloud.click()
    await press(eva.locator(".keypad"), "1955")
    await expect(last_line(eva)).to_contain_text("Diga la cifra")
    heard = await page.evaluate("window.heard")
    assert heard[0] == "es-US: Gracias."
    assert "cuánto pesa" in heard[1]
    await aloud.click()
    await press(eva.locator(".keypad"), "*#")
    await expect(eva.locator(".phonecall .bubble-patient").last).to_contain_text("*")
    assert await page.evaluate("window.heard") == heard
