"""Texts whose webhook never arrived are fetched from the provider's list: the real twilio library, a stand-in over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from service.actions.receive_reply import receive_replies
from service.actions.recover_replies import NotRecovered, recover_replies
from service.clock import SystemClock
from service.db.communication import communications, inbound_events
from service.db.escalation import escalations
from service.domain.communication import Status
from service.domain.urgency import by_rank
from service.telephony.port import InboundMessage, RemoteText
from service.telephony.twilio import TwilioProvider
from tests.actions.house import House
from tests.seed import SENDER
from tests.stand_in_twilio import Options, StandIn


@pytest.fixture
async def stand_in() -> AsyncIterator[StandIn]:
    async with StandIn(Options(numbers=[SENDER], sms_url="")).running() as running:
        yield running


@pytest.fixture
async def provider(stand_in: StandIn) -> AsyncIterator[TwilioProvider]:
    made = TwilioProvider(
        account_sid=stand_in.options.account_sid,
        auth_token=stand_in.options.auth_token,
        sender=SENDER,
        public_base_url="https://rounds.example",
        api_base=stand_in.url,
    )
    yield made
    await made.close()


@pytest.mark.law(2)
async def test_a_red_flag_whose_webhook_was_lost_is_found_in_the_list_once(
    house: House, stand_in: StandIn, provider: TwilioProvider
) -> None:
    house.clock.time = datetime.now(UTC)
    await stand_in.inbound(house.clinic.chi.number, "I have chest pain")
    await stand_in.inbound(house.clinic.ana.number, "hello there")
    providers = {provider.name: provider}
    assert await recover_replies(house.database, providers, house.knowledge, SystemClock()) == 2
    said = await house.rows(communications, communications.c.direction == "in")
    assert [one.body for one in said] == ["I have chest pain", "hello there"]
    assert "emergency" in {by_rank(item.urgency_rank) for item in await house.rows(escalations)}
    assert await recover_replies(house.database, providers, house.knowledge, SystemClock()) == 0
    assert len(await house.rows(inbound_events)) == 2


@pytest.mark.law(3)
async def test_a_text_that_came_by_webhook_is_not_taken_again_from_the_list(
    house: House,
    stand_in: StandIn,
    provider: TwilioProvider,
) -> None:
    await stand_in.inbound(house.clinic.ana.number, "hello there")
    [listed] = await provider.list_texts(to=None, since=datetime.now(UTC) - timedelta(hours=1))
    message = InboundMessage("twilio", provider.account, listed.provider_id, listed.sender, listed.to, listed.body, raw={})
    await receive_replies(house.database, house.knowledge, SystemClock(), [message])
    assert await recover_replies(house.database, {provider.name: provider}, house.knowledge, SystemClock()) == 0


class Lister:
    """A provider that only lists: inbound texts of the last hours, newest first."""

    name, account = "twilio", "AC1"

    def __init__(self, texts: Sequence[RemoteText]) -> None:
        self.texts = texts

    async def list_texts(self, *, to: str | None, since: datetime, limit: int = 200) -> Sequence[RemoteText]:
        return [text for text in self.texts if text.created_at >= since][:limit]


def _lost(house: House, number: str, hours_ago: int, place: int) -> RemoteText:
    at = house.clock.now() - timedelta(hours=hours_ago)
    return RemoteText(f"SM{place:032x}", SENDER, number, "can you call me please", Status.RECEIVED, "received", at, inbound=True)


@pytest.mark.law(2)
async def test_a_lost_text_that_cannot_be_stored_is_looked_at_again_in_the_next_round(house: House) -> None:
    endless = RemoteText("9" * 80, SENDER, house.clinic.ana.number, "hello", Status.RECEIVED, "received", house.clock.now(), inbound=True)
    lister: Any = Lister([endless, _lost(house, house.clinic.chi.number, 1, 1)])
    if not house.database.is_postgresql:
        pytest.skip("SQLite stores ids of any length")
    for _ in range(2):
        with pytest.raises(NotRecovered, match="1 of"):
            await recover_replies(house.database, {"twilio": lister}, house.knowledge, house.clock)
    assert len(await house.rows(inbound_events)) == 1  # its neighbour was taken, once


@pytest.mark.law(2)
async def test_after_a_long_standstill_more_is_read_than_a_usual_round_reads(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.actions.recover_replies.USUAL", 3)
    lister: Any = Lister([_lost(house, house.clinic.chi.number, hours, hours) for hours in range(1, 9)])
    assert await recover_replies(house.database, {"twilio": lister}, house.knowledge, house.clock) == 8
