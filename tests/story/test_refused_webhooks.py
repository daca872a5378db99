"""A webhook that is not the provider's is refused with 403, and not one row is written."""

from __future__ import annotations

import uuid

import aiohttp
import pytest
from twilio.request_validator import RequestValidator

from service.db.check_in import check_ins
from tests.story.clinic import CAST, SENDER
from tests.story.conftest import House
from tests.story.rows import counts, rows, until


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
    assert before["patients"] == len(CAST)
    async with aiohttp.ClientSession() as session:
        for path in paths:
            url = base + path
            good = _signed(url, form, options.auth_token)
            foreign = {**form, "AccountSid": "AC" + "f" * 32}
            for name, sent, signature in (
                ("missing", form, None),
                ("empty", form, ""),
                ("wrong", form, good[:-4] + "AAA="),
                ("of another account's token", form, _signed(url, form, "another-token")),
                ("of another address", form, _signed(base + "/webhooks/twilio/voice", form, options.auth_token)),
                ("of another text", {**form, "Body": "all is well"}, good),
                ("of a foreign account", foreign, _signed(url, foreign, options.auth_token)),
            ):
                headers = {} if signature is None else {"X-Twilio-Signature": signature}
                async with session.post(url, data=sent, headers=headers) as response:
                    assert response.status == 403, f"{path}, signature {name}"
        assert await counts(house.database) == before

        url = base + paths[0]
        async with session.post(url, data=form, headers={"X-Twilio-Signature": _signed(url, form, options.auth_token)}) as response:
            assert response.status == 200
    assert "foreign_account" in house.served.log.read_text(), "the log tells operators why, in a code"
    after = await counts(house.database)
    assert after["inbound_events"] == before["inbound_events"] + 1, "the very same form is taken with the right signature"


async def _quiet(house: House) -> bool:
    """True when the first check-ins are out and all that follows from them has been written."""
    started = [one for one in await rows(house.database, check_ins) if one.status == "started"]
    if len(started) < len(CAST) or len(house.twilio.store.accepted) < 3 * len(CAST):
        return False
    await house.twilio.settled()
    return all(message.status == "delivered" for message in house.twilio.store.accepted)
