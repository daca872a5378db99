"""The webhook routes: who is let in, what is answered, and when."""

from __future__ import annotations

import asyncio
import gzip
import random
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode
from uuid import UUID, uuid4

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, unused_port
from structlog.testing import capture_logs

from service.actions.keep_unreadable import Unread
from service.domain.communication import Status
from service.telephony.twilio import TwilioProvider
from service.telephony.twilio.signature import sign
from service.webhooks import batch, routes, verified
from tests.patience import PATIENCE_SECONDS
from tests.stand_in_twilio import Options, StandIn
from tests.unit.telephony.conftest import ANA, BEN, a_text, make_provider
from tests.webhooks.conftest import PUBLIC, Actions

Client = TestClient[web.Request, web.Application]

ACCOUNT, TOKEN = Options().account_sid, Options().auth_token
SMS = "/webhooks/twilio/sms"
STATUS = f"/webhooks/twilio/status/{UUID(int=7)}"


def a_form(body: str = "183.4", **more: str) -> dict[str, str]:
    sid = "SM" + uuid4().hex
    return {"MessageSid": sid, "AccountSid": ACCOUNT, "From": ANA, "To": "+12025550190", "Body": body, "NumMedia": "0"} | more


def a_status(**more: str) -> dict[str, str]:
    return {"MessageSid": "SM" + "a" * 32, "AccountSid": ACCOUNT, "MessageStatus": "delivered"} | more


async def post(client: Client, path: str, form: dict[str, str], *, token: str = TOKEN, public: str = PUBLIC, **more: str) -> ClientResponse:
    headers = {"X-Twilio-Signature": sign(token, public + path, list(form.items()))} | more
    headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
    return await client.post(path, data=urlencode(form).encode(), headers=headers)


async def test_a_signed_message_is_handed_on_and_answered_with_an_empty_document(client: Client, actions: Actions) -> None:
    answer = await post(client, SMS, a_form("I feel fine"))
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/xml; charset=utf-8"
    assert await answer.text() == '<?xml version="1.0" encoding="UTF-8"?><Response/>'
    assert [message.body for message in actions.messages] == ["I feel fine"]


@pytest.mark.law(1)
async def test_a_message_is_answered_only_after_its_commit(client: Client, actions: Actions) -> None:
    actions.committed.clear()
    waiting = asyncio.create_task(post(client, SMS, a_form("chest pain")))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    actions.committed.set()
    assert (await waiting).status == 200


async def test_a_signed_status_is_handed_on_with_its_attempt(client: Client, actions: Actions) -> None:
    answer = await post(client, STATUS, a_status())
    assert answer.status == 204
    assert await answer.text() == ""
    [update] = actions.updates
    assert (update.attempt_id, update.status) == (UUID(int=7), Status.DELIVERED)


@pytest.mark.parametrize("path", ["/webhooks/twilio/status", "/webhooks/twilio/status/not-an-id"])
async def test_a_status_without_an_attempt_is_found_by_its_provider_id(client: Client, actions: Actions, path: str) -> None:
    assert (await post(client, path, a_status())).status == 204
    assert (actions.updates[0].attempt_id, actions.updates[0].provider_id) == (None, "SM" + "a" * 32)


async def test_an_unknown_status_is_answered_calmly(client: Client, actions: Actions) -> None:
    assert (await post(client, STATUS, a_status(MessageStatus="teleported"))).status == 204
    assert actions.updates[0].status is None


@pytest.mark.parametrize("path", [SMS, STATUS, "/webhooks/twilio/status"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH"])
async def test_only_post_is_served(client: Client, path: str, method: str) -> None:
    answer = await client.request(method, path, headers={"X-Twilio-Signature": sign(TOKEN, PUBLIC + path)})
    assert answer.status == 405


@pytest.mark.parametrize("path", ["/webhooks/nobody/sms", "/webhooks/nobody/status", f"/webhooks/nobody/status/{UUID(int=7)}"])
async def test_an_unknown_provider_is_not_found(client: Client, path: str) -> None:
    assert (await post(client, path, a_form())).status == 404


@pytest.mark.parametrize("path", [SMS, STATUS])
@pytest.mark.parametrize(
    "case", ["missing", "empty", "by another token", "for http", "for another host", "for another path", "other account"]
)
async def test_what_is_not_the_providers_is_refused_and_handed_to_nobody(client: Client, actions: Actions, path: str, case: str) -> None:
    form = a_form() | a_status()
    if case == "other account":
        form["AccountSid"] = "AC" + "f" * 32
    url = {
        "for http": PUBLIC.replace("https", "http") + path,
        "for another host": "https://other.example" + path,
        "for another path": PUBLIC + path + "/",
    }.get(case, PUBLIC + path)
    signature = sign("somebody-else" if case == "by another token" else TOKEN, url, list(form.items()))
    headers = {"X-Twilio-Signature": "" if case == "empty" else signature, "X-Forwarded-Host": "other.example", "X-Forwarded-Proto": "http"}
    if case == "missing":
        del headers["X-Twilio-Signature"]
    with capture_logs() as logs:
        answer = await client.post(path, data=form, headers=headers)
    assert answer.status == 403
    assert actions.messages == []
    assert actions.updates == []
    assert [log["event"] for log in logs] == ["webhook refused"]


async def test_the_address_is_the_configured_one_whatever_a_proxy_says(client: Client, actions: Actions) -> None:
    more = {"Host": "10.0.0.5:8080", "X-Forwarded-Proto": "http", "X-Forwarded-Host": "evil.example"}
    assert (await post(client, SMS, a_form(), **more)).status == 200
    assert len(actions.messages) == 1


@pytest.mark.parametrize("query", ["?b=2&a=1", "?a=%2b&b=%20+", "?a=%27x%27", "?"])
async def test_a_query_is_signed_as_it_was_written(client: Client, query: str) -> None:
    form = a_form()
    headers = {"X-Twilio-Signature": sign(TOKEN, PUBLIC + SMS + query, list(form.items()))}
    status, _ = await raw_post(client, SMS + query, urlencode(form).encode(), headers)
    assert status == 200


async def test_a_reordered_query_is_refused(client: Client) -> None:
    form = a_form()
    headers = {"X-Twilio-Signature": sign(TOKEN, PUBLIC + SMS + "?a=1&b=2", list(form.items()))}
    assert (await raw_post(client, SMS + "?b=2&a=1", urlencode(form).encode(), headers))[0] == 403


async def raw_post(client: Client, target: str, body: bytes, headers: dict[str, str], *, chunked: bool = False) -> tuple[int, bytes]:
    """A POST written by hand, so that no library tidies its target."""
    assert client.port is not None
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    framing = {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": str(len(body))}
    lines = {"Host": "rounds", "Connection": "close", **framing, **headers}
    writer.write(
        f"POST {target} HTTP/1.1\r\n".encode() + "".join(f"{name}: {value}\r\n" for name, value in lines.items()).encode() + b"\r\n"
    )
    if chunked:
        body = (
            b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[at : at + 4096] for at in range(0, len(body), 4096)))
            + b"0\r\n\r\n"
        )
    writer.write(body)
    answer = await asyncio.wait_for(reader.read(), PATIENCE_SECONDS)
    writer.close()
    return int(answer.split(b" ", 2)[1]), answer


@pytest.mark.law(12)
@pytest.mark.parametrize("chunked", [False, True])
async def test_an_oversized_body_is_refused(client: Client, actions: Actions, chunked: bool) -> None:
    form = a_form("x" * 70_000)
    headers = {"X-Twilio-Signature": sign(TOKEN, PUBLIC + SMS, list(form.items()))}
    status, _ = await raw_post(client, SMS, urlencode(form).encode(), headers, chunked=chunked)
    assert status == 413
    assert actions.messages == []


@pytest.mark.law(12)
async def test_a_body_that_unpacks_to_too_much_is_refused(client: Client, actions: Actions) -> None:
    packed = gzip.compress(b"Body=" + b"x" * 5_000_000)
    assert len(packed) < verified.MAXIMUM_BODY_BYTES
    answer = await client.post(SMS, data=packed, headers={"Content-Encoding": "gzip", "X-Twilio-Signature": "x"})
    assert answer.status == 413
    assert actions.messages == []


@pytest.mark.law(12)
async def test_a_body_that_dribbles_is_cut_off(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verified, "READ_SECONDS", 0.1)
    assert client.port is not None
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    writer.write(f"POST {SMS} HTTP/1.1\r\nHost: rounds\r\nContent-Length: 100\r\n\r\nBody=".encode())
    head = await asyncio.wait_for(reader.readline(), PATIENCE_SECONDS)
    writer.close()
    assert b" 408 " in head


async def test_a_long_legitimate_message_fits(client: Client, actions: Actions) -> None:
    body = "👍" * 1600
    assert (await post(client, SMS, a_form(body))).status == 200
    assert actions.messages[0].body == body


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded; charset=UTF-8", "text/plain", "application/octet-stream"])
async def test_the_content_type_does_not_matter_for_a_form(client: Client, actions: Actions, content_type: str) -> None:
    assert (await post(client, SMS, a_form(), **{"Content-Type": content_type})).status == 200
    assert len(actions.messages) == 1


@pytest.mark.parametrize("missing", ["MessageSid", "From", "To", "Body", "AccountSid"])
async def test_a_signed_message_without_a_field_is_a_calm_400(client: Client, actions: Actions, missing: str) -> None:
    form = {name: value for name, value in a_form("chest pain").items() if name != missing}
    with capture_logs() as logs:
        answer = await post(client, SMS, form)
    assert answer.status == 400
    assert actions.messages == []
    assert actions.kept == [("twilio", Unread.WORDS, urlencode(form))]
    assert [log["event"] for log in logs] == ["webhook incomplete"]
    assert "chest" not in str(logs)
    assert ANA not in str(logs)


@pytest.mark.law(2)
async def test_what_is_signed_and_cannot_be_read_is_kept_before_it_is_answered(client: Client, actions: Actions) -> None:
    form = {"AccountSid": ACCOUNT, "Words": "I have chest\0pain"}
    actions.fail_on = "*"
    assert (await post(client, SMS, form)).status == 503, "nothing is kept: come again"
    actions.fail_on = ""
    assert [(await post(client, path, form)).status for path in (SMS, STATUS)] == [400, 400]
    assert [kind for _, kind, _ in actions.kept] == [Unread.WORDS, Unread.STATUS]
    assert (await post(client, SMS, form, token="somebody-else")).status == 403
    assert len(actions.kept) == 2, "of what nobody has signed no trace is left"


async def test_an_empty_post_is_refused_and_a_signed_empty_one_is_a_calm_400(client: Client) -> None:
    assert (await client.post(SMS)).status == 403
    assert (await post(client, SMS, {})).status == 400
    assert (await post(client, STATUS, {})).status == 400


@pytest.mark.law(12)
async def test_one_message_that_cannot_be_stored_fails_alone(client: Client, actions: Actions) -> None:
    actions.fail_on = "bad"
    actions.committed.clear()
    waiting = [asyncio.create_task(post(client, SMS, a_form(body))) for body in ("good", "bad", "better")]
    await asyncio.sleep(0.1)
    actions.committed.set()
    assert [(await answer).status for answer in waiting] == [200, 500, 200]
    assert {message.body for message in actions.messages} == {"good", "better"}


@pytest.mark.law(10)
async def test_a_broken_store_is_a_500_that_tells_nothing(client: Client, actions: Actions) -> None:
    actions.fail_on = "*"
    with capture_logs() as logs:
        answer = await post(client, SMS, a_form("chest pain"))
    assert answer.status == 500
    told = await answer.text() + str(logs)
    assert "chest" not in told
    assert "database is gone" not in told
    assert ANA not in told
    actions.fail_on = ""
    assert (await post(client, SMS, a_form())).status == 200


@pytest.mark.law(12)
async def test_a_full_queue_is_a_503_that_asks_to_come_again(actions: Actions, client: Client) -> None:
    webhooks = client.app[routes.WEBHOOKS] if client.app is not None else None
    assert webhooks is not None
    webhooks.replies._most_waiting = 2
    actions.committed.clear()
    first = asyncio.create_task(post(client, SMS, a_form("0")))
    await asyncio.sleep(0.05)
    waiting = [asyncio.create_task(post(client, SMS, a_form(str(number)))) for number in range(1, 6)]
    await asyncio.sleep(0.1)
    actions.committed.set()
    answers = [await first, *[await answer for answer in waiting]]
    assert sorted(answer.status for answer in answers) == [200, 200, 200, 503, 503, 503]
    assert {answer.headers.get("Retry-After") for answer in answers if answer.status == 503} == {"1"}
    assert len(actions.messages) == 3


async def test_messages_that_come_together_are_stored_together(client: Client, actions: Actions) -> None:
    actions.committed.clear()
    waiting = [asyncio.create_task(post(client, SMS, a_form(str(number)))) for number in range(30)]
    await asyncio.sleep(0.2)
    actions.committed.set()
    assert {(await answer).status for answer in waiting} == {200}
    assert sum(actions.batches) == 30
    assert len(actions.batches) <= 3
    assert batch.LARGEST_BATCH == 500


async def test_statuses_do_not_wait_behind_messages(client: Client, actions: Actions) -> None:
    actions.committed.clear()
    message = asyncio.create_task(post(client, SMS, a_form()))
    await asyncio.sleep(0.05)
    assert (await post(client, STATUS, a_status())).status == 204
    assert not message.done()
    actions.committed.set()
    assert (await message).status == 200


async def test_two_thousand_spoilt_requests_pass_nothing_and_break_nothing(client: Client, actions: Actions) -> None:
    """One byte of a signed request is changed, at random, in its body or in its signature."""
    chance = random.Random(20261121)
    form = a_form("183.4")
    body = urlencode(form).encode()
    signature = sign(TOKEN, PUBLIC + SMS, list(form.items()))
    for _ in range(2_000):
        spoilt, given = bytearray(body), signature
        if chance.random() < 0.7:
            spoilt[chance.randrange(len(spoilt))] ^= 1 << chance.randrange(8)
        else:
            place = chance.randrange(len(given))
            given = given[:place] + chance.choice("ABCxyz+/=019") + given[place + 1 :]
        answer = await client.post(SMS, data=bytes(spoilt), headers={"X-Twilio-Signature": given})
        if answer.status == 200:  # the change was none: another way to write the same form
            assert actions.messages.pop().raw == form
        else:
            assert answer.status in (400, 403)
    assert actions.messages == []


async def test_the_stand_in_delivers_signed_texts_that_we_take(direct: StandIn, actions: Actions) -> None:
    for body in ["183.4", "¿Sí? & 100%", "👍", "", "'quoted'", "a=b&c=d;+"]:
        last = await direct.inbound(ANA, body)
        assert last is not None
        assert last.status == 200
    assert [message.body for message in actions.messages] == ["183.4", "¿Sí? & 100%", "👍", "", "'quoted'", "a=b&c=d;+"]
    picture = await direct.inbound(BEN, "", media=2)
    assert picture is not None
    assert picture.status == 200
    assert (actions.messages[-1].body, actions.messages[-1].media_count) == ("", 2)
    await direct.inbound(ANA, "STOP")
    assert actions.messages[-1].opt_out_type == "STOP"


async def test_a_replayed_text_comes_in_under_the_same_id(direct: StandIn, actions: Actions) -> None:
    await direct.inbound(ANA, "183.4")
    await direct.inbound(ANA, "183.4", sid=direct.store.inbound[0].sid)
    assert len({message.provider_id for message in actions.messages}) == 1
    assert len(actions.messages) == 2


async def test_a_text_that_we_could_not_store_is_brought_again(direct: StandIn, actions: Actions) -> None:
    actions.fail_on = "*"
    delivery = asyncio.create_task(direct.inbound(ANA, "chest pain"))
    while not direct.store.tries:  # noqa: ASYNC110 - the stand-in has no event for it
        await asyncio.sleep(0.005)
    actions.fail_on = ""
    last = await delivery
    assert last is not None
    assert last.status == 200
    assert direct.store.tries[0].status == 500
    assert [message.body for message in actions.messages] == ["chest pain"]


async def test_a_text_comes_in_by_the_fallback_address_too(direct: StandIn, actions: Actions) -> None:
    direct.options.fallback_url = direct.options.sms_url
    direct.options.sms_url = direct.options.sms_url.replace("/sms", "/gone")
    await direct.inbound(ANA, "chest pain")
    assert [message.body for message in actions.messages] == ["chest pain"]


async def test_a_service_that_is_down_loses_the_webhook_but_not_the_text(direct: StandIn, actions: Actions) -> None:
    direct.options.sms_url = f"http://127.0.0.1:{unused_port()}/webhooks/twilio/sms#rc=2&rp=ct"
    since = datetime.now(UTC) - timedelta(seconds=2)
    await direct.inbound(ANA, "chest pain")
    assert [attempt.status for attempt in direct.store.tries] == [None, None, None]
    assert actions.messages == []
    provider = make_provider(direct)
    assert [(text.body, text.inbound) for text in await provider.list_texts(to=None, since=since)] == [("chest pain", True)]
    await provider.close()


@pytest.mark.law(3)
@pytest.mark.parametrize("order", ["in order", "reversed", "doubled", "before the answer"])
async def test_status_callbacks_arrive_in_any_order_with_our_attempt(direct: StandIn, actions: Actions, order: str) -> None:
    direct.options.reverse = order == "reversed"
    direct.options.duplicate = 2 if order == "doubled" else 1
    direct.options.before_response = order == "before the answer"
    provider = our_provider(direct)
    text = a_text(ANA)
    accepted = await provider.send_text(text)
    if order == "before the answer":
        assert [update.status for update in actions.updates] == [Status.SENT]
    await direct.settled()
    assert {(update.attempt_id, update.provider_id) for update in actions.updates} == {(text.attempt_id, accepted.provider_id)}
    expected = [Status.SENT, Status.DELIVERED] if order != "reversed" else [Status.DELIVERED, Status.SENT]
    assert [update.status for update in actions.updates] == (expected if order != "doubled" else [s for s in expected for _ in range(2)])
    assert direct.store.accepted[0].status == "delivered"
    await provider.close()


@pytest.mark.law(3)
async def test_an_unknown_outcome_is_resolved_by_its_own_callback(direct: StandIn, actions: Actions) -> None:
    provider = our_provider(direct)
    direct.faults.add("reset_after_accept")
    text = a_text(ANA)
    with pytest.raises(Exception, match="connection_lost"):
        await provider.send_text(text)
    await direct.settled()
    assert [(update.attempt_id, update.status) for update in actions.updates] == [
        (text.attempt_id, Status.SENT),
        (text.attempt_id, Status.DELIVERED),
    ]
    await provider.close()


async def test_an_undelivered_text_tells_its_code_and_effect(direct: StandIn, actions: Actions) -> None:
    provider = our_provider(direct)
    direct.outcomes = {ANA: ("undelivered", 30005), BEN: ("failed", 21610)}
    await provider.send_text(a_text(ANA))
    await direct.settled()
    await provider.send_text(a_text(BEN))
    await direct.settled()
    finals = [(update.status, update.error_code, update.effect) for update in actions.updates if update.error_code]
    assert finals == [(Status.UNDELIVERED, "30005", "recycled"), (Status.FAILED, "21610", "opted_out")]
    await provider.close()


def our_provider(direct: StandIn) -> TwilioProvider:
    return make_provider(direct, public=direct.options.sms_url.partition("/webhooks")[0])
