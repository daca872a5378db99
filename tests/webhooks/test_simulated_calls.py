"""The demo's calls on the same webhook paths as a real provider: what a visitor does with a phone, and what the service is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer, unused_port

from service import webhooks
from service.actions.answer_called_number import CallIn
from service.content import load_script
from service.domain.call import AnsweredBy, CallInput, CallStatus, CallUpdate
from service.domain.prompt import Connect, Gather, HangUp, Prompt, Say
from service.telephony.handsets import Author, CallLine, HandsetState, PhoneCall
from service.telephony.port import Incomplete, OutgoingCall, Payload, Telephone, TransientFailure, VoiceReceiver
from service.telephony.simulator import Simulator, build
from service.telephony.simulator import telephone as telephone_module
from service.webhooks import Calls, Turn
from tests.patience import PATIENCE_SECONDS
from tests.unit.telephony.conftest import ANA, BEN
from tests.webhooks.conftest import Actions

CLINIC = "+12025550190"
ASKED = Prompt((Gather((Say("Hola.", "es"), Say("¿En qué año nació?", "es")), "es", digits=4),))
WEIGHT = Prompt((Gather((Say("Your weight?", "en"),), "en"),))
BYE = Prompt((Say("Goodbye.", "en"), HangUp()))


@dataclass
class Service:
    """The service's side: says what the test has laid ready, keeps what it is told."""

    prompts: list[Prompt] = field(default_factory=list)
    heard: list[CallInput] = field(default_factory=list)
    updates: list[CallUpdate] = field(default_factory=list)
    called: list[str] = field(default_factory=list)
    broken: bool = False

    async def step(self, heard: CallInput) -> Turn:
        if self.broken:
            raise RuntimeError("the database is gone")
        self.heard.append(heard)
        return Turn(len(self.heard), self.prompts.pop(0))

    async def status(self, update: CallUpdate) -> None:
        self.updates.append(update)

    async def answer_called(self, call: CallIn) -> Prompt:
        self.called.append(call.number)
        return BYE

    def words(self) -> list[CallStatus | None]:
        return [update.status for update in self.updates]


@dataclass
class Line:
    """A simulator and the service at the other end."""

    simulator: Simulator
    service: Service
    base: str

    async def ring(self, *prompts: Prompt, number: str = ANA) -> OutgoingCall:
        """A call that rings; the service will say these, one after the other."""
        self.service.prompts += prompts
        call = OutgoingCall(uuid4(), number, language="es", emergency_number="911", clinic_number=CLINIC)
        placed = await self.simulator.telephone.place_call(call)
        assert placed.status in (CallStatus.PLACED, CallStatus.ENGAGED)
        return call

    def shown(self, number: str = ANA) -> PhoneCall:
        return self.simulator.phones.conversation(number).calls[-1]

    def said(self) -> list[str]:
        return [line.words for line in self.shown().lines if line.author is Author.SERVICE]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not condition():  # noqa: ASYNC110 - a recording, without events
                await asyncio.sleep(0.005)


@pytest.fixture
async def line(actions: Actions) -> AsyncIterator[Line]:
    port = unused_port()
    base = f"http://127.0.0.1:{port}"
    simulator = build(public_base_url=base, sender="+12025550100", now=lambda: datetime.now(UTC), ring_seconds=60)
    service = Service()
    app = web.Application()
    webhooks.setup(app, {"simulator": simulator.receiver}, base, actions.receive_replies, actions.receive_delivery_statuses, actions.keep)
    receivers: dict[str, VoiceReceiver] = {"simulator": simulator.voice}
    webhooks.setup_calls(app, Calls(receivers, base, load_script(), step=service.step, status=service.status, called=service.answer_called))
    async with TestServer(app, port=port):
        yield Line(simulator, service, base)
        await simulator.telephone.close()
        await simulator.provider.close()


async def test_a_call_rings_is_answered_and_walks_to_its_end(line: Line) -> None:
    as_port: Telephone = line.simulator.telephone
    call = await line.ring(ASKED, WEIGHT, BYE)
    assert line.shown().state is HandsetState.RINGING
    assert not line.service.heard, "nothing is asked before somebody picks up"
    await line.simulator.telephone.answer(ANA)
    assert line.said() == ["Hola.", "¿En qué año nació?"]
    for key in "1955":
        await line.simulator.telephone.press(ANA, key)
    assert line.shown().lines[2] == CallLine(Author.PATIENT, "1955", how="pressed")
    for key in "180*4#":
        await line.simulator.telephone.press(ANA, key)
    first, year, weight = line.service.heard
    assert (first.turn, first.answered_by, first.call_id) == (0, AnsweredBy.PERSON, call.call_id)
    assert (year.turn, year.pressed, year.spoken) == (1, "1955", "")
    assert (weight.turn, weight.pressed) == (2, "180*4")
    assert (line.shown().state, line.shown().outcome, line.said()[-1]) == (HandsetState.OVER, "ended", "Goodbye.")
    await line.until(lambda: len(line.service.updates) == 2)
    assert line.service.words() == [CallStatus.TALKING, CallStatus.ENDED]
    assert {update.call_id for update in line.service.updates} == {call.call_id}
    found = await as_port.fetch_call(first.provider_id)
    assert found is not None
    assert (found.status, found.provider_status) == (CallStatus.ENDED, "completed")
    assert await as_port.list_calls(to=ANA, since=datetime.now(UTC) - timedelta(minutes=1)) == [found]
    assert await as_port.list_calls(to=BEN, since=datetime.now(UTC) - timedelta(minutes=1)) == []
    assert await as_port.fetch_call("SIMCALLnone") is None


async def test_words_come_with_a_confidence_and_mumbled_ones_with_a_low_one(line: Line) -> None:
    await line.ring(WEIGHT, WEIGHT, WEIGHT, BYE)
    hand = line.simulator.telephone
    await hand.answer(ANA)
    await hand.speak(ANA, "  one eighty ")
    await hand.speak(ANA, "one eighty\0", mumbled=True)
    await hand.say_nothing(ANA)
    _, clear, mumbled, silent = line.service.heard
    assert (clear.spoken, clear.confidence) == ("one eighty", 0.95)
    assert (mumbled.spoken, mumbled.confidence) == ("one eighty\ufffd", 0.3)
    assert (silent.spoken, silent.pressed, silent.confidence) == ("", "", None)
    assert [one.how for one in line.shown().lines if one.author is Author.PATIENT] == ["", "mumbled", "silent"]


async def test_a_declined_call_is_engaged_and_asks_the_service_nothing(line: Line) -> None:
    await line.ring()
    await line.simulator.telephone.decline(ANA)
    await line.until(lambda: bool(line.service.updates))
    assert line.service.words() == [CallStatus.ENGAGED]
    assert not line.service.heard
    assert line.shown().outcome == "declined"


async def test_voicemail_is_a_machine_that_keeps_what_is_said(line: Line) -> None:
    await line.ring(BYE)
    await line.simulator.telephone.leave_to_voicemail(ANA)
    assert line.service.heard[0].answered_by is AnsweredBy.MACHINE
    assert (line.shown().outcome, line.said()) == ("voicemail", ["Goodbye."])
    await line.ring(WEIGHT, number=BEN)
    await line.simulator.telephone.leave_to_voicemail(BEN)
    assert line.shown(BEN).state is HandsetState.OVER, "voicemail answers no question"


async def test_an_unanswered_call_and_one_to_a_phone_that_is_off_go_to_voicemail(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telephone_module, "PAUSE_SECONDS", 0.01)
    line.simulator.phones.switch(BEN, on=False)
    await line.ring(BYE, number=BEN)
    await line.until(lambda: line.shown(BEN).state is HandsetState.OVER)
    assert line.shown(BEN).outcome == "voicemail"
    line.simulator.telephone._ring_seconds = 0.02
    await line.ring(BYE)
    await line.until(lambda: line.shown().state is HandsetState.OVER)
    assert [heard.answered_by for heard in line.service.heard] == [AnsweredBy.MACHINE] * 2


async def test_a_phone_in_a_call_is_engaged_for_another(line: Line) -> None:
    await line.ring(WEIGHT)
    await line.simulator.telephone.answer(ANA)
    await line.ring()
    await line.until(lambda: CallStatus.ENGAGED in line.service.words())
    assert line.shown().outcome == "engaged"
    assert line.simulator.phones.conversation(ANA).calls[-2].listening, "the first call goes on"


async def test_a_call_that_is_hung_up_says_so_without_another_step(line: Line) -> None:
    await line.ring(WEIGHT)
    await line.simulator.telephone.answer(ANA)
    await line.simulator.telephone.hang_up(ANA)
    await line.until(lambda: CallStatus.ENDED in line.service.words())
    assert len(line.service.heard) == 1
    await line.simulator.telephone.press(ANA, "1")
    await line.simulator.telephone.speak(ANA, "hello")
    assert len(line.service.heard) == 1, "nobody hears a phone that has hung up"


@pytest.mark.parametrize("answers", [True, False])
async def test_a_caller_is_put_through_to_the_clinic(line: Line, *, answers: bool) -> None:
    await line.ring(Prompt((Say("One moment.", "en"), Connect(CLINIC))), BYE)
    hand = line.simulator.telephone
    await hand.answer(ANA)
    assert (line.shown().state, line.shown().other) == (HandsetState.CONNECTING, CLINIC)
    await hand.clinic_answers(ANA, answers=answers)
    if answers:
        assert line.shown().state is HandsetState.CONNECTED
        assert len(line.service.heard) == 1, "the other leg is still up"
        await hand.hang_up(ANA)
    assert line.service.heard[-1].connected is answers
    assert line.shown().state is HandsetState.OVER


async def test_where_the_service_cannot_answer_its_fallback_is_read_out(line: Line) -> None:
    await line.ring()
    line.service.broken = True
    await line.simulator.telephone.answer(ANA)
    assert "9 1 1" in line.said()[0]
    assert "2 0 2, 5 5 5, 0 1 9 0" in line.said()[0]
    assert line.shown().state is HandsetState.OVER


async def test_a_phone_calls_the_clinics_number(line: Line) -> None:
    await line.simulator.telephone.call_clinic(BEN)
    assert line.service.called == ["+12025550100"]
    assert (line.shown(BEN).outgoing, line.shown(BEN).outcome) == (True, "ended")
    assert [one.words for one in line.shown(BEN).lines] == ["Goodbye."]
    assert not line.service.updates
    line.simulator.phones.switch(BEN, on=False)
    await line.simulator.telephone.call_clinic(BEN)
    assert len(line.service.called) == 1


async def test_a_line_that_leads_nowhere_goes_dead(line: Line) -> None:
    simulator = build(public_base_url=f"http://127.0.0.1:{unused_port()}", sender="+12025550100", now=lambda: datetime.now(UTC))
    await simulator.telephone.place_call(OutgoingCall(uuid4(), ANA, clinic_number=CLINIC))
    await simulator.telephone.answer(ANA)
    await simulator.telephone.call_clinic(BEN)
    for number in (ANA, BEN):
        assert simulator.phones.conversation(number).calls[-1].outcome == "dead"
    await simulator.telephone.close()


async def test_a_phone_that_is_switched_off_in_a_call_breaks_it_off(line: Line) -> None:
    await line.ring(WEIGHT)
    await line.simulator.telephone.answer(ANA)
    await line.simulator.telephone.switched(ANA, on=True)
    assert line.shown().listening
    await line.simulator.telephone.switched(ANA, on=False)
    assert line.shown().state is HandsetState.OVER


async def test_two_hands_at_once_pick_up_once_and_keys_keep_their_order(line: Line) -> None:
    await line.ring(ASKED, WEIGHT, BYE)
    hand = line.simulator.telephone
    await asyncio.gather(hand.answer(ANA), hand.answer(ANA), hand.leave_to_voicemail(ANA), *(hand.press(ANA, key) for key in "1955180#"))
    assert [heard.pressed for heard in line.service.heard] == ["", "1955", "180"]


async def test_a_call_ends_after_the_longest_time(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telephone_module, "LONGEST_CALL_SECONDS", 0.05)
    await line.ring(WEIGHT)
    await line.simulator.telephone.answer(ANA)
    await line.until(lambda: line.shown().state is HandsetState.OVER)
    await line.until(lambda: CallStatus.ENDED in line.service.words())


async def test_a_call_is_taken_up_after_a_restart_where_it_was(line: Line) -> None:
    call = OutgoingCall(uuid4(), ANA, clinic_number=CLINIC)
    before = [CallLine(Author.SERVICE, "Hello.")]
    line.service.prompts += [BYE]
    line.simulator.telephone.take_up(call, "SIMCALLbefore", datetime.now(UTC), before, WEIGHT, 3)
    assert (line.shown().listening, list(line.shown().lines)) == (True, before)
    await line.simulator.telephone.speak(ANA, "one eighty")
    [heard] = line.service.heard
    assert (heard.turn, heard.provider_id, heard.call_id) == (3, "SIMCALLbefore", call.call_id)
    line.simulator.telephone.take_up(OutgoingCall(uuid4(), BEN), "SIMCALLrang", datetime.now(UTC), [], None, 0)
    assert line.shown(BEN).state is HandsetState.RINGING


@pytest.mark.law(12)
async def test_calls_underway_and_remembered_are_bounded(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telephone_module, "UNDERWAY", 2)
    monkeypatch.setattr(telephone_module, "REMEMBERED", 3)
    await line.ring()
    await line.ring(number=BEN)
    with pytest.raises(TransientFailure):
        await line.simulator.telephone.place_call(OutgoingCall(uuid4(), "+12025550103"))
    await line.simulator.telephone.decline(ANA)
    for _ in range(20):
        await line.ring()
        await line.simulator.telephone.decline(ANA)
    assert len(line.simulator.phones.conversation(ANA).calls) == 10
    assert len(await line.simulator.telephone.list_calls(to=ANA, since=datetime.now(UTC) - timedelta(minutes=1))) <= 3


@pytest.mark.law(10)
async def test_a_step_that_the_simulator_has_not_signed_is_refused(line: Line) -> None:
    call = await line.ring()
    async with ClientSession() as stranger:
        for path in ("0", "status"):
            form = {"id": "SIMCALL1", "status": "completed"}
            async with stranger.post(f"{line.base}/webhooks/simulator/voice/{call.call_id}/{path}", data=form) as answer:
                assert answer.status == 403
    assert not line.service.heard
    assert not line.service.updates


def test_forms_without_their_fields_are_incomplete(line: Line) -> None:
    voice, id = line.simulator.voice, uuid4()
    for form in ({"pressed": "1"}, {"id": "a", "pressed": "1x"}):
        with pytest.raises(Incomplete):
            voice.parse_call(Payload(form), id, 0)
    for form in ({"id": "a"}, {"status": "completed"}):
        with pytest.raises(Incomplete):
            voice.parse_call_status(Payload(form), id)
    assert voice.parse_call_status(Payload({"id": "a", "status": "melted"}), id).status is None
    assert voice.parse_call(Payload({"id": "a", "spoken": "hi", "confidence": "1e999"}), id, 0).confidence is None
