"""Texts by Telnyx over HTTP against its stand-in: what is sent, and how each failure is told."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import traceback
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from service.domain.communication import Status
from service.telephony.port import (
    Directory,
    Line,
    OutgoingText,
    PermanentFailure,
    Provider,
    ProviderError,
    TransientFailure,
    UnknownOutcome,
)
from service.telephony.telnyx import TelnyxProvider
from tests.stand_in_telnyx import Options, StandIn
from tests.unit.telephony.conftest import ANA, BEN, PUBLIC, a_text

CLINIC = "+12025550190"


def make_telnyx(
    telnyx: StandIn, *, sender: str = CLINIC, api_base: str = "", api_key: str = "", seconds: float = 2.0, public: str = PUBLIC
) -> TelnyxProvider:
    return TelnyxProvider(
        api_key=api_key or telnyx.options.auth_token,
        messaging_profile_id=telnyx.options.messaging_profile_id,
        sender=sender,
        public_base_url=public,
        api_base=api_base or telnyx.url,
        timeout_seconds=seconds,
    )


@pytest.fixture
async def telnyx() -> AsyncIterator[StandIn]:
    async with StandIn(Options(callbacks=[])).running() as stand_in:
        yield stand_in


@pytest.fixture
async def provider(telnyx: StandIn) -> AsyncIterator[TelnyxProvider]:
    made = make_telnyx(telnyx)
    yield made
    await made.close()


async def refused(provider: Provider, text: OutgoingText) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await provider.send_text(text)
    return caught.value


def test_the_provider_fulfils_the_port() -> None:
    as_port: Provider = TelnyxProvider(api_key="k", messaging_profile_id="p", public_base_url=PUBLIC)
    assert (as_port.name, as_port.account, as_port.list_is_sure) == ("telnyx", "p", False)


@pytest.mark.parametrize(("key", "profile"), [("", "p"), ("k", "")])
def test_it_does_not_start_without_key_or_profile(key: str, profile: str) -> None:
    with pytest.raises(ValueError, match="needed"):
        TelnyxProvider(api_key=key, messaging_profile_id=profile, public_base_url=PUBLIC)


async def test_a_text_is_accepted_with_its_attempt_in_the_callback_path(telnyx: StandIn, provider: TelnyxProvider) -> None:
    text = a_text()
    accepted = await provider.send_text(text)
    [message] = telnyx.store.accepted
    assert (accepted.provider_id, accepted.status, accepted.segments) == (message.sid, Status.ACCEPTED, 1)
    assert (message.to, message.sender, message.body) == (ANA, CLINIC, text.body)
    assert message.status_callback == f"{PUBLIC}/webhooks/telnyx/status/{text.attempt_id}"
    assert telnyx.creates == 1


async def test_what_is_sent_is_exactly_this() -> None:
    """The one request, field by field, as Telnyx's reference of `POST /v2/messages` has it."""
    seen: list[tuple[Any, dict[str, str]]] = []

    async def take(request: web.Request) -> web.Response:
        seen.append((await request.json(), dict(request.headers)))
        return web.json_response({"data": {"id": "m1", "to": [{"phone_number": ANA, "status": "queued"}], "parts": 2}})

    async with _serving(take) as base:
        provider = TelnyxProvider(api_key="KEY1", messaging_profile_id="p1", sender=CLINIC, public_base_url=f"{PUBLIC}/", api_base=base)
        text = a_text(body="¿Cuánto pesa hoy? 100% & a+b=c; “quotes”, €, 👍\nsecond line", validity_seconds=600)
        accepted = await provider.send_text(text)
        await provider.close()
    [(body, headers)] = seen
    callback = f"{PUBLIC}/webhooks/telnyx/status/{text.attempt_id}"
    assert body == {
        "to": ANA,
        "from": CLINIC,
        "text": text.body,
        "type": "SMS",
        "messaging_profile_id": "p1",
        "webhook_url": callback,
        "webhook_failover_url": callback,
        "use_profile_webhooks": False,
    }
    assert (headers["Authorization"], headers["Idempotency-Key"]) == ("Bearer KEY1", str(text.attempt_id))
    assert (accepted.provider_id, accepted.segments) == ("m1", 2)


async def test_without_a_number_the_profiles_pool_is_used(telnyx: StandIn) -> None:
    provider = make_telnyx(telnyx, sender="")
    await provider.send_text(a_text())
    await provider.close()
    assert telnyx.store.accepted[0].sender == CLINIC


async def test_a_request_that_arrives_twice_makes_one_text(telnyx: StandIn, provider: TelnyxProvider) -> None:
    text = a_text()
    first, second = await provider.send_text(text), await provider.send_text(text)
    assert first == second
    assert (len(telnyx.store.accepted), telnyx.creates, telnyx.replayed) == (1, 2, 1)


@pytest.mark.parametrize(
    ("code", "effect"),
    [
        ("40300", "opted_out"), ("40310", "invalid_number"), ("40001", "not_mobile"), ("40301", "not_mobile"), ("40322", "filtered"),
        ("40316", "content"), ("40305", "configuration"), ("40329", "configuration"), ("20100", "configuration"), ("99999", ""),
    ],
)  # fmt: skip
async def test_a_refusal_is_permanent_and_says_what_follows(telnyx: StandIn, provider: TelnyxProvider, code: str, effect: str) -> None:
    telnyx.faults.add(f"error:{code}")
    failure = await refused(provider, a_text())
    assert isinstance(failure, PermanentFailure)
    assert (failure.code, failure.effect) == (code, effect)
    assert telnyx.store.accepted == []


async def test_after_stop_the_whole_profile_is_blocked(telnyx: StandIn, provider: TelnyxProvider) -> None:
    await telnyx.inbound(ANA, " stop all ")
    failure = await refused(provider, a_text())
    assert isinstance(failure, PermanentFailure)
    assert (failure.code, failure.effect) == ("40300", "opted_out")
    await provider.send_text(a_text(BEN))
    await telnyx.inbound(ANA, "START")
    await provider.send_text(a_text())
    assert [message.to for message in telnyx.store.accepted] == [BEN, ANA]


@pytest.mark.parametrize(
    ("sender", "to", "code"), [("+12025550177", ANA, "40305"), (CLINIC, "12025550101", "40310"), (CLINIC, "", "10004")]
)
async def test_wrong_numbers_are_told(telnyx: StandIn, provider: TelnyxProvider, sender: str, to: str, code: str) -> None:
    assert (await refused(provider, a_text(to, sender=sender))).code == code


async def test_a_wrong_key_is_a_matter_of_configuration(telnyx: StandIn) -> None:
    provider = make_telnyx(telnyx, api_key="another")
    failure = await refused(provider, a_text())
    await provider.close()
    assert isinstance(failure, PermanentFailure)
    assert (failure.code, failure.effect) == ("10009", "configuration")


async def test_too_many_requests_may_be_tried_again_after_the_pause_that_is_asked_for(telnyx: StandIn, provider: TelnyxProvider) -> None:
    telnyx.faults.add("429")
    failure = await refused(provider, a_text())
    assert isinstance(failure, TransientFailure)
    assert (failure.code, failure.retry_after_seconds) == ("http_429", 7.0)


async def test_a_queue_that_is_full_may_be_tried_again(telnyx: StandIn, provider: TelnyxProvider) -> None:
    telnyx.faults.add("error:40318")
    assert isinstance(await refused(provider, a_text()), TransientFailure)


async def test_without_a_connection_nothing_was_sent(telnyx: StandIn) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        provider = make_telnyx(telnyx, api_base=f"http://127.0.0.1:{unused.getsockname()[1]}")
        failure = await refused(provider, a_text())
        await provider.close()
    assert isinstance(failure, TransientFailure)
    assert failure.code == "not_connected"


@pytest.mark.parametrize(
    ("fault", "code", "accepted"),
    [
        ("500", "http_502", 0),
        ("reset", "connection_lost", 0),
        ("500_after_accept", "http_502", 1),
        ("timeout_after_accept", "timeout", 1),
        ("reset_after_accept", "connection_lost", 1),
        ("garbage_after_accept", "unreadable_answer", 1),
        ("foreign_after_accept", "foreign_answer", 1),
        ("error:10007", "10007", 0),
    ],
)
async def test_what_may_have_been_accepted_is_an_unknown_outcome_and_never_sent_again(
    telnyx: StandIn, fault: str, code: str, accepted: int
) -> None:
    provider = make_telnyx(telnyx, seconds=0.3)
    telnyx.faults.add(fault)
    failure = await refused(provider, a_text())
    await provider.close()
    assert isinstance(failure, UnknownOutcome)
    assert failure.code == code
    assert (telnyx.creates, len(telnyx.store.accepted)) == (1, accepted)


async def test_a_text_that_is_refused_in_a_good_answer_has_failed(telnyx: StandIn, provider: TelnyxProvider) -> None:
    telnyx.faults.add("failed_after_accept")
    failure = await refused(provider, a_text())
    assert isinstance(failure, PermanentFailure)
    assert failure.effect == "opted_out"


RECIPIENT = {"to": [{"phone_number": ANA}]}
MISSHAPEN = [
    {"data": 5},
    {"data": {"to": 5}},
    {"data": {"to": [{"phone_number": 5}]}},
    {"data": RECIPIENT},
    {"data": RECIPIENT | {"id": 5}},
    {"data": RECIPIENT | {"id": "x" * 65}},
    [],
    {},
    None,
]


@pytest.mark.parametrize("answer", [*(json.dumps(one).encode() for one in MISSHAPEN), b"", b"[" * 100_000, b"\xff\xfe"])
async def test_an_answer_of_another_shape_is_an_unknown_outcome(answer: bytes) -> None:
    async def take(request: web.Request) -> web.Response:
        return web.Response(body=answer, content_type="application/json")

    async with _serving(take) as base:
        provider = TelnyxProvider(api_key="k", messaging_profile_id="p", sender=CLINIC, public_base_url=PUBLIC, api_base=base)
        failure = await refused(provider, a_text())
        await provider.close()
    assert isinstance(failure, UnknownOutcome)


@pytest.mark.parametrize("status", [301, 302, 307, 400, 404, 405, 408, 409, 410, 422, 500, 503])
async def test_every_status_without_a_code_is_one_of_the_three_failures(status: int) -> None:
    async def take(request: web.Request) -> web.Response:
        return web.Response(status=status, text="<html>", headers={"Location": "/elsewhere"})

    async with _serving(take) as base:
        provider = TelnyxProvider(api_key="k", messaging_profile_id="p", sender=CLINIC, public_base_url=PUBLIC, api_base=base)
        failure = await refused(provider, a_text())
        await provider.close()
    unknown = status >= 500 or status in (408, 409) or status < 400
    assert isinstance(failure, UnknownOutcome if unknown else PermanentFailure)


async def test_a_cancelled_send_is_not_swallowed(telnyx: StandIn, provider: TelnyxProvider) -> None:
    telnyx.faults.add("timeout_after_accept")
    sending = asyncio.create_task(provider.send_text(a_text()))
    await asyncio.sleep(0.2)
    assert telnyx.creates == 1
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending


async def test_no_number_word_or_key_shows_in_errors_and_logs(
    telnyx: StandIn, provider: TelnyxProvider, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    shown = []
    for fault in ("error:40300", "error:99999", "500", "reset", "foreign_after_accept", "garbage_after_accept"):
        telnyx.faults.add(fault)
        failure = await refused(provider, a_text(body="my secret words"))
        shown.append("".join(traceback.format_exception(failure)))
    text = "".join(shown) + caplog.text + capsys.readouterr().out
    for secret in (ANA, CLINIC, "my secret words", telnyx.options.auth_token):
        assert secret not in text


async def test_a_text_is_fetched_as_it_stands(telnyx: StandIn, provider: TelnyxProvider) -> None:
    accepted = await provider.send_text(a_text())
    telnyx.store.move(telnyx.store.messages[accepted.provider_id], "delivery_failed", 40001)
    remote = await provider.fetch_text(accepted.provider_id)
    assert remote is not None
    assert (remote.to, remote.sender, remote.body) == (ANA, CLINIC, a_text().body)
    assert (remote.status, remote.provider_status, remote.error_code) == (Status.UNDELIVERED, "delivery_failed", "40001")
    assert await provider.fetch_text("no-such") is None


async def test_the_list_shows_both_directions_newest_first_with_their_words(telnyx: StandIn, provider: TelnyxProvider) -> None:
    since = datetime.now(UTC) - timedelta(seconds=5)
    for number in range(3):
        await provider.send_text(a_text(ANA, body=f"question {number}"))
    await provider.send_text(a_text(BEN))
    await telnyx.inbound(ANA, "I have chest pain")
    listed = await provider.list_texts(to=ANA, since=since)
    assert [(remote.body, remote.inbound) for remote in listed] == [(f"question {number}", False) for number in (2, 1, 0)]
    everything = await provider.list_texts(to=None, since=since)
    assert [remote.body for remote in everything if remote.inbound] == ["I have chest pain"]
    assert {remote.to for remote in everything} == {ANA, BEN, CLINIC}
    assert [remote.created_at for remote in everything] == sorted((remote.created_at for remote in everything), reverse=True)
    [patients] = await provider.list_texts(to=CLINIC, since=since)
    assert (patients.sender, patients.status, patients.inbound) == (ANA, Status.RECEIVED, True)


async def test_the_list_reads_page_after_page_up_to_its_limit(telnyx: StandIn, provider: TelnyxProvider) -> None:
    for number in range(120):
        await telnyx.inbound(ANA, f"text {number}")
    listed = await provider.list_texts(to=None, since=datetime.now(UTC) - timedelta(minutes=1), limit=200)
    assert [remote.body for remote in listed][:2] == ["text 119", "text 118"]
    assert len(listed) == 120
    assert len(await provider.list_texts(to=None, since=datetime.now(UTC) - timedelta(minutes=1), limit=70)) == 70


async def test_a_second_list_asks_only_for_what_may_have_changed(telnyx: StandIn, provider: TelnyxProvider) -> None:
    since = datetime.now(UTC) - timedelta(minutes=1)
    await telnyx.inbound(ANA, "hello")
    accepted = await provider.send_text(a_text())
    first = await provider.list_texts(to=None, since=since)
    asked = telnyx.fetches
    telnyx.store.move(telnyx.store.messages[accepted.provider_id], "delivered")
    second = await provider.list_texts(to=None, since=since)
    assert (asked, telnyx.fetches) == (2, 3)
    assert [remote.body for remote in second] == [remote.body for remote in first]
    assert [remote.status for remote in second if not remote.inbound] == [Status.DELIVERED]


async def test_what_is_too_young_for_the_records_is_missing_from_the_list(telnyx: StandIn, provider: TelnyxProvider) -> None:
    telnyx.options.records_lag_seconds = 60
    await provider.send_text(a_text())
    assert await provider.list_texts(to=ANA, since=datetime.now(UTC) - timedelta(minutes=5)) == []
    assert not provider.list_is_sure, "so that nobody concludes that it was never sent"


async def test_reading_that_fails_is_transient_and_a_refusal_permanent(telnyx: StandIn) -> None:
    since = datetime.now(UTC)
    stranger = make_telnyx(telnyx, api_key="another")
    with pytest.raises(PermanentFailure):
        await stranger.list_texts(to=ANA, since=since)
    with pytest.raises(PermanentFailure):
        await stranger.fetch_text("x")
    await stranger.close()
    nowhere = make_telnyx(telnyx, api_base="http://127.0.0.1:9")
    with pytest.raises(TransientFailure):
        await nowhere.list_texts(to=ANA, since=since)
    await nowhere.close()


@pytest.mark.parametrize("answer", [(502, "<html>"), (200, "no json"), (200, "[]"), (429, "")])
async def test_a_list_that_cannot_be_read_can_be_asked_for_again(answer: tuple[int, str]) -> None:
    async def take(request: web.Request) -> web.Response:
        return web.Response(status=answer[0], text=answer[1])

    async with _serving(take) as base:
        provider = TelnyxProvider(api_key="k", messaging_profile_id="p", public_base_url=PUBLIC, api_base=base)
        with pytest.raises(TransientFailure):
            await provider.list_texts(to=ANA, since=datetime.now(UTC))
        await provider.close()


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("mobile", Line.MOBILE),
        ("fixed line", Line.LANDLINE),
        ("voip", Line.VOIP),
        ("fixed line or mobile", Line.UNKNOWN),
        ("pager", Line.UNKNOWN),
    ],
)
async def test_what_kind_of_line_a_number_is(telnyx: StandIn, provider: TelnyxProvider, word: str, line: Line) -> None:
    as_directory: Directory = provider
    telnyx.options.lines[BEN] = word
    assert await as_directory.look_up(BEN) is line
    stranger = make_telnyx(telnyx, api_key="another")
    with pytest.raises(PermanentFailure):
        await stranger.look_up(BEN)
    await stranger.close()


class _serving:  # noqa: N801  # reads as a sentence
    """`async with _serving(handler) as base`: a server that answers everything with one handler."""

    def __init__(self, handler: Any) -> None:
        self._handler = handler

    async def __aenter__(self) -> str:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handler)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()
