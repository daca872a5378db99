"""SignalWire: every kind of request that we make, and the stand-in's answer to it, against its published OpenAPI file.

No package holds the file. It is published in the repository signalwire/docs on GitHub as fern/apis/compatibility/openapi.yaml
("Compatibility API", version 1.0.0); put it, or the paths that are named here with what they refer to, into
build/openapi/signalwire.yaml. Its paths have no suffix while the `uri` of its resources ends with .json, as what the library asks for
does; so both are held against it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

import pytest
import yaml
from aiohttp import web

from service.telephony.port import OutgoingCall, ProviderError
from service.telephony.signalwire import DIALECT
from service.telephony.twilio import TwilioProvider, TwilioTelephone
from service.telephony.twilio.statuses import our_call, ours
from tests.openapi.exchanges import Exchange, Kept
from tests.openapi.prism import excused, judging, patched
from tests.stand_in_twilio import Options, StandIn
from tests.stand_in_twilio.callbacks import Caller
from tests.stand_in_twilio.options import signalwire
from tests.stand_in_twilio.store import WebhookTry
from tests.unit.telephony.conftest import ANA, BEN, PUBLIC, a_text

ROOT = "/api/laml/2010-04-01"
ACCOUNT = "/Accounts/{AccountSid}"
PATHS = [f"{ACCOUNT}/Messages", f"{ACCOUNT}/Messages/{{Sid}}", f"{ACCOUNT}/Calls", f"{ACCOUNT}/Calls/{{Sid}}"]
READ_OF_A_TEXT = {"MessageSid", "AccountSid", "From", "To", "Body", "NumMedia", "MessageStatus", "ErrorCode"}
READ_OF_A_CALL = {"CallSid", "AccountSid", "CallStatus", "CallDuration"}
"""What the adapter reads in a status callback, besides AnsweredBy, which is described with machine detection alone."""


class Recorded(StandIn):
    """The stand-in, with what went over the wire both ways."""

    def __init__(self) -> None:
        super().__init__(signalwire())
        self.options.callbacks = ["initiated", "sent", "delivered"]
        self.options.step_seconds = 0.001
        self.kept = Kept((ROOT,))
        self.called: list[tuple[str, dict[str, str]]] = []
        self._caller = self.calls._caller = Noting(self.options, self)

    def app(self) -> web.Application:
        return self.kept.of(super().app())


class Noting(Caller):
    """Notes each webhook and delivers none."""

    def __init__(self, options: Options, whole: Recorded) -> None:
        super().__init__(options, whole.store)
        self._whole = whole

    async def call(self, url: str, form: Any, *, sid: str, kind: str, fallback: str = "") -> WebhookTry:
        self._whole.called.append((kind, dict(form)))
        return WebhookTry(sid, kind, url, 200, "<Response/>")


@pytest.fixture(scope="session")
def published(fetched: Path) -> dict[str, Any]:
    """The published file. Skipped unless somebody has put it there."""
    file = fetched / "signalwire.yaml"
    if not file.exists():
        pytest.skip(f"put fern/apis/compatibility/openapi.yaml of the repository signalwire/docs (GitHub) at {file}")
    document: dict[str, Any] = yaml.load(file.read_text(encoding="utf-8"), yaml.CSafeLoader)
    return document


async def test_requests_and_answers_hold_against_the_published_file(
    fetched: Path, published: dict[str, Any], tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    carrier = await _everything_we_ask()
    document = tmp_path / "signalwire.json"
    document.write_text(json.dumps(_strict(published, tmp_path)))
    against: dict[str, list[str]] = {}
    counted: Counter[str] = Counter()
    waived: Counter[str] = Counter()
    async with judging(fetched / "node_modules/.bin/prism", document) as judge:
        for number, exchange in enumerate(carrier.kept.seen):
            kind = f"{exchange.method} {_template(exchange)} {exchange.status}"
            counted[kind] += 1
            found = [*await judge.violations(exchange), *_unknown_names(published, exchange)]
            excuses = {one: excused(exchange, one) or _nullable(exchange, one) for one in found}
            waived.update(excuse for excuse in excuses.values() if excuse)
            if left := [one for one, excuse in excuses.items() if not excuse]:
                against[f"{number} {kind}"] = left
        wrong = Exchange("POST", carrier.kept.seen[0].path, carrier.kept.seen[0].headers, b"Body=x&TimeLimit=9", 201, {}, b'{"sid": 5}')
        assert len(await judge.violations(wrong)) >= 2, "a wrong exchange is seen as one"
        assert _unknown_names(published, wrong) == ["request.body.TimeLimit: unknown"]
    record_property("exchanges", dict(counted))
    print(f"\n{len(carrier.kept.seen)} exchanges, {len(against)} with violations; waived: {dict(waived)}")
    print("\n".join(f"{number:3} {kind}" for kind, number in counted.items()))
    assert not against, json.dumps(against, indent=1)


async def test_webhooks_have_the_published_fields(published: dict[str, Any]) -> None:
    """The stand-in's status of a text is exactly the published one; of a call's (with its figures on sound) we read what is published."""
    carrier = await _everything_we_ask()
    text, call = _webhook(published, "smsStatusCallback"), _webhook(published, "voiceStatusCallback")
    told = [form for kind, form in carrier.called if kind == "status"]
    assert {form["MessageStatus"] for form in told} == {"initiated", "sent", "delivered"}
    for form in told:
        assert set(text["required"]) <= form.keys() <= text["properties"].keys()
    assert set(text["properties"]) >= READ_OF_A_TEXT
    assert set(call["properties"]) >= READ_OF_A_CALL
    calls = [form for kind, form in carrier.called if kind == "call_status"]
    assert {form["CallStatus"] for form in calls} == {"in-progress", "completed"}


def test_every_word_that_the_file_knows_for_a_status_is_known(published: dict[str, Any]) -> None:
    schemas = published["components"]["schemas"]
    assert [word for word in schemas["MessageStatus"]["enum"] if ours(word) is None] == []
    assert [word for word in schemas["CallStatus"]["enum"] if our_call(word) is None] == []


def test_every_id_of_the_file_is_one_to_the_adapter(published: dict[str, Any]) -> None:
    for name, pattern in (("Message", DIALECT.message_id), ("Call", DIALECT.call_id)):
        fields = published["components"]["schemas"][name]["properties"]
        assert (fields["sid"]["format"], fields["account_sid"]["format"]) == ("uuid", "uuid")
        assert pattern.fullmatch(str(uuid4()))


async def _everything_we_ask() -> Recorded:
    """All that the adapters can ask of SignalWire, in good and bad cases."""
    async with Recorded().running() as carrier:
        options = carrier.options
        told: dict[str, Any] = {
            "account_sid": options.account_sid,
            "auth_token": options.auth_token,
            "public_base_url": PUBLIC,
            "api_base": carrier.url,
            "dialect": DIALECT,
        }
        provider = TwilioProvider(sender=options.numbers[0], **told)
        telephone = TwilioTelephone(sender=options.numbers[0], **told)
        later = TwilioTelephone(sender=options.numbers[0], asks_first=False, **told)
        since = datetime.now(UTC) - timedelta(hours=1)
        sent = await provider.send_text(a_text(ANA, body="¿Cuánto pesa hoy? 100% & a+b=c; €, 👍\nsecond line", validity_seconds=7200))
        early = await provider.send_text(a_text(ANA, sender=next(iter(options.services))))
        with pytest.raises(ProviderError):
            await provider.redact_text(early.provider_id)
        await carrier.settled()
        await carrier.inbound(ANA, "183.4")
        await carrier.inbound(BEN, "STOP")
        for refused in (a_text(BEN), a_text("+15005550001"), a_text("+15005550009")):
            with pytest.raises(ProviderError):
                await provider.send_text(refused)
        await provider.fetch_text(sent.provider_id)
        await provider.fetch_text(str(uuid4()))
        await provider.list_texts(to=ANA, since=since)
        await provider.list_texts(to=None, since=since)
        stream = await provider._client.messages.stream_async(page_size=2)
        assert len([message async for message in stream]) == 5
        await provider.redact_text(sent.provider_id)
        placed = await telephone.place_call(OutgoingCall(uuid4(), ANA, clinic_number="+12025550198"))
        await later.place_call(OutgoingCall(uuid4(), ANA, clinic_number="+12025550198"))
        with pytest.raises(ProviderError):
            await telephone.place_call(OutgoingCall(uuid4(), ANA, sender="+12025550177"))
        await telephone.fetch_call(placed.provider_id)
        await telephone.fetch_call(str(uuid4()))
        await telephone.list_calls(to=ANA, since=since)
        await telephone.list_calls(to=options.numbers[0], since=since, inbound=True)
        await carrier.calls.placed[0].pick_up()
        carrier.calls.placed[1].status = "in-progress"
        assert await telephone.go_on(carrier.calls.placed[1].sid, uuid4(), 3)
        await carrier.calls.placed[1].settled()
        assert not await telephone.go_on(placed.provider_id, uuid4(), 3)
        carrier.options.auth_token = "another"
        with pytest.raises(ProviderError):
            await provider.send_text(a_text())
        for each in (provider, telephone, later):
            await each.close()
        return carrier


def _nullable(exchange: Exchange, violation: str) -> str:
    """A field that the file calls nullable beside an enumeration without null, which to Prism allows none."""
    nobody = "answered_by must be equal to one of" in violation and b'"answered_by": null' in exchange.answer
    return "nullable in the file" if nobody else ""


def _strict(published: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The file with our paths alone, as they are asked for, and without leave for a field that it does not name."""
    published = deepcopy(published)
    bare, schemas = folder / "bare.json", published["components"]["schemas"]
    for operations in (published["paths"][path] for path in PATHS):
        for operation in operations.values():
            for media in operation.get("requestBody", {}).get("content", {}).values():
                media["schema"] = schemas[media["schema"]["$ref"].rpartition("/")[2]] if "$ref" in media["schema"] else media["schema"]
    for schema in _objects(schemas):
        schema["additionalProperties"] = False
    bare.write_text(json.dumps(published))
    whole = patched({bare: PATHS})
    asked = {f"{path}.json": operations for path, operations in whole["paths"].items()}
    pages = {path: operations for path, operations in whole["paths"].items() if "{Sid}" not in path}
    whole["paths"] = {f"{ROOT}{path}": operations for path, operations in (asked | pages).items()}
    whole.pop("webhooks", None)
    whole["servers"] = [{"url": "/"}]
    return whole


def _objects(found: Any) -> Iterator[dict[str, Any]]:
    if isinstance(found, dict):
        if found.get("type") == "object" and "properties" in found:
            yield found
        for inner in found.values():
            yield from _objects(inner)


def _unknown_names(published: dict[str, Any], exchange: Exchange) -> list[str]:
    """Names in the query or the form that the file has not; Prism lets them pass."""
    operation = published["paths"][_template(exchange)][exchange.method.lower()]
    in_query = {one["name"] for one in operation["parameters"] if one.get("in") == "query"}
    found = [f"request.query.{name}: unknown" for name, _ in parse_qsl(urlsplit(exchange.path).query) if name not in in_query]
    if "requestBody" not in operation:
        return found
    schema = operation["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]["$ref"].rpartition("/")[2]
    in_form = published["components"]["schemas"][schema]["properties"]
    return found + [f"request.body.{name}: unknown" for name, _ in parse_qsl(exchange.body.decode()) if name not in in_form]


def _webhook(published: dict[str, Any], name: str) -> dict[str, Any]:
    content: dict[str, Any] = published["webhooks"][name]["post"]["requestBody"]["content"]["application/json"]["schema"]
    return content


def _template(exchange: Exchange) -> str:
    parts = urlsplit(exchange.path).path.removeprefix(ROOT).removesuffix(".json").split("/")
    return "/".join([ACCOUNT, parts[3], "{Sid}"] if len(parts) > 4 else [ACCOUNT, parts[3]])
