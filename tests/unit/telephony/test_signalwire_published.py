"""What we ask of SignalWire and read in its answers, held against what it publishes: parameters, statuses, types, error codes.

Source: the OpenAPI file "Compatibility API" 1.0.0 of SignalWire's documentation and its page "Error codes", as of November 2026.
`make openapi` holds whole requests and answers against the file.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

import pytest
from aiohttp import web

from service.domain.call import CallStatus
from service.domain.communication import Status
from service.telephony.meaning import Kind
from service.telephony.port import OutgoingCall, PermanentFailure, TransientFailure, UnknownOutcome, Webhooks
from service.telephony.signalwire import DIALECT
from service.telephony.twilio import TwilioProvider, TwilioTelephone
from service.telephony.twilio.statuses import our_call, ours
from tests.openapi.exchanges import Exchange, Kept
from tests.stand_in_twilio import StandIn
from tests.stand_in_twilio.options import signalwire
from tests.unit.telephony.conftest import ANA, PUBLIC, a_text
from tests.unit.telephony.test_twilio_codes import EFFECTS

OF_A_TEXT = (
    "To From Body MediaUrl SendAsMms ApplicationSid MaxPrice StatusCallback ValidityPeriod MessagingServiceSid"  # "To" is required
).split()
OF_A_CALL = (
    "To From Url ApplicationSid Method FallbackUrl FallbackMethod StatusCallback StatusCallbackMethod StatusCallbackEvent CallerId "
    "SendDigits Timeout MachineDetection MachineDetectionTimeout MachineDetectionSpeechThreshold MachineDetectionSpeechEndThreshold "
    "MachineDetectionSilenceTimeout MachineWordsThreshold AsyncAmd AsyncAmdStatusCallback AsyncAmdStatusCallbackMethod "
    "AsyncAmdPartialResults Record RecordingChannels RecordingTrack RecordingStatusCallback RecordingStatusCallbackMethod "
    "RecordingStatusCallbackEvent Trim SipAuthUsername SipAuthPassword MaxPricePerMinute"
).split()
OF_A_LIST = {
    "Messages": "DateSent DateSent< DateSent> From To Status Page PageSize PageToken".split(),
    "Calls": "EndTime EndTime< EndTime> From ParentCallSid StartTime StartTime< StartTime> Status To Page PageSize PageToken".split(),
}
TEXT_STATUSES = "queued initiated sending sent failed delivered undelivered receiving received".split()
CALL_STATUSES = "queued initiated ringing in-progress canceled completed busy failed no-answer".split()
TEXT_AND_CALL_CODES = {
    *(4001, 10000, 10001, 11751, 20001, 20003, 20010, 20404, 20429, 20504, 21205, 21208, 21209, 21210, 21211, 21212, 21213, 21217, 21218),
    *(21219, 21220, 21234, 21262, 21402, 21408, 21456, 21481, 21601, 21602, 21603, 21604, 21606, 21610, 21611, 21612, 21614, 21617, 21620),
    *(21623, 21624, 21626, 21701, 21703, 21705, 21717, 30001, 30002, 30003, 30004, 30005, 30006, 30007, 30008, 30009, 30010, 30022, 30027),
    *(31003, 35125, 50509, 54453, 54454, 63011, 63019, 90000),
}
"""Of the published codes those that a text, a call or a list of them can bring."""


class Recorded(StandIn):
    """The stand-in, with what went over the wire."""

    def __init__(self) -> None:
        super().__init__(signalwire())
        self.options.callbacks = []
        self.kept = Kept(("/api/laml/",))

    def app(self) -> web.Application:
        return self.kept.of(super().app())

    @property
    def asked(self) -> Exchange:
        return self.kept.seen[-1]

    def told(self, **more: object) -> dict[str, object]:
        options = self.options
        account = {"account_sid": options.account_sid, "auth_token": options.auth_token, "sender": options.numbers[0]}
        return account | {"public_base_url": PUBLIC, "api_base": self.url, "dialect": DIALECT} | more


@pytest.fixture
async def carrier() -> AsyncIterator[Recorded]:
    async with Recorded().running() as stand_in:
        yield stand_in


@pytest.fixture
async def provider(carrier: Recorded) -> AsyncIterator[TwilioProvider]:
    made = TwilioProvider(**carrier.told())  # type: ignore[arg-type]
    yield made
    await made.close()


@pytest.fixture
async def telephone(carrier: Recorded) -> AsyncIterator[TwilioTelephone]:
    made = TwilioTelephone(**carrier.told())  # type: ignore[arg-type]
    yield made
    await made.close()


def form_of(asked: Exchange) -> dict[str, str]:
    return dict(parse_qsl(asked.body.decode(), strict_parsing=True))


async def test_a_text_is_asked_for_with_published_parameters_alone(carrier: Recorded, provider: TwilioProvider) -> None:
    await provider.send_text(a_text(ANA, validity_seconds=7200))
    form = form_of(carrier.asked)
    assert form.keys() == {"To", "From", "Body", "StatusCallback", "ValidityPeriod"}
    assert form.keys() <= set(OF_A_TEXT)
    assert 1 <= int(form["ValidityPeriod"]) <= 172_800
    await provider.send_text(a_text(ANA, sender=next(iter(carrier.options.services))))
    assert form_of(carrier.asked).keys() == {"To", "MessagingServiceSid", "Body", "StatusCallback"}


@pytest.mark.parametrize("webhooks", list(Webhooks))
@pytest.mark.parametrize("asks_first", [True, False])
async def test_a_call_is_asked_for_with_published_parameters_alone(carrier: Recorded, webhooks: Webhooks, asks_first: bool) -> None:
    telephone = TwilioTelephone(**carrier.told(asks_first=asks_first))  # type: ignore[arg-type]
    await telephone.place_call(OutgoingCall(uuid4(), ANA, clinic_number="+12025550198", webhooks=webhooks))
    form = form_of(carrier.asked)
    assert form.keys() >= {"To", "From", "Url", "FallbackUrl", "StatusCallback"}
    assert form.keys() <= set(OF_A_CALL), "TimeLimit is none of them"
    assert form["MachineDetection"] in ("Enable", "DetectMessageEnd", "none")
    assert 1 <= int(form["Timeout"]) <= 600
    assert 1 <= int(form["MachineDetectionTimeout"]) <= 120
    events = [value for name, value in parse_qsl(carrier.asked.body.decode()) if name == "StatusCallbackEvent"]
    assert set(events) <= {"initiated", "ringing", "answered", "completed"}
    assert form.get("AsyncAmd", "false") in ("true", "false")
    await telephone.close()


async def test_no_webhook_carries_twilios_overrides(carrier: Recorded, provider: TwilioProvider, telephone: TwilioTelephone) -> None:
    """SignalWire has no such thing, and may sign the address with what stands behind #."""
    await provider.send_text(a_text(ANA))
    asked = [form_of(carrier.asked)]
    placed = await telephone.place_call(OutgoingCall(uuid4(), ANA))
    asked.append(form_of(carrier.asked))
    carrier.calls.placed[0].status = "in-progress"
    assert await telephone.go_on(placed.provider_id, uuid4(), 3)
    asked.append(form_of(carrier.asked))
    with pytest.raises(AssertionError, match="answered None"):
        await carrier.calls.placed[0].settled()  # the address is nobody's
    addresses = [value for form in asked for value in form.values() if value.startswith("https://")]
    assert len(addresses) == 5
    assert not [address for address in addresses if urlsplit(address).fragment]


async def test_lists_are_asked_for_with_published_parameters_alone(
    carrier: Recorded, provider: TwilioProvider, telephone: TwilioTelephone
) -> None:
    since = datetime.now(UTC) - timedelta(hours=1)
    await provider.list_texts(to=ANA, since=since)
    assert dict(parse_qsl(urlsplit(carrier.asked.path).query)).keys() == {"To", "PageSize"} < set(OF_A_LIST["Messages"])
    await telephone.list_calls(to=ANA, since=since)
    assert dict(parse_qsl(urlsplit(carrier.asked.path).query)).keys() == {"To", "PageSize"} < set(OF_A_LIST["Calls"])


async def test_the_next_page_is_the_one_that_the_answer_names(carrier: Recorded, provider: TwilioProvider) -> None:
    for number in range(5):
        await carrier.inbound(ANA, str(number))
    listed = await provider.list_texts(to=None, since=datetime.now(UTC) - timedelta(hours=1), limit=2)
    assert len(listed) == 2
    carrier.kept.seen.clear()
    stream = await provider._client.messages.stream_async(page_size=2)
    assert len([message async for message in stream]) == 5
    paths = [urlsplit(one.path).path.rpartition("/")[2] for one in carrier.kept.seen]
    assert paths == ["Messages.json", "Messages", "Messages"]


@pytest.mark.parametrize("word", TEXT_STATUSES)
def test_every_status_of_a_text_is_known(word: str) -> None:
    assert ours(word) is not None


@pytest.mark.parametrize("word", CALL_STATUSES)
def test_every_status_of_a_call_is_known(word: str) -> None:
    assert our_call(word) is not None


def test_a_text_on_its_way_is_neither_a_success_nor_a_failure() -> None:
    assert ours("initiated") is Status.ACCEPTED
    assert ours("a word of tomorrow") is None


async def test_counts_that_are_numbers_and_ids_that_are_uuids_are_read(carrier: Recorded, provider: TwilioProvider) -> None:
    accepted = await provider.send_text(a_text(ANA))
    shown = json.loads(carrier.asked.answer)
    assert (shown["num_segments"], shown["num_media"]) == (1, 0)
    assert (accepted.segments, accepted.provider_id) == (1, shown["sid"])
    message = carrier.store.messages[accepted.provider_id]
    carrier.store.move(message, "undelivered", 30005)
    found = await provider.fetch_text(accepted.provider_id)
    assert json.loads(carrier.asked.answer)["error_code"] == "30005"
    assert found is not None
    assert (found.status, found.error_code) == (Status.UNDELIVERED, "30005")


async def test_a_call_that_has_not_begun_stands_in_the_list(carrier: Recorded, telephone: TwilioTelephone) -> None:
    placed = await telephone.place_call(OutgoingCall(uuid4(), ANA))
    [found] = await telephone.list_calls(to=ANA, since=datetime.now(UTC) - timedelta(minutes=5))
    [shown] = json.loads(carrier.asked.answer)["calls"]
    assert (shown["start_time"], shown["direction"]) == (None, "outbound")
    assert (found.provider_id, found.status, found.inbound) == (placed.provider_id, CallStatus.PLACED, False)


async def test_the_list_of_calls_goes_over_pages_and_ends_with_what_is_old(carrier: Recorded, telephone: TwilioTelephone) -> None:
    for _ in range(130):
        await telephone.place_call(OutgoingCall(uuid4(), ANA))
    now = datetime.now(UTC)
    for number, call in enumerate(carrier.calls.placed):
        call.created = now - timedelta(hours=130 - number)
    carrier.kept.seen.clear()
    listed = await telephone.list_calls(to=ANA, since=now - timedelta(hours=60), limit=1000)
    assert [call.provider_id for call in listed] == [call.sid for call in reversed(carrier.calls.placed)][: len(listed)]
    assert len(listed) in (59, 60), "an hour of rounding"
    assert [urlsplit(one.path).path.rpartition("/")[2] for one in carrier.kept.seen] == ["Calls.json", "Calls"], "the third page is too old"
    assert len(await telephone.list_calls(to=ANA, since=now - timedelta(days=30), limit=120)) == 120


async def test_a_call_that_is_refused_with_a_list_of_errors_says_what_follows(carrier: Recorded) -> None:
    telephone = TwilioTelephone(**carrier.told(sender="+12025550177"))  # type: ignore[arg-type]
    with pytest.raises(PermanentFailure) as refused:
        await telephone.place_call(OutgoingCall(uuid4(), ANA))
    assert json.loads(carrier.asked.answer)["errors"][0]["code"] == "21210"
    assert (refused.value.code, refused.value.effect) == ("21210", "configuration")
    await telephone.close()


async def test_a_text_that_is_still_under_way_is_emptied_later(carrier: Recorded, provider: TwilioProvider) -> None:
    accepted = await provider.send_text(a_text(ANA))
    with pytest.raises(TransientFailure) as early:
        await provider.redact_text(accepted.provider_id)
    assert json.loads(carrier.asked.answer)["code"] == 10000
    assert form_of_empty(carrier.asked) == {"Body": ""}
    assert (early.value.code, early.value.retry_after_seconds) == ("10000", 60.0)
    carrier.store.move(carrier.store.messages[accepted.provider_id], "delivered")
    await provider.redact_text(accepted.provider_id)
    assert carrier.store.messages[accepted.provider_id].body == ""


def form_of_empty(asked: Exchange) -> dict[str, str]:
    return dict(parse_qsl(asked.body.decode(), keep_blank_values=True))


async def test_a_call_that_is_over_is_not_sent_on(carrier: Recorded, telephone: TwilioTelephone) -> None:
    placed = await telephone.place_call(OutgoingCall(uuid4(), ANA))
    carrier.calls.placed[0].status = "completed"
    assert not await telephone.go_on(placed.provider_id, uuid4(), 3)
    assert json.loads(carrier.asked.answer)["code"] == 10000


def test_every_published_code_of_texts_and_calls_is_known_and_no_other() -> None:
    assert DIALECT.codes.keys() == TEXT_AND_CALL_CODES


@pytest.mark.parametrize("code", sorted(DIALECT.codes))
def test_every_code_has_a_known_effect_and_plain_words(code: int) -> None:
    meaning = DIALECT.codes[code]
    assert meaning.effect in EFFECTS
    assert meaning.words[0].islower()
    assert meaning.effect == "" or meaning.kind is Kind.PERMANENT


@pytest.mark.parametrize(
    ("code", "effect"),
    [
        *[(21606, "not_mobile"), (21612, "content"), (30001, "validity_over"), (30009, "validity_over"), (21408, "configuration")],
        *[(21610, "opted_out"), (21211, "invalid_number"), (30005, "recycled"), (30007, "filtered"), (10000, ""), (21603, "")],
    ],
)
def test_a_code_means_what_signalwire_says_and_not_what_twilio_says(code: int, effect: str) -> None:
    failure = DIALECT.failure(str(code), 400)
    assert isinstance(failure, PermanentFailure)
    assert failure.effect == effect


@pytest.mark.parametrize("code", [20001, 20504, 31003])
def test_an_error_that_is_not_explained_is_an_unknown_outcome(code: int) -> None:
    assert isinstance(DIALECT.failure(code, 400), UnknownOutcome)
