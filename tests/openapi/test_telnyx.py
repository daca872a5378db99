"""Telnyx: every kind of request that we make, the stand-in's answers, and its webhooks, against the types of Telnyx's own library.

The library is generated from Telnyx's OpenAPI file, which itself is in no package. It is used here and nowhere else.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Required, get_args, get_origin, get_type_hints
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

import pytest
from aiohttp import web
from pydantic import TypeAdapter, create_model

from service.telephony.port import OutgoingCall, ProviderError
from service.telephony.telnyx import TelnyxProvider, TelnyxTelephone
from tests.openapi.exchanges import Exchange, Kept
from tests.stand_in_telnyx import Options, StandIn, messages
from tests.stand_in_telnyx.signing import signed
from tests.stand_in_twilio.store import Message
from tests.unit.telephony.conftest import ANA, BEN, PUBLIC, a_text

TYPES = "telnyx.types"
CALLS = f"{TYPES}.texml.accounts"


class Recorded(StandIn):
    """The stand-in, with what went over the wire."""

    def __init__(self) -> None:
        super().__init__(Options(callbacks=[]))
        self.kept = Kept(("/v2/",))

    def app(self) -> web.Application:
        return self.kept.of(super().app())


@pytest.fixture
def library(fetched: Path) -> Iterator[Callable[[str, str], Any]]:
    """(module, name) -> what Telnyx's library calls so."""
    if not (fetched / "python" / "telnyx").exists():
        pytest.skip("opt-in: run `make openapi`")
    with _importable(fetched / "python"):
        yield lambda module, name: getattr(importlib.import_module(module), name)


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    sys.path.append(str(folder))  # last: what the project has itself comes first
    try:
        yield
    finally:
        sys.path.remove(str(folder))


async def test_requests_and_answers_hold_against_the_types_of_telnyxs_library(
    library: Callable[[str, str], Any], record_property: Callable[[str, object], None]
) -> None:
    counted: Counter[str] = Counter()
    against: list[str] = []
    undocumented: Counter[str] = Counter()
    for exchange in await _everything_we_ask():
        path = urlsplit(exchange.path).path
        kind = _kind(exchange.method, path)
        counted[f"{kind} {exchange.status}"] += 1
        asked, answered = _published(kind, library)
        against += [f"{kind} request: {wrong}" for wrong in _wrong_request(exchange, asked)]
        if exchange.status < 400:
            model = TypeAdapter(answered).validate_json(exchange.answer)
            undocumented.update(f"{kind} answer: {name}" for name in _extras(model))
        else:
            library(f"{TYPES}.messaging_error_0b38e7044b", "MessagingError0b38e7044b").model_validate(
                json.loads(exchange.answer)["errors"][0]
            )
    record_property("exchanges", dict(counted))
    print(f"\n{sum(counted.values())} exchanges, {len(against)} wrong requests; fields without a type: {dict(undocumented)}")
    print("\n".join(f"{number:3} {kind}" for kind, number in counted.items()))
    assert not against
    assert not undocumented


@pytest.mark.parametrize("status", ["queued", "sending", "sent", "delivered", "sending_failed", "delivery_failed", "delivery_unconfirmed"])
def test_status_webhooks_hold_against_the_types(library: Callable[[str, str], Any], status: str) -> None:
    options = Options()
    message = _a_message("outbound-api", status)
    payload = messages.payload(message, options, status, 40001 if "failed" in status else None)
    document = {"data": messages.event("message.finalized", payload, message.created), "meta": {"attempt": 1, "delivered_to": PUBLIC}}
    event = library(f"{TYPES}.delivery_update_webhook_event", "DeliveryUpdateWebhookEvent").model_validate(document)
    assert _extras(event) == []
    assert event.data.payload.to[0].status == status


@pytest.mark.parametrize("media", [0, 2])
def test_inbound_webhooks_hold_against_the_types(library: Callable[[str, str], Any], media: int) -> None:
    message = _a_message("inbound", "received", media)
    document = {"data": messages.event("message.received", messages.payload(message, Options()), message.created)}
    event = library(f"{TYPES}.inbound_message_webhook_event", "InboundMessageWebhookEvent").model_validate(document)
    assert _extras(event) == []
    assert event.data.payload.text == "Hello"


def test_telnyxs_own_verifier_takes_the_stand_ins_signature_and_no_other(library: Callable[[str, str], Any]) -> None:
    verify = library("telnyx.lib.webhook_verification", "verify_webhook_signature")
    refused = library("telnyx.lib.webhook_verification", "WebhookVerificationError")
    options, body, now = Options(), b'{"data": {}}', int(datetime.now(UTC).timestamp())
    verify(body, signed(options.private_key, now, body), options.public_key)
    for headers, given in (
        (signed(options.private_key, now, body), body + b" "),
        (signed(options.private_key, now - 301, body), body),
        (signed(Options(seed=b"\x01" * 32).private_key, now, body), body),
    ):
        with pytest.raises(refused):
            verify(given, headers, options.public_key)


async def _everything_we_ask() -> list[Exchange]:
    """All that the adapters can ask of Telnyx, in good and bad cases."""
    async with Recorded().running() as telnyx:
        options = telnyx.options
        told: dict[str, Any] = {
            "api_key": options.auth_token,
            "public_base_url": PUBLIC,
            "api_base": telnyx.url,
            "sender": options.numbers[0],
        }
        provider = TelnyxProvider(messaging_profile_id=options.messaging_profile_id, **told)
        calls: dict[str, Any] = {"account_sid": options.account_sid, "application_id": options.application_id}
        telephone, later = TelnyxTelephone(**calls, **told), TelnyxTelephone(**calls, **told, asks_first=False)
        since = datetime.now(UTC) - timedelta(hours=1)
        sent = await provider.send_text(a_text(ANA, body="¿Cuánto pesa hoy? €, 👍\nsecond line"))
        await telnyx.inbound(ANA, "183.4", media=1)
        await telnyx.inbound(BEN, "STOP")
        for refused in (a_text(BEN), a_text("12025550101"), a_text(sender="+12025550177")):
            with pytest.raises(ProviderError):
                await provider.send_text(refused)
        await provider.fetch_text(sent.provider_id)
        await provider.fetch_text(messages.new_id())
        await provider.list_texts(to=ANA, since=since)
        await provider.list_texts(to=None, since=since)
        await provider.look_up(ANA)
        placed = await telephone.place_call(OutgoingCall(uuid4(), ANA, clinic_number="+12025550198"))
        await later.place_call(OutgoingCall(uuid4(), ANA, clinic_number="+12025550198"))
        await telephone.fetch_call(placed.provider_id)
        await telephone.list_calls(to=ANA, since=since)
        telnyx.calls.placed[0].status = "in-progress"
        assert await telephone.go_on(placed.provider_id, uuid4(), 3)
        with pytest.raises(AssertionError, match="answered None"):
            await telnyx.calls.placed[0].settled()  # the address is nobody's
        for each in (provider, telephone, later):
            await each.close()
        return telnyx.kept.seen


def _published(kind: str, library: Callable[[str, str], Any]) -> tuple[list[Any], Any]:
    """The types of a request (its parameters may be spread over several) and of its answer."""
    call = library(f"{CALLS}.call_resource", "CallResource")
    listed = library(f"{CALLS}.call_retrieve_calls_response", "CallRetrieveCallsResponse")
    record = library(f"{TYPES}.detail_record_list_response", "MessageDetailRecord")
    # The short way to place a call takes the parameters of the long one: Telnyx's guide to machine detection shows it.
    placing = [library(f"{TYPES}.texml.call_create_params", "CallCreateParams"), library(f"{CALLS}.call_calls_params", "BodyWithURL")]
    return {
        "POST messages": (
            [library(f"{TYPES}.message_send_params", "MessageSendParams")],
            library(f"{TYPES}.message_send_response", "MessageSendResponse"),
        ),
        "GET messages/id": ([], library(f"{TYPES}.message_retrieve_response", "MessageRetrieveResponse")),
        "GET detail_records": ([library(f"{TYPES}.detail_record_list_params", "DetailRecordListParams")], _page_of(record)),
        "GET number_lookup/id": (
            [library(f"{TYPES}.number_lookup_retrieve_params", "NumberLookupRetrieveParams")],
            library(f"{TYPES}.number_lookup_retrieve_response", "NumberLookupRetrieveResponse"),
        ),
        "POST texml/calls/id": (placing, library(f"{TYPES}.texml.call_create_response", "CallCreateResponse")),
        "GET Calls": ([library(f"{CALLS}.call_retrieve_calls_params", "CallRetrieveCallsParams")], listed),
        "GET Calls/id": ([], call),
        "POST Calls/id": ([library(f"{CALLS}.call_update_params", "CallUpdateParams")], call),
    }[kind]


def _page_of(record: Any) -> Any:
    return create_model("Page", data=(list[record], ...), meta=(dict[str, int], ...))


def _kind(method: str, path: str) -> str:
    parts = path.removeprefix("/v2/").split("/")
    if parts[:2] == ["texml", "Accounts"]:
        parts = parts[3:]
    parts = [part if part.replace("_", "").isalpha() else "id" for part in parts]
    return f"{method} {'/'.join(parts)}"


def _wrong_request(exchange: Exchange, types: list[Any]) -> list[str]:
    """What a request holds that no published type knows, or in another shape."""
    known: dict[str, Any] = {}
    for each in types:
        hints = get_type_hints(each, include_extras=True)
        known |= {_alias(name, hint): hint for name, hint in hints.items()}
    wrong = []
    for name, value in _given(exchange):
        base = name.partition("[")[0]
        if name not in known and base not in known:
            wrong.append(f"{name} is not published")
        elif name in known:
            TypeAdapter(_bare(known[name])).validate_python(value)
    return wrong


def _given(exchange: Exchange) -> list[tuple[str, Any]]:
    query = parse_qsl(urlsplit(exchange.path).query)
    if not exchange.body:  # in a query one value of a list is written as itself: sort=-created_at, as in Telnyx's own example
        return [(name, [value] if name == "sort" else value) for name, value in query]
    if exchange.headers.get("Content-Type") == "application/json":
        return [*query, *json.loads(exchange.body).items()]
    return [*query, *parse_qsl(exchange.body.decode())]


def _alias(name: str, hint: Any) -> str:
    """The name on the wire: beside the type stands how it is written."""
    for part in get_args(hint):
        alias = getattr(part, "alias", None) or next((a for inner in get_args(part) if (a := getattr(inner, "alias", None))), None)
        if alias:
            return str(alias)
    return name


def _bare(hint: Any) -> Any:
    """The type itself, without how it is written and that it must be there."""
    while get_origin(hint) in (Annotated, Required):
        hint = get_args(hint)[0]
    return hint


def _extras(value: Any, path: str = "") -> list[str]:
    """Fields that no type describes, however deep."""
    if isinstance(value, list):
        return [found for part in value for found in _extras(part, path)]
    if isinstance(value, dict):
        return [found for name, part in value.items() for found in _extras(part, f"{path}.{name}")]
    if not hasattr(value, "model_fields_set"):
        return []
    extra = [f"{path}.{name}" for name in (value.model_extra or {})]
    return extra + [found for name in type(value).model_fields for found in _extras(getattr(value, name), f"{path}.{name}")]


def _a_message(direction: str, status: str, media: int = 0) -> Message:
    return Message(messages.new_id(), ANA, "+12025550190", "Hello", direction, status, 1_800_000_000.0, sent=1_800_000_001.0, media=media)
