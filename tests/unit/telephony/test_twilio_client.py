"""The real twilio library over HTTP against a stand-in: what is sent, and how each failure is told."""

from __future__ import annotations

import asyncio
import logging
import socket
import traceback
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from twilio.http.response import Response

from service.domain.communication import Status
from service.telephony.port import OutgoingText, PermanentFailure, Provider, ProviderError, TransientFailure, UnknownOutcome
from service.telephony.twilio import TwilioProvider, client
from service.telephony.twilio.transport import Transport
from tests.patience import PATIENCE_SECONDS
from tests.stand_in_twilio import StandIn
from tests.unit.telephony.conftest import ANA, BEN, PUBLIC, a_text, make_provider


def test_the_provider_fulfils_the_port() -> None:
    as_port: Provider = TwilioProvider(account_sid="AC1", auth_token="t", sender="+12025550190", public_base_url=PUBLIC)
    assert as_port.name == "twilio"


async def test_a_text_is_accepted_with_its_attempt_in_the_callback_path(twilio: StandIn, provider: TwilioProvider) -> None:
    text = a_text(validity_seconds=7200)
    accepted = await provider.send_text(text)
    [message] = twilio.store.accepted
    assert (accepted.provider_id, accepted.status, accepted.segments) == (message.sid, Status.ACCEPTED, 1)
    assert (message.to, message.sender, message.body, message.service) == (ANA, "+12025550190", text.body, None)
    assert message.status_callback == f"{PUBLIC}/webhooks/twilio/status/{text.attempt_id}#rc=3&rp=all"
    assert message.validity_seconds == 7200


@pytest.mark.parametrize(("asked", "sent"), [(0, 1), (-5, 1), (36_001, 36_000), (None, None)])
async def test_the_validity_stays_within_twilios_limits(
    twilio: StandIn, provider: TwilioProvider, asked: int | None, sent: int | None
) -> None:
    await provider.send_text(a_text(validity_seconds=asked))
    assert twilio.store.accepted[0].validity_seconds == sent


async def test_a_messaging_service_is_named_instead_of_a_number(twilio: StandIn, provider: TwilioProvider) -> None:
    [service] = twilio.options.services
    accepted = await provider.send_text(a_text(sender=service))
    [message] = twilio.store.accepted
    assert (message.service, message.sender) == (service, None)
    assert accepted.segments is None


async def test_a_body_arrives_as_it_was_written(twilio: StandIn, provider: TwilioProvider) -> None:
    body = "¿Cuánto pesa hoy? 100% & a+b=c; “quotes”, €, 👍\nsecond line"
    await provider.send_text(a_text(body=body))
    assert twilio.store.accepted[0].body == body


@pytest.mark.parametrize(
    ("to", "code", "effect"),
    [
        ("+15005550001", "21211", "invalid_number"),
        ("+15005550002", "21612", "not_mobile"),
        ("+15005550003", "21408", "configuration"),
        ("+15005550004", "21610", "opted_out"),
        ("+15005550009", "21614", "not_mobile"),
    ],
)
async def test_a_magic_number_fails_for_good(provider: TwilioProvider, twilio: StandIn, to: str, code: str, effect: str) -> None:
    with pytest.raises(PermanentFailure) as caught:
        await provider.send_text(a_text(to))
    assert (caught.value.code, caught.value.effect) == (code, effect)
    assert twilio.store.accepted == []


@pytest.mark.parametrize(
    ("sender", "expected", "code"),
    [("+15005550001", PermanentFailure, "21212"), ("+15005550007", PermanentFailure, "21606"), ("+15005550008", TransientFailure, "21611")],
)
async def test_a_magic_sender_fails(provider: TwilioProvider, sender: str, expected: type[ProviderError], code: str) -> None:
    with pytest.raises(expected) as caught:
        await provider.send_text(a_text(sender=sender))
    assert caught.value.code == code


async def test_stop_at_the_provider_blocks_and_start_lifts_it(twilio: StandIn, provider: TwilioProvider) -> None:
    await twilio.inbound(ANA, " stop ")
    with pytest.raises(PermanentFailure) as caught:
        await provider.send_text(a_text(ANA))
    assert caught.value.effect == "opted_out"
    await provider.send_text(a_text(BEN))
    await twilio.inbound(ANA, "Start")
    await provider.send_text(a_text(ANA))
    assert [message.to for message in twilio.store.accepted] == [BEN, ANA]


async def test_an_api_key_asks_in_the_accounts_name(twilio: StandIn) -> None:
    key, secret = "SK" + "5" * 32, "secret-of-the-key"
    provider = TwilioProvider(
        account_sid=twilio.options.account_sid,
        auth_token=secret,
        key_id=key,
        sender=twilio.options.numbers[0],
        public_base_url=PUBLIC,
        api_base=twilio.url,
    )
    with pytest.raises(PermanentFailure) as refused:
        await provider.send_text(a_text(ANA))
    assert refused.value.effect == "configuration"
    twilio.options.api_keys = {key: secret}
    await provider.send_text(a_text(ANA))
    [sent] = twilio.store.accepted
    assert sent.status_callback.startswith(f"{PUBLIC}/webhooks/twilio/status/")
    await provider.close()


async def test_an_error_as_rfc_9457_words_it_means_the_same(twilio: StandIn, provider: TwilioProvider) -> None:
    twilio.faults.add("problem:21610")
    with pytest.raises(PermanentFailure) as refused:
        await provider.send_text(a_text(ANA))
    assert (refused.value.code, refused.value.effect) == ("21610", "opted_out")
    twilio.faults.add("problem:99999")
    with pytest.raises(PermanentFailure):
        await provider.send_text(a_text(ANA))
    assert twilio.store.accepted == []


async def test_an_answer_of_another_account_is_not_believed(twilio: StandIn, provider: TwilioProvider) -> None:
    twilio.store.messages.clear()
    provider.account = "AC" + "9" * 32
    with pytest.raises(UnknownOutcome) as foreign:
        await provider.send_text(a_text(ANA))
    assert foreign.value.code == "foreign_answer"


async def test_a_429_is_transient_and_carries_the_pause(twilio: StandIn, provider: TwilioProvider) -> None:
    twilio.faults.add("429")
    with pytest.raises(TransientFailure) as caught:
        await provider.send_text(a_text())
    assert caught.value.retry_after_seconds == 7
    assert twilio.creates == 1


async def test_a_401_stops_for_configuration(twilio: StandIn) -> None:
    provider = make_provider(twilio, auth_token="wrong")
    with pytest.raises(PermanentFailure) as caught:
        await provider.send_text(a_text())
    assert (caught.value.code, caught.value.effect) == ("20003", "configuration")
    await provider.close()


@pytest.mark.law(3)
@pytest.mark.parametrize(
    ("fault", "code", "accepted"),
    [
        ("500", "500", 0),
        ("500_after_accept", "500", 1),
        ("reset", "connection_lost", 0),
        ("reset_after_accept", "connection_lost", 1),
        ("garbage_after_accept", "unreadable_answer", 1),
        ("foreign_after_accept", "foreign_answer", 1),
    ],
)
async def test_an_outcome_that_cannot_be_known_is_unknown_and_the_call_is_made_once(
    twilio: StandIn, provider: TwilioProvider, fault: str, code: str, accepted: int
) -> None:
    twilio.faults.add(fault)
    with pytest.raises(UnknownOutcome) as caught:
        await provider.send_text(a_text())
    assert caught.value.code == code
    assert twilio.creates == 1
    assert len(twilio.store.accepted) == accepted


@pytest.mark.law(3)
async def test_a_timeout_is_an_unknown_outcome_that_the_list_resolves(twilio: StandIn) -> None:
    provider = make_provider(twilio, timeout_seconds=0.4)
    twilio.faults.add("timeout_after_accept")
    started = datetime.now(UTC) - timedelta(seconds=2)
    with pytest.raises(UnknownOutcome) as caught:
        await provider.send_text(a_text(body="the one that hung"))
    assert caught.value.code == "timeout"
    [found] = await provider.list_texts(to=ANA, since=started)
    assert (found.body, found.status, found.provider_id) == ("the one that hung", Status.ACCEPTED, twilio.store.accepted[0].sid)
    assert twilio.creates == 1
    await provider.close()


async def test_an_answer_that_already_says_failed_is_a_failure(twilio: StandIn, provider: TwilioProvider) -> None:
    twilio.faults.add("failed_after_accept")
    with pytest.raises(PermanentFailure) as caught:
        await provider.send_text(a_text())
    assert (caught.value.code, caught.value.effect) == ("21610", "opted_out")


async def test_no_connection_means_that_nothing_was_sent(twilio: StandIn) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        provider = make_provider(twilio, api_base=f"http://127.0.0.1:{closed.getsockname()[1]}")
    with pytest.raises(TransientFailure) as caught:
        await provider.send_text(a_text())
    assert caught.value.code == "not_connected"
    await provider.close()


async def test_a_wait_for_a_free_connection_ends_as_not_sent(twilio: StandIn) -> None:
    provider = TwilioProvider(
        account_sid=twilio.options.account_sid,
        auth_token=twilio.options.auth_token,
        sender=twilio.options.numbers[0],
        public_base_url=PUBLIC,
        api_base=twilio.url,
        connections=1,
        timeout_seconds=1.0,
    )
    twilio.faults.add("timeout_after_accept")
    first = asyncio.create_task(provider.send_text(a_text(ANA)))
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not twilio.store.accepted:  # noqa: ASYNC110 - the stand-in has no event for it
            await asyncio.sleep(0.01)
    with pytest.raises(TransientFailure):
        await provider.send_text(a_text(BEN))
    with pytest.raises(UnknownOutcome):
        await first
    assert [message.to for message in twilio.store.accepted] == [ANA]
    await provider.close()


async def test_two_hundred_texts_at_once_each_get_their_own_answer(twilio: StandIn, provider: TwilioProvider) -> None:
    texts = [a_text(f"+1202555{number:04}", body=f"number {number}") for number in range(100, 300)]
    answers = await asyncio.gather(*(provider.send_text(text) for text in texts))
    assert len({answer.provider_id for answer in answers}) == 200
    for text, answer in zip(texts, answers, strict=True):
        assert twilio.store.messages[answer.provider_id].to == text.to


@pytest.mark.law(10)
@pytest.mark.parametrize(
    "fault",
    ["429", "401", "500", "reset", "garbage_after_accept", "foreign_after_accept", "failed_after_accept", "error:21211", "error:64999"],
)
async def test_no_failure_names_a_number_or_a_body(twilio: StandIn, provider: TwilioProvider, fault: str) -> None:
    twilio.faults.add(fault)
    text = a_text(ANA, body=" ".join(["chest", "pain"]))  # the traceback shows this test's own source too
    with pytest.raises(ProviderError) as caught:
        await provider.send_text(text)
    told = "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))
    assert "202555" not in told
    assert text.body not in told


@pytest.mark.law(10)
async def test_no_log_names_a_number_or_a_body(twilio: StandIn, provider: TwilioProvider, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    twilio.faults.add("error:21211")
    with pytest.raises(PermanentFailure):
        await provider.send_text(a_text(ANA, body="chest pain"))
    await provider.send_text(a_text(ANA, body="chest pain"))
    await provider.list_texts(to=ANA, since=datetime.now(UTC) - timedelta(minutes=1))
    assert "202555" not in caplog.text
    assert "chest" not in caplog.text


async def test_the_librarys_own_environment_settings_do_not_redirect_us(twilio: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a stray TWILIO_EDGE would send patients' texts through another region than the one that was configured."""
    monkeypatch.setenv("TWILIO_EDGE", "sydney")
    monkeypatch.setenv("TWILIO_REGION", "au1")
    asked: list[str] = []

    class Recording(Transport):
        async def request(self, method: str, uri: str, *rest: Any, **more: Any) -> Response:  # type: ignore[override]
            asked.append(uri)
            return await super().request(method, uri, *rest, **more)

    monkeypatch.setattr(client, "Transport", Recording)
    provider = make_provider(twilio)
    await provider.send_text(a_text())
    assert [uri.partition("/2010")[0] for uri in asked] == ["https://api.twilio.com"]
    await provider.close()


async def test_the_list_shows_both_directions_newest_first_and_nothing_older(twilio: StandIn, provider: TwilioProvider) -> None:
    await provider.send_text(a_text(ANA, body="first"))
    await twilio.inbound(ANA, "2 lb up")
    await provider.send_text(a_text(BEN, body="second"))
    old = twilio.store.accepted[0]
    old.created -= 3600
    found = await provider.list_texts(to=None, since=datetime.now(UTC) - timedelta(minutes=1))
    assert [(text.body, text.inbound) for text in found] == [("second", False), ("2 lb up", True)]
    assert found[1].sender == ANA
    assert found[1].status is Status.RECEIVED
    every = await provider.list_texts(to=None, since=datetime.now(UTC) - timedelta(days=1))
    assert len(every) == 3


async def test_the_list_goes_over_pages_up_to_its_limit(twilio: StandIn, provider: TwilioProvider) -> None:
    for number in range(12):
        await twilio.inbound(ANA, f"text {number}")
    since = datetime.now(UTC) - timedelta(minutes=1)
    assert len(await provider.list_texts(to=None, since=since, limit=5)) == 5
    assert len(await provider.list_texts(to=None, since=since, limit=200)) == 12


async def test_one_text_can_be_fetched_and_an_unknown_one_is_none(twilio: StandIn, provider: TwilioProvider) -> None:
    accepted = await provider.send_text(a_text())
    twilio.store.move(twilio.store.accepted[0], "undelivered", 30003)
    found = await provider.fetch_text(accepted.provider_id)
    assert found is not None
    assert (found.status, found.error_code) == (Status.UNDELIVERED, "30003")
    assert await provider.fetch_text("SM" + "0" * 32) is None


async def test_a_list_that_cannot_be_read_is_transient_and_a_refused_one_permanent(twilio: StandIn) -> None:
    since = datetime.now(UTC)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nowhere = make_provider(twilio, api_base=f"http://127.0.0.1:{closed.getsockname()[1]}")
    with pytest.raises(TransientFailure):
        await nowhere.list_texts(to=None, since=since)
    refused = make_provider(twilio, auth_token="wrong")
    with pytest.raises(PermanentFailure):
        await refused.list_texts(to=None, since=since)
    with pytest.raises(PermanentFailure):
        await refused.fetch_text("SM" + "0" * 32)
    for provider in (nowhere, refused):
        await provider.close()


@pytest.mark.parametrize("public", ["", "rounds.example", "https://my_rounds.example"])
def test_a_public_address_that_twilio_would_refuse_is_refused_at_start(public: str) -> None:
    with pytest.raises(ValueError, match="PUBLIC_BASE_URL"):
        TwilioProvider(account_sid="AC1", auth_token="t", sender="+12025550190", public_base_url=public)


async def test_a_closed_provider_can_be_used_again(twilio: StandIn, provider: TwilioProvider) -> None:
    await provider.send_text(OutgoingText(uuid4(), ANA, "one"))
    await provider.close()
    await provider.send_text(OutgoingText(uuid4(), ANA, "two"))
    assert len(twilio.store.accepted) == 2
