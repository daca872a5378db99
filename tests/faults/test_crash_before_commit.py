"""A process dies exactly between the carrier's yes and our commit: the text is in doubt, is never sent again, and is found."""

from __future__ import annotations

import json
import time
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest

from service.actions.release_leases import release_leases
from service.actions.send_communications import send_communications
from service.clock import SystemClock
from service.db.communication import attempts, communications
from service.domain.communication import Lane
from service.telephony.twilio import TwilioProvider
from tests.calls.conftest import known
from tests.faults import SECONDS_A_TEST
from tests.faults.flood import write_texts
from tests.faults.killer import reconcile_all, tell
from tests.faults.ledger import attempt_of, let_leases_end
from tests.stand_in_twilio import StandIn
from tests.story import warm
from tests.story.clinic import invented, set_up
from tests.story.rows import opened, rows

pytestmark = [pytest.mark.faults, pytest.mark.timeout(SECONDS_A_TEST)]
CRASHES = (12, 200)
"""Sampled, full."""


@pytest.mark.law(3)
async def test_fault_5_200_crashes_between_the_carriers_yes_and_our_commit_leave_doubt_that_is_resolved_without_a_second_text(
    database_url: str, twilio: StandIn, full_faults: bool
) -> None:
    began = time.monotonic()
    crashes = CRASHES[full_faults]
    twilio.options.callbacks = []  # no word comes back by itself: only the carrier's list can tell
    told: dict[str, Any] = {
        "account_sid": twilio.options.account_sid,
        "auth_token": twilio.options.auth_token,
        "sender": twilio.options.numbers[0],
        "public_base_url": "http://127.0.0.1:9",
        "api_base": twilio.url,
    }
    async with opened(database_url) as database:
        clinic = await set_up(database, invented(crashes))
        await write_texts(database, clinic, crashes)
        process = await warm.start("tests.faults.dying_sender", str(crashes))
        out, complaints = await process.communicate(json.dumps({"database_url": database_url, "twilio": told}).encode())
        assert process.returncode == 0, complaints.decode()[-3000:]
        assert int(out) == crashes, "every child died with the carrier's answer in its hands"
        assert twilio.creates == len(twilio.store.accepted) == crashes

        await let_leases_end(database)
        knowledge = known()
        released = await release_leases(database, knowledge, datetime.now(UTC))
        texts = await rows(database, communications)
        assert released.texts == crashes
        assert Counter(row.status for row in texts) == {"unknown": crashes}

        provider = TwilioProvider(**told)
        again = await send_communications(database, {"twilio": provider}, Lane.ROUTINE, SystemClock(), "node", knowledge.law, limit=1000)
        await provider.close()
        assert (again.claimed, twilio.creates) == (0, crashes), "a text in doubt was handed over again"

        assert await reconcile_all(database, twilio) == crashes
        found = await rows(database, communications)
        theirs = {attempt_of(message): message.sid for message in twilio.store.accepted}
        assert {row.status for row in found} <= {"accepted", "sent", "delivered"}
        assert len({row.provider_id for row in found}) == crashes, "two texts claim the same entry of the list"
        bodies = {message.sid: (message.to, message.body) for message in twilio.store.accepted}
        ours = {row.id: row for row in found}
        for attempt in await rows(database, attempts):
            assert bodies[theirs[attempt.id]][1] == ours[attempt.communication_id].body
    figures: dict[str, object] = {"crashes": crashes, "unknown": crashes, "sent_again": 0, "reconciled": crashes}
    tell(f"kill -9 between the carrier's yes and our commit, {database_url.partition(':')[0]}", figures, began)
