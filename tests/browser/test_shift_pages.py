"""On call, hand-over, supervision and the weekly report in a real browser: two widths, by keyboard, without JavaScript, WCAG 2.2 AA."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import Page, expect
from sqlalchemy import insert, update

from service.actions.ask_swap import ask_swap
from service.actions.claim_escalation import claim_escalation
from service.actions.make_reports import make_reports
from service.actions.snooze_escalation import snooze_escalation
from service.actions.start_drill import start_drill
from service.db import worries
from service.db.communication import communications
from service.db.database import Database
from service.db.drills import drills
from service.db.promises import promises
from service.db.schema import new_id
from service.domain.rota import OverrideKind
from service.domain.staff import Role
from service.domain.urgency import Urgency
from tests.actions.crew import crew_of, member
from tests.browser.conftest import Axe, OpenPage, session_fixture
from tests.browser.test_nurse_pages import SIZES, sign_in
from tests.seed import PASSWORD, Clinic, Member, seed_item

FITS = "document.documentElement.scrollWidth <= innerWidth"


@session_fixture
async def shift(clinic: Clinic, database: Database) -> Clinic:
    """The end of Nora's shift: two items in her hands, one put off, a patient she worries about, promises, a drill, a swap, a report."""
    now = datetime.now(UTC)
    await crew_of(database, clinic, now)
    nora, sol = member(clinic, clinic.nora, Role.NURSE), member(clinic, clinic.sol, Role.SUPERVISOR)
    for person, urgency in ((clinic.chi, Urgency.URGENT), (clinic.ben, Urgency.SAME_DAY)):
        item_id = await seed_item(database, person, now - timedelta(minutes=5), urgency=urgency)
        assert (await claim_escalation(database, nora, item_id, now)).won
    item_id = await seed_item(database, clinic.dov, now - timedelta(minutes=5), urgency=Urgency.ROUTINE)
    await snooze_escalation(database, nora, item_id, now + timedelta(hours=3), "Waits for the laboratory", 1, now)
    await ask_swap(database, nora, clinic.team_a, OverrideKind.SWAP, clinic.sol.id, (now + timedelta(days=2), now + timedelta(days=3)), now)
    drill_id = await start_drill(database, sol, clinic.team_a, now - timedelta(hours=2))
    ended = {"began_at": now, "ended_at": now, "result": "failed", "missed": "acknowledged", "raised_at": now, "paged_at": now}
    async with database.transaction() as connection:
        await worries.add(connection, nora, clinic.ana.id, "She sounds different", now)
        await connection.execute(update(drills).where(drills.c.id == drill_id).values(**ended))
        for state in ("open", "kept", "broken"):
            await connection.execute(insert(promises).values(**_promise(clinic, state, now)))
        await connection.execute(insert(communications).values(**_text(clinic, now - timedelta(days=8))))
    await make_reports(database, now)
    return clinic


def _promise(clinic: Clinic, state: str, now: datetime) -> dict[str, object]:
    whose = {"organization_id": clinic.organization_id, "team_id": clinic.team_a, "patient_id": clinic.chi.id}
    when = {"made_at": now, "due_at": now + timedelta(hours=1), "state_at": now}
    return {"id": new_id(now), **whose, "words": "within 1 hour", "urgency_rank": 2, "state": state, **when}


def _text(clinic: Clinic, at: datetime) -> dict[str, object]:
    plain = {"direction": "in", "channel": "sms", "purpose": "reply", "lane": "routine", "status": "received", "body": "all is well here"}
    whose = {"organization_id": clinic.organization_id, "patient_id": clinic.ben.id, "phone_id": clinic.ben.phone_id}
    return {"id": new_id(at), **whose, **plain, "created_at": at, "status_at": at}


WALKS = {
    "nora": ("/hand-over", "/oncall", "/oncall/promises", "/oncall/phone", "/supervisor/sample"),
    "sol": ("/oncall/drills", "/supervisor?span=30", "/supervisor/report"),
    "ada": ("/oncall/ladders",),
}


@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_every_page_of_the_shift_is_whole_at_this_width(
    open_page: OpenPage, base: str, shift: Clinic, axe: Axe, width: int, height: int
) -> None:
    for name, paths in WALKS.items():
        one: Member = getattr(shift, name)
        page = await open_page(width=width, height=height)
        await _sign_in(page, base, one)
        for path in paths:
            await page.goto(base + path)
            await axe(page)
            assert await page.evaluate(FITS), f"{path} runs out of the window"
        await page.emulate_media(color_scheme="dark")
        await axe(page)
        await page.context.close()


async def _sign_in(page: Page, base: str, one: Member) -> None:
    """Signs in, wherever this member of staff works."""
    await page.goto(f"{base}/sign-in")
    await page.get_by_label("E-mail address").fill(one.email)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url(re.compile(r"/(queue|admin)$"))


async def test_a_nurse_hands_over_by_keyboard_and_leaves_without_javascript(open_page: OpenPage, base: str, shift: Clinic) -> None:
    nora = await open_page(javascript=False, expect="status of 409")
    await sign_in(nora, base, shift.nora)
    await nora.goto(f"{base}/hand-over")
    await nora.get_by_role("button", name="End my shift").click()
    await expect(nora.get_by_role("heading", name="Your shift cannot end yet")).to_be_visible()
    await nora.get_by_label("Who takes it over").select_option(label="Sol")
    await nora.get_by_role("button", name="Offer what is ticked").focus()
    await nora.keyboard.press("Enter")
    await expect(nora.get_by_text("4 lines are offered.")).to_be_visible()

    sol = await open_page(javascript=False)
    await sign_in(sol, base, shift.sol)
    await sol.goto(f"{base}/hand-over")
    accept = sol.get_by_role("button", name="I take it over")
    for left in (4, 3, 2, 1):
        await expect(accept).to_have_count(left)
        await accept.first.focus()
        await sol.keyboard.press("Enter")
    await expect(sol.get_by_text("You are asked to take over")).to_have_count(0)

    await nora.reload()
    await expect(nora.get_by_text("Taken over")).to_have_count(4)
    await nora.get_by_role("button", name="End my shift").click()
    await expect(nora.get_by_role("heading", name="Sign in")).to_be_visible()
