"""The stand-in keeps its promises: what it tells of itself, over HTTP and after a restart, is what happened."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import unused_port

from service.telephony.port import TransientFailure
from tests.patience import PATIENCE_SECONDS
from tests.stand_in_twilio import Options, StandIn
from tests.unit.telephony.conftest import ANA, BEN, a_text, make_provider


async def test_a_restart_with_the_same_journal_forgets_nothing(tmp_path: Path) -> None:
    journal = tmp_path / "twilio.jsonl"
    async with StandIn(Options(step_seconds=0.001), journal).running() as twilio:
        provider = make_provider(twilio)
        accepted = await provider.send_text(a_text(ANA, body="first"))
        await twilio.inbound(BEN, "STOP")
        await twilio.settled()
        await provider.close()
        before = twilio.store
    again = StandIn(Options(), journal)
    assert again.store.messages == before.messages
    assert again.store.blocked == before.blocked == {("+12025550190", BEN)}
    assert again.store.messages[accepted.provider_id].status == "delivered"
    assert [message.body for message in again.store.accepted] == ["first"]
    assert [message.body for message in again.store.inbound] == ["STOP"]


async def test_it_runs_as_a_process_of_its_own_under_control_over_http(tmp_path: Path) -> None:
    port = unused_port()
    arguments = ["-m", "tests.stand_in_twilio", "--port", str(port), "--journal", str(tmp_path / "twilio.jsonl")]
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        url = (await asyncio.wait_for(process.stdout.readline(), PATIENCE_SECONDS)).decode().split()[-1]
        assert url == f"http://127.0.0.1:{port}"
        async with ClientSession(url) as control:
            await control.post("/control/options", json={"callbacks": ["sent", "delivered"], "step_seconds": 0.001})
            await control.post("/control/outcomes", json={ANA: ["undelivered", 30003]})
            await control.post("/control/faults", json={"kind": "429", "count": 1})
            await control.post("/control/inbound", json={"from": BEN, "body": "hello"})
            assert (await control.post("/control/options", json={"typo": 1})).status == 400
            provider = make_provider(StandIn(), api_base=url)
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
    assert [(message["to"], message["status"], message["error_code"]) for message in state["accepted"]] == [(ANA, "undelivered", 30003)]
    assert [message["body"] for message in state["inbound"]] == ["hello"]
    assert (state["creates"], state["refused"]) == (2, {"429": 1})
