"""A stand-in Twilio on loopback and the real provider pointed at it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from service.telephony.port import OutgoingText
from service.telephony.twilio import TwilioProvider
from tests.stand_in_twilio import Options, StandIn

PUBLIC = "https://rounds.example"
ANA = "+12025550101"
BEN = "+12025550102"


@pytest.fixture
async def twilio() -> AsyncIterator[StandIn]:
    """The account's own side: what it accepted, blocks, fails. Callbacks go nowhere unless a test says so."""
    async with StandIn(Options(callbacks=[])).running() as stand_in:
        yield stand_in


@pytest.fixture
async def provider(twilio: StandIn) -> AsyncIterator[TwilioProvider]:
    """Our provider, by the real twilio library over HTTP."""
    made = make_provider(twilio)
    yield made
    await made.close()


def make_provider(
    twilio: StandIn, *, sender: str = "", api_base: str = "", auth_token: str = "", timeout_seconds: float = 2.0, public: str = PUBLIC
) -> TwilioProvider:
    return TwilioProvider(
        account_sid=twilio.options.account_sid,
        auth_token=auth_token or twilio.options.auth_token,
        sender=sender or twilio.options.numbers[0],
        public_base_url=public,
        api_base=api_base or twilio.url,
        timeout_seconds=timeout_seconds,
    )


def a_text(to: str = ANA, body: str = "Good morning. What is your weight today?", **more: object) -> OutgoingText:
    return OutgoingText(attempt_id=uuid4(), to=to, body=body, **more)  # type: ignore[arg-type]
