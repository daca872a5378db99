"""Check-ins of the past on both databases: read as they were, audited, and replayed on other versions of their flow."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, event, insert, update

from service.actions.read_past_check_ins import Batch, choose_past_check_ins, read_past_check_ins
from service.actions.refusal import Refused
from service.db.audit import audit_events
from service.db.check_in import flow_sessions, flow_versions
from service.db.flow_history import load_past
from service.db.patient import limits, patient_phones, related_persons
from service.db.schema import new_id
from service.domain.past_check_in import PastCheckIn
from service.domain.staff import Role, Staff
from service.domain.urgency import Urgency
from service.engine import Flow
from service.engine.cases import Ears
from service.evaluation.flows.history import Comparison, Way, compare
from service.evaluation.flows.retrace import Hearing, retrace
from tests.actions.house import House, content
from tests.actions.test_rechecks import approve, work
from tests.seed import Person

KEY = "heart_failure/daily"
WEIGHT_RULE = f"{KEY}.weight.gained_in_a_day"


def hearing() -> Hearing:
    return Hearing(Ears(content().lexicon, content().tables, content().wording))


def changed(flag: str, **to: Any) -> Flow:
    """The flow with one red flag of the weight changed."""
    data = content().flows[KEY].to_json()
    weight = next(step for step in data["steps"] if step["key"] == "weight")
    [one] = [one for one in weight["red_flags"] if one["name"] == flag]
    one |= to
    return Flow.from_json(data)


def with_silence(**to: Any) -> Flow:
    """The flow with other words about silence."""
    data = content().flows[KEY].to_json()
    data["silence"] |= to
    return Flow.from_json(data)


async def talked(house: House, person: Person, *said: str) -> None:
    """A check-in that this person answers with these words, a minute each; the clock goes on by an hour afterwards."""
    await house.start_flow(person)
    for words in said:
        house.clock.time += timedelta(minutes=1)
        await house.text(person.number, words)
    house.clock.time += timedelta(hours=1)


async def batches(house: House, *, staff: Staff | None = None, limit: int = 100, batch: int = 50) -> list[Batch]:
    now = house.clock.now()
    chosen = await choose_past_check_ins(
        house.database, house.clinic.organization_id, KEY, since=now - timedelta(days=30), until=now, limit=limit, staff=staff
    )
    return [each async for each in read_past_check_ins(house.database, chosen, now, batch=batch)]


async def past(house: House) -> list[PastCheckIn]:
    return [one for each in await batches(house) for one in each.check_ins]


def compared(found: Sequence[Batch], versions: tuple[Flow, Flow] | None = None) -> Comparison:
    comparison = Comparison()
    heard = hearing()
    for each in found:
        compare(comparison, each.check_ins, each.own, heard, versions)
    assert comparison.failed == 0
    return comparison


async def test_check_ins_are_read_as_they_were_and_replayed_as_they_were(house: House) -> None:
    ana, ben, chi = house.clinic.ana, house.clinic.ben, house.clinic.chi
    await talked(house, chi, "180", "no", "yes")
    house.clock.time += timedelta(hours=22)
    await talked(house, chi, "184", "my ankles are swollen", "no i forgot")
    await talked(house, ana, "170", "what do you mean", "chest pain")
    await house.start_flow(ben)
    for _ in range(6):
        await house.silence(hours=2)
    found = await batches(house)
    check_ins = {(one.initials, one.local_date.day): one for each in found for one in each.check_ins}
    assert sorted(check_ins) == [("A.A.", 24), ("B.B.", 24), ("C.C.", 23), ("C.C.", 24)]
    assert [reply.text for reply in check_ins["C.C.", 24].replies] == ["184", "my ankles are swollen", "no i forgot"]
    assert {(item.rule, item.urgency) for item in check_ins["B.B.", 24].items} >= {(f"{KEY}.silence", Urgency.ROUTINE)}
    assert [one.silent for one in check_ins.values()].count(True) == 2
    assert check_ins["C.C.", 24].known_as_it_was
    assert check_ins["C.C.", 24].known.conditions == {"heart_failure"}
    assert not check_ins["B.B.", 24].known_as_it_was
    assert all(retrace(each.own[one.version_id], one, hearing()).exact for each in found for one in each.check_ins)
    kept = compared(found)
    assert (kept.check_ins, kept.same, kept.changes, kept.kept_otherwise) == (4, 4, [], 0)
    assert kept.kept == sum(len({item.rule for item in one.items}) for one in check_ins.values())


async def test_a_changed_threshold_and_urgency_are_told_by_check_in(house: House) -> None:
    await talked(house, house.clinic.chi, "180", "no", "yes")
    house.clock.time += timedelta(hours=22)
    await talked(house, house.clinic.chi, "182", "no", "yes")
    found = await batches(house)
    lower = changed("gained_in_a_day", when={"value": "weight", "gain_over": {"amount": "2 lb", "within": "24 h"}}, urgency="emergency")
    comparison = compared(found, (content().flows[KEY], lower))
    [change] = comparison.changes
    assert (change.way, change.rule, change.old, change.new) == (Way.APPEARS, WEIGHT_RULE, None, Urgency.EMERGENCY)
    assert (change.patient_id, change.local_date.day, change.exact) == (house.clinic.chi.id, 24, True)
    assert (comparison.same, comparison.not_asked) == (1, {})


async def test_what_became_known_later_is_not_known_then(house: House) -> None:
    """A limit signed since, and readings told since, do not count for a check-in of before."""
    chi = house.clinic.chi
    await talked(house, chi, "180", "no", "yes")
    house.clock.time += timedelta(hours=22)
    await talked(house, chi, "182", "no", "yes")
    async with house.database.transaction() as connection:
        now = house.clock.now()
        row = {"organization_id": house.clinic.organization_id, "patient_id": chi.id, "name": "weight_gain_24h", "amount": 1, "unit": "lb"}
        signed = {"loosens": False, "author": "Dr. Sample", "reason": "frail", "signed_at": now}
        await connection.execute(insert(limits).values(id=new_id(now), **row, **signed))
    first, second = await past(house)
    assert [one.known.limits for one in (first, second)] == [(), ()]
    assert first.facts(first.started_at).history == ()
    assert [value.value for value in second.facts(second.started_at).history] == [180]
    at = second.replies[-1].at
    assert [value.value for value in second.facts(at).history] == [180, 182]
    assert compared(await batches(house)).changes == []


async def test_a_silence_after_an_emergency_is_replayed_as_it_was(house: House) -> None:
    """It counted sooner and called a nurse sooner, although no reply of that check-in says so."""
    silence = content().flows[KEY].silence
    await house.text(house.clinic.chi.number, "I have chest pain")
    house.clock.time += timedelta(hours=24)
    await house.start_flow(house.clinic.chi)
    await house.silence(minutes=silence.remind_after)
    await house.silence(minutes=silence.silent_after_high_risk - silence.remind_after)
    [one] = await past(house)
    assert (f"{KEY}.silence", silence.urgency_high_risk) in {(item.rule, item.urgency) for item in one.items}
    assert compared(await batches(house)).changes == []
    soon = with_silence(sooner_after_emergency=60)
    [change] = compared(await batches(house), (content().flows[KEY], soon)).changes
    assert (change.way, change.old, change.new) == (Way.FALLS, silence.urgency_high_risk, silence.urgency)


@pytest.mark.parametrize("answer", ["85", "47", ""])
async def test_a_safety_re_check_is_replayed_with_what_led_to_it(house: House, answer: str) -> None:
    again = content().flows["shared/glucose_again"]
    await approve(house, again.key)
    await house.text(house.clinic.chi.number, "my sugar is 48")
    house.clock.time += timedelta(minutes=3)
    await work(house)
    await house.silence(minutes=12)
    if answer:
        await house.text(house.clinic.chi.number, answer)
    for _ in range(3):
        await house.silence(minutes=31)
    now = house.clock.now()
    chosen = await choose_past_check_ins(
        house.database, house.clinic.organization_id, again.key, since=now - timedelta(days=30), until=now, limit=100
    )
    found = [each async for each in read_past_check_ins(house.database, chosen, now)]
    [one] = [one for each in found for one in each.check_ins]
    assert (one.led_by, len(one.items) > 0) == (Urgency.EMERGENCY, answer != "85")
    assert retrace(again, one, hearing()).exact
    kept = compared(found)
    assert (kept.check_ins, kept.changes) == (1, [])


async def test_a_late_answer_belongs_to_its_check_in_and_other_texts_do_not(house: House) -> None:
    ana = house.clinic.ana
    await house.start_flow(ana)
    for _ in range(5):
        await house.silence(hours=2)
    assert [row.status for row in await house.rows(flow_sessions)] == ["ended"]
    await house.text(ana.number, "181")
    house.clock.time += timedelta(minutes=5)
    await house.text(ana.number, "thank you")
    [one] = await past(house)
    assert [(reply.text, reply.in_session) for reply in one.replies] == [("181", False), ("thank you", False)]
    trace = retrace(content().flows[KEY], one, hearing())
    assert [(each.reply.text, each.step, each.late) for each in trace.placed] == [("181", "weight", True)]
    assert compared(await batches(house)).changes == []


async def test_a_text_of_a_relative_is_no_reply_of_the_patient(house: House) -> None:
    ana, ben = house.clinic.ana, house.clinic.ben
    await house.start_flow(ana)
    async with house.database.transaction() as connection:
        now = house.clock.now()
        row = {"organization_id": house.clinic.organization_id, "patient_id": ana.id, "phone_id": ben.phone_id}
        await connection.execute(insert(related_persons).values(id=new_id(now), **row, name="Ben Brooks", relation="son", scope=[]))
        await connection.execute(delete(patient_phones).where(patient_phones.c.patient_id == ben.id))
    await house.text(ben.number, "she weighs 200")
    house.clock.time += timedelta(minutes=1)
    for words in ("180", "no", "yes"):
        await house.text(ana.number, words)
    for _ in range(6):
        await house.silence(hours=2)
    [one] = await past(house)
    assert [reply.text for reply in one.replies] == ["180", "no", "yes"]


async def test_a_nurse_gets_the_patients_of_her_teams_and_the_newest_of_them(house: House) -> None:
    for person in (house.clinic.ana, house.clinic.chi, house.clinic.eva):
        await talked(house, person, "180", "stop")
    nora, omar, sol = (
        Staff(member.id, house.clinic.organization_id, member.name, role, member.team_ids)
        for member, role in ((house.clinic.nora, Role.NURSE), (house.clinic.omar, Role.NURSE), (house.clinic.sol, Role.SUPERVISOR))
    )
    for staff, seen in ((nora, {"A.A.", "C.C."}), (omar, {"E.E."}), (sol, {"A.A.", "C.C.", "E.E."})):
        found = await batches(house, staff=staff)
        assert {one.initials for each in found for one in each.check_ins} == seen
    [newest] = [one for each in await batches(house, staff=nora, limit=1) for one in each.check_ins]
    assert newest.initials == "C.C."
    now = house.clock.now()
    with pytest.raises(Refused, match="Between 1 and"):
        await choose_past_check_ins(house.database, house.clinic.organization_id, KEY, since=now, until=now, limit=0)


@pytest.mark.law(10)
async def test_each_patient_of_a_batch_is_audited_before_it_is_handed_out(house: House) -> None:
    await talked(house, house.clinic.ana, "180", "stop")
    for _ in range(2):
        await talked(house, house.clinic.chi, "180", "chest pain")
    nora = Staff(house.clinic.nora.id, house.clinic.organization_id, "Nora", Role.NURSE, house.clinic.nora.team_ids)
    assert [len(each.check_ins) for each in await batches(house, staff=nora, batch=2)] == [2, 1]
    lines = await house.rows(audit_events, audit_events.c.action == "check_ins_replayed")
    assert {line.patient_id for line in lines} == {house.clinic.ana.id, house.clinic.chi.id}
    assert {line.staff_id for line in lines} == {house.clinic.nora.id}
    assert sum(line.detail["check_ins"] for line in lines) == 3


@pytest.mark.law(12)
async def test_a_version_that_cannot_be_read_any_more_keeps_no_other_check_in_from_being_replayed(house: House) -> None:
    await talked(house, house.clinic.ana, "180", "stop")
    await house.start_flow(house.clinic.chi, changed("gained_in_a_day", urgency="emergency"))
    await house.text(house.clinic.chi.number, "180")
    await house.text(house.clinic.chi.number, "stop")
    house.clock.time += timedelta(hours=1)
    old = changed("gained_in_a_day", urgency="emergency").version
    async with house.database.transaction() as connection:
        await connection.execute(update(flow_versions).where(flow_versions.c.content_hash == old).values(content={"steps": [1]}))
    comparison = Comparison()
    for each in await batches(house):
        compare(comparison, each.check_ins, each.own, hearing(), None)
    assert (comparison.check_ins, comparison.failed) == (1, 1)


async def test_a_batch_takes_as_many_statements_as_one_check_in(house: House) -> None:
    for person in (house.clinic.ana, house.clinic.ben, house.clinic.chi):
        await talked(house, person, "180", "chest pain")
    now = house.clock.now()
    chosen = await choose_past_check_ins(
        house.database, house.clinic.organization_id, KEY, since=now - timedelta(days=30), until=now, limit=100
    )

    async def statements(number: int) -> int:
        seen = []

        def count(*_: object) -> None:
            seen.append(1)

        event.listen(house.database.engine.sync_engine, "before_cursor_execute", count)
        async with house.database.reading() as connection:
            assert len(await load_past(connection, chosen.ids[:number])) == number
        event.remove(house.database.engine.sync_engine, "before_cursor_execute", count)
        return len(seen)

    assert await statements(1) == await statements(3)
