"""Calls in the demo as a visitor meets them, over real HTTP: the page's forms, the real webhooks, the nurses' pages."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from service.demo.run import Demo
from service.telephony.handsets import Author, HandsetState, PhoneCall
from tests.demo.running import running_demo, until
from tests.demo.test_demo import BEN, EVA, FAY_AND_GUS, page, post, said, sign_in

HEALTH_WORDS = ("weight", "pesa", "breath", "respira", "pill", "medic", "swell", "hinchaz")


@pytest.fixture
async def demo(quick_path: Path) -> AsyncIterator[Demo]:
    async with running_demo(quick_path) as started:
        yield started


@pytest.fixture
async def visitor(demo: Demo) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(demo.address, cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield session


def call_of(demo: Demo, number: str) -> PhoneCall:
    return demo.simulator.phones.conversation(number).calls[-1]


def spoken(demo: Demo, number: str) -> str:
    return " ".join(line.words for line in call_of(demo, number).lines if line.author is Author.SERVICE)


async def rings(demo: Demo, number: str) -> None:
    def ringing() -> bool:
        calls = demo.simulator.phones.conversation(number).calls
        return bool(calls) and calls[-1].state is HandsetState.RINGING

    await until(ringing, f"a call on {number}")


async def do(demo: Demo, visitor: aiohttp.ClientSession, number: str, **form: str) -> None:
    answer = await post(visitor, "/demo/phones/call", {"number": number, **form}, demo.address)
    assert (answer.status, answer.headers["Location"]) == (303, f"/demo/phones#phone-{number[1:]}")


async def press(demo: Demo, visitor: aiohttp.ClientSession, number: str, keys: str) -> None:
    for key in keys:
        await do(demo, visitor, number, key=key)


async def let_hours_pass(demo: Demo, visitor: aiohttp.ClientSession, number: str) -> None:
    answer = await post(visitor, "/demo/phones/hours", {"number": number}, demo.address)
    assert answer.status == 303


async def item_of(visitor: aiohttp.ClientSession, name: str) -> str:
    """The page of the patient's item."""
    found = re.search(rf'href="(/items/[0-9a-f-]{{36}})"[^>]*>[^<]*{name}', await page(visitor, "/queue"))
    assert found, f"no item of {name}"
    return await page(visitor, found[1])


async def test_a_patient_who_wants_calls_is_called_and_a_red_flag_told_by_voice_reaches_her_nurse(
    demo: Demo, visitor: aiohttp.ClientSession
) -> None:
    await rings(demo, EVA)
    assert "Riverside Clinic is calling" in await page(visitor, "/demo/phones")
    await do(demo, visitor, EVA, do="answer")
    assert "año en que nació" in spoken(demo, EVA)
    assert not any(word in spoken(demo, EVA).lower() for word in HEALTH_WORDS), "no word of health before the identity check"
    await press(demo, visitor, EVA, "1955")
    assert "cuánto pesa" in spoken(demo, EVA)
    await do(demo, visitor, EVA, do="mumble", words="ciento cincuenta libras")
    assert "Oímos ciento cincuenta libras" in spoken(demo, EVA), "read back: it was heard unsurely"
    await press(demo, visitor, EVA, "1")
    await do(demo, visitor, EVA, quick="me duele mucho el pecho")
    assert "9 1 1" in spoken(demo, EVA)
    assert call_of(demo, EVA).listening, "the call goes on"
    shown = await page(visitor, "/demo/phones")
    assert "<kbd>1955</kbd>" in shown
    assert "mumbled" in shown
    await sign_in(demo, visitor, "omar@example.org")
    item = await item_of(visitor, "Eva Estrada")
    assert "<mark>" in item
    assert "me duele mucho el pecho" in re.sub(r"</?mark>", "", item)
    assert "by phone" in item
    assert "ciento cincuenta libras" in item
    await do(demo, visitor, EVA, do="hang_up")
    assert call_of(demo, EVA).state is HandsetState.OVER


async def test_a_patient_whose_texts_stay_unanswered_is_reminded_then_called_then_a_nurses(
    demo: Demo, visitor: aiohttp.ClientSession
) -> None:
    def asked() -> bool:
        return demo.simulator.phones.conversation(BEN).texts[-1].body.startswith("Hello from Riverside Clinic")

    await until(asked, "Ben's check-in")
    texts = len(said(demo, BEN))
    await let_hours_pass(demo, visitor, BEN)
    await until(lambda: len(said(demo, BEN)) > texts, "the reminder")
    assert "has not heard from you" in said(demo, BEN)[-1]
    await let_hours_pass(demo, visitor, BEN)
    await rings(demo, BEN)
    await do(demo, visitor, BEN, do="voicemail")
    assert call_of(demo, BEN).outcome == "voicemail"
    assert not any(word in spoken(demo, BEN).lower() for word in HEALTH_WORDS), "no word of health on a voicemail"
    await sign_in(demo, visitor, "nora@example.org")

    async def handed_over() -> bool:
        return "Ben Brooks" in await page(visitor, "/queue")

    await until(handed_over, "Ben's silence in the queue")
    hours = re.search(r"No answer to the check-in for (\d+) h", await item_of(visitor, "Ben Brooks"))
    assert hours, "why he is in the queue"
    assert int(hours[1]) >= 3, "the hours that were let pass are counted"


async def test_where_nothing_waits_no_hours_pass(demo: Demo, visitor: aiohttp.ClientSession) -> None:
    await let_hours_pass(demo, visitor, FAY_AND_GUS)
    assert "No question waits for an answer" in await page(visitor, "/demo/phones")


async def test_a_call_goes_on_after_the_process_has_ended(tmp_path: Path) -> None:
    async with running_demo(tmp_path) as first:
        await rings(first, EVA)
        await first.simulator.telephone.answer(EVA)
        for key in "1955":
            await first.simulator.telephone.press(EVA, key)
        assert call_of(first, EVA).listening
    async with running_demo(tmp_path) as second:
        assert "cuánto pesa" in spoken(second, EVA)
        assert call_of(second, EVA).listening
        await second.simulator.telephone.speak(EVA, "ciento cincuenta libras")
        assert "Respira peor" in spoken(second, EVA)
        await second.simulator.telephone.hang_up(EVA)
        await until(lambda: not second.simulator.telephone.underway, "the carrier has told of the end")
    async with running_demo(tmp_path) as third:
        assert call_of(third, EVA).state is HandsetState.OVER
        assert "Respira peor" in spoken(third, EVA)


async def test_a_phone_that_rang_rings_again_after_the_process_has_ended(tmp_path: Path) -> None:
    async with running_demo(tmp_path) as first:
        await rings(first, EVA)
    async with running_demo(tmp_path) as second:
        await rings(second, EVA)
        await second.simulator.telephone.decline(EVA)


async def test_a_call_to_the_clinic_says_whom_to_call_and_nothing_of_anybody(demo: Demo, visitor: aiohttp.ClientSession) -> None:
    await do(demo, visitor, FAY_AND_GUS, do="call_clinic")
    assert "Riverside Clinic" in spoken(demo, FAY_AND_GUS)
    assert not any(word in spoken(demo, FAY_AND_GUS).lower() for word in (*HEALTH_WORDS, "fay", "gus"))
    assert "Called the clinic" in await page(visitor, "/demo/phones")


async def test_the_keys_for_a_person_and_for_no_more_calls(demo: Demo, visitor: aiohttp.ClientSession) -> None:
    await rings(demo, EVA)
    await do(demo, visitor, EVA, do="answer")
    await press(demo, visitor, EVA, "1955")
    await press(demo, visitor, EVA, "0#")
    assert call_of(demo, EVA).state is HandsetState.CONNECTING
    assert "it rings at (202) 555-0190" in await page(visitor, "/demo/phones")
    await do(demo, visitor, EVA, do="nobody_answers")
    assert call_of(demo, EVA).listening
    await press(demo, visitor, EVA, "9#")
    await press(demo, visitor, EVA, "9")
    assert call_of(demo, EVA).state is HandsetState.OVER
    assert "nadie" in spoken(demo, EVA).lower()


async def test_forms_of_calls_are_refused_as_those_of_texts_are(demo: Demo, visitor: aiohttp.ClientSession) -> None:
    bare = await visitor.post("/demo/phones/call", data={"number": EVA, "do": "answer"}, headers={"Origin": demo.address})
    assert bare.status == 403
    for number in ("+12025550177", "x", ""):
        assert (await post(visitor, "/demo/phones/call", {"number": number, "do": "answer"}, demo.address)).status == 404
        assert (await post(visitor, "/demo/phones/hours", {"number": number}, demo.address)).status == 404
    for odd in ({"do": "explode"}, {}, {"do": ""}):
        assert (await post(visitor, "/demo/phones/call", {"number": EVA, **odd}, demo.address)).status == 400
    await do(demo, visitor, FAY_AND_GUS, do="answer")
    await press(demo, visitor, FAY_AND_GUS, "1")
    assert not [call for call in demo.simulator.phones.conversation(FAY_AND_GUS).calls if call.outcome != "ended"], "no call, nothing to do"
