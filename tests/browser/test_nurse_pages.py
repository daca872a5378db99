"""The staff's pages in a real browser: live, by keyboard, at two widths, without a violation of WCAG 2.2 AA."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.async_api import Page, expect
from sqlalchemy import delete, select

from service.db.database import Database, notify
from service.db.escalation import escalations
from service.db.sessions import web_sessions
from service.domain.escalation import Reached
from service.domain.urgency import Urgency
from service.web import live as live_pages
from tests.browser.conftest import Axe, OpenPage
from tests.seed import PASSWORD, Clinic, Member, Person, seed_item

SHOTS = os.environ.get("PAGES", "")
"""A folder: pictures of pages are kept there, to be looked at; "" for none."""
SIZES = [(1280, 900), (390, 844)]


async def sign_in(page: Page, base: str, member: Member) -> None:
    await page.goto(f"{base}/sign-in")
    await page.get_by_label("E-mail address").fill(member.email)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url("**/queue")


async def arrives(database: Database, person: Person, urgency: Urgency = Urgency.URGENT, reason: str = "Swelling of the legs") -> object:
    """A new item, as the one who takes in messages makes it: rows, then a wake-up."""
    item_id = await seed_item(database, person, datetime.now(UTC), urgency=urgency, reason=reason)
    async with database.transaction() as connection:
        await notify(connection, f"queue:{person.organization_id}")
    return item_id


async def shot(page: Page, name: str) -> None:
    if SHOTS:
        await page.screenshot(path=Path(SHOTS) / f"{name}-{(page.viewport_size or {})['width']}.png", full_page=True)


async def live(page: Page) -> None:
    """Waits until the page's stream is open."""
    await page.wait_for_function(
        "() => performance.getEntriesByType('resource').some((entry) => entry.name.endsWith('/live')) || window.rounds"
    )
    await page.wait_for_timeout(300)


async def test_a_new_item_is_on_the_open_page_at_once_without_reload(
    open_page: OpenPage,
    base: str,
    clinic: Clinic,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live_pages, "POLL_SECONDS", 600.0)  # so that only the wake-up can bring it
    page = await open_page()
    await sign_in(page, base, clinic.nora)
    await expect(page.get_by_text("Nobody is waiting.")).to_be_visible()
    await live(page)
    began = time.monotonic()
    await arrives(database, clinic.chi)
    await page.get_by_role("link", name="Chi Chen").wait_for()
    print(f"on the open page after {time.monotonic() - began:.3f} s")
    await expect(page.locator("#say-status")).to_have_text("1 new item in the queue")
    await expect(page.locator("#tab-unclaimed .count")).to_have_text("1")


async def test_without_a_wake_up_the_poll_finds_the_item(open_page: OpenPage, base: str, clinic: Clinic, database: Database) -> None:
    page = await open_page()
    await sign_in(page, base, clinic.nora)
    await live(page)
    await seed_item(database, clinic.chi, datetime.now(UTC))
    await page.get_by_role("link", name="Chi Chen").wait_for()


async def test_an_emergency_is_announced_once_and_stands_first(open_page: OpenPage, base: str, clinic: Clinic, database: Database) -> None:
    await arrives(database, clinic.chi)
    page = await open_page()
    await sign_in(page, base, clinic.nora)
    await live(page)
    await arrives(database, clinic.ana, Urgency.EMERGENCY, "Chest pain")
    await expect(page.locator("#say-alert")).to_have_text("New emergency. Ana Alvarez, 76: Chest pain")
    await expect(page.locator(".row h2 a").first).to_have_text("Ana Alvarez")
    await expect(page).to_have_title("(1 emergency) Queue - Rounds")
    await page.evaluate("document.getElementById('say-alert').textContent = ''")
    await arrives(database, clinic.ben)
    await page.get_by_role("link", name="Ben Brooks").wait_for()
    await expect(page.locator("#say-alert")).to_have_text("")


async def test_what_waits_is_inserted_when_asked_for_or_when_the_pointer_leaves(
    open_page: OpenPage, base: str, clinic: Clinic, database: Database
) -> None:
    await seed_item(database, clinic.ben, datetime.now(UTC), urgency=Urgency.ROUTINE)
    page = await open_page()
    await sign_in(page, base, clinic.nora)
    await live(page)
    await page.get_by_role("link", name="Ben Brooks").focus()
    await arrives(database, clinic.chi)
    bar = page.get_by_role("button", name="1 new, 1 urgent - show")
    await bar.click()
    await expect(page.locator(".row h2 a").first).to_have_text("Chi Chen")
    await expect(page.locator(".row h2 a").first).to_be_focused()
    await expect(bar).to_be_hidden()
    await page.locator(".row", has_text="Ben Brooks").hover()
    await page.evaluate("document.activeElement.blur()")
    await arrives(database, clinic.fay)
    await expect(bar).to_be_visible()
    await page.locator("h1").hover()
    await expect(page.get_by_role("link", name="Fay Foster")).to_be_visible()
    await expect(bar).to_be_hidden()


async def test_the_focus_and_its_row_stay_where_they_are_while_the_list_changes(
    open_page: OpenPage, base: str, clinic: Clinic, database: Database
) -> None:
    await arrives(database, clinic.chi)
    page = await open_page()
    await sign_in(page, base, clinic.nora)
    await live(page)
    claim, names = page.get_by_role("button", name="Claim: Chi Chen"), page.locator(".row h2 a")
    await claim.focus()
    before = await claim.bounding_box()
    await arrives(database, clinic.fay, Urgency.ROUTINE)  # below the row with the focus: nothing moves
    await expect(names).to_have_text(["Chi Chen", "Fay Foster"])
    await arrives(database, clinic.ana, Urgency.EMERGENCY, "Chest pain")  # above it: waits until asked for
    bar = page.get_by_role("button", name="1 new, 1 emergency - show")
    await expect(bar).to_be_visible()
    await expect(page.locator("#tab-unclaimed .count")).to_have_text("3")
    await expect(names).to_have_text(["Chi Chen", "Fay Foster"])
    await expect(claim).to_be_focused()
    assert await claim.bounding_box() == before
    await bar.focus()
    await page.wait_for_timeout(500)  # nobody presses a key the moment the focus has come
    await expect(bar).to_be_focused()
    await expect(names).to_have_text(["Chi Chen", "Fay Foster"])
    await page.keyboard.press("Enter")
    await expect(names).to_have_text(["Ana Alvarez", "Chi Chen", "Fay Foster"])
    await expect(names.first).to_be_focused()
    await expect(bar).to_be_hidden()


async def test_a_bar_that_the_keyboard_has_come_to_stays_and_what_waits_comes_when_it_is_left(
    open_page: OpenPage, base: str, clinic: Clinic, database: Database
) -> None:
    await arrives(database, clinic.chi)
    page = await open_page()
    await sign_in(page, base, clinic.nora)
    await live(page)
    await page.get_by_role("button", name="Claim: Chi Chen").focus()
    await arrives(database, clinic.ana, Urgency.EMERGENCY, "Chest pain")
    await page.get_by_role("button", name="1 new, 1 emergency - show").focus()
    await arrives(database, clinic.fay, Urgency.ROUTINE)
    await expect(page.locator("#tab-unclaimed .count")).to_have_text("3")
    bar = page.locator("#held-show")
    await expect(bar).to_be_focused()
    await page.locator("a[href='/queue']").first.focus()
    await expect(page.locator(".row h2 a")).to_have_text(["Ana Alvarez", "Chi Chen", "Fay Foster"])
    await expect(bar).to_be_hidden()


async def test_a_lost_feed_is_said_and_polled_around(open_page: OpenPage, base: str, clinic: Clinic, database: Database) -> None:
    page = await open_page(expect=r"ERR_FAILED|Failed to load")
    await page.route("**/queue/live*", lambda route: route.abort())
    await sign_in(page, base, clinic.nora)
    await expect(page.get_by_text("Live updates were lost")).to_be_visible()
    await seed_item(database, clinic.chi, datetime.now(UTC))
    await page.get_by_role("link", name="Chi Chen").wait_for()
    await page.unroute("**/queue/live*")
    await expect(page.get_by_text("Live updates were lost")).to_be_hidden()


async def test_a_page_whose_session_has_ended_says_so(open_page: OpenPage, base: str, clinic: Clinic, database: Database) -> None:
    page = await open_page(expect=r"status of 401")
    await sign_in(page, base, clinic.nora)
    await live(page)
    async with database.transaction() as connection:
        await connection.execute(delete(web_sessions))
    await arrives(database, clinic.chi)
    await expect(page.get_by_text("You are signed out")).to_be_visible()
    assert await page.get_by_role("link", name="Chi Chen").count() == 0


async def test_a_patient_s_answer_appears_on_the_open_item_and_what_is_being_typed_stays(
    open_page: OpenPage, base: str, clinic: Clinic, database: Database
) -> None:
    item_id = await arrives(database, clinic.chi)
    page = await open_page()
    await sign_in(page, base, clinic.nora)
    await page.get_by_role("button", name="Claim: Chi Chen").click()
    await page.get_by_label("Text message").fill("How are you")
    await expect(page.locator("#text-count")).to_have_text("11 characters, 1 text")
    from sqlalchemy import insert

    from service.db.communication import communications
    from service.db.schema import new_id

    now = datetime.now(UTC)
    async with database.transaction() as connection:
        old = dict((await connection.execute(select(communications))).mappings().one())
        await connection.execute(
            insert(communications).values(old | {"id": new_id(now), "body": "it got worse", "created_at": now, "status_at": now})
        )
        await notify(connection, f"queue:{clinic.organization_id}")
    await expect(page.locator("#talk")).to_contain_text("it got worse")
    await expect(page.locator("#say-status")).to_have_text("New message from the patient")
    await expect(page.get_by_label("Text message")).to_have_value("How are you")
    assert page.url.endswith(str(item_id))


FOCUSED = """() => {
  const element = document.activeElement;
  return (element.ariaLabel || (element.labels?.[0] ?? element).textContent).trim();
}"""
TOO_WIDE = """() => {
  const width = document.documentElement.clientWidth + 1;
  return [...document.querySelectorAll('body *')]
    .filter((element) => !element.closest('.skip, .hidden-text, .talk') && element.getBoundingClientRect().right > width)
    .map((element) => `${element.tagName}.${element.className} ${Math.round(element.getBoundingClientRect().right)}`);
}"""
LOW = """() => [...document.querySelectorAll('button, .button, select, input:not([type=hidden])')]
  .filter((element) => element.offsetParent && !element.closest('.tick, .pick') && element.getBoundingClientRect().height < 43.5)
  .map((element) => element.outerHTML.slice(0, 80))"""


async def press_to(page: Page, name: str) -> None:
    """Tab until the thing with this accessible name has the focus."""
    for _ in range(80):
        await page.keyboard.press("Tab")
        if (await page.evaluate(FOCUSED)).startswith(name):
            outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none", f"the focus on {name} is not visible"
            return
    raise AssertionError(f"{name} cannot be reached with Tab")


async def test_an_item_is_claimed_answered_and_closed_by_keyboard_alone(
    open_page: OpenPage, base: str, clinic: Clinic, database: Database
) -> None:
    await arrives(database, clinic.chi, Urgency.SAME_DAY)
    page = await open_page(width=390, height=844)
    await page.goto(f"{base}/sign-in")
    await press_to(page, "E-mail address")
    await page.keyboard.type(clinic.nora.email)
    await press_to(page, "Password")
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/queue")
    await press_to(page, "Claim: Chi Chen")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/items/*")
    await press_to(page, "Text message")
    await page.keyboard.type("Please put your legs up.")
    await press_to(page, "Send text")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Your message is on its way.")).to_be_visible()
    await press_to(page, "Swelling of the legs")
    await page.keyboard.press("Space")
    await press_to(page, "Decision")
    await page.keyboard.press("a")
    await press_to(page, "Closing note")
    await page.keyboard.type("Spoke with her.")
    await press_to(page, "Close item")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/queue")
    await expect(page.get_by_text("Closed. The next item is on top of the list.")).to_be_visible()
    async with database.reading() as connection:
        row = (await connection.execute(select(escalations))).one()
    assert (row.state, row.disposition) == ("resolved", "advice_given")


async def test_the_work_goes_without_javascript(open_page: OpenPage, base: str, clinic: Clinic, database: Database) -> None:
    await arrives(database, clinic.chi, Urgency.SAME_DAY)
    page = await open_page(javascript=False)
    await sign_in(page, base, clinic.nora)
    await page.get_by_role("button", name="Claim: Chi Chen").click()
    await page.get_by_label("New note").fill("Called.")
    await page.get_by_role("button", name="Save note").click()
    await expect(page.get_by_text("Note saved.")).to_be_visible()
    await page.get_by_label("Swelling of the legs").check()
    await page.get_by_label("Decision").select_option("advice_given")
    await page.get_by_label("Closing note").fill("Fine now.")
    await page.get_by_role("button", name="Close item").click()
    await page.wait_for_url("**/queue")
    await expect(page.get_by_text("Nobody is waiting.")).to_be_visible()


async def document(page: Page, **chosen: str) -> int:
    """Fills in the encounter note by choosing alone; how many touches that took."""
    usual = {"spoke_to": "patient", "place": "home", "finding": "worse", "disposition": "seen_today", "teach_back": "correct"}
    usual |= {"agreement": "agrees", "notified": "prescriber"}
    several = {"identifiers": ("name", "birth_date"), "denied": ("chest_pain", "fainting"), "advice": ("call_911_if_worse",)}
    wanted = [(name, code) for name, code in (usual | chosen).items()]
    wanted += [(name, code) for name, codes in several.items() for code in codes]
    for name, code in wanted:
        await page.locator(f'#close input[name="{name}"][value="{code}"]').check()
    return len(wanted)


async def test_hostile_words_run_nowhere(open_page: OpenPage, base: str, clinic: Clinic, database: Database) -> None:
    from tests.web.test_pages import EVIL

    for person, evil in zip((clinic.ana, clinic.ben, clinic.chi, clinic.dov, clinic.fay, clinic.gus), EVIL, strict=False):
        await seed_item(database, person, datetime.now(UTC), words=evil, highlight=evil[:7], reason=evil)
    page = await open_page()
    ran: list[str] = []
    page.on("dialog", lambda dialog: ran.append(dialog.message))
    await sign_in(page, base, clinic.nora)
    for link in [await one.get_attribute("href") for one in await page.locator(".row h2 a").all()]:
        await page.goto(f"{base}{link}")
        await page.get_by_role("button", name="Claim", exact=True).click()
        await page.get_by_label("New note").fill(EVIL[1])
        await page.get_by_role("button", name="Save note").click()
        await live(page)
    await page.goto(f"{base}/queue?tab=mine")
    await arrives(database, clinic.eva)
    assert ran == []
    assert await page.locator("main script, main img, main svg[onload]").count() == 0


@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_no_page_violates_wcag_and_none_is_wider_than_the_screen(
    open_page: OpenPage, axe: Axe, base: str, clinic: Clinic, database: Database, width: int, height: int
) -> None:
    page = await open_page(width=width, height=height, expect=r"status of (404|422)")

    async def check(name: str) -> None:
        await axe(page)
        wider = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wider <= 0, f"{name} scrolls sideways by {wider} px"
        low = await page.evaluate(LOW)
        assert low == [], f"targets lower than 44 px on {name}"
        await shot(page, name)

    now = datetime.now(UTC) - timedelta(minutes=7)
    await page.goto(f"{base}/sign-in")
    await check("sign-in")
    await page.get_by_label("E-mail address").fill("nobody@riverside.example")
    await page.get_by_label("Password").fill("wrong")
    await page.get_by_role("button", name="Sign in").click()
    await check("sign-in-error")
    await sign_in(page, base, clinic.nora)
    await check("queue-empty")
    chi = await seed_item(database, clinic.chi, now)
    ana = await seed_item(
        database,
        clinic.ana,
        now,
        words="I have chest pain",
        highlight="chest pain",
        urgency=Urgency.EMERGENCY,
        reason="Chest pain",
        due_in=timedelta(minutes=15),
        reached=Reached.NOT_REACHED,
    )
    await seed_item(
        database,
        clinic.ben,
        now - timedelta(hours=5),
        highlight="",
        urgency=Urgency.SAME_DAY,
        reason="No answer to two check-ins",
        due_in=timedelta(hours=4),
    )
    unknown = await seed_item(
        database, clinic.fay, now, urgency=Urgency.ROUTINE, reason="A message from a number that several patients share", known=False
    )
    dov = await seed_item(
        database,
        clinic.dov,
        now,
        words="he reads my phone",
        highlight="he reads my phone",
        reason="Not safe to contact",
        do_not_contact=True,
    )
    await page.goto(f"{base}/queue")
    await check("queue")
    for name, item_id in (("item-urgent", chi), ("item-emergency", ana), ("item-unknown", unknown), ("item-unsafe", dov)):
        await page.goto(f"{base}/items/{item_id}")
        await check(name)
    await page.goto(f"{base}/items/{ana}")
    await page.get_by_role("button", name="Claim", exact=True).click()
    await check("item-claimed")
    await page.get_by_label("Text message").fill("word " * 80)
    await page.get_by_role("button", name="Send text").click()
    await expect(page.get_by_role("alert").filter(has_text="That did not work")).to_be_focused()
    await check("item-error")
    await page.locator("#answers").get_by_label("Chest pain").check()
    await document(page, disposition="emergency_services")
    await check("item-documented")
    await page.get_by_role("button", name="Sign and close").click()
    await page.goto(f"{base}/items/{ana}")
    await check("item-closed")
    await page.goto(f"{base}/replies")
    await check("reply")
    await page.get_by_label("Reply, in the patient's words").fill("no but my chest hurts and I skipped my Eliquis")
    await page.get_by_role("button", name="Read it").click()
    await expect(page.locator("#result mark").first).to_be_visible()
    await check("reply-read")
    await page.goto(f"{base}/nowhere")
    await check("not-found")


async def test_before_a_session_ends_the_page_warns_and_lets_the_nurse_stay(open_page: OpenPage, base: str, clinic: Clinic) -> None:
    page = await open_page()
    await page.clock.install()
    await sign_in(page, base, clinic.nora)
    await page.clock.fast_forward("12:50")
    await expect(page.locator("#idle")).to_be_hidden()
    await page.clock.fast_forward("00:30")
    await expect(page.get_by_text("You will be signed out in 2 min")).to_be_visible()
    async with page.expect_response("**/stay") as told:
        await page.get_by_role("button", name="Stay signed in").click()
    assert (await told.value).status == 204
    await expect(page.locator("#idle")).to_be_hidden()
    await page.clock.fast_forward("15:10")
    await expect(page.get_by_text("You are signed out")).to_be_visible()


@pytest.mark.parametrize("width", [320, 640])
async def test_pages_reflow_at_four_hundred_percent_and_at_two_hundred(
    open_page: OpenPage, base: str, clinic: Clinic, database: Database, width: int
) -> None:
    long = "Swellingofthelegsthatnevercametoanendbecausenobodywroteablank " * 3
    item_id = await seed_item(database, clinic.chi, datetime.now(UTC), words="x" * 400, highlight="x" * 300, reason=long)
    page = await open_page(width=width, height=640)
    await sign_in(page, base, clinic.nora)
    for path in ("/queue", f"/items/{item_id}"):
        await page.goto(base + path)
        assert await page.evaluate(TOO_WIDE) == [], path
    await page.get_by_role("button", name="Claim", exact=True).click()
    assert await page.evaluate(TOO_WIDE) == []
    await shot(page, "item-long")
