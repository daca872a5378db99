"""Claim, release, acknowledge, note, reply, close: who may, when, and what it leaves behind."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import delete, insert, select, update

from service.actions.acknowledge_page import acknowledge_page
from service.actions.claim_escalation import claim_escalation
from service.actions.refusal import Held, NotFound, Refused
from service.actions.release_escalation import release_escalation
from service.actions.reply_to_patient import reply_to_patient
from service.actions.resolve_escalation import Closing, resolve_escalation
from service.actions.write_note import write_note
from service.db import escalation_claims
from service.db.audit import audit_events
from service.db.communication import communication_statuses, communications
from service.db.database import Database
from service.db.escalation import concerns, escalation_events, escalations, notes
from service.db.follow_ups import follow_ups
from service.db.patient import consents, patients, phones
from service.db.schema import new_id
from service.db.staff import staff, staff_teams
from service.db.time_log import time_entries
from service.domain.encounter import Encounter
from service.domain.escalation import LEASE, Disposition
from service.domain.follow_up import Plan, What
from service.domain.staff import Role, Staff
from service.domain.urgency import Urgency, by_rank
from tests.encounters import complete_encounter
from tests.patience import PATIENCE_SECONDS
from tests.seed import Clinic, Member, password_hash, seed_item
from tests.web.conftest import LAW, NOW

LATER = NOW + timedelta(minutes=1)
NIGHT = NOW + timedelta(hours=12)  # 10 in the evening in New York


def as_staff(clinic: Clinic, member: Member, role: Role = Role.NURSE) -> Staff:
    return Staff(member.id, clinic.organization_id, member.name, role, member.team_ids)


@pytest.fixture
def nora(clinic: Clinic) -> Staff:
    return as_staff(clinic, clinic.nora)


@pytest.fixture
def sol(clinic: Clinic) -> Staff:
    return as_staff(clinic, clinic.sol, Role.SUPERVISOR)


@pytest.fixture
def omar(clinic: Clinic) -> Staff:
    return as_staff(clinic, clinic.omar)


async def row_of(database: Database, item_id: UUID) -> Any:
    async with database.reading() as connection:
        return (await connection.execute(select(escalations).where(escalations.c.id == item_id))).one()


async def all_of(database: Database, table: Any, *where: Any) -> Sequence[Any]:
    async with database.reading() as connection:
        return (await connection.execute(select(table).where(*where))).all()


async def history(database: Database, item_id: UUID) -> list[str]:
    rows = await all_of(database, escalation_events, escalation_events.c.escalation_id == item_id)
    return [row.what for row in sorted(rows, key=lambda row: (row.at, row.id))]


async def closing(database: Database, item_id: UUID, **more: Any) -> Closing:
    row = await row_of(database, item_id)
    found = await all_of(database, concerns, concerns.c.escalation_id == item_id)
    values: dict[str, Any] = {
        "version": row.version,
        "disposition": Disposition.ADVICE_GIVEN,
        "note": "Spoke with the patient, swelling is going down.",
        "answered": [concern.id for concern in found],
    }
    urgency = by_rank(row.urgency_rank)
    if urgency in (Urgency.EMERGENCY, Urgency.URGENT):
        values["encounter"] = complete_encounter(urgency)
    return Closing(**(values | more))


async def test_of_a_hundred_nurses_exactly_one_gets_the_item(database: Database, clinic: Clinic) -> None:
    item_id = await seed_item(database, clinic.chi, NOW)
    nurses = []
    async with database.transaction() as connection:
        for number in range(100):
            nurse = Staff(new_id(NOW), clinic.organization_id, f"Nurse {number}", Role.NURSE, (clinic.team_a,))
            nurses.append(nurse)
            await connection.execute(
                insert(staff).values(
                    id=nurse.id,
                    organization_id=clinic.organization_id,
                    name=nurse.name,
                    email=f"n{number}@riverside.example",
                    email_index=number.to_bytes(32, "big"),
                    password_hash=password_hash(),
                    role="nurse",
                    created_at=NOW,
                )
            )
            await connection.execute(
                insert(staff_teams).values(organization_id=clinic.organization_id, staff_id=nurse.id, team_id=clinic.team_a)
            )
    results = await asyncio.gather(*(claim_escalation(database, nurse, item_id, LATER) for nurse in nurses))
    winners = [nurse for nurse, result in zip(nurses, results, strict=True) if result.won]
    assert len(winners) == 1
    assert {result.holder for result in results} == {winners[0].name}
    row = await row_of(database, item_id)
    assert (row.claimed_by, row.state, row.version) == (winners[0].id, "claimed", 2)
    assert Counter(await history(database, item_id)) == {"opened": 1, "claimed": 1}


@pytest.mark.parametrize("urgency", list(Urgency))
async def test_a_claim_lasts_as_long_as_the_urgency_allows(database: Database, clinic: Clinic, nora: Staff, urgency: Urgency) -> None:
    item_id = await seed_item(database, clinic.chi, NOW, urgency=urgency)
    assert (await claim_escalation(database, nora, item_id, LATER)).won
    assert (await row_of(database, item_id)).claimed_until == LATER + LEASE[urgency]


async def test_a_claim_that_ran_out_may_be_taken_over_and_says_from_whom(
    database: Database, clinic: Clinic, nora: Staff, sol: Staff
) -> None:
    item_id = await seed_item(database, clinic.chi, NOW)
    await claim_escalation(database, nora, item_id, NOW)
    assert not (await claim_escalation(database, sol, item_id, NOW + LEASE[Urgency.URGENT] - timedelta(seconds=1))).won
    assert (await claim_escalation(database, sol, item_id, NOW + LEASE[Urgency.URGENT])).won
    assert (await row_of(database, item_id)).claimed_by == sol.id
    assert await history(database, item_id) == ["opened", "claimed", "lease_expired", "claimed"]


async def test_whatever_the_holder_logs_extends_the_claim(database: Database, clinic: Clinic, nora: Staff) -> None:
    item_id = await seed_item(database, clinic.chi, NOW)
    await claim_escalation(database, nora, item_id, NOW)
    await write_note(database, nora, item_id, "Called, no answer.", NOW + timedelta(minutes=5))
    assert (await row_of(database, item_id)).claimed_until == NOW + timedelta(minutes=15)
    await reply_to_patient(database, LAW, nora, item_id, text="Please call us.", phone_id=None, reason="", now=NOW + timedelta(minutes=8))
    assert (await row_of(database, item_id)).claimed_until == NOW + timedelta(minutes=18)


async def test_a_colleague_s_note_extends_nobody_s_claim(database: Database, clinic: Clinic, nora: Staff, sol: Staff) -> None:
    item_id = await seed_item(database, clinic.chi, NOW)
    await claim_escalation(database, nora, item_id, NOW)
    await write_note(database, sol, item_id, "Saw her last week.", NOW + timedelta(minutes=5))
    row = await row_of(database, item_id)
    assert (row.claimed_until, row.claimed_by) == (NOW + timedelta(minutes=10), nora.id)


async def test_acknowledging_claims_nothing_and_claiming_acknowledges(database: Database, clinic: Clinic, nora: Staff, sol: Staff) -> None:
    seen = await seed_item(database, clinic.chi, NOW, urgency=Urgency.EMERGENCY)
    claimed = await seed_item(database, clinic.ana, NOW, urgency=Urgency.EMERGENCY)
    await acknowledge_page(database, sol, seen, LATER)
    await acknowledge_page(database, nora, seen, LATER + timedelta(minutes=1))
    await claim_escalation(database, nora, claimed, LATER)
    row = await row_of(database, seen)
    assert (row.state, row.claimed_by, row.acknowledged_by, row.acknowledged_at) == ("open", None, sol.id, LATER)
    row = await row_of(database, claimed)
    assert (row.acknowledged_by, row.acknowledged_at) == (nora.id, LATER)
    assert await history(database, seen) == ["opened", "acknowledged"]


async def test_only_the_holder_or_a_supervisor_gives_an_item_back(database: Database, clinic: Clinic, nora: Staff, sol: Staff) -> None:
    item_id = await seed_item(database, clinic.chi, NOW)
    colleague = as_staff(clinic, clinic.sol)
    with pytest.raises(Refused, match="Nobody holds"):
        await release_escalation(database, nora, item_id, LATER)
    await claim_escalation(database, nora, item_id, NOW)
    with pytest.raises(Held):
        await release_escalation(database, colleague, item_id, LATER)
    await release_escalation(database, sol, item_id, LATER)
    row = await row_of(database, item_id)
    assert (row.state, row.claimed_by, row.claimed_until) == ("open", None, None)


async def test_a_reply_is_due_at_once_with_its_history_and_wakes_the_outbox(database: Database, clinic: Clinic, nora: Staff) -> None:
    item_id = await seed_item(database, clinic.chi, NOW)
    await claim_escalation(database, nora, item_id, NOW)
    with database.wakeups.listen("outbox:routine") as woken:
        reply_id = await reply_to_patient(
            database, LAW, nora, item_id, text=" How is your breathing? ", phone_id=None, reason="", now=LATER
        )
        await asyncio.wait_for(woken.wait(), PATIENCE_SECONDS)
    (row,) = await all_of(database, communications, communications.c.id == reply_id)
    assert (row.body, row.direction, row.purpose, row.status, row.lane) == ("How is your breathing?", "out", "nurse", "due", "routine")
    assert (row.patient_id, row.phone_id, row.staff_id, row.escalation_id) == (clinic.chi.id, clinic.chi.phone_id, nora.id, item_id)
    assert row.due_at == LATER
    (status,) = await all_of(database, communication_statuses, communication_statuses.c.communication_id == reply_id)
    assert (status.status, status.source) == ("due", "staff")
    assert (await history(database, item_id))[-1] == "reply_written"


async def test_a_reply_on_an_emergency_goes_in_the_emergency_lane(database: Database, clinic: Clinic, nora: Staff) -> None:
    item_id = await seed_item(database, clinic.chi, NOW, urgency=Urgency.EMERGENCY)
    await claim_escalation(database, nora, item_id, NOW)
    reply_id = await reply_to_patient(database, LAW, nora, item_id, text="Call 911 now.", phone_id=None, reason="", now=LATER)
    (row,) = await all_of(database, communications, communications.c.id == reply_id)
    assert row.lane == "emergency"


@pytest.mark.parametrize(
    "why", ["unclaimed", "held_by_other", "unsafe_item", "unsafe_phone", "opted_out", "no_consent", "unknown", "long", "empty"]
)
async def test_a_reply_that_may_not_go_is_refused_and_leaves_no_row(
    database: Database, clinic: Clinic, nora: Staff, sol: Staff, why: str
) -> None:
    item_id = await seed_item(database, clinic.chi, NOW, do_not_contact=why == "unsafe_item", known=why != "unknown")
    if why != "unclaimed":
        await claim_escalation(database, sol if why == "held_by_other" else nora, item_id, NOW)
    async with database.transaction() as connection:
        if why == "unsafe_phone":
            await connection.execute(update(phones).values(unsafe_since=NOW))
        if why == "opted_out":
            await connection.execute(update(phones).values(opted_out_at=NOW))
        if why == "no_consent":
            await connection.execute(delete(consents))
    text = {"long": "word " * 80, "empty": "  "}.get(why, "Please call us.")
    with pytest.raises(Refused):
        await reply_to_patient(database, LAW, nora, item_id, text=text, phone_id=None, reason="", now=LATER)
    assert not await all_of(database, communications, communications.c.direction == "out")


async def test_in_quiet_hours_a_reply_needs_a_reason_unless_it_answers_within_the_hour(
    database: Database, clinic: Clinic, nora: Staff
) -> None:
    item_id = await seed_item(database, clinic.chi, NIGHT)
    await claim_escalation(database, nora, item_id, NIGHT)
    soon, late = NIGHT + timedelta(minutes=59), NIGHT + timedelta(minutes=61)
    await reply_to_patient(database, LAW, nora, item_id, text="Hello", phone_id=None, reason="", now=soon)
    with pytest.raises(Refused, match="quiet hours"):
        await reply_to_patient(database, LAW, nora, item_id, text="Hello", phone_id=None, reason="  ", now=late)
    reply_id = await reply_to_patient(database, LAW, nora, item_id, text="Hello", phone_id=None, reason="breathing is worse", now=late)
    (row,) = await all_of(database, communications, communications.c.id == reply_id)
    assert row.reason == "breathing is worse"
    async with database.transaction() as connection:  # half past six: not quiet at the clinic, but by the law of this state
        await connection.execute(update(patients).where(patients.c.id == clinic.chi.id).values(state="RI"))
    evening = NIGHT.replace(hour=23, minute=30) + timedelta(days=1)
    with pytest.raises(Refused, match="quiet hours"):
        await reply_to_patient(database, LAW, nora, item_id, text="Hello", phone_id=None, reason="", now=evening)


async def test_a_reply_to_a_number_that_is_not_the_patient_s_is_refused(database: Database, clinic: Clinic, nora: Staff) -> None:
    item_id = await seed_item(database, clinic.chi, NOW)
    await claim_escalation(database, nora, item_id, NOW)
    with pytest.raises(Refused):
        await reply_to_patient(database, LAW, nora, item_id, text="Hello", phone_id=clinic.ana.phone_id, reason="", now=LATER)


WHOLE = complete_encounter(Urgency.EMERGENCY)


@pytest.mark.parametrize(
    "more",
    [
        {"encounter": None},
        {"encounter": Encounter()},
        {"encounter": replace(WHOLE, disposition="")},
        {"encounter": replace(WHOLE, spoke_to="")},
        {"encounter": replace(WHOLE, teach_back="")},
        {"encounter": replace(WHOLE, disposition="advice_given")},
        {"answered": []},
        {"version": 1},
    ],
    ids=str,
)
async def test_an_emergency_is_not_closed_while_something_is_missing(
    database: Database, clinic: Clinic, nora: Staff, more: dict[str, Any]
) -> None:
    item_id = await seed_item(database, clinic.chi, NOW, urgency=Urgency.EMERGENCY)
    await claim_escalation(database, nora, item_id, NOW)
    complete = await closing(database, item_id)
    before = await row_of(database, item_id)
    with pytest.raises(Refused):
        await resolve_escalation(database, nora, item_id, await closing(database, item_id, **more), LATER)
    assert await row_of(database, item_id) == before
    assert not await all_of(database, notes)
    await resolve_escalation(database, nora, item_id, complete, LATER)
    row = await row_of(database, item_id)
    assert (row.state, row.resolved_by, row.disposition, row.spoke_to) == ("resolved", nora.id, "emergency_services", "patient")


@pytest.mark.parametrize("more", [{"disposition": ""}, {"disposition": "made_up"}, {"note": " \n"}, {"note": "x" * 5000}], ids=str)
async def test_a_routine_item_needs_a_decision_and_a_note(database: Database, clinic: Clinic, nora: Staff, more: dict[str, Any]) -> None:
    item_id = await seed_item(database, clinic.chi, NOW, urgency=Urgency.ROUTINE)
    await claim_escalation(database, nora, item_id, NOW)
    with pytest.raises(Refused):
        await resolve_escalation(database, nora, item_id, await closing(database, item_id, **more), LATER)
    await resolve_escalation(database, nora, item_id, await closing(database, item_id), LATER)
    assert (await row_of(database, item_id)).state == "resolved"


async def test_a_concern_that_came_in_meanwhile_keeps_the_item_open(database: Database, clinic: Clinic, nora: Staff) -> None:
    item_id = await seed_item(database, clinic.chi, NOW)
    await claim_escalation(database, nora, item_id, NOW)
    as_seen = await closing(database, item_id)
    async with database.transaction() as connection:
        old = dict((await connection.execute(select(concerns))).mappings().one())
        await connection.execute(insert(concerns).values(old | {"id": new_id(LATER), "reason": "Chest pain"}))
    with pytest.raises(Refused, match="every concern"):
        await resolve_escalation(database, nora, item_id, as_seen, LATER)
    async with database.transaction() as connection:
        await connection.execute(update(escalations).values(version=escalations.c.version + 1))
    with pytest.raises(Refused, match="Something new"):
        await resolve_escalation(database, nora, item_id, as_seen, LATER)


async def test_closing_answers_every_concern_and_keeps_note_and_follow_up(database: Database, clinic: Clinic, nora: Staff) -> None:
    item_id = await seed_item(database, clinic.chi, NOW)
    await claim_escalation(database, nora, item_id, NOW)
    plan = Plan(What.CALL, LATER + timedelta(days=1), "Ask about her ankles.", mine=True)
    await resolve_escalation(database, nora, item_id, await closing(database, item_id, follow_up=plan), LATER)
    (concern,) = await all_of(database, concerns)
    assert concern.answered_at == LATER
    (note,) = await all_of(database, notes)
    assert (note.kind, note.signed_at) == ("encounter", LATER)
    assert Encounter.from_json(note.form) == complete_encounter()
    assert "Teach-back: Said it back correctly" in note.body
    (planned,) = await all_of(database, follow_ups)
    assert (planned.words, planned.due_at, planned.for_staff_id, planned.state) == (plan.words, plan.due_at, nora.id, "planned")
    (entry,) = await all_of(database, time_entries)
    assert (entry.seconds, entry.source, entry.staff_id) == (8 * 60, "manual", nora.id)
    assert {row.author_id for row in await all_of(database, notes)} == {nora.id}
    for again in (
        lambda: resolve_escalation(database, nora, item_id, Closing(1, "advice_given", "x"), LATER),
        lambda: acknowledge_page(database, nora, item_id, LATER),
        lambda: release_escalation(database, nora, item_id, LATER),
        lambda: reply_to_patient(database, LAW, nora, item_id, text="x", phone_id=None, reason="x", now=LATER),
    ):
        with pytest.raises(Refused):
            await again()
    assert (await claim_escalation(database, nora, item_id, LATER)).closed
    await write_note(database, nora, item_id, "Addendum", LATER)


@pytest.mark.law(8)
async def test_only_a_named_nurse_of_the_team_who_holds_the_item_closes_it(
    database: Database, clinic: Clinic, nora: Staff, sol: Staff, omar: Staff
) -> None:
    item_id = await seed_item(database, clinic.chi, NOW)
    await claim_escalation(database, nora, item_id, NOW)
    complete = await closing(database, item_id)
    ada = Staff(clinic.ada.id, clinic.organization_id, "Ada", Role.ADMINISTRATOR, (clinic.team_a,))
    for other, refusal in ((omar, NotFound), (ada, NotFound), (sol, Held)):
        with pytest.raises(refusal):
            await resolve_escalation(database, other, item_id, complete, LATER)
    assert (await row_of(database, item_id)).state == "claimed"
    await resolve_escalation(database, nora, item_id, complete, LATER)
    assert (await row_of(database, item_id)).resolved_by == nora.id


@pytest.mark.law(8)
async def test_no_other_action_of_a_nurse_closes_an_item_or_lowers_its_urgency(database: Database, clinic: Clinic, nora: Staff) -> None:
    item_id = await seed_item(database, clinic.chi, NOW, urgency=Urgency.EMERGENCY)
    await acknowledge_page(database, nora, item_id, NOW)
    await claim_escalation(database, nora, item_id, NOW)
    await write_note(database, nora, item_id, "x", NOW)
    await reply_to_patient(database, LAW, nora, item_id, text="x", phone_id=None, reason="", now=NOW)
    await release_escalation(database, nora, item_id, NOW)
    row = await row_of(database, item_id)
    assert (row.state, row.urgency_rank, row.resolved_at) == ("open", Urgency.EMERGENCY.rank, None)


@pytest.mark.law(6)
async def test_every_step_of_an_item_is_kept_with_who_and_when(database: Database, clinic: Clinic, nora: Staff, sol: Staff) -> None:
    item_id = await seed_item(database, clinic.chi, NOW, urgency=Urgency.EMERGENCY)
    at = [NOW + timedelta(seconds=30 * step) for step in range(8)]
    await acknowledge_page(database, sol, item_id, at[1])
    await claim_escalation(database, nora, item_id, at[2])
    await release_escalation(database, nora, item_id, at[3])
    await claim_escalation(database, nora, item_id, at[4])
    await write_note(database, nora, item_id, "x", at[5])
    await reply_to_patient(database, LAW, nora, item_id, text="x", phone_id=None, reason="", now=at[6])
    await resolve_escalation(database, nora, item_id, await closing(database, item_id), at[7])
    rows = await all_of(database, escalation_events, escalation_events.c.escalation_id == item_id)
    assert [(row.what, row.staff_id, row.at) for row in sorted(rows, key=lambda row: row.at)] == [
        ("opened", None, at[0]),
        ("acknowledged", sol.id, at[1]),
        ("claimed", nora.id, at[2]),
        ("released", nora.id, at[3]),
        ("claimed", nora.id, at[4]),
        ("note_written", nora.id, at[5]),
        ("reply_written", nora.id, at[6]),
        ("resolved", nora.id, at[7]),
    ]


@pytest.mark.law(10)
async def test_every_action_on_an_item_is_audited_with_who_and_whose_and_without_words(
    database: Database, clinic: Clinic, nora: Staff
) -> None:
    item_id = await seed_item(database, clinic.chi, NOW, urgency=Urgency.EMERGENCY)
    await acknowledge_page(database, nora, item_id, NOW)
    await claim_escalation(database, nora, item_id, NOW)
    await write_note(database, nora, item_id, "swollen ankles", NOW)
    await reply_to_patient(database, LAW, nora, item_id, text="swollen ankles", phone_id=None, reason="", now=NOW)
    await release_escalation(database, nora, item_id, NOW)
    await claim_escalation(database, nora, item_id, NOW)
    await resolve_escalation(database, nora, item_id, await closing(database, item_id), NOW)
    rows = await all_of(database, audit_events)
    assert Counter(row.action for row in rows) == {
        "page_acknowledged": 1,
        "escalation_claimed": 2,
        "note_written": 1,
        "reply_written": 1,
        "escalation_released": 1,
        "escalation_resolved": 1,
    }
    assert {(row.staff_id, row.patient_id, row.actor) for row in rows} == {(nora.id, clinic.chi.id, "staff")}
    assert not any("swollen" in str(row.detail) or "Chi" in str(row.detail) for row in rows)


async def test_nothing_of_another_team_s_item_can_be_done(database: Database, clinic: Clinic, omar: Staff) -> None:
    item_id = await seed_item(database, clinic.chi, NOW)
    complete = await closing(database, item_id)
    for attempt in (
        lambda: claim_escalation(database, omar, item_id, NOW),
        lambda: release_escalation(database, omar, item_id, NOW),
        lambda: acknowledge_page(database, omar, item_id, NOW),
        lambda: write_note(database, omar, item_id, "x", NOW),
        lambda: reply_to_patient(database, LAW, omar, item_id, text="x", phone_id=None, reason="", now=NOW),
        lambda: resolve_escalation(database, omar, item_id, complete, NOW),
    ):
        with pytest.raises(NotFound):
            await attempt()
    assert await history(database, item_id) == ["opened"]
    assert not await all_of(database, audit_events)


async def test_a_change_to_an_item_that_others_changed_meanwhile_is_not_made(database: Database, clinic: Clinic, nora: Staff) -> None:
    item_id = await seed_item(database, clinic.chi, NOW)
    async with database.reading() as connection:
        as_seen = await escalation_claims.lock_item(connection, nora, item_id)
    assert as_seen is not None
    await claim_escalation(database, nora, item_id, NOW)
    async with database.transaction() as connection:
        assert not await escalation_claims.claim(connection, as_seen, nora, LATER, NOW)
        assert not await escalation_claims.acknowledge(connection, as_seen, nora, LATER)
        assert not await escalation_claims.close(connection, as_seen, nora, Disposition.ADVICE_GIVEN, "", LATER)
    assert (await row_of(database, item_id)).version == 2


async def test_a_step_that_the_table_of_states_does_not_have_is_refused(database: Database, clinic: Clinic, nora: Staff) -> None:
    item_id = await seed_item(database, clinic.chi, NOW)
    async with database.transaction() as connection:
        item = await escalation_claims.lock_item(connection, nora, item_id)
        assert item is not None
        with pytest.raises(ValueError, match="cannot become"):
            await escalation_claims.release(connection, item)
