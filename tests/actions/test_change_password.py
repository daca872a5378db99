"""A new password ends every other way in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from service.actions.change_accounts import renew_link
from service.actions.change_password import change_password
from service.actions.passwords import Passwords
from service.db import credentials
from service.domain.staff import Role
from tests.actions.crew import member
from tests.actions.house import House

LINK = b"l" * 32
WORDS = "nine quiet lanterns"


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    made = Passwords()
    yield made
    made.close()


async def test_a_link_that_was_given_before_opens_nothing_any_more(house: House, passwords: Passwords) -> None:
    now = house.clock.now()
    nora, ada = member(house.clinic, house.clinic.nora, Role.NURSE), member(house.clinic, house.clinic.ada, Role.ADMINISTRATOR)
    await renew_link(house.database, ada, nora.id, LINK, now)
    async with house.database.reading() as connection:
        assert await credentials.invited(connection, LINK, now) is not None
    await change_password(house.database, passwords, nora, WORDS, WORDS, session_hash=b"s" * 32, new_hash=b"n" * 32, now=now)
    async with house.database.reading() as connection:
        assert await credentials.invited(connection, LINK, now) is None
