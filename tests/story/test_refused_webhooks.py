"""A webhook that is not the provider's is refused with 403, and not one row is written."""

from __future__ import annotations

import uuid

import aiohttp
import pytest
from twilio.request_validator import RequestValidator

from service.db.check_in import check_ins
from service.db.communication import inbound_events
from tests.story.clinic import CAST, SENDER
from tests.story.conftest import House
from tests.story.rows import counts, rows, until

ROUNDS = 5
"""Among the synthetic patient's own rows: in one of them nothing else is written meanwhile."""


def _signed(url: str, form: dict[str, str], token: str) -> str:
    signature: str = RequestValidator(token).compute_signature(url, form)  # type: ignore[no-untyped-call]
    return signature


@pytest.mark.law(3, 10)
async def test_wrong_missing_and_foreign_signatures_leave_no_row(house: House) -> None:
    await until(lambda: _quiet(house))
    options, base = house.twilio.options, house.served.base
    form = {
        "MessageSid": "SM" + uuid.uuid4().hex,
        "AccountSid": options.account_sid,
        "From": CAST["Chi Chen"],
        "To": SENDER,
        "Body": "I have chest pain",
        "NumMedia": "0",
        "SmsStatus": "received",
        "MessageStatus": "delivered",
    }
    paths = ["/webhooks/twilio/sms", "/webhooks/twilio/status", f"/webhooks/twilio/status/{uuid.uuid4()}"]
    before = await counts(house.database)
    assert before["communications"]
    assert before["patients"] == len(CAST) + 1, "the cast, and the synthetic patient"
    async with aiohttp.ClientSession() as session:
        for _ in range(ROUNDS):
            before = await counts(house.database)
            await _forge(session, base, paths, form, options.auth_token)
            if await counts(house.database) == before:
                break
        else:
            raise AssertionError("rows appear whenever requests are forged")

        url = base + paths[0]
        async with session.post(url, data=form, headers={"X-Twilio-Signature": _signed(url, form, options.auth_token)}) as response:
            assert response.status == 200
    assert "foreign_account" in house.served.log.read_text(), "the log tells operators why, in a code"
    taken = await rows(house.database, inbound_events, inbound_events.c.provider_id == form["MessageSid"])
    assert len(taken) == 1, "the very same form is taken with the right signature"


async def _forge(session: aiohttp.ClientSession, base: str, paths: list[str], form: dict[str, str], token: str) -> None:
    """Every kind of forged request to every path: each is refused."""
    for path in paths:
        url = base + path
        good = _signed(url, form, token)
        foreign = {**form, "AccountSid": "AC" + "f" * 32}
        for name, sent, signature in (
            ("missing", form, None),
            ("empty", form, ""),
            ("wrong", form, good[:-4] + "AAA="),
            ("of another account's token", form, _signed(url, form, "another-token")),
            ("of another address", form, _signed(base + "/webhooks/twilio/voice", form, token)),
            ("of another text", {**form, "Body": "all is well"}, good),
            ("of a foreign account", foreign, _signed(url, foreign, token)),
        ):
            headers = {} if signature is None else {"X-Twilio-Signature": signature}
            async with session.post(url, data=sent, headers=headers) as response:
                assert response.status == 403, f"{path}, signature {name}"


async def _quiet(house: House) -> bool:
    """True when the first check-ins are out and all that follows from them has been written."""
    started = [one for one in await rows(house.database, check_ins) if one.status == "started"]
    if len(started) < len(CAST) or len(house.twilio.store.accepted) < 3 * len(CAST):
        return False
    await house.twilio.settled()
    return all(message.status == "delivered" for message in house.twilio.store.accepted)
