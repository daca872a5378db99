"""What must hold after any number of crashes: our rows against the carrier's own record, line by line."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import ColumnElement, Table, or_, select, update

from service.actions.other_way import PROVIDER_NEVER_HAD_IT
from service.db.check_in import check_ins
from service.db.communication import attempts, communication_statuses, communications, inbound_events, inbound_ids
from service.db.database import Database
from service.db.due_work import due_work
from service.db.escalation import concerns, escalations, pages
from service.db.organization import teams
from service.db.patient import patients, phones
from service.domain.urgency import Urgency
from service.telephony.loop.loop import PREFIX
from tests.faults.crowd import CHEST_PAIN, RED_FLAGS
from tests.stand_in_twilio import StandIn
from tests.stand_in_twilio.store import Message
from tests.story.clinic import ON_CALL
from tests.story.rows import rows

ENDED = ("accepted", "sent", "delivered", "undelivered", "failed", "expired", "cancelled")
"""Where an outbound text may stand once everything has settled."""


_NOBODYS = select(teams.c.id).where(teams.c.synthetic)
"""The synthetic patient's team: whatever lasts longer than ten minutes sees that patient walk, past the carrier."""
TEXTS_OF_PEOPLE = or_(
    communications.c.patient_id.is_(None),
    communications.c.patient_id.not_in(select(patients.c.id).where(patients.c.team_id.in_(_NOBODYS))),
)
ITEMS_OF_PEOPLE = escalations.c.team_id.not_in(_NOBODYS)
PAGES_OF_PEOPLE = or_(pages.c.escalation_id.is_(None), pages.c.escalation_id.in_(select(escalations.c.id).where(ITEMS_OF_PEOPLE)))
"""Those of people, or of nobody known."""


def by_the_carrier(table: Table) -> ColumnElement[bool]:
    """Rows of texts that the carrier has brought: not the synthetic patient's, which never meet it."""
    return ~table.c.provider_id.startswith(PREFIX)


async def let_leases_end(database: Database, holder: int | None = None, *, now: datetime | None = None) -> None:
    """Two minutes pass for every claim of the process with this id, which is dead; of every process, while none runs.

    `now`: what a service says whose clock is not the wall's; PostgreSQL has leases by its own clock all the same.
    Over only just: an alarm goes by how long leases have been over, and pages people.
    """
    clock = now if now is not None and not database.is_postgresql else datetime.now(UTC)
    over = clock - timedelta(seconds=1)
    async with database.transaction() as connection:
        for table, column in ((communications, "status"), (pages, "status"), (due_work, "state")):
            theirs = [] if holder is None else [table.c.claimed_by.contains(f":{holder}:")]
            await connection.execute(update(table).where(table.c[column] == "claimed", *theirs).values(lease_until=over))


async def let_pages_be_due(database: Database) -> None:
    """Five minutes pass for every emergency that nobody has acknowledged."""
    async with database.transaction() as connection:
        waiting = (due_work.c.kind == "page_ladder", due_work.c.state == "due")
        await connection.execute(update(due_work).where(*waiting).values(due_at=datetime.now(UTC)))


async def let_retries_be_due(database: Database) -> None:
    """The delay after a refusal passes for every text that waits to be tried again."""
    async with database.transaction() as connection:
        waiting = (communications.c.status == "due", communications.c.attempts > 0)
        await connection.execute(update(communications).where(*waiting).values(due_at=datetime.now(UTC)))


async def let_repeats_be_due(database: Database) -> int:
    """Texts that go anew are due now; how many there are."""
    async with database.transaction() as connection:
        waiting = (communications.c.status == "due", communications.c.again_of.is_not(None))
        return (await connection.execute(update(communications).where(*waiting).values(due_at=datetime.now(UTC)))).rowcount


async def in_hand(database: Database) -> int:
    """How many texts, pages and pieces of work somebody holds, or that are due now."""
    now = datetime.now(UTC)
    held = 0
    for table, column in ((communications, "status"), (pages, "status"), (due_work, "state")):
        due = table.c[column].in_(["due", "held"]) & (table.c.due_at <= now)
        held += len(await rows(database, table, (table.c[column] == "claimed") | due))
    return held


def attempt_of(message: Message) -> UUID:
    """Our attempt's id, as it stands in the status callback's path."""
    return UUID(urlsplit(message.status_callback).path.rsplit("/", 1)[-1])


@dataclass
class Ledger:
    """Both sides as they stand at the end."""

    twilio: StandIn
    out: list[Any]
    heard: list[Any]
    attempts: dict[UUID, Any]
    pages: list[Any]
    items: list[Any]
    concerns: list[Any]
    check_ins: list[Any]
    events: list[Any]
    works: list[Any]
    seen: list[str]
    doubted: set[UUID]
    numbers: dict[UUID, str]
    settled_at: datetime
    """What was due by then has been done."""

    @classmethod
    async def read(cls, twilio: StandIn, database: Database, settled_at: datetime) -> Ledger:
        """Everything, read once."""
        async with database.reading() as connection:
            ids = inbound_ids.select().where(by_the_carrier(inbound_ids))
            seen = [row.provider_id for row in (await connection.execute(ids)).all()]
        return cls(
            twilio,
            await rows(database, communications, communications.c.direction == "out", TEXTS_OF_PEOPLE),
            await rows(database, communications, communications.c.direction == "in", TEXTS_OF_PEOPLE),
            {row.id: row for row in await rows(database, attempts)},
            await rows(database, pages, PAGES_OF_PEOPLE),
            await rows(database, escalations, ITEMS_OF_PEOPLE),
            await rows(database, concerns),
            await rows(database, check_ins),
            await rows(database, inbound_events, by_the_carrier(inbound_events)),
            await rows(database, due_work),
            seen,
            {row.communication_id for row in await rows(database, communication_statuses, communication_statuses.c.status == "unknown")},
            {row.id: row.number for row in await rows(database, phones)},
            settled_at,
        )

    def check_inbound(self) -> dict[str, int]:
        """Every text that a patient wrote is stored, once; those that the carrier gave up on were fetched from its list."""
        delivered = {attempt.sid for attempt in self.twilio.store.tries if attempt.kind == "sms" and (attempt.status or 500) < 300}
        written = {message.sid for message in self.twilio.store.inbound}
        stored = Counter(row.provider_id for row in self.heard)
        assert delivered <= set(stored), f"{len(delivered - set(stored))} texts were answered with 200 and are not stored"
        assert not [sid for sid, count in stored.items() if count > 1], "a text was stored twice"
        assert Counter(self.seen) == stored, "the list of seen ids and the texts differ"
        assert Counter(row.provider_id for row in self.events) == stored, "the raw events and the texts differ"
        assert set(stored) == written, f"{len(written - set(stored))} texts that the carrier gave up on were never fetched"
        assert not [row for row in self.events if row.failure], "a text could not be read"
        tries = Counter(attempt.sid for attempt in self.twilio.store.tries if attempt.kind == "sms")
        return {
            "texts_in": len(written),
            "stored": len(stored),
            "delivered_again_by_the_carrier": sum(count > 1 for count in tries.values()),
            "given_up_by_the_carrier_and_fetched": len(written - delivered),
        }

    def check_outbound(self) -> dict[str, int]:
        """The carrier has accepted each text and each page at most once, and what it has accepted is a text of ours."""
        accepted = Counter(attempt_of(message) for message in self.twilio.store.accepted)
        assert not [one for one, count in accepted.items() if count > 1], "an attempt was handed over twice"
        assert set(accepted) <= set(self.attempts), "the carrier has a text that no attempt of ours stands for"
        texts = Counter(self.attempts[one].communication_id for one in accepted if self.attempts[one].communication_id)
        paged = Counter(self.attempts[one].page_id for one in accepted if self.attempts[one].page_id)
        assert not [one for one, count in (texts + paged).items() if count > 1], "a text was sent twice"
        numbers = Counter((row.communication_id or row.page_id, row.number) for row in self.attempts.values())
        assert not [one for one, count in numbers.items() if count > 1], "two nodes counted the same attempt"
        stuck = [row.status for row in self.out if row.status not in ENDED]
        assert not stuck, f"texts without an end: {Counter(stuck)}"
        self._check_what_left(set(texts))
        never = [row for row in self.out if row.reason == PROVIDER_NEVER_HAD_IT]
        anew = {row.again_of for row in self.out}
        told = {item.id for item in self.items if item.reached in ("not_reached", "delivered")}  # what a safety text's item says
        nobodys = [row for row in never if row.id not in anew and not (row.purpose == "safety" and row.escalation_id in told)]
        problems = [item for item in self.items if item.kind == "operational"]
        assert not nobodys or problems, f"texts that never left are nobody's work: {Counter(row.purpose for row in nobodys)}"
        return {
            "texts_out": len(self.out),
            "accepted_by_the_carrier": len(texts),
            "were_in_doubt": len(self.doubted),
            "of_these_never_left_and_shown": len(never),
            "pages_accepted": len(paged),
        }

    def _check_what_left(self, accepted: set[UUID]) -> None:
        """What we say has left is what the carrier has. Of texts in doubt its list tells number and words, so that of two with the
        same words to one number either may be the one that left."""
        gone = {row.id for row in self.out if row.status in ("accepted", "sent", "delivered", "undelivered")}
        surely = {row.id for row in self.out} - self.doubted
        assert gone & surely == accepted & surely, "a text that was never in doubt stands as what it is not"
        words = {row.id: (self.numbers[row.phone_id], row.body) for row in self.out}
        ours, theirs = (Counter(words[one] for one in ids & self.doubted) for ids in (gone, accepted))
        assert ours == theirs, f"{(ours - theirs).total()} said to be sent were not, {(theirs - ours).total()} sent are not known to be"

    def check_planning(self) -> dict[str, int]:
        """Each check-in that was due has begun, once, with one question; nothing that was planned is left behind."""
        slots = Counter((row.enrollment_id, row.local_date, row.slot) for row in self.check_ins)
        assert not [slot for slot, count in slots.items() if count > 1], "a check-in was planned twice"
        due = [row for row in self.check_ins if row.due_at < self.settled_at]
        left = {row.id for row in due if row.status == "planned"}
        why = Counter((work.state, work.failure, work.attempts) for work in self.works if work.subject_id in left)
        assert not left, f"{len(left)} check-ins that were due were never begun: {why}"
        asked = Counter(row.check_in_id for row in self.out if row.purpose == "check_in" and row.again_of is None)
        assert set(asked) == {row.id for row in self.check_ins if row.started_at is not None}, "check-ins and their questions differ"
        assert not [one for one, count in asked.items() if count > 1], "a check-in was begun twice"
        assert not [row for row in self.works if row.state in ("claimed", "failed")], "work is stuck or was given up"
        return {
            "check_ins_due": len(due),
            "check_ins_begun": len(asked),
            "check_ins_refused": sum(row.status == "cancelled" for row in due),
        }

    def check_danger(self) -> dict[str, int]:
        """Each red flag that was stored has its concern on an item, and each emergency has reached the number on call."""
        raised = {row.communication_id: row for row in self.concerns if row.communication_id}
        flags = [row for row in self.heard if row.body in RED_FLAGS]
        assert not [row for row in flags if row.id not in raised], "a red flag has no item"
        worst = {row.communication_id for row in self.concerns if row.urgency_rank == Urgency.EMERGENCY.rank}
        pain = [row for row in flags if row.body == CHEST_PAIN]
        assert not [row for row in pain if row.id not in worst], "chest pain is no emergency"
        owners = Counter(item.patient_id or item.phone_id for item in self.items if item.kind == "clinical" and item.state != "resolved")
        assert not [one for one, count in owners.items() if count > 1], "two open items for one patient"
        safety = Counter((row.escalation_id, row.reason) for row in self.out if row.purpose == "safety" and row.escalation_id)
        assert not [one for one, count in safety.items() if count > 1], "one incident had two safety texts"
        paged = " ".join(message.body for message in self.twilio.store.accepted if message.to == ON_CALL)
        emergencies = [item for item in self.items if item.kind == "clinical" and item.urgency_rank == Urgency.EMERGENCY.rank]
        assert not [item for item in emergencies if str(item.id) not in paged], "an emergency was never paged"
        return {"red_flags": len(flags), "emergencies": len(emergencies), "pages": len(self.pages)}

    def check(self) -> dict[str, int]:
        """All of it; the figures."""
        return self.check_inbound() | self.check_outbound() | self.check_planning() | self.check_danger()
