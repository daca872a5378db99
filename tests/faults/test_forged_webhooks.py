"""Webhooks that nobody has signed, or that were signed for another place, and true ones that come again later: no effect."""

from __future__ import annotations

import asyncio
import random
import string
import time
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port
from sqlalchemy import func, select

from service.actions.keep_unreadable import keep_unreadable
from service.actions.receive_delivery_statuses import receive_delivery_statuses
from service.actions.receive_reply import receive_replies
from service.actions.send_communications import send_communications
from service.db.communication import communication_statuses, communications, inbound_events, inbound_ids, parked_statuses
from service.db.database import Database
from service.domain.communication import Lane
from service.telephony.port import DeliveryUpdate, Payload
from service.telephony.twilio import TwilioProvider, TwilioReceiver
from service.telephony.twilio.signature import sign
from service.webhooks import setup
from tests.actions.house import MONDAY, House, StoppedClock
from tests.calls.conftest import known
from tests.faults import SECONDS_A_TEST
from tests.faults.killer import tell
from tests.faults.posting import AT_ONCE, inbound_form, status_form, status_path
from tests.seed import KEYRING, SENDER, seed_clinic
from tests.stand_in_twilio import Options, StandIn
from tests.story.clinic import CAST, set_up
from tests.story.rows import counts, opened
from tests.story.served import Served

pytestmark = [pytest.mark.faults, pytest.mark.timeout(SECONDS_A_TEST)]
FORGED = (400, 10_000)
"""Sampled, full."""
CAPTURED = (40, 1_000)
WRITTEN = (inbound_events, inbound_ids, parked_statuses, communication_statuses)
"""What a webhook of texts writes into."""
STRANGER = "+12025550177"


@pytest.mark.law(3, 10)
async def test_fault_25_forged_webhooks_are_refused_each_and_leave_no_row(
    any_url: str, twilio: StandIn, tmp_path: Path, chance: random.Random, full_faults: bool
) -> None:
    began, node = time.monotonic(), Served(any_url, twilio, tmp_path)
    answers: Counter[int] = Counter()
    async with opened(any_url) as database:
        await set_up(database, CAST)
        await node.start()
        try:
            before = await _written(database)
            waiting = iter(range(FORGED[full_faults]))
            async with aiohttp.ClientSession(base_url=node.base) as anybody:

                async def one_after_the_other() -> None:
                    for _ in waiting:
                        path, headers, body = _forged(chance, twilio.options, node.base)
                        async with anybody.post(path, data=body, headers=headers) as answer:
                            answers[answer.status] += 1
                            await answer.read()

                await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))
            assert answers == {403: FORGED[full_faults]}
            assert await _written(database) == before
            assert node.alive
        finally:
            await node.stop()
    figures: dict[str, object] = {"forged": FORGED[full_faults], "refused": answers[403], "rows": 0}
    tell(f"fault 25, forged webhooks, {any_url.partition(':')[0]}", figures, began)


def _forged(chance: random.Random, options: Options, base: str) -> tuple[str, dict[str, str], bytes]:
    """A plausible webhook (path, headers, body) without a valid signature: each time another one, and another flaw."""
    sid, call = f"SM{chance.getrandbits(128):032x}", UUID(int=chance.getrandbits(128), version=4)
    sender = chance.choice([*CAST.values(), STRANGER])
    step = {"CallSid": f"CA{chance.getrandbits(128):032x}", "AccountSid": options.account_sid, "Digits": "1", "CallStatus": "in-progress"}
    text = inbound_form(options, sender, chance.choice(["chest pain", "STOP", "183", "yes"]), sid)
    path, form = chance.choice(
        [
            ("/webhooks/twilio/sms", text),
            (status_path(call), status_form(options, sender, sid, "delivered")),
            ("/webhooks/twilio/status", status_form(options, sender, sid, "undelivered")),
            (f"/webhooks/twilio/voice/{call}/{chance.randrange(9)}", step),
            (f"/webhooks/twilio/voice/{call}/status", step | {"CallStatus": "completed"}),
            (f"/webhooks/twilio/voice/{call}/machine", step | {"AnsweredBy": "machine_end_beep"}),
            ("/webhooks/twilio/voice/incoming", step | {"From": sender, "To": SENDER}),
        ]
    )
    pairs, token = list(form.items()), options.auth_token
    good = sign(token, base + path, pairs)
    elsewhere = chance.choice([base.replace("http", "https"), "https://rounds.example", base + "/webhooks", f"{base}:443"])
    flaw = chance.choice(
        [
            None,  # missing
            "",
            "".join(chance.choices(string.ascii_letters + string.digits + "+/", k=27)) + "=",
            good[:-3] + chance.choice(["AA=", "zz=", "99="]) if good[-3:-1] not in ("AA", "zz", "99") else "x" * 28,
            good.lower(),
            sign("another-token", base + path, pairs),
            sign(token, elsewhere + path, pairs),  # for another address
            sign(token, base + path + "/", pairs),
            sign(token, base + path, [*pairs, ("Extra", "1")]),  # of another form
            sign(token, base + path, pairs[1:]),
        ]
    )
    assert flaw != good
    headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "rounds.example"}
    return path, headers | ({"X-Twilio-Signature": flaw} if flaw is not None else {}), urlencode(form).encode()


async def _written(database: Database) -> dict[str, int]:
    async with database.reading() as connection:
        found = {table.name: int(await connection.scalar(select(func.count()).select_from(table)) or 0) for table in WRITTEN}
        inbound = select(func.count()).select_from(communications).where(communications.c.direction == "in")
        return found | {"texts in": int(await connection.scalar(inbound) or 0)}


class _Listening(TwilioReceiver):
    """The real receiver, which keeps every webhook as it came."""

    def __init__(self, options: Options) -> None:
        super().__init__(account_sid=options.account_sid, auth_tokens=[options.auth_token])
        self.came: list[tuple[str, dict[str, str], bytes]] = []

    def verify(self, *, url: str, headers: Mapping[str, str], body: bytes) -> Payload:
        self.came.append((url, dict(headers), body))
        return super().verify(url=url, headers=headers, body=body)


@pytest.mark.law(3)
async def test_fault_26_a_captured_webhook_replayed_after_a_second_and_after_a_day_changes_nothing(
    any_url: str, twilio: StandIn, chance: random.Random, full_faults: bool
) -> None:
    began, clock, knowledge = time.monotonic(), StoppedClock(MONDAY), known()
    database = Database.open(any_url, KEYRING)
    clinic = await seed_clinic(database, MONDAY - timedelta(days=30))
    house = House(database, clinic, knowledge, clock)
    receiver = _Listening(twilio.options)
    port = unused_port()
    base = f"http://127.0.0.1:{port}"
    twilio.options.sms_url, twilio.options.numbers, twilio.options.step_seconds = f"{base}/webhooks/twilio/sms", [SENDER], 0.001
    provider = TwilioProvider(
        account_sid=twilio.options.account_sid,
        auth_token=twilio.options.auth_token,
        sender=SENDER,
        public_base_url=base,
        api_base=twilio.url,
    )

    async def statuses(updates: Any) -> Any:
        told: list[DeliveryUpdate] = list(updates)
        return await receive_delivery_statuses(database, knowledge, told, clock.now())

    app = web.Application()
    setup(
        app,
        {"twilio": receiver},
        base,
        partial(receive_replies, database, knowledge, clock),
        statuses,
        partial(keep_unreadable, database, clock),
    )

    async def answers_go_out() -> None:
        for lane in Lane:
            await send_communications(database, {"twilio": provider}, lane, clock, "node-1", knowledge.law)
        await twilio.settled()

    try:
        async with TestServer(app, port=port):
            people = [clinic.ana.number, clinic.chi.number, clinic.eva.number, STRANGER]
            words = ["183", "I have chest pain", "thank you", "STOP", "HELP", "START", "yes", "👍", ""]
            while len(receiver.came) < CAPTURED[full_faults]:
                await twilio.inbound(chance.choice(people), chance.choice(words), media=chance.randrange(2))
                clock.time += timedelta(seconds=20)
                await answers_go_out()
            captured = list(receiver.came)
            assert {urlpath.split("/webhooks/twilio/")[1].split("/")[0] for urlpath, _, _ in captured} == {"sms", "status"}
            before, sent = await _everything(house), len(twilio.store.accepted)
            assert sent
            answered: Counter[int] = Counter()
            for later in (timedelta(seconds=1), timedelta(days=1)):
                clock.time += later
                chance.shuffle(captured)
                async with aiohttp.ClientSession() as attacker:
                    for url, headers, body in captured:
                        async with attacker.post(url, data=body, headers=headers) as answer:
                            answered[answer.status] += 1
                await answers_go_out()
                assert await _everything(house) == before, later
            assert set(answered) <= {200, 204}
            assert answered.total() == 2 * len(captured)
            assert len(twilio.store.accepted) == sent, "nobody is sent anything"
    finally:
        await provider.close()
        await house.database.close()
    figures: dict[str, object] = {"captured": len(captured), "replayed": answered.total(), "answers": dict(answered), "effects": 0}
    tell(f"fault 26, true webhooks once more, {any_url.partition(':')[0]}", figures, began)


async def _everything(house: House) -> tuple[dict[str, int], list[Any], list[Any]]:
    """How many rows each table has, what each text stands at, and its history as far as it moved anything."""
    found = await counts(house.database)
    found.pop("communication_statuses")  # a word that comes late is kept there once, as one that changed nothing
    lines = await house.rows(communication_statuses, communication_statuses.c.applied == 1)
    return found, [tuple(row) for row in await house.rows(communications)], [tuple(line) for line in lines]


@pytest.fixture(params=[pytest.param("postgresql", marks=pytest.mark.postgres), "sqlite"])
def any_url(request: pytest.FixtureRequest) -> str:
    """An empty database of either kind."""
    return str(request.getfixturevalue("postgres_url" if request.param == "postgresql" else "sqlite_url"))
