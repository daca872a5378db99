"""The stand-in keeps its promises: states, order, repetition, the failover address, a restart, and a process of its own."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import unused_port
from multidict import CIMultiDict

from service.telephony.port import TransientFailure
from service.telephony.telnyx import TelnyxReceiver
from tests.patience import PATIENCE_SECONDS
from tests.stand_in_telnyx import Options, StandIn
from tests.unit.telephony.conftest import ANA, BEN, a_text
from tests.unit.telephony.test_telnyx_client import make_telnyx


class Service:
    """Takes webhooks and keeps what came; `statuses` are answered first, then 200."""

    def __init__(self, telnyx: StandIn, *statuses: int) -> None:
        options = telnyx.options
        self.receiver = TelnyxReceiver(messaging_profile_id=options.messaging_profile_id, public_keys=[options.public_key])
        self.came: list[tuple[str, dict[str, Any]]] = []
        self.base = ""
        self._statuses = list(statuses)

    @property
    def told(self) -> list[str]:
        return [document["data"]["payload"]["to"][0]["status"] for _, document in self.came]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Service]:
        app = web.Application()
        app.router.add_post("/{path:.*}", self._take)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        payload = self.receiver.verify(url=str(request.url), headers=CIMultiDict(request.headers), body=body)
        self.receiver.parse(payload, None)
        self.came.append((request.path, json.loads(body)))
        return web.Response(status=self._statuses.pop(0) if self._statuses else 200)


async def _sent(telnyx: StandIn, service: Service, to: str = ANA) -> str:
    provider = make_telnyx(telnyx, public=service.base)
    accepted = await provider.send_text(a_text(to))
    await telnyx.settled()
    await provider.close()
    return accepted.provider_id


async def test_a_text_goes_through_its_states_and_each_is_told_signed() -> None:
    async with StandIn(Options(step_seconds=0.001)).running() as telnyx, Service(telnyx).running() as service:
        sid = await _sent(telnyx, service)
        assert service.told == ["sent", "delivered"]
        assert [document["data"]["event_type"] for _, document in service.came] == ["message.sent", "message.finalized"]
        assert telnyx.store.messages[sid].status == "delivered"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"duplicate": 2}, ["sent", "sent", "delivered", "delivered"]),
        ({"reverse": True}, ["delivered", "sent"]),
        ({"callbacks": ["sending", "sent", "delivery_unconfirmed"]}, ["sending", "sent", "delivery_unconfirmed"]),
    ],
)
async def test_statuses_come_twice_out_of_order_or_never_confirmed(changed: dict[str, Any], told: list[str]) -> None:
    async with StandIn(Options(step_seconds=0.001, **changed)).running() as telnyx, Service(telnyx).running() as service:
        await _sent(telnyx, service)
        assert service.told == told


async def test_a_status_may_come_before_the_answer_to_the_create() -> None:
    async with StandIn(Options(step_seconds=0.001, before_response=True)).running() as telnyx, Service(telnyx).running() as service:
        provider = make_telnyx(telnyx, public=service.base)
        await provider.send_text(a_text())
        assert service.told[:1] == ["sent"]
        await telnyx.settled()
        await provider.close()


async def test_a_webhook_is_tried_three_times_and_then_at_the_failover_address() -> None:
    options = Options(retry_pause_seconds=0.001)
    async with StandIn(options).running() as telnyx, Service(telnyx, 500, 503, 404).running() as service:
        options.sms_url, options.fallback_url = f"{service.base}/first", f"{service.base}/second"
        last = await telnyx.inbound(ANA, "hello")
        assert [path for path, _ in service.came] == ["/first"] * 3 + ["/second"]
        assert [document["meta"]["attempt"] for _, document in service.came] == [1, 2, 3, 4]
        assert len({document["data"]["payload"]["id"] for _, document in service.came}) == 1
        assert last is not None
        assert last.status == 200


async def test_a_webhook_that_nobody_takes_is_lost_but_recorded() -> None:
    options = Options(retry_pause_seconds=0.001, sms_url="http://127.0.0.1:9/x", fallback_url="http://127.0.0.1:9/y")
    async with StandIn(options).running() as telnyx:
        last = await telnyx.inbound(ANA, "I have chest pain")
        assert last is not None
        assert (last.status, len(telnyx.store.tries)) == (None, 6)
        assert [message.body for message in telnyx.store.inbound] == ["I have chest pain"]


async def test_a_slow_answer_is_no_answer() -> None:
    options = Options(retry_pause_seconds=0.001, webhook_seconds=0.1, webhook_attempts=2)

    async def slow(request: web.Request) -> web.Response:
        await asyncio.sleep(1)
        return web.Response()

    app = web.Application()
    app.router.add_post("/", slow)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with StandIn(options).running() as telnyx:
        options.sms_url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        await telnyx.inbound(ANA, "hello")
        assert [attempt.status for attempt in telnyx.store.tries] == [None, None]
    await runner.cleanup()


async def test_a_restart_with_the_same_journal_forgets_nothing(tmp_path: Path) -> None:
    journal = tmp_path / "telnyx.jsonl"
    async with StandIn(Options(step_seconds=0.001), journal).running() as telnyx:
        provider = make_telnyx(telnyx)
        accepted = await provider.send_text(a_text(ANA, body="first"))
        await telnyx.inbound(BEN, "STOP")
        await telnyx.settled()
        await provider.close()
        before = telnyx.store
    again = StandIn(Options(), journal)
    assert again.store.messages == before.messages
    assert again.store.blocked == before.blocked == {(again.options.messaging_profile_id, BEN)}
    assert again.store.messages[accepted.provider_id].status == "delivered"


async def test_it_runs_as_a_process_of_its_own_under_control_over_http(tmp_path: Path) -> None:
    port = unused_port()
    arguments = ["-m", "tests.stand_in_telnyx", "--port", str(port), "--journal", str(tmp_path / "telnyx.jsonl")]
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        url = (await asyncio.wait_for(process.stdout.readline(), PATIENCE_SECONDS)).decode().split()[-1]
        assert url == f"http://127.0.0.1:{port}"
        async with ClientSession(url) as control:
            await control.post("/control/options", json={"step_seconds": 0.001})
            await control.post("/control/outcomes", json={ANA: ["delivery_failed", 40001]})
            await control.post("/control/faults", json={"kind": "429", "count": 1})
            await control.post("/control/inbound", json={"from": BEN, "body": "hello"})
            assert (await control.post("/control/options", json={"typo": 1})).status == 400
            provider = make_telnyx(StandIn(), api_base=url)
            with pytest.raises(TransientFailure):
                await provider.send_text(a_text(ANA))
            await provider.send_text(a_text(ANA))
            await provider.close()
            async with asyncio.timeout(PATIENCE_SECONDS):
                state = await (await control.get("/control/state")).json()
                while state["underway"]:
                    state = await (await control.get("/control/state")).json()
    finally:
        process.terminate()
        await process.wait()
    [message] = state["accepted"]
    assert (message["to"], message["status"], message["error_code"]) == (ANA, "delivery_failed", 40001)
    assert [message["body"] for message in state["inbound"]] == ["hello"]
    assert (state["creates"], state["refused"]) == (2, {"429": 1})
