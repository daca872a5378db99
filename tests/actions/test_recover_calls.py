"""Calls that no webhook told of become items, once; calls that were answered do not; on both databases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from service.actions.answer_called_number import CallIn, answer_called_number
from service.actions.recover_calls import JOB, recover_calls
from service.db.escalation import escalations
from service.db.health import beat
from service.db.organization import sender_numbers
from service.domain.call import CallStatus
from service.telephony.port import NotOffered, PermanentFailure, RemoteCall, TransientFailure
from tests.actions.house import content
from tests.jobs.world import World
from tests.seed import NOBODY, SENDER

STRANGER = "+12025550199"


class Line:
    """A telephone that only lists the calls to our numbers."""

    name, account, list_is_sure = "twilio", "AC1", True

    def __init__(self) -> None:
        self.kept: list[RemoteCall] = []
        self.asked: list[tuple[str, datetime]] = []
        self.fails: Exception | None = None

    def rings(self, world: World, sender: str, minutes_ago: float = 5) -> RemoteCall:
        at = world.now - timedelta(minutes=minutes_ago)
        self.kept.append(RemoteCall(f"CA{len(self.kept)}", SENDER, CallStatus.ENDED, "completed", at, sender, inbound=True))
        return self.kept[-1]

    async def list_calls(self, *, to: str, since: datetime, inbound: bool = False, limit: int = 50) -> Sequence[RemoteCall]:
        assert inbound
        if self.fails is not None:
            raise self.fails
        self.asked.append((to, since))
        return [call for call in self.kept if call.to == to and call.created_at is not None and call.created_at >= since][:limit]


async def look(world: World, line: Any, *own: str) -> int:
    return await recover_calls(world.database, {"twilio": line}, world.now, own)


@pytest.mark.law(2)
async def test_a_patient_whose_call_no_webhook_told_of_is_called_back_once(world: World) -> None:
    line = Line()
    line.rings(world, world.clinic.ana.number)
    assert await look(world, line) == 1
    assert await look(world, line) == 0
    [item] = await world.rows(escalations)
    assert (item.patient_id, item.kind, item.state) == (world.clinic.ana.id, "operational", "open")
    assert "call them back" in item.summary


async def test_of_a_shared_telephone_nobody_is_named(world: World) -> None:
    line = Line()
    line.rings(world, world.clinic.fay.number)
    await look(world, line)
    [item] = await world.rows(escalations)
    assert item.patient_id is None


@pytest.mark.parametrize("sender", [STRANGER, "anonymous", ""])
async def test_somebody_elses_call_is_an_item_of_the_clinic(world: World, sender: str) -> None:
    line = Line()
    line.rings(world, sender)
    assert await look(world, line) == 1
    [item] = await world.rows(escalations)
    assert item.patient_id is None


@pytest.mark.law(3)
async def test_a_call_that_was_answered_is_nobodys_work(world: World) -> None:
    line = Line()
    call = line.rings(world, world.clinic.ana.number)
    heard = CallIn("twilio", "AC1", call.provider_id, SENDER)
    prompt = await answer_called_number(world.database, content().script, world.clock, heard)
    assert len(prompt.parts) > 1, "the caller hears the clinic"
    assert await look(world, line) == 0
    assert await world.rows(escalations) == []


async def test_a_call_that_is_just_coming_in_and_one_of_our_own_are_left_alone(world: World) -> None:
    line = Line()
    line.rings(world, world.clinic.ana.number, minutes_ago=1)
    line.rings(world, STRANGER)
    assert await look(world, line, STRANGER) == 0
    world.clock.forward(minutes=2)
    assert await look(world, line, STRANGER) == 1


async def test_it_looks_from_the_last_whole_round_on(world: World) -> None:
    line = Line()
    async with world.database.transaction() as connection:
        await beat(connection, "node-1", {JOB: world.now - timedelta(minutes=2)})
    await look(world, line)
    assert line.asked == [(SENDER, world.now - timedelta(minutes=12))]


async def test_a_provider_that_cannot_be_asked_lets_the_round_not_count_and_one_without_a_list_does_not(world: World) -> None:
    line = Line()
    line.fails = TransientFailure("20503", "away")
    with pytest.raises(TransientFailure):
        await look(world, line)
    line.fails = NotOffered("no list")
    assert await look(world, line) == 0


@pytest.mark.law(2, 12)
async def test_a_number_that_the_provider_refuses_to_list_keeps_no_other_from_being_read(world: World) -> None:
    second = "+12025550198"

    class Half(Line):
        async def list_calls(self, *, to: str, since: datetime, inbound: bool = False, limit: int = 50) -> Sequence[RemoteCall]:
            if to == SENDER:
                raise PermanentFailure("20404", "not a number of this account")
            return [replace(call, to=to) for call in self.kept]

    assert second > SENDER, "the number with the fault is read first"
    values = {"organization_id": world.clinic.organization_id, "provider": "twilio", "sender": second, "purpose": "other"}
    async with world.database.transaction() as connection:
        await connection.execute(insert(sender_numbers).values(id=NOBODY, **values))
    half = Half()
    half.rings(world, world.clinic.ana.number)
    with pytest.raises(PermanentFailure):
        await look(world, half)
    [item] = await world.rows(escalations)
    assert item.patient_id == world.clinic.ana.id


async def test_a_caller_is_answered_also_when_the_call_cannot_be_remembered(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Any:
        raise OSError

    monkeypatch.setattr(world.database, "transaction", broken)
    prompt = await answer_called_number(world.database, content().script, world.clock, CallIn("twilio", "AC1", "CA1", SENDER))
    assert len(prompt.parts) > 1
