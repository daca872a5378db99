"""The demo as a visitor meets it, over real HTTP."""

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator
from contextlib import closing
from functools import partial
from pathlib import Path

import aiohttp
import pytest

from service.demo.cast import PASSWORD, PATIENTS, STAFF, STAFF_NUMBERS, UNKNOWN_NUMBER
from service.demo.phones import telephones
from service.demo.run import Demo
from service.telephony.handsets import Author
from tests.demo.running import running_demo, until
from tests.guards.source import ROOT

ANA, BEN, CHI, DOV, EVA, FAY_AND_GUS = ("+12025550101", "+12025550102", "+12025550103", "+12025550104", "+12025550105", "+12025550106")
TOKEN = re.compile(r'name="form_token" value="([0-9a-f]+)"')


@pytest.fixture
async def demo(quick_path: Path) -> AsyncIterator[Demo]:
    async with running_demo(quick_path) as started:
        yield started


@pytest.fixture
async def visitor(demo: Demo) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(demo.address, cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield session


def said(demo: Demo, number: str, author: Author = Author.SERVICE) -> list[str]:
    return [text.body for text in demo.simulator.phones.conversation(number).texts if text.author is author]


def _has_more(demo: Demo, number: str, before: int) -> bool:
    return len(said(demo, number)) > before


def _asked_today(demo: Demo, number: str) -> bool:
    return "What is your weight" in demo.simulator.phones.conversation(number).texts[-1].body


async def page(visitor: aiohttp.ClientSession, path: str) -> str:
    async with visitor.get(path) as answer:
        assert answer.status == 200, path
        return await answer.text()


async def post(visitor: aiohttp.ClientSession, path: str, form: dict[str, str], origin: str) -> aiohttp.ClientResponse:
    token = TOKEN.search(await page(visitor, "/demo/phones"))
    assert token
    return await visitor.post(path, data={**form, "form_token": token[1]}, headers={"Origin": origin}, allow_redirects=False)


async def say(demo: Demo, visitor: aiohttp.ClientSession, number: str, text: str) -> None:
    answer = await post(visitor, "/demo/phones/reply", {"number": number, "text": text}, demo.address)
    assert (answer.status, answer.headers["Location"]) == (303, f"/demo/phones#phone-{number[1:]}")


async def sign_in(demo: Demo, visitor: aiohttp.ClientSession, email: str) -> None:
    answer = await post(visitor, "/sign-in", {"email": email, "password": PASSWORD}, demo.address)
    assert answer.status == 303


async def test_check_ins_arrive_on_the_telephones_of_those_who_are_due_and_of_nobody_else(demo: Demo) -> None:
    before = {number: len(said(demo, number)) for number in (ANA, CHI, DOV, EVA, FAY_AND_GUS)}
    for number in (ANA, CHI):
        await until(partial(_has_more, demo, number, before[number]), f"a check-in on {number}")
        assert "What is your weight" in said(demo, number)[-1]
    assert not said(demo, EVA), "she wants calls"
    assert len(said(demo, FAY_AND_GUS)) == before[FAY_AND_GUS]
    assert len(said(demo, DOV)) == before[DOV]


async def test_an_answer_on_a_telephone_becomes_an_item_in_the_own_teams_queue(demo: Demo, visitor: aiohttp.ClientSession) -> None:
    await until(lambda: _asked_today(demo, ANA), "Ana's check-in")
    await sign_in(demo, visitor, "nora@example.org")
    queue = await page(visitor, "/queue")
    assert "Ana Alvarez" not in queue
    assert queue.index("Fay Foster") < queue.index("Gus Grant")
    texts = len(said(demo, ANA))
    await say(demo, visitor, ANA, "I skipped my water pill and my ankles are huge")
    queue = await page(visitor, "/queue")
    assert "Ana Alvarez" in queue
    item = re.search(r'href="(/items/[0-9a-f-]{36})"[^>]*>[^<]*Ana Alvarez', queue)
    assert item
    shown = await page(visitor, item[1])
    marked = " ".join(re.findall(r"<mark>(.*?)</mark>", shown))
    assert "skipped" in marked
    assert "ankles" in marked
    await until(lambda: len(said(demo, ANA)) > texts, "an answer to Ana")
    async with aiohttp.ClientSession(demo.address, cookie_jar=aiohttp.CookieJar(unsafe=True)) as other:
        await sign_in(demo, other, "omar@example.org")
        assert "Ana Alvarez" not in await page(other, "/queue")


@pytest.mark.parametrize("number", [UNKNOWN_NUMBER, DOV], ids=["a stranger", "somebody who has opted out"])
async def test_chest_pain_is_answered_and_pages_the_nurse_on_call(demo: Demo, visitor: aiohttp.ClientSession, number: str) -> None:
    before = len(said(demo, number))
    await say(demo, visitor, number, "I have chest pain")
    await until(lambda: len(said(demo, number)) > before, "a safety text")
    assert "Call 911 now" in said(demo, number)[-1]
    await until(lambda: any(said(demo, staff) for staff in STAFF_NUMBERS.values()), "a page to who is on call")


async def test_a_telephone_that_is_off_takes_no_text(demo: Demo, visitor: aiohttp.ClientSession) -> None:
    await post(visitor, "/demo/phones/switch", {"number": ANA, "on": "no"}, demo.address)
    assert "The phone is off" in await page(visitor, "/demo/phones")

    def undelivered() -> bool:
        return any(text.state == "undelivered" for text in demo.simulator.phones.conversation(ANA).texts)

    await until(undelivered, "the check-in comes back")
    await post(visitor, "/demo/phones/switch", {"number": ANA, "on": "yes"}, demo.address)
    assert "The phone is off" not in await page(visitor, "/demo/phones")


async def test_forms_without_token_and_numbers_that_are_not_on_the_page_are_refused(demo: Demo, visitor: aiohttp.ClientSession) -> None:
    bare = await visitor.post("/demo/phones/reply", data={"number": ANA, "text": "hi"}, headers={"Origin": demo.address})
    assert bare.status == 403
    foreign = await post(visitor, "/demo/phones/reply", {"number": ANA, "text": "hi"}, "https://elsewhere.example")
    assert foreign.status == 403
    for number in ("+12025550177", "x", ""):
        assert (await post(visitor, "/demo/phones/reply", {"number": number, "text": "hi"}, demo.address)).status == 404
    assert "hi" not in said(demo, ANA, Author.PATIENT)


async def test_an_empty_text_is_not_sent(demo: Demo, visitor: aiohttp.ClientSession) -> None:
    before = len(said(demo, ANA, Author.PATIENT))
    await say(demo, visitor, ANA, "   ")
    assert len(said(demo, ANA, Author.PATIENT)) == before


async def test_the_stream_tells_that_a_telephone_has_changed(demo: Demo, visitor: aiohttp.ClientSession) -> None:
    async with visitor.get("/demo/phones/live") as stream:
        assert stream.content_type == "text/event-stream"
        demo.simulator.phones.switch(CHI, on=False)
        seen = b""
        async for chunk in stream.content.iter_any():
            seen += chunk
            if b"event: changed" in seen:
                break
    assert b"event: hello" in seen


async def test_the_page_shows_the_whole_cast_with_its_sign_in(demo: Demo, visitor: aiohttp.ClientSession) -> None:
    shown = await page(visitor, "/demo/phones")
    for words in (*(person.name for person in PATIENTS), *(member.email for member in STAFF), PASSWORD, "time rules are relaxed"):
        assert words in shown
    assert shown.count('<section class="phone') == len(telephones())


async def test_a_kept_demo_goes_on_where_it_was(tmp_path: Path) -> None:
    async with running_demo(tmp_path) as first:
        await until(lambda: _asked_today(first, ANA), "Ana's check-in")
        await first.simulator.phones.reply(CHI, "STOP")
        before = said(first, ANA)
    async with running_demo(tmp_path) as second:
        assert said(second, ANA)[-5:] == before[-5:]
        assert second.simulator.phones.is_blocked(CHI)
        assert not second.simulator.phones.is_blocked(DOV), "only Rounds knows that he has opted out"


@pytest.fixture
def port() -> int:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def command_of_make_demo(port: int) -> list[str]:
    """What the Makefile runs, with this port."""
    recipe = re.search(r"^demo:.*\n\t@exec \$\(BIN\)/rounds (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert recipe
    return recipe[1].replace("$(PORT)", str(port)).split()


def test_make_demo_says_which_page_to_open_and_whom_to_sign_in_as(port: int, tmp_path: Path) -> None:
    started = subprocess.Popen(
        [sys.executable, "-m", "service", *command_of_make_demo(port)],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert started.stdout
        printed = ""
        for line in started.stdout:
            printed += line
            if "Ctrl-C" in line:
                break
        for words in (
            f"http://127.0.0.1:{port}/demo/phones",
            f"http://127.0.0.1:{port}/queue",
            PASSWORD,
            *(member.email for member in STAFF),
        ):
            assert words in printed
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/demo/phones", timeout=10) as answer:
            assert answer.status == 200
    finally:
        started.send_signal(signal.SIGTERM)
        started.communicate(timeout=30)
    assert started.returncode == 0
    assert not list(tmp_path.glob("rounds-demo-*")), "nothing is kept"
