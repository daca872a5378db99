"""The queue in a real browser: the most dangerous first, nothing moves under the pointer, keys, sound, and a feed that is cut."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from playwright.async_api import Browser, expect

from service.clock import SystemClock
from service.db.database import Database
from service.domain.urgency import Urgency
from service.web import live as live_pages
from service.web.feed import Feed
from tests.browser.conftest import Axe, OpenPage, serving
from tests.browser.test_nurse_pages import SIZES, arrives, live, sign_in
from tests.faults import FULL_COUNTS, SECONDS_A_TEST
from tests.patience import PATIENCE_SECONDS
from tests.seed import Clinic, seed_item, seed_patient
from tests.web.conftest import make_app

BANNER_WITHIN_SECONDS, SHOWN_WITHIN_SECONDS = (30.0, 20.0) if FULL_COUNTS else (2.0 * PATIENCE_SECONDS, 1.0 * PATIENCE_SECONDS)


async def sixty(database: Database, clinic: Clinic) -> None:
    """Sixty items of one team, the emergency among the last to come in."""
    now = datetime.now(UTC)
    async with database.transaction() as connection:
        people = [
            await seed_patient(connection, clinic.organization_id, clinic.team_a, now, f"Person {n}", f"+1202555{n:04d}") for n in range(59)
        ]
    for n, person in enumerate(people):
        await seed_item(
            database, person, now - timedelta(minutes=60 - n), urgency=list(Urgency)[1 + n % 3], due_in=timedelta(minutes=n + 1)
        )
    await seed_item(database, clinic.chi, now, urgency=Urgency.EMERGENCY, reason="Chest pain", due_in=timedelta(minutes=15))


@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_the_most_dangerous_of_sixty_is_on_the_screen_at_once_and_claimed_with_one_touch(
    open_page: OpenPage, base: str, clinic: Clinic, database: Database, axe: Axe, width: int, height: int
) -> None:
    await sixty(database, clinic)
    page = await open_page(width=width, height=height)
    await sign_in(page, base, clinic.nora)
    claim = page.get_by_role("button", name="Claim: Chi Chen")
    await expect(claim).to_be_in_viewport(ratio=1)
    await expect(page.locator(".row h2 a").first).to_be_in_viewport(ratio=1)
    assert await page.title() == "(1 emergency) Queue - Rounds"
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await axe(page)
    await page.get_by_text("Filters", exact=True).click()
    await page.get_by_text("Work on several routine items").click()
    await axe(page)
    await claim.click()
    await page.wait_for_url("**/items/*")
    await page.get_by_role("button", name="Undo").click()
    await expect(page.get_by_text("Taken back: it stands as it did before.")).to_be_visible()


async def test_nothing_moves_under_the_pointer_and_the_bar_says_what_waits(
    open_page: OpenPage, base: str, clinic: Clinic, database: Database
) -> None:
    await seed_item(database, clinic.ben, datetime.now(UTC), urgency=Urgency.ROUTINE)
    page = await open_page()
    await sign_in(page, base, clinic.nora)
    await live(page)
    row = page.locator(".row", has_text="Ben Brooks")
    await row.hover()
    before = await row.bounding_box()
    await arrives(database, clinic.chi)
    await expect(page.get_by_role("button", name="1 new, 1 urgent - show")).to_be_visible()
    await expect(page.locator("#tab-unclaimed .count")).to_have_text("2")
    assert await row.bounding_box() == before
    await arrives(database, clinic.ana, Urgency.EMERGENCY, "Chest pain")
    bar = page.get_by_role("button", name="2 new, 1 emergency, 1 urgent - show")
    await expect(bar).to_be_visible()
    assert await row.bounding_box() == before
    await expect(page.locator("#say-alert")).to_contain_text("New emergency. Ana Alvarez")
    await page.locator("h1").hover()  # whoever turns elsewhere is shown what waits
    await expect(page.locator(".row h2 a")).to_have_text(["Ana Alvarez", "Chi Chen", "Ben Brooks"])
    await expect(bar).to_be_hidden()


async def test_a_row_that_the_stream_brings_is_claimed_like_any_other(
    open_page: OpenPage, base: str, clinic: Clinic, database: Database
) -> None:
    page = await open_page()
    await sign_in(page, base, clinic.nora)
    await live(page)
    await page.evaluate("() => { window.fetch = () => new Promise(() => {}); }")  # only the stream brings anything
    await arrives(database, clinic.chi)
    await page.get_by_role("button", name="Claim: Chi Chen").click()
    await page.wait_for_url("**/items/*")
    await expect(page.get_by_text("You have this item until")).to_be_visible()


async def test_keys_do_what_the_list_of_keys_says_and_nothing_while_somebody_types(
    open_page: OpenPage, base: str, clinic: Clinic, database: Database
) -> None:
    now = datetime.now(UTC)
    first = await seed_item(database, clinic.chi, now)
    await seed_item(database, clinic.ben, now, urgency=Urgency.ROUTINE)
    page = await open_page()
    await sign_in(page, base, clinic.nora)
    await live(page)
    await page.keyboard.press("/")
    await page.keyboard.type("jcx?")
    await expect(page.get_by_role("searchbox")).to_have_value("jcx?")
    await page.evaluate("document.activeElement.blur()")
    await page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keys")
    await expect(keys).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(keys).to_be_hidden()
    # The browser gives the focus back a frame after the dialog is gone; nobody types so soon.
    await page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    for name in ("Chi Chen", "Ben Brooks"):
        await page.keyboard.press("j")
        await expect(page.get_by_role("link", name=name, exact=True)).to_be_focused()
    await page.keyboard.press("x")
    await expect(page.get_by_label("Select Ben Brooks")).to_be_checked()
    await expect(page.get_by_role("button", name="Close the selected")).to_be_visible()
    await page.keyboard.press("k")
    await page.keyboard.press("s")
    dialog = page.get_by_role("dialog", name="Snooze")
    await dialog.get_by_label("Reason").fill("Asked to be called later")
    await dialog.get_by_role("button", name="Snooze").click()
    await expect(page.get_by_text("The item is snoozed.")).to_be_visible()
    await expect(page.locator("#tab-snoozed .count")).to_have_text("1")
    await page.goto(f"{base}/queue?tab=team")
    await page.get_by_role("link", name="Chi Chen", exact=True).focus()
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"**/items/{first}")


async def test_an_unclaimed_emergency_sounds_and_a_muted_urgent_item_does_not(
    open_page: OpenPage, base: str, clinic: Clinic, database: Database
) -> None:
    page = await open_page()
    await sign_in(page, base, clinic.nora)
    await live(page)
    listen = "document.addEventListener('rounds-sounded', (event) => window.sounds.push(event.detail))"
    await page.evaluate(f"() => {{ window.sounds = []; {listen}; }}")
    await page.locator("h1").click()  # browsers play nothing before somebody has touched the page
    await page.wait_for_timeout(200)
    await page.evaluate("document.getElementById('words').dataset.sound = '0'")
    await arrives(database, clinic.ben)
    await page.get_by_role("link", name="Ben Brooks").wait_for()
    await arrives(database, clinic.fay, Urgency.ROUTINE)
    await page.get_by_role("link", name="Fay Foster").wait_for()
    assert await page.evaluate("window.sounds") == []
    await arrives(database, clinic.chi, Urgency.EMERGENCY, "Chest pain")
    await page.get_by_role("link", name="Chi Chen").wait_for()
    await arrives(database, clinic.ana, Urgency.EMERGENCY, "Chest pain")
    await page.get_by_role("link", name="Ana Alvarez").wait_for()
    assert await page.evaluate("window.sounds") == [4]  # one in thirty seconds


@pytest.mark.faults
@pytest.mark.timeout(SECONDS_A_TEST)
async def test_a_feed_that_is_cut_is_said_and_the_page_asks_by_itself(
    open_page: OpenPage, browser: Browser, clinic: Clinic, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault test 24: the open stream falls silent without an end, and no new one is to be had."""
    cut = False

    @web.middleware
    async def middleware(request: web.Request, handler: object) -> web.StreamResponse:
        if cut and request.path == "/queue/live":
            raise web.HTTPServiceUnavailable
        return await handler(request)  # type: ignore[operator,no-any-return]

    monkeypatch.setattr(live_pages, "BEAT_SECONDS", 600.0)  # a dead line brings no beat either
    app = make_app(database, SystemClock())
    app.middlewares.insert(0, middleware)
    async with serving(app, browser) as base:
        page = await open_page(expect="503")
        await sign_in(page, base, clinic.nora)
        await live(page)

        async def silence(*_args: object) -> None:
            return None

        monkeypatch.setattr(Feed, "_publish", silence)
        cut = True
        began = time.monotonic()
        await arrives(database, clinic.chi)
        await page.get_by_role("link", name="Chi Chen").wait_for(timeout=SHOWN_WITHIN_SECONDS * 1000)
        shown = time.monotonic() - began
        await expect(page.locator("#feed-lost")).to_be_visible(timeout=(BANNER_WITHIN_SECONDS - shown) * 1000)
        print(f"\nshown after {shown:.1f} s, said after {time.monotonic() - began:.1f} s")
        await expect(page.locator("#feed-lost")).to_contain_text("Live updates were lost")
