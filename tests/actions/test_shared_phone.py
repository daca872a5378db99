"""Two patients on one phone: asked and never guessed, one check-in at a time, danger first."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from service.actions.change_people import stop_for_patient
from service.actions.shared_phone import SPEAKS_FOR, choices_text, chosen
from service.actions.start_check_ins import PHONE_IN_USE, WAIT_FOR_OTHER
from service.db.check_in import check_ins, flow_sessions
from service.db.communication import communications
from service.db.escalation import concerns, escalations
from service.db.observation import observations
from service.db.patient import consents, patient_phones, phones
from service.domain.staff import Role, Staff
from service.domain.urgency import by_rank
from tests.actions.house import content
from tests.actions.line import Line


@pytest.fixture
async def line(database_url: str) -> AsyncIterator[Line]:
    async with Line.serving(database_url) as line:
        yield line


async def whose(line: Line) -> list[Any]:
    """Whose each text that came in is."""
    return [row.patient_id for row in await line.rows(communications, communications.c.direction == "in")]


async def last_check_in(line: Line, person: Any) -> Any:
    [row] = [row for row in await line.rows(check_ins, check_ins.c.patient_id == person.id) if row.due_at <= line.now + timedelta(hours=4)]
    return row


async def test_a_check_in_to_a_shared_phone_says_for_whom_it_is_and_the_second_waits_visibly(line: Line) -> None:
    fay, gus = line.clinic.fay, line.clinic.gus
    await line.planned(fay, gus)
    await line.work()
    [text] = await line.send()
    first, second = (fay, gus) if text.body.startswith("For Fay:") else (gus, fay)
    assert text.body.startswith(f"For {first.name.split()[0]}: ")
    held = await last_check_in(line, second)
    assert (held.status, held.held_why) == ("planned", PHONE_IN_USE)
    for _ in range(3):
        line.clock.forward(minutes=15)
        await line.work()
        assert await line.send() == []
    async with line.database.transaction() as connection:
        await connection.execute(flow_sessions.update().values(status="ended", waits_until=None))
    line.clock.time += WAIT_FOR_OTHER
    await line.work()
    [text] = await line.send()
    assert text.body.startswith(f"For {second.name.split()[0]}: ")
    assert (await last_check_in(line, second)).held_why is None


async def test_the_second_whose_time_is_over_is_an_item_and_no_silent_miss(line: Line) -> None:
    fay, gus = line.clinic.fay, line.clinic.gus
    await line.planned(fay, gus)
    await line.work()
    [text] = await line.send()
    second = gus if text.body.startswith("For Fay:") else fay
    held = await last_check_in(line, second)
    line.clock.time = held.useful_until - timedelta(minutes=5)
    await line.work()
    assert (await last_check_in(line, second)).status == "expired"
    rules = {row.rule for row in await line.rows(concerns)}
    assert PHONE_IN_USE in rules
    waiting = await line.rows(flow_sessions, flow_sessions.c.status == "waiting")
    assert second.id not in {row.patient_id for row in waiting}


async def test_whoever_has_said_so_answers_for_an_hour_and_then_it_is_asked_again(line: Line) -> None:
    fay, gus = line.clinic.fay, line.clinic.gus
    await line.planned(fay)
    await line.work()
    await line.send()
    await line.says(fay.number, "150")
    assert await whose(line) == [None]
    [question] = await line.send()
    assert "1 for F., 2 for G." in question.body
    await line.says(fay.number, "1")
    await line.says(fay.number, "no")
    assert await whose(line) == [fay.id, fay.id, fay.id]
    kept = {(row.patient_id, row.name, row.value) for row in await line.rows(observations)}
    assert (fay.id, "weight", 150.0) in kept
    line.clock.time += SPEAKS_FOR
    await line.says(gus.number, "my weight is 190")
    assert (await whose(line))[-1] is None


async def test_a_check_in_for_the_other_one_ends_who_answers(line: Line) -> None:
    fay, gus = line.clinic.fay, line.clinic.gus
    await line.says(fay.number, "good morning")
    await line.says(fay.number, "1")
    await line.planned(gus)
    await line.work()
    await line.says(fay.number, "182")
    assert (await whose(line))[-1] is None
    assert {row.patient_id for row in await line.rows(observations)} <= {None}


async def test_another_who_says_their_name_takes_the_phone_over(line: Line) -> None:
    fay, gus = line.clinic.fay, line.clinic.gus
    await line.says(fay.number, "hello")
    await line.says(fay.number, "1")
    await line.says(fay.number, "this is Gus")
    await line.says(fay.number, "my weight is 190")
    assert (await whose(line))[-2:] == [gus.id, gus.id]
    assert {row.patient_id for row in await line.rows(observations)} == {gus.id}


async def test_danger_acts_first_whoever_it_is_and_says_that_the_phone_is_shared(line: Line) -> None:
    fay = line.clinic.fay
    await line.says(fay.number, "hello")
    await line.says(fay.number, "1")
    await line.says(fay.number, "I have chest pain")
    items = [row for row in await line.rows(escalations) if by_rank(row.urgency_rank) == "emergency"]
    assert len(items) == 1
    assert "machine.shared_phone_speaker" in {row.rule for row in await line.rows(concerns)}
    assert any("911" in text.body for text in await line.send())


async def test_stop_from_a_shared_phone_ends_it_for_both_and_each_has_an_item(line: Line) -> None:
    fay, gus = line.clinic.fay, line.clinic.gus
    await line.planned(fay, gus)
    await line.says(fay.number, "hi")
    await line.says(fay.number, "1")
    await line.send()
    await line.says(fay.number, "STOP")
    assert [text.body for text in await line.send() if "START" in text.body] != []
    assert all(row.revoked_at for row in await line.rows(consents) if row.patient_id in (fay.id, gus.id))
    told = await line.rows(concerns, concerns.c.rule == "machine.opt_out")
    items = {row.id: row for row in await line.rows(escalations)}
    assert {items[one.escalation_id].patient_id for one in told} >= {fay.id, gus.id}
    await line.work()
    assert await line.send() == []
    await line.says(fay.number, "START")
    assert all(row.revoked_at is None for row in await line.rows(consents) if row.patient_id in (fay.id, gus.id))


async def test_a_stop_of_one_from_their_own_phone_leaves_the_shared_one_to_the_other(line: Line) -> None:
    fay, gus = line.clinic.fay, line.clinic.gus
    await line.second_phone(gus, "+12025550161")
    await line.says("+12025550161", "STOP")
    assert all(row.revoked_at for row in await line.rows(consents, consents.c.patient_id == gus.id))
    [shared] = await line.rows(phones, phones.c.id == fay.phone_id)
    assert shared.opted_out_at is None
    await line.send()
    await line.planned(fay)
    await line.work()
    assert len(await line.send()) == 1


@pytest.mark.law(4)
async def test_a_stop_told_to_staff_leaves_the_shared_phone_to_the_other_and_START_takes_it_back(line: Line) -> None:
    fay, gus = line.clinic.fay, line.clinic.gus
    nora = Staff(line.clinic.nora.id, line.clinic.organization_id, "Nora", Role.NURSE, line.clinic.nora.team_ids)
    await stop_for_patient(line.database, nora, fay.id, line.now)
    await line.planned(gus)
    await line.work()
    assert len(await line.send()) == 1
    await line.planned(fay)
    await line.work()
    assert await line.send() == []
    await line.says(fay.number, "START")
    await line.says(fay.number, "Fay")
    assert all(row.revoked_at is None for row in await line.rows(consents) if row.patient_id in (fay.id, gus.id))


async def test_a_wrong_number_takes_a_shared_number_off_both_records(line: Line) -> None:
    fay, gus = line.clinic.fay, line.clinic.gus
    await line.planned(fay, gus)
    await line.work()
    await line.send()
    await line.says(fay.number, "wrong number")
    assert all(row.ended_why == "wrong_number" for row in await line.rows(patient_phones, patient_phones.c.phone_id == fay.phone_id))
    items = [row.patient_id for row in await line.rows(escalations)]
    assert {fay.id, gus.id} <= set(items)
    assert not [row for row in await line.rows(flow_sessions) if row.status == "waiting"]
    assert await line.send() == []


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ("2", "Gus Grant"),
        ("2.", "Gus Grant"),
        ("2 for G.", "Gus Grant"),
        ("Gus", "Gus Grant"),
        ("this is Fay", "Fay Foster"),
        ("es Fay", "Fay Foster"),
        ("1 or 2", None),
        ("Gus and Fay", None),
        ("3", None),
        ("150", None),
        ("no", None),
        ("I am dizzy", None),
        ("", None),
    ],
)
def test_who_says_that_they_are_writing(body: str, name: str | None) -> None:
    people: Any = [SimpleNamespace(id=n, name=name) for n, name in enumerate(("Fay Foster", "Gus Grant"))]
    found = chosen(content().lexicon, body, people)
    assert (found.name if found else None) == name


def test_names_are_told_apart_by_as_few_letters_as_it_takes() -> None:
    def people(*names: str) -> Any:
        return [SimpleNamespace(id=n, name=name) for n, name in enumerate(names)]

    assert choices_text(people("Fay Foster", "Gus Grant"), "en") == "1 for F., 2 for G."
    assert choices_text(people("Fay Foster", "Fred Foster"), "es") == "1 para Fa., 2 para Fr."
    assert choices_text(people("Ana Alba", "Ana Arce"), "en") == "1 for Ana Al., 2 for Ana Ar."
