"""Texts whose webhook never arrived are fetched from the provider's list: the real twilio library, a stand-in over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from service.actions.receive_reply import receive_replies
from service.actions.recover_replies import recover_replies
from service.clock import SystemClock
from service.db.communication import communications, inbound_events
from service.db.escalation import escalations
from service.domain.urgency import by_rank
from service.telephony.port import InboundMessage
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
