"""Faults 33, 35 and 36: forms of other sites, cookies that are worth nothing any more, and whoever guesses."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import aiohttp
import pyotp
import pytest
from aiohttp.test_utils import TestServer
from sqlalchemy import func, select, update

from service.actions.attempts import MOST_CODES, MOST_PER_ACCOUNT
from service.actions.change_accounts import Person, change_account, set_disabled
from service.actions.pass_second_factor import pass_second_factor
from service.db.credentials import set_totp
from service.db.database import Database
from service.db.escalation import escalations, notes
from service.db.sessions import create_session, sign_in_failures, web_sessions
from service.db.staff import staff
from service.domain.sign_in import Step
from service.domain.staff import Role, Staff
from service.web import ROUTES
from service.web.sessions import BACKGROUND, form_token
from tests.faults import SECONDS_A_TEST
from tests.faults.access.test_routes import address
from tests.seed import PASSWORD, Clinic, Member, seed_item
from tests.web.conftest import NOW, Browser, HandClock, NewBrowser, make_app

pytestmark = [pytest.mark.faults, pytest.mark.timeout(SECONDS_A_TEST)]
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@pytest.fixture
async def second_node(database: Database, clock: HandClock, clinic: Clinic) -> AsyncIterator[str]:
    """Another node over the same database; its address."""
    async with TestServer(make_app(database, clock)) as started:
        yield str(started.make_url("")).rstrip("/")


def cookie_of(browser: Browser) -> str:
    (cookie,) = [cookie.value for cookie in browser.session.cookie_jar]
    return cookie


async def statuses(cookie: str, *bases: str) -> list[int]:
    """What a page that asks by itself is answered with this cookie, on each node."""
    found = []
    async with aiohttp.ClientSession(cookies={"rounds": cookie}, headers={BACKGROUND: "1"}) as session:
        for base in bases:
            async with session.get(f"{base}/me", allow_redirects=False) as response:
                found.append(response.status)
    return found


def staff_of(clinic: Clinic, member: Member, role: Role) -> Staff:
    return Staff(member.id, clinic.organization_id, member.name, role, member.team_ids)


async def signed_out(browser: Browser, database: Database, clinic: Clinic, now: Any) -> None:
    assert (await browser.post("/sign-out", {"anyway": "1"}, page="/queue"))[0] == 303


async def password_changed(browser: Browser, database: Database, clinic: Clinic, now: Any) -> None:
    form = {"password": "nine quiet lanterns", "again": "nine quiet lanterns"}
    assert (await browser.post("/me/password", form, page="/me/password"))[0] == 303


async def role_taken(browser: Browser, database: Database, clinic: Clinic, now: Any) -> None:
    ada = staff_of(clinic, clinic.ada, Role.ADMINISTRATOR)
    await change_account(database, ada, clinic.nora.id, Person("Nora", "coordinator", (str(clinic.team_a),)), now)


async def team_taken(browser: Browser, database: Database, clinic: Clinic, now: Any) -> None:
    ada = staff_of(clinic, clinic.ada, Role.ADMINISTRATOR)
    await change_account(database, ada, clinic.nora.id, Person("Nora", "nurse", (str(clinic.team_b),)), now)


async def disabled(browser: Browser, database: Database, clinic: Clinic, now: Any) -> None:
    await set_disabled(database, staff_of(clinic, clinic.ada, Role.ADMINISTRATOR), clinic.nora.id, disabled=True, now=now)


async def proved_again(browser: Browser, database: Database, clinic: Clinic, now: Any) -> None:
    assert (await browser.post("/again", {"password": PASSWORD}, page="/again"))[0] == 303


Ending = Callable[[Browser, Database, Clinic, Any], Awaitable[None]]


@pytest.mark.parametrize("ending", [signed_out, password_changed, role_taken, team_taken, disabled, proved_again])
async def test_35_an_old_cookie_is_worth_nothing_on_any_node_at_once(
    database: Database,
    clinic: Clinic,
    clock: HandClock,
    browse: NewBrowser,
    second_node: str,
    ending: Ending,
) -> None:
    nora, elsewhere = await browse(clinic.nora), await browse(clinic.nora)
    copies, nodes = [cookie_of(nora), cookie_of(elsewhere)], (nora.base, second_node)
    for copy in copies:
        assert await statuses(copy, *nodes) == [200, 200]
    await ending(nora, database, clinic, clock.at)
    assert await statuses(copies[0], *nodes) == [401, 401]
    everywhere = ending not in (signed_out, proved_again)
    assert await statuses(copies[1], *nodes) == ([401, 401] if everywhere else [200, 200])
    if ending in (password_changed, proved_again):
        assert await statuses(cookie_of(nora), *nodes) == [200, 200]


async def test_36_guessing_a_password_stops_after_ten_tries_and_the_owner_gets_in_again(
    database: Database,
    clinic: Clinic,
    clock: HandClock,
    browse: NewBrowser,
    full_faults: bool,
) -> None:
    thief = await browse()
    await thief.get("/sign-in")
    token = form_token(cookie_of(thief))
    seen: dict[int, int] = {}
    for n in range(10_000 if full_faults else 300):
        form = {"email": clinic.nora.email, "password": f"guess number {n}"}
        status, _, _ = await thief.post("/sign-in", form, token=token)
        seen[status] = seen.get(status, 0) + 1
    assert seen[422] == 10
    assert set(seen) == {422, 429}
    assert await thief.sign_in(clinic.nora) == 429  # the right one as well: it tells nothing
    clock.advance(minutes=15, seconds=1)
    assert await (await browse()).sign_in(clinic.nora) == 303


async def test_36_guessing_from_everywhere_locks_the_account_and_an_administrators_link_opens_it(
    database: Database,
    clinic: Clinic,
    clock: HandClock,
    browse: NewBrowser,
) -> None:
    from service.actions import attempts
    from service.db.encryption import keyring_of

    async with database.transaction() as connection:
        for n in range(MOST_PER_ACCOUNT):
            await attempts.failed(connection, attempts.of_password(keyring_of(connection), clinic.nora.email, f"192.0.2.{n}"), clock.at)
    nora, ada = await browse(), await browse(clinic.ada)
    assert await nora.sign_in(clinic.nora) == 429
    status, text, _ = await ada.post(f"/admin/staff/{clinic.nora.id}/link", page=f"/admin/staff/{clinic.nora.id}")
    assert status == 200
    link = re.search(r"/invitation/[A-Za-z0-9_-]{43}", text)
    assert link
    form = {"password": "nine quiet lanterns", "again": "nine quiet lanterns"}
    assert (await nora.post(link[0], form, page=link[0]))[0] == 303
    assert (await nora.post(link[0], form, page=link[0]))[0] == 404  # once
    assert await nora.sign_in(clinic.nora) == 422
    assert await nora.sign_in(clinic.nora, "nine quiet lanterns") == 303


async def test_36_guessing_a_code_stops_after_ten_tries_also_when_they_come_at_once(
    database: Database,
    clinic: Clinic,
    clock: HandClock,
    full_faults: bool,
) -> None:
    nora = staff_of(clinic, clinic.nora, Role.NURSE)
    async with database.transaction() as connection:
        await set_totp(connection, clinic.nora.id, SECRET, 0)
        await create_session(connection, b"s" * 32, clinic.nora.id, clinic.organization_id, Step.FACTOR, clock.at)
    right = {pyotp.TOTP(SECRET).at(clock.at + timedelta(seconds=off)) for off in (-30, 0, 30)}
    guesses = [code for code in (f"{n:06d}" for n in range(1_000_000)) if code not in right][: 10_000 if full_faults else 400]

    async def guess(code: str) -> str:
        passed = await pass_second_factor(
            database, nora, code, address="192.0.2.1", session_hash=b"s" * 32, new_hash=b"n" * 32, now=clock.at
        )
        return "in" if passed.done else "locked" if passed.locked else "wrong"

    found: list[str] = []
    for start in range(0, len(guesses), 20):
        found += await asyncio.gather(*(guess(code) for code in guesses[start : start + 20]))
    assert found.count("wrong") == MOST_CODES
    assert found.count("locked") == len(guesses) - MOST_CODES
    assert await guess(right.copy().pop()) == "locked"
    clock.advance(minutes=15, seconds=1)
    assert await guess(pyotp.TOTP(SECRET).at(clock.at)) == "in"
    assert await guess(pyotp.TOTP(SECRET).at(clock.at)) == "wrong"  # the same once more


async def test_36_guessing_day_and_night_stops_at_fifty_codes_a_day(
    database: Database,
    clinic: Clinic,
    clock: HandClock,
) -> None:
    nora, tried = staff_of(clinic, clinic.nora, Role.NURSE), 0
    async with database.transaction() as connection:
        await set_totp(connection, clinic.nora.id, SECRET, 0)
    for quarter in range(40):
        for n in range(12):
            address = f"198.51.{quarter}.{n}"
            passed = await pass_second_factor(
                database, nora, "abcdef", address=address, session_hash=b"s" * 32, new_hash=b"n" * 32, now=clock.at
            )
            tried += not passed.locked
        clock.advance(minutes=16)
    assert tried == 50


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, "form"),
        ({"Sec-Fetch-Site": "same-site"}, "form"),
        ({"Origin": "https://evil.example"}, "form"),
        ({"Origin": "null"}, "form"),
        ({}, "form"),
        ({"Sec-Fetch-Site": "same-origin"}, "no token"),
        ({"Sec-Fetch-Site": "same-origin"}, "token of another session"),
        ({"Sec-Fetch-Site": "cross-site"}, "json"),
        ({"Sec-Fetch-Site": "same-origin"}, "json"),
    ],
)
async def test_33_no_form_of_another_site_changes_anything(
    database: Database,
    clinic: Clinic,
    browse: NewBrowser,
    headers: dict[str, str],
    body: str,
) -> None:
    item_id = await seed_item(database, clinic.chi, NOW)
    sol, ada = await browse(clinic.sol), await browse(clinic.ada)
    before = await changeable(database)
    tried = 0
    for browser in (sol, ada):
        token = form_token(cookie_of(ada if browser is sol else sol) if body == "token of another session" else cookie_of(browser))
        form = {"note": "x", "name": "x", "password": "nine quiet lanterns", "again": "nine quiet lanterns", "form_token": token}
        if body == "no token":
            del form["form_token"]
        for route in ROUTES:
            if route.method != "POST":
                continue
            path = address(route, {"id": item_id})
            sent: dict[str, Any] = {"json": form} if body == "json" else {"data": form}
            async with browser.session.post(browser.base + path, headers=headers, allow_redirects=False, **sent) as response:
                assert response.status in (303, 403, 404), (path, response.status)
                if response.status == 303:
                    assert response.headers["Location"] in ("/",), path  # a step of signing in, which is over
            tried += 1
    assert tried > 80
    assert await changeable(database) == before


async def changeable(database: Database) -> list[Any]:
    accounts = select(staff.c.id, staff.c.role, staff.c.password_hash, staff.c.language)
    async with database.reading() as connection:
        rows = [sorted(map(str, (await connection.execute(one)).all())) for one in (select(escalations), accounts)]
        counted = [select(func.count()).select_from(table) for table in (notes, web_sessions, sign_in_failures)]
        return [*rows, *[await connection.scalar(one) for one in counted]]


async def test_the_last_administrator_cannot_lock_everybody_out(
    database: Database,
    clinic: Clinic,
    browse: NewBrowser,
) -> None:
    ada, page = await browse(clinic.ada), f"/admin/staff/{clinic.ada.id}"
    assert (await ada.post(f"{page}/disable", page=page))[0] == 422
    status, text, _ = await ada.post(page, {"name": "Ada", "role": "auditor"}, page=page)
    assert status == 422
    assert "last administrator" in text
    async with database.transaction() as connection:
        await connection.execute(update(staff).where(staff.c.id == clinic.abe.id).values(role="administrator"))
    assert (await ada.post(f"{page}/disable", page=page))[0] == 303
