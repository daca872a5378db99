"""Twilio: every kind of request that we make, and the stand-in's answer to it, against Twilio's published OpenAPI file."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiohttp import web

from service.telephony.port import OutgoingCall, ProviderError
from service.telephony.twilio import TwilioProvider, TwilioTelephone
from tests.openapi.exchanges import Exchange, Kept
from tests.openapi.prism import excused, judging, patched
from tests.stand_in_twilio import Options, StandIn
from tests.unit.telephony.conftest import ANA, BEN, PUBLIC, a_text

ACCOUNT = "/2010-04-01/Accounts/{AccountSid}"
PATHS = [f"{ACCOUNT}/Messages.json", f"{ACCOUNT}/Messages/{{Sid}}.json", f"{ACCOUNT}/Calls.json", f"{ACCOUNT}/Calls/{{Sid}}.json"]

LOOKUP = "/v2/PhoneNumbers/{PhoneNumber}"


class Recorded(StandIn):
    """The stand-in, with what went over the wire."""

    def __init__(self) -> None:
        super().__init__(Options(callbacks=[]))
        self.kept = Kept(("/2010-04-01/", "/v2/"))

    def app(self) -> web.Application:
        return self.kept.of(super().app())


async def test_requests_and_answers_hold_against_the_published_file(
    fetched: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    exchanges = await _everything_we_ask()
    document = tmp_path / "twilio.json"
    published = fetched / "package/src/services/twilio-api"
    document.write_text(json.dumps(patched({published / "twilio_api_v2010.json": PATHS, published / "twilio_lookups_v2.json": [LOOKUP]})))
    against: dict[str, list[str]] = {}
    counted: Counter[str] = Counter()
    waived: Counter[str] = Counter()
    async with judging(fetched / "node_modules/.bin/prism", document) as judge:
        for number, exchange in enumerate(exchanges):
            kind = f"{exchange.method} {_template(exchange)} {exchange.status}"
            counted[kind] += 1
            found = await judge.violations(exchange)
            waived.update(excused(exchange, one) for one in found if excused(exchange, one))
            if left := [one for one in found if not excused(exchange, one)]:
                against[f"{number} {kind}"] = left
        wrong = Exchange("POST", exchanges[0].path, exchanges[0].headers, b"Body=x", 201, exchanges[0].answer_headers, b'{"sid": 5}')
        assert len(await judge.violations(wrong)) >= 2, "a wrong exchange is seen as one"
    record_property("exchanges", dict(counted))
    print(f"\n{len(exchanges)} exchanges, {len(against)} with violations; waived: {dict(waived)}")
    print("\n".join(f"{number:3} {kind}" for kind, number in counted.items()))
    assert not against, json.dumps(against, indent=1)


async def _everything_we_ask() -> list[Exchange]:
    """All that the adapters can ask of Twilio, in good and bad cases."""
    async with Recorded().running() as twilio:
        options = twilio.options
        told: dict[str, Any] = {
            "account_sid": options.account_sid,
            "auth_token": options.auth_token,
            "public_base_url": PUBLIC,
            "api_base": twilio.url,
        }
        provider = TwilioProvider(sender=options.numbers[0], **told)
        telephone = TwilioTelephone(sender=options.numbers[0], **told)
        later = TwilioTelephone(sender=options.numbers[0], asks_first=False, **told)
        since = datetime.now(UTC) - timedelta(hours=1)
        sent = await provider.send_text(a_text(ANA, body="¿Cuánto pesa hoy? 100% & a+b=c; €, 👍\nsecond line", validity_seconds=7200))
        await provider.send_text(a_text(BEN, sender=next(iter(options.services))))
        await twilio.inbound(ANA, "183.4")
        await twilio.inbound(BEN, "STOP")
        for refused in (a_text(BEN), a_text("+15005550001"), a_text("+15005550009")):
            with pytest.raises(ProviderError):
                await provider.send_text(refused)
        await provider.fetch_text(sent.provider_id)
        await provider.fetch_text("SM" + "0" * 32)
        await provider.list_texts(to=ANA, since=since)
        await provider.list_texts(to=None, since=since)
        twilio.store.move(twilio.store.messages[sent.provider_id], "delivered")
        await provider.redact_text(sent.provider_id)
        await provider.look_up(ANA)
        placed = await telephone.place_call(OutgoingCall(uuid4(), ANA, clinic_number="+12025550198"))
        await later.place_call(OutgoingCall(uuid4(), ANA, clinic_number="+12025550198"))
        await telephone.fetch_call(placed.provider_id)
        await telephone.list_calls(to=ANA, since=since)
        await telephone.list_calls(to=options.numbers[0], since=since, inbound=True)
        twilio.calls.placed[0].status = "in-progress"
        assert await telephone.go_on(placed.provider_id, uuid4(), 3)
        with pytest.raises(AssertionError, match="answered None"):
            await twilio.calls.placed[0].settled()  # the address is nobody's
        twilio.faults.add("429")
        with pytest.raises(ProviderError):
            await provider.send_text(a_text())
        for each in (provider, telephone, later):
            await each.close()
        return twilio.kept.seen


def _template(exchange: Exchange) -> str:
    if exchange.path.startswith("/v2/"):
        return LOOKUP
    parts = exchange.path.partition("?")[0].split("/")[4:]
    return "/".join("{Sid}.json" if len(part) > 30 else part for part in parts)
