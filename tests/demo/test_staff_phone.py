"""A nurse's telephone in the demo rings for an emergency, asks for her PIN and takes her key."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from service.demo.cast import ANSWERING_SERVICE, STAFF_NUMBERS, STAFF_PIN
from service.demo.run import Demo
from service.telephony.handsets import HandsetState
from tests.demo.running import running_demo, until
from tests.demo.test_calls import do, press, spoken
from tests.demo.test_demo import page, sign_in

CHI = "+12025550103"


@pytest.fixture
async def demo(quick_path: Path) -> AsyncIterator[Demo]:
    async with running_demo(quick_path) as started:
        yield started


@pytest.fixture
async def visitor(demo: Demo) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(demo.address, cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield session


def ringing(demo: Demo) -> str:
    """The number of the telephone that rings for staff, "" for none."""
    for number in (*STAFF_NUMBERS.values(), ANSWERING_SERVICE):
        calls = demo.simulator.phones.conversation(number).calls
        if calls and calls[-1].state is HandsetState.RINGING:
            return number
    return ""


async def test_passing_it_on_is_seen_on_the_item(demo: Demo, visitor: aiohttp.ClientSession) -> None:
    await demo.simulator.phones.reply(CHI, "I have chest pain")
    await until(lambda: bool(ringing(demo)), "a staff telephone that rings")
    number = ringing(demo)
    await do(demo, visitor, number, do="answer")
    await press(demo, visitor, number, f"{STAFF_PIN}#2")
    await until(lambda: ringing(demo) not in ("", number), "the next person's telephone")
    await sign_in(demo, visitor, "nora@example.org")
    found = re.search(r'href="(/items/[0-9a-f-]{36})"[^>]*>[^<]*Chi', await page(visitor, "/queue"))
    assert found, "no item of Chi's"
    assert "Call to the person on call: passed on to the next person" in await page(visitor, found[1])


async def test_the_telephone_of_whoever_is_on_call_rings_and_1_acknowledges(demo: Demo, visitor: aiohttp.ClientSession) -> None:
    await demo.simulator.phones.reply(CHI, "I have chest pain")
    await until(lambda: bool(ringing(demo)), "a staff telephone that rings")
    number = ringing(demo)
    [name] = [name for name, known in STAFF_NUMBERS.items() if known == number]
    await do(demo, visitor, number, do="answer")
    assert spoken(demo, number).startswith("This is Rounds for Riverside Clinic. To hear about a message, enter your PIN")
    await press(demo, visitor, number, f"{STAFF_PIN}#")
    assert "An emergency item is waiting." in spoken(demo, number)
    await press(demo, visitor, number, "1")
    assert "You have acknowledged it" in spoken(demo, number)
    assert not any(word in spoken(demo, number) for word in ("Chi", "chest", "pain"))
    await sign_in(demo, visitor, "nora@example.org")
    found = re.search(r'href="(/items/[0-9a-f-]{36})"[^>]*>[^<]*Chi', await page(visitor, "/queue"))
    assert found, "no item of Chi's"
    assert name in await page(visitor, found[1]), "the item does not say who has taken note"
