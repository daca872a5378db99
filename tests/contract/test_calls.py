"""Calls: placed, told of, walked key by key in the provider's own document language, and interrupted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from service.domain.call import AnsweredBy, CallStatus, call_transition
from service.domain.prompt import Connect, Gather, HangUp, Prompt, Say
from service.telephony.port import LONGEST_ID, OutgoingCall, PermanentFailure, Telephone, TransientFailure, UnknownOutcome, Webhooks
from tests.contract.conftest import ANA, OURS, Wire, set_up
from tests.stand_in_twilio.calls import PlacedCall

pytestmark = pytest.mark.contract

HELLO = Prompt((Gather((Say("Hello from the clinic. Your birth year?", "en"),), "en", digits=4, speech=False),))
WEIGHT = Prompt((Gather((Say("¿Cuánto pesa?", "es"), Say("Otra vez: ¿cuánto pesa?", "es", slow=True)), "es", hints=("libras",)),))


def telephone(wire: Wire) -> Telephone:
    assert wire.carrier.telephone is not None
    return wire.carrier.telephone


async def placed(wire: Wire, *script: Prompt, by: str = "human", call_id: UUID | None = None) -> PlacedCall:
    """A call that somebody has picked up."""
    wire.script = list(script)
    await telephone(wire).place_call(OutgoingCall(call_id or uuid4(), ANA))
    call = wire.stand_in.calls.newest
    await call.pick_up(by)
    return call


async def test_a_placed_call_rings_there_and_is_known_by_its_id(wire: Wire) -> None:
    call_id = uuid4()
    remote = await telephone(wire).place_call(OutgoingCall(call_id, ANA, clinic_number="+12025550199"))
    [there] = wire.stand_in.calls.placed
    assert (there.form["To"], there.form["From"]) == (ANA, OURS)
    assert remote.provider_id == there.sid
    assert 0 < len(remote.provider_id) <= LONGEST_ID
    assert remote.status is CallStatus.PLACED
    assert f"/webhooks/{wire.carrier.provider.name}/voice/{call_id}/0" in there.form["Url"]
    found = await telephone(wire).fetch_call(remote.provider_id)
    assert found is not None
    assert (found.provider_id, found.to, found.status) == (remote.provider_id, ANA, CallStatus.PLACED)
    since = datetime.now(UTC) - timedelta(minutes=5)
    assert [one.provider_id for one in await telephone(wire).list_calls(to=ANA, since=since)] == [remote.provider_id]
    assert await telephone(wire).list_calls(to=OURS, since=since) == []


async def test_no_call_is_recorded(wire: Wire) -> None:
    await telephone(wire).place_call(OutgoingCall(uuid4(), ANA))
    form = wire.stand_in.calls.newest.form
    assert form.get("Record", "false") in ("", "false")
    assert not any(name.startswith("Recording") for name in form)


async def test_a_call_to_staff_has_webhooks_of_its_own(wire: Wire) -> None:
    call_id = uuid4()
    await telephone(wire).place_call(OutgoingCall(call_id, ANA, webhooks=Webhooks.PAGE))
    form = wire.stand_in.calls.newest.form
    for name in ("Url", "StatusCallback"):
        assert f"/webhooks/{wire.carrier.provider.name}/page/{call_id}/" in form[name]


async def test_a_call_to_staff_says_nothing_before_it_is_known_who_has_picked_up(wire: Wire) -> None:
    carrier = set_up(wire.stand_in, wire.base, MACHINE_DETECTION="async")
    assert carrier.telephone is not None
    await carrier.telephone.place_call(OutgoingCall(uuid4(), ANA, webhooks=Webhooks.PAGE))
    form = wire.stand_in.calls.newest.form
    assert form.get("MachineDetection")
    assert form.get("AsyncAmd", "false") == "false"
    await carrier.telephone.close()
    await carrier.provider.close()


async def test_a_call_that_was_taken_without_a_word_is_an_unknown_outcome_and_stands_in_the_list(wire: Wire) -> None:
    for fault in ("500_after_accept", "reset_after_accept", "garbage_after_accept", "foreign_after_accept"):
        wire.stand_in.faults.add(fault)
        with pytest.raises(UnknownOutcome):
            await telephone(wire).place_call(OutgoingCall(uuid4(), ANA))
    listed = await telephone(wire).list_calls(to=ANA, since=datetime.now(UTC) - timedelta(minutes=5))
    assert {call.provider_id for call in listed} == {call.sid for call in wire.stand_in.calls.placed}
    assert len(listed) == 4


async def test_a_call_that_was_not_taken_may_be_placed_again_or_never(wire: Wire) -> None:
    wire.stand_in.faults.add("429")
    with pytest.raises(TransientFailure):
        await telephone(wire).place_call(OutgoingCall(uuid4(), ANA))
    wire.stand_in.faults.add("401")
    with pytest.raises(PermanentFailure) as refused:
        await telephone(wire).place_call(OutgoingCall(uuid4(), ANA))
    assert refused.value.effect == "configuration"
    assert wire.stand_in.calls.placed == []


@pytest.mark.parametrize(
    ("word", "status"), [("busy", CallStatus.ENGAGED), ("no-answer", CallStatus.UNANSWERED), ("failed", CallStatus.FAILED)]
)
async def test_a_call_that_reaches_nobody_says_why(wire: Wire, word: str, status: CallStatus) -> None:
    call_id = uuid4()
    await telephone(wire).place_call(OutgoingCall(call_id, ANA))
    await wire.stand_in.calls.newest.end(word)
    assert [(update.call_id, update.status) for update in wire.call_updates] == [(call_id, status)]
    assert wire.steps == []


@pytest.mark.parametrize(
    ("said", "by"),
    [
        ("human", AnsweredBy.PERSON),
        ("machine_end_beep", AnsweredBy.MACHINE),
        ("machine_start", AnsweredBy.MACHINE),
        ("fax", AnsweredBy.FAX),
        ("unknown", AnsweredBy.UNSURE),
    ],
)
async def test_who_has_picked_up_is_told_with_the_first_step(wire: Wire, said: str, by: AnsweredBy) -> None:
    call = await placed(wire, HELLO, by=said)
    assert [(step.turn, step.answered_by, step.provider_id) for step in wire.steps] == [(0, by, call.sid)]


@pytest.mark.parametrize("said", ["human", "machine_end_beep", "fax", "unknown"])
async def test_who_has_picked_up_may_be_told_later_by_itself(wire: Wire, said: str) -> None:
    carrier = set_up(wire.stand_in, wire.base, MACHINE_DETECTION="async")
    assert carrier.telephone is not None
    wire.script, call_id = [HELLO], uuid4()
    await carrier.telephone.place_call(OutgoingCall(call_id, ANA))
    call = wire.stand_in.calls.newest
    heard = await call.pick_up("")
    assert "birth year" in heard, "the call speaks at once"
    await call.detected(said)
    told = [update for update in wire.call_updates if update.answered_by is not None]
    assert [(update.call_id, update.provider_id, update.status) for update in told] == [(call_id, call.sid, None)]
    await carrier.telephone.close()
    await carrier.provider.close()


async def test_a_call_key_by_key_and_word_by_word(wire: Wire) -> None:
    call = await placed(wire, HELLO, WEIGHT, Prompt((Say("Thank you.", "en"), HangUp())))
    assert "birth year" in call.heard
    assert call.heard.gather is not None
    assert call.heard.gather["numDigits"] == "4"
    heard = await call.press("1950")
    assert "Otra vez: ¿cuánto pesa?" in heard
    heard = await call.speak("ciento ochenta", confidence=0.42)
    assert heard.over
    assert "Thank you." in heard
    assert [(step.turn, step.pressed, step.spoken, step.confidence) for step in wire.steps] == [
        (0, "", "", None),
        (1, "1950", "", None),
        (2, "", "ciento ochenta", 0.42),
    ]


async def test_silence_asks_the_same_address_with_nothing(wire: Wire) -> None:
    call = await placed(wire, HELLO, WEIGHT)
    await call.say_nothing()
    assert [(step.turn, step.pressed, step.spoken) for step in wire.steps] == [(0, "", ""), (1, "", "")]
    await call.press("#")  # only the key that ends input
    assert [(step.turn, step.pressed, step.spoken) for step in wire.steps[2:]] == [(2, "", "")]


async def test_every_kind_of_prompt_is_said_in_the_providers_language(wire: Wire) -> None:
    tricky = 'Less < more & "quotes" é ñ'
    connected = Prompt((Say("I put you through.", "en"), Connect("+12025550199", 20)))
    call = await placed(
        wire, Prompt((Say(tricky, "en"), Say("  ", "en"), *connected.parts)), Prompt((Say("Nobody there.", "en"), HangUp()))
    )
    assert tricky in call.heard
    assert (call.heard.dialled, call.heard.over) == ("+12025550199", False)
    heard = await call.dial_ends("no-answer")
    assert (heard.text, heard.over) == ("Nobody there.", True)
    assert [step.connected for step in wire.steps] == [None, False]
    again = await placed(wire, connected, Prompt((HangUp(),)))
    await again.dial_ends("completed")
    assert wire.steps[-1].connected is True


async def test_callbacks_in_any_order_move_a_call_only_forward(wire: Wire) -> None:
    call = await placed(wire, HELLO)
    await call.hang_up()
    status = CallStatus.CLAIMED
    for update in reversed(wire.call_updates):
        assert update.status is not None
        status = update.status if call_transition(status, update.status) else status
    assert status is CallStatus.ENDED
    assert wire.call_updates[-1].seconds == 42


async def test_a_live_call_is_sent_on_and_one_that_is_over_is_not(wire: Wire) -> None:
    call_id = uuid4()
    call = await placed(wire, HELLO, Prompt((Say("Please call the clinic.", "en"), HangUp())), call_id=call_id)
    assert await telephone(wire).go_on(call.sid, call_id, 1)
    await call.settled()
    assert call.heard.over
    assert "Please call the clinic." in call.heard
    assert not await telephone(wire).go_on(call.sid, call_id, 1)


async def test_the_fallback_is_read_when_a_step_fails(wire: Wire) -> None:
    wire.script = [HELLO]
    await telephone(wire).place_call(OutgoingCall(uuid4(), ANA, language="es", clinic_number="+12025550199"))
    call = wire.stand_in.calls.newest
    wire.failing = True
    heard = await call.pick_up()
    assert heard.over
    assert "9 1 1" in heard
    assert "2 0 2" in heard.text.replace(",", "").replace(".", "")


async def test_a_step_and_a_status_that_are_not_signed_are_refused(wire: Wire) -> None:
    call = await placed(wire, HELLO)
    await call.hang_up()
    steps, updates = len(wire.steps), len(wire.call_updates)
    header = wire.facts.signature_header.replace("-", "_")
    for request in list(wire.came):
        for name in [name for name in request.headers if name.lower() == wire.facts.signature_header.lower()]:
            del request.headers[name]
        for signature in (None, "AAAA"):
            assert await wire.again(request, **{header: signature}) == 403
    assert (len(wire.steps), len(wire.call_updates)) == (steps, updates)


async def test_a_step_that_comes_again_is_the_same_step(wire: Wire) -> None:
    call = await placed(wire, HELLO, WEIGHT)
    await call.press("1950")
    await call.once_more()
    assert wire.steps[1] == wire.steps[2]
