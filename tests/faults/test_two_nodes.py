"""Two nodes on one PostgreSQL do the same work at the same time: each slot is planned, begun and sent once."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from service.actions.do_due_work import do_due_work
from service.actions.plan_check_ins import plan_check_ins
from service.actions.send_communications import send_communications
from service.db.check_in import check_ins, enrollments
from service.db.communication import attempts, communications
from service.db.due_work import due_work
from service.domain.communication import Lane
from service.jobs.work import Surroundings, handlers
from service.telephony.twilio import TwilioProvider
from tests.calls.conftest import known
from tests.faults import SECONDS_A_TEST
from tests.faults.killer import tell
from tests.faults.ledger import attempt_of
from tests.stand_in_twilio import StandIn
from tests.story.clinic import enroll, invented, set_up
from tests.story.rows import opened, rows

pytestmark = [pytest.mark.faults, pytest.mark.postgres, pytest.mark.timeout(SECONDS_A_TEST)]
PATIENTS = (120, 2000)
"""Sampled, full."""
BATCH = 25
ANY_RATE = 1_000_000.0
"""Segments a second: the sender holds nothing back."""
NODES = ("north", "south")


class Later:
    """A clock that runs ahead."""

    def __init__(self, ahead: timedelta) -> None:
        self._ahead = ahead

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead


@pytest.mark.law(3)
async def test_two_nodes_plan_begin_and_send_each_check_in_once(postgres_url: str, twilio: StandIn, full_faults: bool) -> None:
    began = time.monotonic()
    people = invented(PATIENTS[full_faults])
    provider = TwilioProvider(
        account_sid=twilio.options.account_sid,
        auth_token=twilio.options.auth_token,
        sender=twilio.options.numbers[0],
        public_base_url="http://127.0.0.1:9",
        api_base=twilio.url,
    )
    twilio.options.callbacks = []
    clock = Later(timedelta(hours=2))  # the check-ins of this hour are due by then
    async with opened(postgres_url) as north, opened(postgres_url) as south:
        clinic = await set_up(north, people)
        await enroll(north, clinic, [record for record, _ in clinic.patients], first_in=timedelta(minutes=60))
        around = [
            Surroundings(
                database,
                {provider.name: provider},
                known(),
                clock,
                name,
            )
            for name, database in zip(NODES, (north, south), strict=True)
        ]
        now = datetime.now(UTC)
        planned = await asyncio.gather(*(plan_check_ins(one.database, one.knowledge, now, limit=BATCH) for one in around * 2))
        slots = await rows(north, check_ins)
        assert sum(one.planned for one in planned) == len(slots)
        each = Counter(row.enrollment_id for row in slots)
        assert {each[one.id] for one in await rows(north, enrollments)} <= {3, 4, 5}, "an enrollment was left out"
        assert len({(row.enrollment_id, row.local_date) for row in slots}) == len(slots), "a slot was planned twice"
        works = await rows(north, due_work)
        assert {row.subject_id for row in works if row.kind == "start_check_in"} == {row.id for row in slots}
        assert len(works) == len(slots)

        works_of = await asyncio.gather(*(_work(one) for one in around))
        assert sum(works_of) == len(people), "a check-in was claimed twice"
        begun = [row for row in await rows(north, check_ins) if row.status == "started"]
        assert len(begun) == len(people)
        texts_of = await asyncio.gather(*(_send(one) for one in around))
        await provider.close()
        texts = await rows(north, communications)
        assert Counter(row.check_in_id for row in texts if row.purpose == "check_in") == Counter(row.id for row in begun)
        assert {(row.status, row.attempts) for row in texts} == {("accepted", 1)}
        sent = Counter(attempt_of(message) for message in twilio.store.accepted)
        assert sent == Counter(row.id for row in await rows(north, attempts))
        assert len(sent) == len(texts)
        assert min(*works_of, *texts_of) > 0, "one node did everything: nothing was shared"
    figures: dict[str, object] = {
        "check_ins_planned": len(slots),
        "begun": len(begun),
        "begun_by_each_node": works_of,
        "texts_sent_once": len(sent),
        "texts_by_each_node": texts_of,
    }
    tell("two nodes on one PostgreSQL", figures, began)


async def _work(one: Surroundings) -> int:
    """Begins check-ins as long as there are some that the other node has not taken; how many."""
    done = 0
    while claimed := await do_due_work(one.database, handlers(one), Lane.ROUTINE, one.clock, one.node, limit=BATCH):
        done += claimed
    return done


async def _send(one: Surroundings) -> int:
    """Hands over texts in the same way; how many."""
    done = 0
    while (
        sent := await send_communications(
            one.database, one.providers, Lane.ROUTINE, one.clock, one.node, one.knowledge.law, limit=BATCH, default_rate=ANY_RATE
        )
    ).claimed:
        done += sent.claimed
    return done
