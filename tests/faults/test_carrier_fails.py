"""Faults 15 and 16: a carrier that refuses, breaks, is silent or talks nonsense for five minutes, and one that is gone for an hour."""

from __future__ import annotations

import time
from datetime import timedelta
from itertools import count

import pytest

from service.db.audit import audit_events
from service.db.communication import communications
from service.domain.communication import Purpose
from service.domain.failover import FULL
from tests.faults import FULL_COUNTS, SECONDS_A_TEST, on
from tests.faults.killer import tell
from tests.faults.storm import KINDS, Storm

pytestmark = [pytest.mark.faults, pytest.mark.timeout(SECONDS_A_TEST)]
ALERT_WITHIN = GIVEN_UP_BY = timedelta(minutes=2)
QUICKLY = (timedelta(seconds=5), timedelta(seconds=1))
MORE_SLOWLY = (timedelta(seconds=10), timedelta(seconds=1))
SLOWLY = (timedelta(seconds=60), timedelta(seconds=1))
"""Between two looks at the world: sampled, full."""
EACH = [(database, kind) for database in ("sqlite", "postgresql") for kind in KINDS]
SAMPLED = list(zip(("sqlite", "postgresql") * 2, KINDS, strict=True))


@pytest.mark.law(2, 3)
@pytest.mark.parametrize(
    ("database_url", "kind"),
    [pytest.param(*one, marks=on(one[0])) for one in (EACH if FULL_COUNTS else SAMPLED)],
    indirect=["database_url"],
)
async def test_five_minutes_of_a_failing_carrier_lose_nothing_and_double_nothing(database_url: str, kind: str, full_faults: bool) -> None:
    began = time.monotonic()
    storm = await Storm.open(database_url, 120 if full_faults else 30, QUICKLY[full_faults])
    try:
        texts = count()

        async def write() -> None:
            number = next(texts)
            person = storm.people[number % len(storm.people)]
            await storm.write(person, f"How are you? ({number})")

        storm.carrier.failing = kind
        await storm.live(timedelta(minutes=5), each=write)
        meanwhile, handed = next(texts), storm.carrier.asked
        storm.carrier.failing = ""
        storm.tick = MORE_SLOWLY[full_faults]
        await storm.live(timedelta(minutes=20))
        waiting = await storm.world.rows(communications, communications.c.status.in_(["due", "held", "claimed", "unknown"]))
        lost, doubled = await storm.lost_and_doubled()
        items, after = await storm.operational(), await storm.opened_after("provider_given_up")
        assert waiting == []
        assert (lost, doubled) == ([], [])
        assert items == ["provider_given_up"]
        assert after is not None
        assert after <= ALERT_WITHIN
        assert handed < meanwhile, "every text was tried during the outage: nothing backed off"
    finally:
        await storm.close()
    figures = {"texts": meanwhile, "tries_meanwhile": handed, "lost": 0, "doubled": 0, "alert_after_seconds": after.total_seconds()}
    tell(f"carrier fails: {kind}, {database_url.partition(':')[0]}", figures, began)


@pytest.mark.law(2, 3, 12)
@pytest.mark.parametrize(
    "database_url", [pytest.param(one, marks=on(one)) for one in ("sqlite", "postgresql")[: 1 + FULL_COUNTS]], indirect=True
)
async def test_a_carrier_that_is_gone_for_an_hour_costs_no_text_no_double_and_one_item(database_url: str, full_faults: bool) -> None:
    began = time.monotonic()
    hour = timedelta(hours=1)
    storm = await Storm.open(database_url, 400 if full_faults else 60, QUICKLY[full_faults])
    try:
        texts = count()

        async def write() -> None:
            number = next(texts)
            if full_faults and number % 3:
                return
            await storm.write(storm.people[number % (len(storm.people) - 1)], f"How are you? ({number})")

        storm.carrier.failing = "500"
        await storm.live(GIVEN_UP_BY, each=write)
        soon_over, long_due = storm.world.now + timedelta(minutes=40), storm.began - timedelta(minutes=1)
        stale = await storm.write(storm.people[-1], "Of no use any more", useful_until=soon_over, due_at=long_due)
        storm.tick = SLOWLY[full_faults]
        await storm.live(hour - GIVEN_UP_BY, each=write)
        tries = storm.carrier.asked
        storm.carrier.failing = ""
        back = storm.world.now
        answer = await storm.write(storm.people[1], "Thank you", Purpose.ANSWER)
        storm.tick = MORE_SLOWLY[full_faults]
        await storm.live(timedelta(minutes=15))
        sent = [text.body for text in reversed(storm.carrier.kept)]
        storm.tick = SLOWLY[full_faults]
        await storm.live(hour)
        items, after = await storm.operational(), await storm.opened_after("provider_given_up")
        waiting = await storm.world.rows(communications, communications.c.status.in_(["due", "held", "claimed", "unknown"]))
        lost, doubled = await storm.lost_and_doubled()
        assert waiting == []
        assert doubled == []
        assert lost == ["Of no use any more"]
        assert items == ["provider_given_up", "text_expired"]
        [expired] = await storm.world.rows(communications, communications.c.id == stale)
        assert expired.status == "expired"
        assert after is not None
        assert after <= ALERT_WITHIN
        [thanks] = await storm.world.rows(communications, communications.c.id == answer)
        assert thanks.status_at - back <= timedelta(minutes=3), "an answer waited behind the backlog"
        assert sent.index("Thank you") < len(sent)
        shifts = await storm.world.rows(audit_events, audit_events.c.action == "sender_shifted")
        assert [shift.detail["to"] for shift in shifts][-1] > 5
        assert all(shift.detail["from"] <= FULL for shift in shifts)
    finally:
        await storm.close()
    written = next(texts)
    figures = {"texts": written, "tries_in_the_hour": tries, "items": len(items), "alert_after_seconds": after.total_seconds()}
    tell(f"carrier gone for an hour, {database_url.partition(':')[0]}", figures, began)
