"""Fault test 18: whatever nurses, patients and time do to an item, in any order, the rules of its life hold, on both databases alike."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import func, select

from service.actions.acknowledge_page import acknowledge_page
from service.actions.claim_escalation import claim_escalation
from service.actions.knowledge import Knowledge
from service.actions.raise_escalation import Whose, notice_message, raise_escalation
from service.actions.refusal import Held, Refused
from service.actions.release_escalation import release_escalation
from service.actions.release_leases import release_leases
from service.actions.resolve_escalation import Closing, resolve_escalation
from service.actions.snooze_escalation import snooze_escalation
from service.actions.undo_step import undo_step
from service.actions.work_many import Wanted, What, work_many
from service.db.changes import Changes
from service.db.contexts import load_contexts
from service.db.database import Database
from service.db.due_work import due_work
from service.db.escalation import concerns, escalation_events, escalations
from service.domain.decision import Fired
from service.domain.escalation import State, transition, undoes
from service.domain.staff import Role, Staff
from service.domain.urgency import Urgency, by_rank
from tests.actions.house import MONDAY, content
from tests.encounters import complete_encounter
from tests.seed import KEYRING, NOBODY, Clinic, seed_clinic, seed_patient

pytestmark = pytest.mark.faults
START = MONDAY + timedelta(hours=2)
FULL, SAMPLED = (400, 50), (10, 30)
"""(examples, steps of each): 20,000 steps in full."""
SHOWN = ("state", "urgency_rank", "version", "claimed_until", "snoozed_until", "resolved_at", "disposition", "due_at", "acknowledged_at")


@dataclass
class Side:
    """One database, on which everything is done as on the other."""

    database: Database
    clinic: Clinic
    patient_id: UUID = NOBODY
    steps: list[UUID] = field(default_factory=list)
    """What can be undone, the last one last."""

    def member(self, who: str) -> Staff:
        seeded = {"nora": self.clinic.nora, "sol": self.clinic.sol}[who]
        role = Role.SUPERVISOR if who == "sol" else Role.NURSE
        return Staff(seeded.id, self.clinic.organization_id, seeded.name, role, seeded.team_ids)

    async def item_id(self) -> UUID:
        """The patient's newest item."""
        async with self.database.reading() as connection:
            wanted = select(escalations.c.id).where(escalations.c.patient_id == self.patient_id).order_by(escalations.c.opened_at.desc())
            return UUID(str(await connection.scalar(wanted.limit(1))))

    async def version(self) -> int:
        """Of that item, as whoever looks at it now has seen it."""
        item_id = await self.item_id()
        async with self.database.reading() as connection:
            return int(await connection.scalar(select(escalations.c.version).where(escalations.c.id == item_id)) or 0)

    async def seen(self) -> dict[str, Any]:
        """All of the patient's items as far as they must be alike, with history and planned pages."""
        names = {self.clinic.nora.id: "nora", self.clinic.sol.id: "sol", None: ""}
        async with self.database.reading() as connection:
            rows = await connection.execute(
                select(escalations).where(escalations.c.patient_id == self.patient_id).order_by(escalations.c.opened_at)
            )
            items = [{**{name: row[name] for name in SHOWN}, "holder": names[row["claimed_by"]]} for row in rows.mappings()]
            mine = select(escalations.c.id).where(escalations.c.patient_id == self.patient_id)
            lines = await connection.execute(
                select(escalation_events.c.what, func.count())
                .where(escalation_events.c.escalation_id.in_(mine))
                .group_by(escalation_events.c.what)
            )
            open_concerns = await connection.scalar(
                select(func.count()).where(concerns.c.escalation_id.in_(mine), concerns.c.answered_at.is_(None))
            )
            pages = await connection.scalar(select(func.count()).where(due_work.c.kind == "page_ladder", due_work.c.subject_id.in_(mine)))
            return {"items": items, "history": dict(lines.all()), "concerns": open_concerns, "pages": pages}


class Life(RuleBasedStateMachine):
    """One patient's item on both databases; every step is done on both, and must end alike."""

    sides: tuple[Side, ...] = ()
    knowledge: Knowledge
    runner: asyncio.Runner
    number = 0

    def __init__(self) -> None:
        super().__init__()
        Life.number += 1
        self.now = START + timedelta(days=Life.number)
        self.last: dict[str, Any] = {}
        self.undone = False

    def both(self, step: Any) -> list[str]:
        """Does it on both sides; what came of it, which must be the same."""
        self.undone = False
        outcomes = [self.runner.run(self._told(step(side))) for side in self.sides]
        assert outcomes[0] == outcomes[1], outcomes
        return outcomes

    async def _told(self, step: Coroutine[Any, Any, str]) -> str:
        try:
            return await step
        except Held:
            return "held by another"
        except Refused as refused:
            return str(refused)

    @initialize(urgency=st.sampled_from(list(Urgency)))
    def a_patient_reports(self, urgency: Urgency) -> None:
        async def step(side: Side) -> str:
            async with side.database.transaction() as connection:
                number = f"+1202555{Life.number % 10_000:04d}{Life.number // 10_000}"
                clinic = side.clinic
                person = await seed_patient(connection, clinic.organization_id, clinic.team_a, START, f"Person {Life.number}", number)
            side.patient_id, side.steps = person.id, []
            return await self._report(side, urgency)

        self.both(step)

    @rule(urgency=st.sampled_from([None, *Urgency]))
    def the_patient_writes(self, urgency: Urgency | None) -> None:
        self.now += timedelta(seconds=1)  # of two items of one instant neither is the newest
        self.both(lambda side: self._report(side, urgency))

    async def _report(self, side: Side, urgency: Urgency | None) -> str:
        async with side.database.transaction() as connection:
            context = (await load_contexts(connection, [side.patient_id], self.now))[side.patient_id]
            changes = Changes(self.now)
            if urgency is not None:
                raise_escalation(changes, Whose.patient(context), [Fired(f"test.{urgency}", "1", urgency, f"A sign of {urgency}", "test")])
            elif context.item is not None:
                notice_message(changes, Whose.patient(context), context.item)
            await changes.write(connection)
        return "written"

    @rule(who=st.sampled_from(["nora", "sol"]))
    def claims(self, who: str) -> None:
        async def step(side: Side) -> str:
            found = await claim_escalation(side.database, side.member(who), await side.item_id(), self.now)
            side.steps += [found.undo] if found.undo else []
            return f"{found.won} {found.holder} {found.until} {found.closed}"

        self.both(step)

    @rule(who=st.sampled_from(["nora", "sol"]))
    def gives_back(self, who: str) -> None:
        async def step(side: Side) -> str:
            side.steps.append(await release_escalation(side.database, side.member(who), await side.item_id(), self.now))
            return "released"

        self.both(step)

    @rule(who=st.sampled_from(["nora", "sol"]), minutes=st.sampled_from([5, 15, 60, 600, 12_000]))
    def puts_off(self, who: str, minutes: int) -> None:
        async def step(side: Side) -> str:
            until = self.now + timedelta(minutes=minutes)
            item_id, version = await side.item_id(), await side.version()
            side.steps.append(await snooze_escalation(side.database, side.member(who), item_id, until, "later", version, self.now))
            return "snoozed"

        self.both(step)

    @rule(who=st.sampled_from(["nora", "sol"]))
    def acknowledges(self, who: str) -> None:
        async def step(side: Side) -> str:
            await acknowledge_page(side.database, side.member(who), await side.item_id(), self.now)
            return "acknowledged"

        self.both(step)

    @rule(who=st.sampled_from(["nora", "sol"]), what=st.sampled_from(list(What)))
    def works_on_several(self, who: str, what: What) -> None:
        async def step(side: Side) -> str:
            item_id = await side.item_id()
            version = await side.version()
            wanted = Wanted(what, "later", "no_action_needed", "Nothing to do.")
            done = await work_many(side.database, side.member(who), wanted, {item_id: version}, None, self.now)
            side.steps += [done.undo] if done.undo else []
            return f"{done.done} {done.left_out}"

        self.both(step)

    @rule(who=st.sampled_from(["nora", "sol"]))
    def closes(self, who: str) -> None:
        async def step(side: Side) -> str:
            item_id = await side.item_id()
            async with side.database.reading() as connection:
                row = (await connection.execute(select(escalations).where(escalations.c.id == item_id))).one()
                answered = list(await connection.scalars(select(concerns.c.id).where(concerns.c.escalation_id == item_id)))
            urgency = by_rank(row.urgency_rank)
            encounter = complete_encounter(urgency) if urgency in (Urgency.EMERGENCY, Urgency.URGENT) else None
            closing = Closing(row.version, "advice_given", "Told her what to do.", "patient", answered, encounter)
            await resolve_escalation(side.database, side.member(who), item_id, closing, self.now)
            return "closed"

        self.both(step)

    @rule(who=st.sampled_from(["nora", "sol"]))
    def takes_back(self, who: str) -> None:
        async def step(side: Side) -> str:
            if not side.steps:  # no precondition: what may be drawn must not hang on what the databases have said
                return "0 nothing was done"
            done, left = await undo_step(side.database, side.member(who), side.steps[-1], self.now)
            return f"{done} {left}"

        outcomes = self.both(step)
        self.undone = outcomes[0].startswith("1")

    @rule(seconds=st.sampled_from([1, 5, 11, 60, 185, 601, 1801, 14_400, 90_000]))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule()
    def the_sweep_runs(self) -> None:
        async def step(side: Side) -> str:
            return str((await release_leases(side.database, self.knowledge, self.now)).items)

        self.both(step)

    @invariant()
    def both_are_alike_and_the_rules_hold(self) -> None:
        if any(side.patient_id == NOBODY for side in self.sides):
            return
        one, other = (self.runner.run(side.seen()) for side in self.sides)
        assert one == other
        self._judge(one)
        self.last = one

    def _judge(self, seen: dict[str, Any]) -> None:
        assert sum(item["state"] != State.RESOLVED for item in seen["items"]) <= 1, "one open item a patient"
        for item in seen["items"]:
            state = State(item["state"])
            assert (state is State.CLAIMED) == (item["claimed_until"] is not None)
            assert (state is State.SNOOZED) == (item["snoozed_until"] is not None)
            assert bool(item["holder"]) == (state in (State.CLAIMED, State.SNOOZED)) or state is State.RESOLVED
            assert (state is State.RESOLVED) == (item["resolved_at"] is not None) == (item["disposition"] is not None)
            if state is State.SNOOZED:
                assert item["urgency_rank"] != Urgency.EMERGENCY.rank
                assert item["snoozed_until"] - self.now <= timedelta(days=7)
        for before, after in zip(self.last.get("items", []), seen["items"], strict=False):
            assert after["urgency_rank"] <= before["urgency_rank"], "software never lowers"
            old, new = State(before["state"]), State(after["state"])
            if new is State.CLAIMED and after["acknowledged_at"] is None and not self.undone:
                assert old is State.CLAIMED, "a claim acknowledges"
                assert before["acknowledged_at"] is None or _news(seen) > _news(self.last), "only news asks again"
            if old is not new:
                assert undoes(old, new) if self.undone else transition(old, new), (old, new)
                assert after["version"] > before["version"]
                assert sum(seen["history"].values()) > sum(self.last["history"].values()), "every step leaves a line"
            if old is State.RESOLVED and not self.undone:
                assert before == after, "what is closed stays as it is"


def _news(seen: dict[str, Any]) -> int:
    """How many lines of the history are a patient's new words."""
    return int(seen["history"].get("message", 0)) + int(seen["history"].get("raised", 0))


async def _sides(urls: tuple[str, str]) -> tuple[Side, ...]:
    made = []
    for url in urls:
        database = Database.open(url, KEYRING)
        made.append(Side(database, await seed_clinic(database, START - timedelta(days=30))))
    return tuple(made)


async def _closed(sides: tuple[Side, ...]) -> None:
    for side in sides:
        await side.database.close()


@pytest.mark.postgres
@pytest.mark.timeout(3600)
@pytest.mark.law(6)
def test_the_life_of_an_item_keeps_its_rules_on_both_databases(sqlite_url: str, postgres_url: str, full_faults: bool) -> None:
    examples, steps = FULL if full_faults else SAMPLED
    known = content()
    Life.knowledge = Knowledge(
        known.lexicon, known.tables, known.wording, "http://localhost:8080", known.follow_through, known.opening, known.law
    )
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    with asyncio.Runner() as runner:
        Life.runner, Life.sides = runner, runner.run(_sides((sqlite_url, postgres_url)))
        try:
            chosen = settings(max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=slow, print_blob=True)
            run_state_machine_as_test(Life, settings=chosen)
        finally:
            runner.run(_closed(Life.sides))
