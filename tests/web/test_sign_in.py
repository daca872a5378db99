"""Sign-in, how long it lasts, and how it ends."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from argon2 import PasswordHasher
from sqlalchemy import select, update

from service.actions.passwords import AT_ONCE, MOST_WAITING, Passwords, TooBusy, hash_password, why_not_acceptable
from service.db.audit import audit_events
from service.db.database import Database
from service.db.sessions import sign_in_failures, web_sessions
from service.db.staff import staff, staff_teams
from service.web.sessions import BACKGROUND
from service.web.sign_in_pages import local_path
from tests.seed import PASSWORD, Clinic
from tests.web.conftest import Browser, HandClock, NewBrowser, make_app


async def all_of(database: Database, table: Any) -> Sequence[Any]:
    async with database.reading() as connection:
        return (await connection.execute(select(table))).all()


async def signed_in(browser: Browser) -> bool:
    status, _, _ = await browser.get("/queue", headers={BACKGROUND: "1"})
    return status == 200


@pytest.mark.parametrize(
    ("who", "start", "leads_to"),
    [
        ("nora", "/queue", {"/open-record"}),
        ("cora", "/queue", set()),
        ("sol", "/queue", {"/open-record", "/access"}),
        ("cleo", "/flows", set()),
        ("ada", "/admin", set()),
        ("abe", "/audit", {"/access"}),
    ],
)
async def test_everybody_begins_where_they_work_and_finds_what_they_may_open(
    browse: NewBrowser, clinic: Clinic, who: str, start: str, leads_to: set[str]
) -> None:
    browser = await browse(getattr(clinic, who))
    status, _, response = await browser.get("/")
    assert (status, response.headers["Location"]) == (303, start)
    status, text, _ = await browser.get(start)
    assert status == 200
    assert {path for path in ("/open-record", "/access") if f'<a href="{path}">' in text.split("<main")[0]} == leads_to


async def test_the_database_holds_no_cookie_value(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    nora = await browse(clinic.nora)
    (cookie,) = [cookie.value for cookie in nora.session.cookie_jar]
    (row,) = await all_of(database, web_sessions)
    assert len(row.id_hash) == 32
    assert cookie.encode() not in bytes(row.id_hash)
    assert cookie not in str(row.data)


async def test_the_cookie_changes_at_sign_in(browse: NewBrowser, clinic: Clinic) -> None:
    nora = await browse()
    await nora.get("/sign-in")
    (before,) = [cookie.value for cookie in nora.session.cookie_jar]
    assert await nora.sign_in(clinic.nora) == 303
    (after,) = [cookie.value for cookie in nora.session.cookie_jar]
    assert before != after


@pytest.mark.parametrize(
    ("base", "name", "secure"), [("https://rounds.example", "__Host-rounds", True), ("http://localhost:8080", "rounds", False)]
)
async def test_the_cookie_is_tied_to_this_host_and_hidden_from_scripts(
    database: Database, clinic: Clinic, base: str, name: str, secure: bool
) -> None:
    async with (
        TestServer(make_app(database, HandClock(), public_base_url=base)) as server,
        aiohttp.ClientSession() as session,
        session.get(server.make_url("/sign-in")) as response,
    ):
        (cookie,) = response.cookies.values()
        assert cookie.key == name
        assert bool(cookie["secure"]) is secure
        assert cookie["httponly"]
        assert (cookie["samesite"], cookie["path"], cookie["domain"], cookie["max-age"]) == ("Lax", "/", "", "")
        assert ("Strict-Transport-Security" in response.headers) is secure


async def test_a_wrong_password_and_an_unknown_account_get_the_same_answer(browse: NewBrowser, clinic: Clinic) -> None:
    async def answer(email: str, password: str) -> tuple[int, str]:
        browser = await browse()
        status, text, _ = await browser.post("/sign-in", {"email": email, "password": password})
        return status, text.replace(email, "").split("<main", 1)[1].replace(_token(text), "")

    known = await answer(clinic.nora.email, "wrong")
    assert known == await answer("nobody@riverside.example", "wrong")
    assert known == await answer("nobody@riverside.example", PASSWORD)
    assert known[0] == 422


def _token(text: str) -> str:
    return text.split('name="form_token" value="', 1)[1][:64]


async def test_ten_failures_lock_the_account_from_this_address_until_the_quarter_of_an_hour_is_over(
    browse: NewBrowser, clinic: Clinic, clock: HandClock
) -> None:
    nora = await browse()
    statuses = [await nora.sign_in(clinic.nora, "wrong") for _ in range(12)]
    assert statuses == [422] * 10 + [429] * 2
    assert await nora.sign_in(clinic.nora) == 429
    assert await (await browse()).sign_in(clinic.sol) == 303
    clock.advance(minutes=15, seconds=1)
    assert await nora.sign_in(clinic.nora) == 303


async def test_an_unknown_account_is_locked_in_the_same_way(browse: NewBrowser, clinic: Clinic) -> None:
    browser = await browse()
    statuses = [(await browser.post("/sign-in", {"email": "nobody@x.example", "password": "x"}))[0] for _ in range(11)]
    assert statuses == [422] * 10 + [429]


async def test_one_address_cannot_try_many_accounts(browse: NewBrowser, clinic: Clinic) -> None:
    browser = await browse()
    statuses = [(await browser.post("/sign-in", {"email": f"n{n}@x.example", "password": "x"}))[0] for n in range(52)]
    assert statuses == [422] * 50 + [429] * 2


async def test_attempts_at_the_same_time_get_past_no_limit(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    browser = await browse()
    await browser.get("/sign-in")
    _, text, _ = await browser.get("/sign-in")
    form = {"email": clinic.nora.email, "password": "wrong"}
    results = await asyncio.gather(*(browser.post("/sign-in", form, token=_token(text)) for _ in range(30)))
    tried = sum(1 for status, _, _ in results if status == 422)
    assert 10 <= tried <= 10 + AT_ONCE - 1
    assert len(await all_of(database, sign_in_failures)) == 3 * tried


async def test_success_forgets_the_failures_before_it(browse: NewBrowser, clinic: Clinic) -> None:
    nora = await browse()
    for _ in range(9):
        assert await nora.sign_in(clinic.nora, "wrong") == 422
    assert await nora.sign_in(clinic.nora) == 303
    again = await browse()
    for _ in range(9):
        assert await again.sign_in(clinic.nora, "wrong") == 422
    assert await again.sign_in(clinic.nora) == 303


async def test_sign_in_and_its_failures_are_audited_without_the_address(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    nora = await browse()
    await nora.sign_in(clinic.nora, "wrong")
    await nora.sign_in(clinic.nora)
    await nora.post("/sign-out", page="/queue")
    rows = await all_of(database, audit_events)
    assert [row.action for row in sorted(rows, key=lambda row: row.id)] == ["sign_in_failed", "signed_in", "signed_out"]
    assert not any("riverside" in str(row.detail) for row in rows)


async def test_sign_out_makes_every_copy_of_the_cookie_worthless(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    nora, thief = await browse(clinic.nora), await browse()
    thief.session.cookie_jar.update_cookies(nora.session.cookie_jar.filter_cookies(_url(nora)), _url(thief))
    assert await signed_in(thief)
    status, _, _ = await nora.post("/sign-out", page="/queue")
    assert status == 303
    assert not await signed_in(thief)
    assert not await all_of(database, web_sessions)


def _url(browser: Browser) -> Any:
    from yarl import URL

    return URL(browser.base)


async def test_a_disabled_account_is_out_at_once(browse: NewBrowser, clinic: Clinic, database: Database, clock: HandClock) -> None:
    nora = await browse(clinic.nora)
    assert await signed_in(nora)
    async with database.transaction() as connection:
        await connection.execute(update(staff).where(staff.c.id == clinic.nora.id).values(disabled_at=clock.now()))
    assert not await signed_in(nora)
    assert await (await browse()).sign_in(clinic.nora) == 422


async def test_a_changed_role_or_team_counts_from_the_next_request(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    from tests.seed import seed_item
    from tests.web.conftest import NOW

    item_id = await seed_item(database, clinic.chi, NOW)
    nora = await browse(clinic.nora)
    assert (await nora.get(f"/items/{item_id}"))[0] == 200
    async with database.transaction() as connection:
        await connection.execute(update(staff_teams).where(staff_teams.c.staff_id == clinic.nora.id).values(team_id=clinic.team_b))
    assert (await nora.get(f"/items/{item_id}"))[0] == 404
    async with database.transaction() as connection:
        await connection.execute(update(staff).where(staff.c.id == clinic.nora.id).values(role="administrator"))
    assert (await nora.get("/queue"))[0] in (403, 404)


async def test_fifteen_idle_minutes_end_a_session_and_the_page_says_so(browse: NewBrowser, clinic: Clinic, clock: HandClock) -> None:
    nora = await browse(clinic.nora)
    for _ in range(5):
        clock.advance(minutes=14)
        assert (await nora.get("/queue"))[0] == 200
    clock.advance(minutes=15, seconds=1)
    status, _, response = await nora.get("/queue")
    assert (status, response.headers["Location"]) == (303, "/sign-in?ended=1&next=/queue")
    _, text, _ = await nora.get(response.headers["Location"])
    assert "Your session has ended" in text


async def test_a_page_that_refreshes_itself_keeps_no_session_alive(browse: NewBrowser, clinic: Clinic, clock: HandClock) -> None:
    nora = await browse(clinic.nora)
    for _ in range(2):
        clock.advance(minutes=7)
        assert await signed_in(nora)
    clock.advance(minutes=2)
    status, _, _ = await nora.get("/queue", headers={BACKGROUND: "1"})
    assert status == 401


async def test_saying_that_one_is_there_keeps_it_alive(browse: NewBrowser, clinic: Clinic, clock: HandClock) -> None:
    nora = await browse(clinic.nora)
    for _ in range(3):
        clock.advance(minutes=10)
        status, _, _ = await nora.post("/stay", page="/me")
        assert status == 204
    assert await signed_in(nora)


async def test_after_twelve_hours_even_a_busy_session_ends(browse: NewBrowser, clinic: Clinic, clock: HandClock) -> None:
    nora = await browse(clinic.nora)
    for _ in range(71):
        clock.advance(minutes=10)
        assert (await nora.get("/me"))[0] == 200
    clock.advance(minutes=10)
    assert (await nora.get("/me"))[0] == 303


@pytest.mark.parametrize(
    "wanted", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "/a\r\nX: y", "", "/sign-out"]
)
def test_sign_in_leads_to_no_other_site(wanted: str) -> None:
    assert local_path(wanted) == "/"


async def test_sign_in_leads_back_to_the_page_that_was_asked_for(browse: NewBrowser, clinic: Clinic) -> None:
    nora = await browse()
    _, _, response = await nora.get("/queue")
    assert response.headers["Location"] == "/sign-in?next=/queue"
    _, text, _ = await nora.get(response.headers["Location"])
    assert 'name="next" value="/queue"' in text
    _, _, response = await nora.post("/sign-in", {"email": clinic.nora.email, "password": PASSWORD, "next": "/queue"})
    assert response.headers["Location"] == "/queue"


async def test_a_hash_of_other_strength_is_replaced_at_sign_in(database: Database, clinic: Clinic, browse: NewBrowser) -> None:
    async with database.transaction() as connection:
        weak = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1).hash(PASSWORD)
        await connection.execute(update(staff).where(staff.c.id == clinic.nora.id).values(password_hash=weak))
    await browse(clinic.nora)
    row = next(row for row in await all_of(database, staff) if row.id == clinic.nora.id)
    assert row.password_hash != weak
    assert await (await browse()).sign_in(clinic.nora) == 303


async def test_at_most_two_passwords_are_checked_at_once_and_a_flood_is_turned_away() -> None:
    passwords, inside, most = Passwords(), 0, 0

    async def one() -> bool:
        nonlocal inside, most
        try:
            async with passwords:
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(0.001)
                inside -= 1
        except TooBusy:
            return False
        return True

    done = await asyncio.gather(*(one() for _ in range(200)))
    passwords.close()
    assert most == AT_ONCE
    assert MOST_WAITING <= sum(done) <= MOST_WAITING + AT_ONCE


async def test_passwords_fit_their_own_argon2id_hash_only() -> None:
    passwords = Passwords()
    stored = hash_password(PASSWORD)
    assert stored.startswith("$argon2id$")
    assert await passwords.fits(PASSWORD, stored)
    assert not await passwords.fits(PASSWORD + " ", stored)
    assert not await passwords.fits("nobody's password", None)
    assert not await passwords.fits(PASSWORD, "no hash at all")
    passwords.close()


def test_the_service_itself_hashes_with_the_librarys_cost() -> None:
    made = subprocess.run(
        [sys.executable, "-c", "from service.actions.passwords import *; print(hash_password('x'))"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert not PasswordHasher().check_needs_rehash(made.stdout.strip())


@pytest.mark.parametrize(("password", "good"), [("short", False), ("elevenchars", False), ("twelve chars", True), ("x" * 201, False)])
def test_length_decides_about_a_new_password(password: str, good: bool) -> None:
    assert (why_not_acceptable(password) == "") is good
