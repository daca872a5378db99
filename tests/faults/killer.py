"""Kills nodes at chosen and at random moments, and lets everything settle afterwards."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from service.actions.reconcile_unknown import TEXT_GRACE, reconcile_unknown
from service.db.communication import communications
from service.db.database import Database
from service.db.escalation import pages
from service.telephony.twilio import TwilioProvider
from tests.calls.conftest import known
from tests.faults.crowd import CHEST_PAIN, Crowd
from tests.faults.ledger import TEXTS_OF_PEOPLE, Ledger, in_hand, let_leases_end, let_pages_be_due, let_repeats_be_due, let_retries_be_due
from tests.stand_in_twilio import StandIn
from tests.story.rows import rows, until
from tests.story.served import Served, rounds

SETTLE_SECONDS = 180
AFTER_GRACE = TEXT_GRACE + timedelta(minutes=1)
"""What the carrier's list still lacks then, the carrier never had."""
STARTS_SECONDS = 1.5
"""What a node needs to start, and some more on a busy machine."""
BROKEN_ANSWERS = ("500_after_accept", "reset_after_accept", "garbage_after_accept", "429", "500")


class Killer:
    """Works on one node at a time; `moments` counts what each kill was aimed at."""

    def __init__(self, twilio: StandIn, crowd: Crowd, chance: random.Random) -> None:
        self._twilio = twilio
        self._crowd = crowd
        self._chance = chance
        self.moments: Counter[str] = Counter()
        self._next: list[str] = []
        self._aims = {
            "while it starts": self._starting,
            "at any time": self._any_time,
            "while a text comes in": self._receiving,
            "between the carrier's yes and our commit": self._sending,
        }

    async def kill(self, node: Served) -> None:
        """One kill -9. The node is dead or alive before, dead afterwards."""
        if not self._next:  # every kind in turn, in an order by chance
            self._next = self._chance.sample([*self._aims], len(self._aims))
        moment = self._next.pop()
        await self._aims[moment](node)
        await node.kill()
        self.moments[moment] += 1

    async def _starting(self, node: Served) -> None:
        if not node.alive:
            await node.spawn()
        await asyncio.sleep(self._chance.uniform(0.0, STARTS_SECONDS))

    async def _any_time(self, node: Served) -> None:
        await self._alive(node)
        if self._chance.random() < 0.5:
            self._twilio.faults.add(self._chance.choice(BROKEN_ANSWERS))
        await asyncio.sleep(self._chance.uniform(0.0, 2.0))

    async def _receiving(self, node: Served) -> None:
        await self._alive(node)
        tries = len(self._twilio.store.tries)
        for _ in range(self._chance.randint(1, 5)):
            self._crowd.say(self._crowd.anybody(), CHEST_PAIN)
        await asyncio.sleep(self._chance.uniform(0.0, 0.06))
        if self._chance.random() < 0.3:  # the commit may be over, and its answer lost or not
            await _soon(lambda: len(self._twilio.store.tries) > tries)

    async def _sending(self, node: Served) -> None:
        await self._alive(node)
        accepted = len(self._twilio.store.accepted)
        self._twilio.options.answer_seconds = 1.0
        self._twilio.options.step_seconds = 0.8  # the carrier's callback finds nobody: only its list can tell
        try:
            self._crowd.say(self._crowd.anybody(), CHEST_PAIN)
            await _soon(lambda: len(self._twilio.store.accepted) > accepted)
            await asyncio.sleep(self._chance.uniform(0.0, 0.5))
            await node.kill()
        finally:
            self._twilio.options.answer_seconds = 0.0
            self._twilio.options.step_seconds = 0.02

    async def _alive(self, node: Served) -> None:
        if not node.alive:
            await node.start()
        await asyncio.sleep(self._chance.uniform(0.0, 1.5))


async def _soon(true: Callable[[], bool], seconds: float = 3.0) -> None:
    """Waits until it is true, or for some seconds."""
    for _ in range(int(seconds / 0.005)):
        if true():
            return
        await asyncio.sleep(0.005)


async def settle(database: Database, twilio: StandIn, node: Served, folder: Path) -> tuple[Ledger, dict[str, int]]:
    """Lets everything come to its end, after the last kill and with nobody writing any more: the books, and the figures of doubt.

    Time is moved by moving what is due, not by waiting. Call while no node runs.
    """
    twilio.faults.clear()
    await let_leases_end(database)
    await let_retries_be_due(database)
    await node.start()

    async def nothing_in_hand() -> bool:
        await twilio.settled()
        return await in_hand(database) == 0

    async def all_stored() -> bool:
        written = {message.sid for message in twilio.store.inbound}
        return written == {
            row.provider_id for row in await rows(database, communications, communications.c.direction == "in", TEXTS_OF_PEOPLE)
        }

    await until(all_stored, SETTLE_SECONDS)  # those that the carrier gave up on are fetched from its list
    await until(nothing_in_hand, SETTLE_SECONDS)
    await let_pages_be_due(database)
    await asyncio.sleep(2)
    settled_at = datetime.now(UTC)
    await until(nothing_in_hand, SETTLE_SECONDS)
    code, out, err = await rounds("unknown", "list", environment=node.environment, folder=folder)
    unknown = {str(row.id) for table in (communications, pages) for row in await rows(database, table, table.c.status == "unknown")}
    listed = {line.split()[1] for line in out.splitlines()}
    assert code == 0, err
    assert listed == unknown, f"{len(unknown)} are unknown, {len(listed)} are listed"
    assert await node.stop() == 0
    found, anew = await reconcile_all(database, twilio), 0
    while repeats := await let_repeats_be_due(database):  # words that the carrier never had go anew, by a row of their own
        anew += repeats
        await node.start()
        await until(nothing_in_hand, SETTLE_SECONDS)
        assert await node.stop() == 0
        found += await reconcile_all(database, twilio)
    still = await rows(database, communications, communications.c.status == "unknown")
    assert not still, f"{len(still)} texts are unknown although the carrier's list is whole"
    lost_pages = await rows(database, pages, pages.c.status == "unknown")
    figures = {
        "unknown_listed": len(unknown),
        "reconciled_at_the_end": found,
        "then_sent_anew": anew,
        "pages_left_unknown_and_listed": len(lost_pages),
    }
    return await Ledger.read(twilio, database, settled_at), figures


async def reconcile_all(database: Database, twilio: StandIn) -> int:
    """Looks up every unknown text and page with the real library, as long as there is one; how many were decided."""
    options = twilio.options
    provider = TwilioProvider(
        account_sid=options.account_sid,
        auth_token=options.auth_token,
        sender=options.numbers[0],
        public_base_url="http://127.0.0.1:9",
        api_base=twilio.url,
    )
    total = 0
    try:
        while True:
            done = await reconcile_unknown(database, {"twilio": provider}, known(), datetime.now(UTC) + AFTER_GRACE)
            total += done.found + done.missing
            if not done.found and not done.missing:
                return total
    finally:
        await provider.close()


def tell(title: str, figures: Mapping[str, object], began: float) -> None:
    """Prints the figures of a run, one a line."""
    lines = "".join(f"\n  {name.replace('_', ' ')}: {value}" for name, value in figures.items())
    print(f"\n{title}: {time.monotonic() - began:.0f} s{lines}", flush=True)
