"""Accounts, administration, audit and opened records in a browser: no violation, by keyboard, at both widths; hostile words stay words."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from playwright.async_api import Page
from sqlalchemy import select, update

from service.actions.open_record import Ask, open_record
from service.db.communication import communications
from service.db.database import Database
from service.db.escalation import notes
from service.db.organization import organizations, teams
from service.db.patient import patients
from service.db.staff import staff
from service.domain.staff import Role, Staff
from tests.browser.conftest import Axe, OpenPage
from tests.browser.test_nurse_pages import sign_in
from tests.faults import SECONDS_A_TEST
from tests.seed import PASSWORD, Clinic, Member, seed_item

HIT = "window.hit=1"
WRAPPERS = ["{}", "'>{}", '">{}', "</textarea>{}", "</title>{}", "</style>{}", "<b>{}", "--><!--{}", "]]>{}", "\u202e{}"]
PAYLOADS = [
    f"<script>{HIT}</script>",
    f"<img src=x onerror={HIT}>",
    f"<svg/onload={HIT}>",
    f"<iframe srcdoc='<script>parent.{HIT}</script>'>",
    f'<a href="javascript:{HIT}" autofocus onfocus={HIT}>x</a>',
    f"<details open ontoggle={HIT}>",
    f"<input autofocus onfocus={HIT}>",
    f"<form><button formaction=javascript:{HIT}>x",
    f"<math><mtext></p><style><img src=x onerror={HIT}>",
    f"<body onpageshow={HIT}><video><source onerror={HIT}>",
]
HUNDRED = [wrapper.format(payload) for payload in PAYLOADS for wrapper in WRAPPERS]
WATCH = (
    "window.reports = []; document.addEventListener('securitypolicyviolation', (event) => window.reports.push(event.violatedDirective));"
)

MADE = "main script, main iframe, main svg[onload], main math, main [onerror], main [onfocus], main [ontoggle]"
"""What a payload would have put into the page, had it been taken for more than text."""


async def to(page: Page, base: str, member: Member, path: str) -> None:
    """Signs in and opens a path."""
    await page.goto(f"{base}/sign-in?next={path}")
    await page.get_by_label("E-mail address").fill(member.email)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url(f"**{path}")


@pytest.mark.parametrize("width", [1280, 390])
async def test_every_page_of_accounts_and_audit_is_accessible_and_fits(
    open_page: OpenPage, base: str, clinic: Clinic, axe: Axe, width: int
) -> None:
    places = {
        clinic.ada: ["/admin", f"/admin/staff/{clinic.nora.id}", "/admin/teams", "/admin/organization", "/me", "/me/password", "/again"],
        clinic.abe: ["/audit", "/audit/verify", "/access"],
        clinic.nora: ["/open-record"],
    }
    for member, paths in places.items():
        page = await open_page(width=width, height=900)
        await to(page, base, member, paths[0])
        for path in paths:
            await page.goto(base + path)
            await axe(page)
            wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, (path, wide)


async def test_the_second_step_is_set_up_by_keyboard(open_page: OpenPage, base: str, clinic: Clinic, axe: Axe) -> None:
    import pyotp

    page = await open_page()
    await to(page, base, clinic.nora, "/me")
    await page.get_by_role("button", name="Set up your second step").press("Enter")
    await page.wait_for_url("**/me/second-factor")
    await axe(page)
    secret = (await page.locator(".secret").inner_text()).replace(" ", "")
    await page.get_by_label("Code").focus()
    await page.keyboard.type(pyotp.TOTP(secret).now())
    await page.keyboard.press("Enter")
    await page.get_by_role("heading", name="Recovery codes").wait_for()
    assert await page.locator(".recovery-codes code").count() == 10
    await axe(page)
    await page.get_by_role("link", name="I have kept them").press("Enter")
    await page.wait_for_url("**/me")


@pytest.mark.faults
@pytest.mark.timeout(SECONDS_A_TEST)
async def test_34_a_hundred_hostile_texts_names_and_notes_never_run(
    open_page: OpenPage, base: str, clinic: Clinic, database: Database
) -> None:
    now = datetime.now(UTC)
    item_id = await seed_item(database, clinic.chi, now, words=" ".join(HUNDRED[:50]), highlight=HUNDRED[0], reason=HUNDRED[1])
    async with database.transaction() as connection:
        await connection.execute(update(patients).where(patients.c.id == clinic.chi.id).values(name=HUNDRED[7]))
        await connection.execute(update(patients).where(patients.c.id == clinic.ana.id).values(name=HUNDRED[11]))
        await connection.execute(update(staff).where(staff.c.id == clinic.omar.id).values(name=HUNDRED[23]))
        await connection.execute(update(teams).where(teams.c.id == clinic.team_b).values(name=HUNDRED[31]))
        await connection.execute(update(organizations).values(name=HUNDRED[43]))
    omar = Staff(clinic.omar.id, clinic.organization_id, "Omar", Role.NURSE, (clinic.team_b,))
    await open_record(database, omar, Ask(clinic.ana.number, f"a reason {HUNDRED[55]}"), now)
    sol, ada, abe = await open_page(), await open_page(), await open_page()
    for page in (sol, ada, abe):
        await page.add_init_script(WATCH)
    await sign_in(sol, base, clinic.sol)
    await sol.goto(f"{base}/items/{item_id}")
    await sol.get_by_role("button", name="Claim").first.click()
    for half in (HUNDRED[:50], HUNDRED[50:]):  # every one of the hundred is a note as well
        area = sol.locator("textarea[name=note]").first
        await area.evaluate("area => { for (let up = area; up; up = up.parentElement) if (up.tagName == 'DETAILS') up.open = true; }")
        await area.fill("\n".join(half))
        async with sol.expect_navigation():
            await area.evaluate("area => area.form.requestSubmit()")
    async with database.reading() as connection:
        kept = "\n".join((await connection.scalars(select(notes.c.body))).all())
        said = "".join((await connection.scalars(select(communications.c.body))).all())
    assert sum(one in kept for one in HUNDRED) == 100
    assert HUNDRED[49] in said
    await to(ada, base, clinic.ada, "/admin")
    await to(abe, base, clinic.abe, "/audit")
    patient = f"/patients/{clinic.chi.id}"
    visits = {
        sol: ["/queue", f"/items/{item_id}", patient, f"{patient}/print", f"{patient}/record", f"{patient}/people", "/patients", "/access"],
        ada: ["/admin", f"/admin/staff/{clinic.omar.id}", "/admin/teams", "/admin/organization"],
        abe: ["/audit", "/access", f"/audit?action={HUNDRED[2]}"],
    }
    for page, paths in visits.items():
        for path in paths:
            await page.goto(base + path)
            assert await page.evaluate("window.hit") is None, path
            assert await page.evaluate("window.reports") == [], path
            assert await page.locator(MADE).count() == 0, path
