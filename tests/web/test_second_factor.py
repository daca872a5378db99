"""The second factor: asked for where it is set up, set up where it is required, its codes good for once."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import aiohttp
import pyotp
import pytest
from aiohttp.test_utils import TestServer
from sqlalchemy import select

from service.db.audit import audit_events
from service.db.database import Database
from service.db.sessions import web_sessions
from service.db.staff import staff
from tests.seed import PASSWORD, Clinic, Member
from tests.web.conftest import Browser, HandClock, make_app


@dataclass
class Site:
    """A server that wants a second factor of everybody, and the browsers that were opened on it."""

    server: TestServer
    sessions: list[aiohttp.ClientSession] = field(default_factory=list)

    def browser(self) -> Browser:
        self.sessions.append(aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)))
        return Browser(self.sessions[-1], str(self.server.make_url("")).rstrip("/"))


@pytest.fixture
async def strict(database: Database, clock: HandClock, clinic: Clinic) -> AsyncIterator[Site]:
    async with TestServer(make_app(database, clock, second_factor_required=True)) as started:
        site = Site(started)
        yield site
        for session in site.sessions:
            await session.close()


def code(secret: str, at: datetime) -> str:
    return pyotp.TOTP(secret).at(at)


async def password_given(site: Site, member: Member) -> tuple[Browser, str]:
    browser = site.browser()
    status, _, response = await browser.post("/sign-in", {"email": member.email, "password": PASSWORD, "next": "/rota"})
    assert status == 303
    return browser, response.headers["Location"]


async def enrolled(site: Site, member: Member, clock: HandClock) -> tuple[Browser, str, list[str]]:
    """Signed in whole for the first time: the browser, the secret, the recovery codes."""
    browser, place = await password_given(site, member)
    assert place.startswith("/sign-in/set-up")
    _, text, _ = await browser.get(place)
    found = re.search(r'class="secret">([A-Z2-7 ]+)<', text)
    assert found
    secret = found[1].replace(" ", "")
    status, text, _ = await browser.post("/sign-in/set-up", {"code": code(secret, clock.at), "next": "/rota"}, page=place)
    assert status == 200
    return browser, secret, re.findall(r"<code>([a-z2-9-]{19})</code>", text)


async def sign_in_with(site: Site, member: Member, given: str) -> tuple[Browser, int]:
    browser, place = await password_given(site, member)
    assert place.startswith("/sign-in/code")
    status, _, _ = await browser.post("/sign-in/code", {"code": given, "next": "/rota"}, page=place)
    return browser, status


async def test_whoever_has_none_sets_one_up_before_anything_else(strict: Site, clinic: Clinic, clock: HandClock) -> None:
    browser, place = await password_given(strict, clinic.nora)
    assert place == "/sign-in/set-up?next=/rota"
    for path in ("/queue", "/me", "/again", "/flows", "/rota"):
        status, text, response = await browser.get(path)
        assert (status, response.headers["Location"]) == (303, "/sign-in/set-up"), path
    status, text, _ = await browser.get(place)
    assert status == 200
    assert "data:image/svg+xml" in text
    assert "Nora" not in text
    browser, _, codes = await enrolled(strict, clinic.nora, clock)
    assert len(set(codes)) == 10
    assert (await browser.get("/queue"))[0] == 200


async def test_nobody_passes_without_a_right_code(strict: Site, clinic: Clinic, clock: HandClock) -> None:
    _, secret, _ = await enrolled(strict, clinic.nora, clock)
    clock.advance(minutes=5)
    for wrong in (
        "000000" if code(secret, clock.at) != "000000" else "000001",
        "",
        "abcdef",
        code(secret, clock.at)[::-1] + "1",
        "x" * 5000,
    ):
        browser, status = await sign_in_with(strict, clinic.nora, wrong)
        assert status == 422
        assert (await browser.get("/queue"))[0] == 303
    browser, status = await sign_in_with(strict, clinic.nora, code(secret, clock.at))
    assert status == 303
    assert (await browser.get("/queue"))[0] == 200


@pytest.mark.parametrize(
    "sent",
    [
        {"headers": {"Sec-Fetch-Site": "cross-site"}},
        {"headers": {"Origin": "https://evil.example"}},
        {"headers": {}},
        {"token": ""},
        {"token": "0" * 64},
    ],
    ids=str,
)
async def test_between_the_steps_too_a_form_from_elsewhere_or_without_our_token_changes_nothing(
    strict: Site, clinic: Clinic, clock: HandClock, sent: dict[str, Any]
) -> None:
    browser, place = await password_given(strict, clinic.nora)
    _, text, _ = await browser.get(place)
    found = re.search(r'class="secret">([A-Z2-7 ]+)<', text)
    assert found
    given = {"code": code(found[1].replace(" ", ""), clock.at)}
    assert (await browser.post("/sign-in/set-up", given, page=place, **sent))[0] == 403
    assert (await browser.post("/sign-in/leave", page=place, **sent))[0] == 403
    assert (await browser.post("/sign-in/set-up", given, page=place))[0] == 200

    clock.advance(minutes=1)
    given = {"code": code(found[1].replace(" ", ""), clock.at)}
    browser, place = await password_given(strict, clinic.nora)
    assert (await browser.post("/sign-in/code", given, page=place, **sent))[0] == 403
    assert (await browser.get("/queue"))[2].headers["Location"] == "/sign-in/code"
    assert (await browser.post("/sign-in/code", given, page=place))[0] == 303  # the code was not used up
    assert (await browser.get("/queue"))[0] == 200


async def test_a_code_counts_once(strict: Site, clinic: Clinic, clock: HandClock) -> None:
    _, secret, _ = await enrolled(strict, clinic.nora, clock)
    assert (await sign_in_with(strict, clinic.nora, code(secret, clock.at)))[1] == 422  # the one it was set up with
    clock.advance(seconds=60)
    given = code(secret, clock.at)
    assert (await sign_in_with(strict, clinic.nora, given))[1] == 303
    assert (await sign_in_with(strict, clinic.nora, given))[1] == 422
    earlier = code(secret, clock.at.replace(second=0)) if clock.at.second else given
    assert (await sign_in_with(strict, clinic.nora, earlier))[1] == 422
    clock.advance(seconds=30)
    assert (await sign_in_with(strict, clinic.nora, code(secret, clock.at)))[1] == 303


async def test_a_telephone_a_step_off_is_heard_and_two_steps_is_not(strict: Site, clinic: Clinic, clock: HandClock) -> None:
    _, secret, _ = await enrolled(strict, clinic.nora, clock)
    clock.advance(minutes=10)
    late, early = clock.at, clock.at
    for seconds, expected in ((-60, 422), (60, 422), (-30, 303), (30, 303)):
        at = datetime.fromtimestamp(clock.at.timestamp() + seconds, clock.at.tzinfo)
        assert (await sign_in_with(strict, clinic.nora, code(secret, at)))[1] == expected, seconds
    assert late == early


async def test_a_recovery_code_signs_in_once_and_its_hash_alone_is_kept(
    strict: Site, clinic: Clinic, clock: HandClock, database: Database
) -> None:
    from service.db.credentials import recovery_codes

    _, _, codes = await enrolled(strict, clinic.nora, clock)
    browser, status = await sign_in_with(strict, clinic.nora, codes[3].upper().replace("-", " "))
    assert status == 303
    assert (await browser.get("/queue"))[0] == 200
    assert (await sign_in_with(strict, clinic.nora, codes[3]))[1] == 422
    async with database.reading() as connection:
        rows = (await connection.execute(select(recovery_codes))).all()
    assert len(rows) == 10
    assert not any(given.replace("-", "").encode() in bytes(row.code_hash) for row in rows for given in codes)


@pytest.mark.law(10)
async def test_secret_and_codes_stand_nowhere_in_the_clear(strict: Site, clinic: Clinic, clock: HandClock, database: Database) -> None:
    _, secret, codes = await enrolled(strict, clinic.nora, clock)
    async with database.reading() as connection:
        trail = repr((await connection.execute(select(audit_events))).all())
        raw = (await connection.exec_driver_sql("SELECT totp_secret FROM staff WHERE totp_secret IS NOT NULL")).scalars().all()
        data = repr((await connection.execute(select(web_sessions.c.data))).all())
    assert len(raw) == 1
    assert secret.encode() not in bytes(raw[0])
    assert not any(word in trail + data for word in (secret, *codes))


async def test_the_cookie_changes_at_the_second_factor_and_the_one_before_is_worth_nothing(
    strict: Site, clinic: Clinic, clock: HandClock, database: Database
) -> None:
    _, secret, _ = await enrolled(strict, clinic.nora, clock)
    clock.advance(minutes=1)
    browser, place = await password_given(strict, clinic.nora)
    (before,) = [cookie.value for cookie in browser.session.cookie_jar]
    assert (await browser.post("/sign-in/code", {"code": code(secret, clock.at)}, page=place))[0] == 303
    (after,) = [cookie.value for cookie in browser.session.cookie_jar]
    assert before != after
    thief = strict.browser()
    thief.session.cookie_jar.update_cookies({"rounds": before})
    assert (await thief.get("/queue"))[0] == 303


async def test_ten_wrong_codes_lock_the_second_step_whoever_asks_and_a_recovery_code_still_opens_it(
    strict: Site, clinic: Clinic, clock: HandClock
) -> None:
    _, secret, codes = await enrolled(strict, clinic.nora, clock)
    clock.advance(minutes=5)
    browser, place = await password_given(strict, clinic.nora)
    wrong = "000000" if code(secret, clock.at) != "000000" else "000001"
    statuses = [(await browser.post("/sign-in/code", {"code": wrong}, page=place))[0] for _ in range(12)]
    assert statuses == [422] * 10 + [429] * 2
    assert (await sign_in_with(strict, clinic.nora, code(secret, clock.at)))[1] == 429
    assert (await sign_in_with(strict, clinic.nora, codes[0]))[1] == 303
    clock.advance(minutes=16)
    assert (await sign_in_with(strict, clinic.nora, code(secret, clock.at)))[1] == 303


async def test_another_telephone_takes_over_only_with_its_first_code(strict: Site, clinic: Clinic, clock: HandClock) -> None:
    browser, secret, _ = await enrolled(strict, clinic.nora, clock)
    clock.advance(minutes=1)
    status, _, response = await browser.post("/me/second-factor/new", page="/me")
    assert (status, response.headers["Location"]) == (303, "/me/second-factor")
    _, text, _ = await browser.get("/me/second-factor")
    found = re.search(r'class="secret">([A-Z2-7 ]+)<', text)
    assert found
    other = found[1].replace(" ", "")
    assert other != secret
    assert (await sign_in_with(strict, clinic.nora, code(other, clock.at)))[1] == 422
    assert (await sign_in_with(strict, clinic.nora, code(secret, clock.at)))[1] == 303
    assert (await browser.post("/me/second-factor", {"code": code(other, clock.at)}, page="/me/second-factor"))[0] == 200
    clock.advance(minutes=1)
    assert (await sign_in_with(strict, clinic.nora, code(secret, clock.at)))[1] == 422
    assert (await sign_in_with(strict, clinic.nora, code(other, clock.at)))[1] == 303


async def test_the_secret_of_another_telephone_is_not_shown_to_whoever_knows_the_password_alone(
    strict: Site, clinic: Clinic, clock: HandClock, database: Database
) -> None:
    browser, secret, _ = await enrolled(strict, clinic.nora, clock)
    clock.advance(minutes=1)
    assert (await browser.post("/me/second-factor/new", page="/me"))[0] == 303  # begun, and not carried through
    async with database.reading() as connection:
        other = await connection.scalar(select(staff.c.totp_next).where(staff.c.id == clinic.nora.id))
    thief, place = await password_given(strict, clinic.nora)
    status, text, response = await thief.get("/sign-in/set-up")
    assert (status, response.headers["Location"]) == (303, "/sign-in/code")
    assert "secret" not in text
    status, _, response = await thief.post("/sign-in/set-up", {"code": code(other, clock.at)}, page=place)
    assert (status, response.headers["Location"]) == (303, "/sign-in/code")
    assert (await thief.get("/queue"))[2].headers["Location"] == "/sign-in/code"
    assert (await sign_in_with(strict, clinic.nora, code(secret, clock.at)))[1] == 303  # nor has it begun to count


async def test_where_it_is_required_nobody_takes_it_away(strict: Site, clinic: Clinic, clock: HandClock, database: Database) -> None:
    browser, _, _ = await enrolled(strict, clinic.nora, clock)
    assert (await browser.post("/me/second-factor/off", page="/me"))[0] == 403
    async with database.reading() as connection:
        assert await connection.scalar(select(staff.c.totp_secret).where(staff.c.id == clinic.nora.id))
