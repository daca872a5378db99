"""Texts out: accepted, refused, and every way in which a request can end without a word."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from service.domain.communication import Status
from service.provider_settings import PROVIDER_SETTINGS
from service.telephony.port import LONGEST_ID, Accepted, OutgoingText, PermanentFailure, TransientFailure, UnknownOutcome
from tests.contract.conftest import ANA, PROVIDERS, Wire, set_up

pytestmark = pytest.mark.contract


def text(body: str = "What is your weight today?", to: str = ANA, attempt: UUID | None = None) -> OutgoingText:
    return OutgoingText(attempt or uuid4(), to, body)


def since() -> datetime:
    return datetime.now(UTC) - timedelta(minutes=5)


@pytest.mark.parametrize("body", ["What is your weight today?", "¿Cómo está? 👍", "a" * 1600, "[brackets] €5 & more", "line\nline"])
async def test_an_accepted_text_is_the_very_text_and_has_an_id(wire: Wire, body: str) -> None:
    accepted = await wire.carrier.provider.send_text(text(body))
    [there] = wire.stand_in.store.accepted
    assert (there.to, there.body, there.sid) == (ANA, body, accepted.provider_id)
    assert 0 < len(accepted.provider_id) <= LONGEST_ID
    assert accepted.status is Status.ACCEPTED
    assert wire.stand_in.creates == 1


@pytest.mark.parametrize("why", ["opted_out", "landline", "invalid"])
async def test_a_refusal_says_what_follows_from_it(wire: Wire, why: str) -> None:
    wire.stand_in.faults.add(f"error:{getattr(wire.facts, why)}")
    with pytest.raises(PermanentFailure) as refused:
        await wire.carrier.provider.send_text(text())
    assert refused.value.effect == {"opted_out": "opted_out", "landline": "not_mobile", "invalid": "invalid_number"}[why]
    assert ANA not in str(refused.value)
    assert (wire.stand_in.creates, wire.stand_in.store.accepted) == (1, [])


async def test_a_person_who_has_sent_stop_is_known_to_the_provider(wire: Wire) -> None:
    await wire.stand_in.inbound(ANA, "STOP")
    with pytest.raises(PermanentFailure) as refused:
        await wire.carrier.provider.send_text(text())
    assert refused.value.effect == "opted_out"


async def test_wrong_credentials_are_a_matter_of_configuration(wire: Wire) -> None:
    wire.stand_in.faults.add("401")
    with pytest.raises(PermanentFailure) as refused:
        await wire.carrier.provider.send_text(text())
    assert refused.value.effect == "configuration"


async def test_too_many_requests_were_not_processed_and_say_when_to_come_again(wire: Wire) -> None:
    wire.stand_in.faults.add("429")
    with pytest.raises(TransientFailure) as busy:
        await wire.carrier.provider.send_text(text())
    assert busy.value.retry_after_seconds == 7
    assert wire.stand_in.store.accepted == []


async def test_nobody_there_means_that_nothing_was_sent(wire: Wire) -> None:
    async with wire.facts.stand_in().running() as gone:
        carrier = set_up(gone, wire.base)
    with pytest.raises(TransientFailure) as failed:
        await carrier.provider.send_text(text())
    assert failed.value.code == "not_connected"
    await carrier.provider.close()


@pytest.mark.parametrize("fault", ["", "500", "429"])
async def test_every_answer_says_what_time_it_is_at_the_provider(wire: Wire, fault: str) -> None:
    if fault:
        wire.stand_in.faults.add(fault)
    told: list[datetime] = []
    carrier = set_up(wire.stand_in, wire.base, dated=told.append)
    with contextlib.suppress(TransientFailure, UnknownOutcome):
        await carrier.provider.send_text(text())
    await carrier.provider.close()
    assert [abs(datetime.now(UTC) - at) < timedelta(seconds=30) for at in told] == [True]


@pytest.mark.parametrize("fault", ["500", "reset"])
async def test_a_server_error_or_a_broken_line_is_an_unknown_outcome(wire: Wire, fault: str) -> None:
    wire.stand_in.faults.add(fault)
    with pytest.raises(UnknownOutcome):
        await wire.carrier.provider.send_text(text())
    assert wire.stand_in.creates == 1, "nothing is sent twice"


@pytest.mark.law(3)
@pytest.mark.parametrize("fault", ["500_after_accept", "reset_after_accept", "garbage_after_accept", "foreign_after_accept"])
async def test_what_was_accepted_without_a_word_is_found_in_the_list_and_told_by_its_callback(wire: Wire, fault: str) -> None:
    wire.stand_in.faults.add(fault)
    attempt = uuid4()
    with pytest.raises(UnknownOutcome):
        await wire.carrier.provider.send_text(text("Only this once", attempt=attempt))
    [there] = wire.stand_in.store.accepted
    [found] = await wire.carrier.provider.list_texts(to=ANA, since=since())
    assert (found.provider_id, found.body, found.inbound) == (there.sid, "Only this once", False)
    await wire.stand_in.settled()
    assert {(update.provider_id, update.attempt_id) for update in wire.updates} == {(there.sid, attempt)}


async def test_a_text_can_be_asked_for_by_its_id_and_an_unknown_one_is_none(wire: Wire) -> None:
    provider = wire.carrier.provider
    accepted: Accepted = await provider.send_text(text("hello"))
    await wire.stand_in.settled()
    found = await provider.fetch_text(accepted.provider_id)
    assert found is not None
    assert (found.provider_id, found.to, found.body, found.status) == (accepted.provider_id, ANA, "hello", Status.DELIVERED)
    other = wire.facts.stand_in()
    async with other.running():
        await other.inbound(ANA, "elsewhere")
    assert await provider.fetch_text(next(iter(other.store.messages))) is None


async def test_the_list_holds_what_patients_have_written_too(wire: Wire) -> None:
    wire.stand_in.options.sms_url = ""  # the webhook never comes
    await wire.stand_in.inbound(ANA, "my chest hurts")
    [found] = await wire.carrier.provider.list_texts(to=wire.stand_in.options.numbers[0], since=since())
    assert (found.sender, found.body, found.inbound) == (ANA, "my chest hurts", True)
    assert await wire.carrier.provider.list_texts(to=None, since=datetime.now(UTC) + timedelta(minutes=1)) == []


async def test_a_list_that_is_refused_says_so(wire: Wire) -> None:
    wire.stand_in.options.auth_token = "another"
    with pytest.raises(PermanentFailure) as refused:
        await wire.carrier.provider.list_texts(to=None, since=since())
    assert refused.value.effect == "configuration"


def test_every_provider_that_can_be_set_keeps_to_this_contract() -> None:
    """A provider that is added to the settings is added to `PROVIDERS`, or this fails."""
    assert {setting.name.split("_")[0].lower() for setting in PROVIDER_SETTINGS} == set(PROVIDERS)
