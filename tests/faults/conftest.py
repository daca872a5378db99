"""What fault tests ask for: chance from a seed that is printed, and a stand-in Twilio that outlives every crash."""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator

import pytest

from tests.faults.crowd import RETRY_PAUSE_SECONDS
from tests.stand_in_twilio import Options, StandIn


@pytest.fixture
def chance() -> random.Random:
    """Random choices that FAULTS_SEED repeats (as far as processes can be repeated)."""
    seed = int(os.environ.get("FAULTS_SEED") or random.SystemRandom().randrange(1_000_000))
    print(f"\nFAULTS_SEED={seed}")
    return random.Random(seed)


@pytest.fixture
async def twilio() -> AsyncIterator[StandIn]:
    """The carrier; it retries webhooks with a pause, as the real one does."""
    async with StandIn(Options(retry_pause_seconds=RETRY_PAUSE_SECONDS)).running() as running:
        yield running
