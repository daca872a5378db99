"""Check-ins rest: by the patient's words, by what they agree to, by a nurse; nothing is lost meanwhile, and nothing is forgotten."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import LargeBinary, insert, select, type_coerce, update

from service.actions.pause_by_staff import Asked, pause_by_number, pause_from_item, resume_by_number, resume_from_item
from service.actions.pause_check_ins import turn_pauses
from service.actions.refusal import NotFound, Refused
from service.db.audit import audit_events
from service.db.check_in import check_ins, enrollments, flow_sessions
from service.db.communication import communications
from service.db.escalation import concerns, escalation_events, escalations
from service.db.patient import patients
from service.db.pauses import pauses
from service.db.schema import new_id
from service.domain.staff import Role, Staff
from service.domain.urgency import Urgency
from tests.actions.house import MONDAY, House, content
from tests.actions.test_nothing_unseen import CARER, carer_of
from tests.actions.test_rechecks import approve, work
from tests.seed import Member, seed_item

CHI = "+12025550103"


def nurse(house: House, member: Member | None = None) -> Staff:
    member = member or house.clinic.nora
    return Staff(member.id, house.clinic.organization_id, member.name, Role.NURSE, member.team_ids)


async def in_a_check_in(house: House, flow: str = "heart_failure/daily") -> None:
    """Chi's check-in has asked its first question."""
    chosen = content().flows[flow]
    await house.check_in(house.clinic.chi, chosen, await house.enroll(house.clinic.chi, chosen))


async def answer(house: House, *texts: str) -> None:
    for text in texts:
        house.clock.time += timedelta(minutes=2)
        await house.text(CHI, text)


async def status(house: House) -> str:
    [row] = await house.rows(patients, patients.c.id == house.clinic.chi.id)
    return str(row.status)


async def rules(house: House) -> list[str]:
    return [row.rule for row in await house.rows(concerns)]


async def turned(house: House, **by: float) -> int:
    house.clock.time += timedelta(**by)
    return await turn_pauses(house.database, house.clock.now())


@pytest.mark.parametrize("words", ["I'm in the hospital", "they admitted me last night", "estoy en el hospital", "me internaron anoche"])
async def test_a_hospital_stay_told_in_their_own_words_rests_everything_at_once_and_a_nurse_is_told(house: House, words: str) -> None:
    await in_a_check_in(house)
    await answer(house, words)
    assert await status(house) == "paused"
    [pause] = await house.rows(pauses)
    assert (pause.kind, pause.state, pause.ends_at, pause.staff_id) == ("hospital", "on", None, None)
    [told] = await house.rows(communications, communications.c.direction == "in")
    assert pause.communication_id == told.id
    [item] = await house.rows(escalations)
    assert item.urgency_rank == Urgency.SAME_DAY.rank
    assert "machine.in_hospital" in await rules(house)
    [session] = await house.rows(flow_sessions)
    [check_in] = await house.rows(check_ins)
    assert (session.status, check_in.status) == ("ended", "cancelled")
    [said] = await house.sent("answer")
    assert ("please text HOME" in said.body) or ("mande CASA" in said.body)
    assert "weight" not in said.body, "nothing more is asked"
    before = await rules(house)
    assert await house.silence(days=1) == 0
    assert await rules(house) == before, "nobody counts as silent while check-ins rest"
    actions = [row.action for row in await house.rows(audit_events)]
    assert "check_ins_paused" in actions


@pytest.mark.parametrize("words", ["my son is in the hospital", "I was in the hospital last week", "I'm in the hospital with my wife"])
async def test_somebody_elses_stay_or_a_past_one_rests_nothing(house: House, words: str) -> None:
    await in_a_check_in(house)
    await answer(house, words)
    assert await status(house) == "active"
    assert await house.rows(pauses) == []


async def test_a_carers_words_are_an_item_and_no_pause(house: House) -> None:
    await carer_of(house, house.clinic.chi)
    await house.text(CARER, "I'm in the hospital")
    assert await status(house) == "active"
    assert "unexplained" in await rules(house)
    assert await house.rows(pauses) == []


async def test_a_red_flag_from_the_hospital_is_answered_as_ever(house: House) -> None:
    await answer(house, "I'm in the hospital", "I have chest pain and can't breathe")
    [safety] = await house.sent("safety")
    assert "911" in safety.body
    [item] = await house.rows(escalations)
    assert item.urgency_rank == Urgency.EMERGENCY.rank


async def test_danger_and_the_hospital_in_one_text_rest_and_are_answered_once(house: House) -> None:
    await in_a_check_in(house)
    await answer(house, "I'm in the hospital with chest pain")
    assert await status(house) == "paused"
    assert len(await house.sent("safety")) == 1
    assert await house.sent("answer") == []


async def test_home_from_the_hospital_is_told_to_a_nurse_who_alone_ends_the_pause(house: House) -> None:
    await answer(house, "I'm in the hospital", "HOME")
    assert await status(house) == "paused"
    assert (await rules(house))[-1] == "machine.home_from_hospital"
    [item] = await house.rows(escalations)
    await resume_from_item(house.database, nurse(house), item.id, house.clock.now())
    assert await status(house) == "active"
    [pause] = await house.rows(pauses)
    assert (pause.state, pause.ended_how, pause.ended_by) == ("over", "staff", house.clinic.nora.id)
    assert "check_ins_resumed" in [row.what for row in await house.rows(escalation_events)]
    with pytest.raises(Refused, match="not paused"):
        await resume_from_item(house.database, nurse(house), item.id, house.clock.now())


async def test_a_journey_rests_what_the_patient_agreed_to_until_its_day(house: House) -> None:
    await in_a_check_in(house, "whereabouts/once")
    await answer(house, "2", "5", "yes")
    assert await status(house) == "active", "nothing rests before they have agreed"
    await answer(house, "yes")
    assert await status(house) == "paused"
    [pause] = await house.rows(pauses)
    assert (pause.kind, pause.ends_at) == ("away", datetime(2026, 11, 28, 5, 0, tzinfo=UTC))
    [check_in] = await house.rows(check_ins)
    assert check_in.status == "answered"
    assert "We pause until then" in (await house.sent("answer"))[-1].body
    house.clock.time = pause.ends_at - timedelta(minutes=1)
    assert await turned(house) == 0
    assert await turned(house, minutes=1) == 1
    assert await status(house) == "active"
    [pause] = await house.rows(pauses)
    assert (pause.state, pause.ended_how) == ("over", "date")
    assert await turned(house, days=30) == 0


async def test_a_journey_without_agreement_rests_nothing(house: House) -> None:
    await in_a_check_in(house, "whereabouts/once")
    await answer(house, "2", "5", "yes", "no")
    assert await status(house) == "active"
    assert await house.rows(pauses) == []


async def test_the_hospital_told_in_the_check_in_about_it_is_paused_once_and_answered_once(house: House) -> None:
    await in_a_check_in(house, "whereabouts/once")
    await answer(house, "in the hospital")
    assert await status(house) == "paused"
    assert len(await house.rows(pauses)) == 1
    [said] = await house.sent("answer")
    assert "rest until a nurse has talked with you" in said.body
    assert "machine.in_hospital" not in await rules(house), "its own red flag has told the nurse"


@pytest.mark.parametrize("words", ["HOME", "I'm back home!", "ya estoy en casa"])
async def test_back_from_a_journey_by_the_patients_word_needs_no_nurse(house: House, words: str) -> None:
    await in_a_check_in(house, "whereabouts/once")
    await answer(house, "2", "5", "yes", "yes")
    before = await rules(house)
    await answer(house, words)
    assert await status(house) == "active"
    [pause] = await house.rows(pauses)
    assert (pause.state, pause.ended_how) == ("over", "patient")
    assert await rules(house) == before, "nobody has to read it"


async def test_home_without_a_pause_is_read_by_a_person(house: House) -> None:
    await answer(house, "HOME")
    assert await rules(house) == ["machine.not_read_yet"]


async def test_a_hospital_stay_on_a_journey_takes_its_place(house: House) -> None:
    await in_a_check_in(house, "whereabouts/once")
    await answer(house, "2", "5", "yes", "yes", "I'm in the hospital")
    assert [(row.kind, row.state, row.ended_how) for row in await house.rows(pauses)] == [
        ("away", "over", "replaced"),
        ("hospital", "on", None),
    ]
    assert await turned(house, days=6) == 0
    assert await status(house) == "paused"


async def test_a_nurse_pauses_from_now_or_from_a_day_on_and_the_day_comes(house: House) -> None:
    item = await seed_item(house.database, house.clinic.chi, house.clock.now())
    asked = Asked("other", "Visits her sister", begins="2026-11-25", until="2026-12-01")
    await pause_from_item(house.database, nurse(house), item, asked, house.clock.now())
    [pause] = await house.rows(pauses)
    assert (pause.state, pause.staff_id, pause.reason) == ("planned", house.clinic.nora.id, "Visits her sister")
    assert await status(house) == "active"
    await in_a_check_in(house)
    house.clock.time = datetime(2026, 11, 25, 5, 0, tzinfo=UTC)
    assert await turned(house) == 1
    assert await status(house) == "paused"
    [session] = await house.rows(flow_sessions)
    assert session.status == "ended", "a conversation under way ends without a word"
    house.clock.time = datetime(2026, 12, 1, 5, 0, tzinfo=UTC)
    assert await turned(house) == 1
    assert await status(house) == "active"


async def test_a_plan_made_before_a_hospital_stay_does_not_end_it(house: House) -> None:
    item = await seed_item(house.database, house.clinic.chi, house.clock.now())
    asked = Asked("away", "Visits her sister", begins="2026-11-25", until="2026-12-01")
    await pause_from_item(house.database, nurse(house), item, asked, house.clock.now())
    await answer(house, "I'm in the hospital")
    house.clock.time = datetime(2026, 11, 25, 5, 0, tzinfo=UTC)
    assert await turned(house) == 1
    house.clock.time = datetime(2026, 12, 1, 5, 0, tzinfo=UTC)
    await turned(house)
    assert [(row.kind, row.state) for row in await house.rows(pauses)] == [("away", "over"), ("hospital", "on")]
    assert await status(house) == "paused", "a nurse ends the stay, no date of a journey"


@pytest.mark.law(2)
@pytest.mark.parametrize(("kind", "until", "asked"), [("away", "2026-11-30", 1), ("hospital", "", 0)])
async def test_a_pause_ends_no_safety_re_check_but_in_the_hospital(house: House, kind: str, until: str, asked: int) -> None:
    await approve(house)
    await house.text(CHI, "my sugar is 60")
    assert await work(house) == 1
    [item] = await house.rows(escalations)
    await pause_from_item(house.database, nurse(house), item.id, Asked(kind, "On her way", until), house.clock.now())
    await house.silence(minutes=15)
    assert len(await house.sent("recheck")) == asked
    await house.silence(minutes=30)
    assert ("shared/glucose_again.again.no_recheck" in await rules(house)) is bool(asked)


async def test_of_two_pauses_that_meet_at_midnight_the_later_one_is_on(house: House) -> None:
    await in_a_check_in(house, "whereabouts/once")
    await answer(house, "2", "2", "yes", "yes")
    [mine] = await house.rows(pauses)
    whose = {"organization_id": mine.organization_id, "patient_id": mine.patient_id}
    planned = {"kind": "other", "state": "planned", "begins_at": mine.ends_at, "ends_at": None, "reason": "x", "created_at": MONDAY}
    async with house.database.transaction() as connection:
        await connection.execute(insert(pauses).values(id=new_id(house.clock.now()), **whose, **planned))
    house.clock.time = mine.ends_at
    assert await turned(house) == 1
    assert [(row.state, row.ended_how) for row in await house.rows(pauses)] == [("over", "date"), ("on", None)]
    assert await status(house) == "paused"


async def test_a_pause_without_an_end_is_asked_about_every_week(house: House) -> None:
    await answer(house, "I'm in the hospital")
    assert await turned(house, days=6, hours=23) == 0
    assert await turned(house, hours=1) == 1
    assert (await rules(house)).count("machine.long_pause") == 1
    assert await turned(house, days=6) == 0
    assert await turned(house, days=1) == 1
    assert await status(house) == "paused"


async def test_who_has_died_meanwhile_is_not_made_active_again(house: House) -> None:
    await in_a_check_in(house, "whereabouts/once")
    await answer(house, "2", "5", "yes", "yes")
    async with house.database.transaction() as connection:
        await connection.execute(update(patients).where(patients.c.id == house.clinic.chi.id).values(status="deceased"))
    assert await turned(house, days=6) == 1
    assert await status(house) == "deceased"
    [pause] = await house.rows(pauses)
    assert pause.state == "over"


async def test_a_death_ends_the_pause_for_good(house: House) -> None:
    await answer(house, "I'm in the hospital", "This is her husband. She passed away last night")
    assert await status(house) == "deceased"
    [pause] = await house.rows(pauses)
    assert (pause.state, pause.ended_how) == ("over", "replaced")
    assert await turned(house, days=30) == 0


@pytest.mark.law(12)
async def test_a_pause_that_cannot_be_turned_keeps_no_other_from_it(house: House) -> None:
    until = Asked("away", "On a journey", "2026-11-30")
    for person in (house.clinic.chi, house.clinic.ana):
        item = await seed_item(house.database, person, house.clock.now())
        await pause_from_item(house.database, nurse(house), item, until, house.clock.now())
    async with house.database.transaction() as connection:
        spoilt = {"name": type_coerce(b"\x01k" * 20, LargeBinary)}
        await connection.execute(update(patients).where(patients.c.id == house.clinic.chi.id).values(**spoilt))
    house.clock.time += timedelta(days=8)
    assert await turned(house) == 2
    async with house.database.reading() as connection:
        states = {row.id: row.status for row in (await connection.execute(select(patients.c.id, patients.c.status))).all()}
    assert (states[house.clinic.ana.id], states[house.clinic.chi.id]) == ("active", "paused")
    assert any("could not begin or end" in row.summary for row in await house.rows(escalations))


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"kind": "holiday"}, "Say why check-ins rest"),
        ({"reason": " "}, "Give a reason"),
        ({"reason": "x" * 301}, "Give a reason of at most 300"),
        ({"until": "tomorrow"}, "write it as 2026-03-31"),
        ({"until": "2026-11-23"}, "1 to 90 days after"),
        ({"until": "2027-02-22"}, "1 to 90 days after"),
        ({"begins": "2026-11-22"}, "must be today or one of the next"),
        ({"begins": "2027-06-01"}, "must be today or one of the next"),
        ({"kind": "hospital", "until": "2026-11-30"}, "has no end date"),
    ],
)
async def test_a_pause_that_cannot_be_says_what_to_write(house: House, more: dict[str, Any], says: str) -> None:
    item = await seed_item(house.database, house.clinic.chi, house.clock.now())
    asked = Asked(**{"kind": "away", "reason": "On a journey", "until": "2026-11-30", **more})
    with pytest.raises(Refused, match=says):
        await pause_from_item(house.database, nurse(house), item, asked, house.clock.now())
    assert await house.rows(pauses) == []


async def test_another_teams_nurse_pauses_and_resumes_nothing(house: House) -> None:
    item = await seed_item(house.database, house.clinic.chi, house.clock.now())
    omar, asked = nurse(house, house.clinic.omar), Asked("hospital", "Admitted")
    for refused in (
        pause_from_item(house.database, omar, item, asked, house.clock.now()),
        resume_from_item(house.database, omar, item, house.clock.now()),
        pause_by_number(house.database, omar, "no such number", asked, house.clock.now()),
        resume_by_number(house.database, omar, "no such number", house.clock.now()),
    ):
        with pytest.raises(NotFound):
            await refused
    assert await house.rows(pauses) == []


async def test_an_item_without_a_patient_has_nothing_to_pause(house: House) -> None:
    await house.text("+12025550188", "hello")
    [item] = await house.rows(escalations)
    with pytest.raises((Refused, NotFound)):
        await pause_from_item(house.database, nurse(house), item.id, Asked("hospital", "Admitted"), house.clock.now())


async def test_enrollments_go_on_through_a_pause(house: House) -> None:
    await in_a_check_in(house)
    await answer(house, "I'm in the hospital")
    [place] = await house.rows(enrollments)
    assert (place.status, place.stops_on) == ("active", MONDAY.date() + timedelta(days=60))
    assert isinstance(place.starts_on, date)
