"""A note that is not complete says all that it lacks at once, each at its field, and nothing that was written is lost."""

from __future__ import annotations

import re
from dataclasses import replace

from sqlalchemy import update

from service.db.database import Database
from service.db.escalation import escalations, notes
from service.domain.urgency import Urgency
from tests.encounters import as_form, complete_encounter
from tests.seed import Clinic
from tests.web.conftest import NewBrowser
from tests.web.test_item_page import claimed, part_of, version_and_answers
from tests.web.test_work_on_an_item import all_of, row_of

MARK = re.compile(r'class="field-error" id="([a-z_]+)-error">([^<]+)<')
IF_SPOKEN = "Fill this in if the patient or a caregiver was spoken to"


def chosen(form: str) -> dict[str, str]:
    """What is chosen among the radio buttons of a form."""
    return dict(re.findall(r'<input type="radio" name="([a-z_]+)" value="([a-z_]+)" checked>', form))


async def test_an_empty_note_says_in_one_round_all_that_it_lacks_or_may_lack(
    browse: NewBrowser, clinic: Clinic, database: Database
) -> None:
    nora, _, path = await claimed(browse, clinic, database, Urgency.EMERGENCY)
    _, text, _ = await nora.get(path)
    version = [one for one in version_and_answers(text) if one[0] == "version"]
    sent = [*version, ("situation", "Ankles are swollen."), ("follow_up_words", "Ask about her ankles"), ("minutes", "")]
    status, text, _ = await nora.post(f"{path}/resolve", sent, page=path)
    assert status == 422
    marks = dict(MARK.findall(part_of(text, "close")))
    certain = {"answered", "spoke_to", "finding", "disposition", "notified", "minutes", "follow_up_when"}
    assert {name for name, words in marks.items() if " if " not in words} == certain
    spoken = {name for name, words in marks.items() if words == IF_SPOKEN}
    assert spoken == {"identifiers", "place", "interpreter", "advice", "teach_back", "agreement"}
    assert marks["who"] == "Fill this in if a caregiver was spoken to"
    assert marks["place_words"] == "Fill this in if the patient is elsewhere"
    assert marks["override"] == "Fill this in if less is decided than the urgency suggests"
    assert set(re.findall(r'<a href="#([a-z_]+)-error">', text)) == set(marks), "the sum on top leads to each"
    assert 'value="Ask about her ankles"' in text
    assert "Ankles are swollen." in text


async def test_what_was_told_in_the_first_round_is_all_there_is_to_fill_in(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    """Whatever of the choices the nurse then makes: no field is asked for that the first answer has not named."""
    nora, item_id, path = await claimed(browse, clinic, database, Urgency.EMERGENCY)
    _, text, _ = await nora.get(path)
    sent = version_and_answers(text)
    _, text, _ = await nora.post(f"{path}/resolve", [*sent, ("situation", "Ankles are swollen.")], page=path)
    told = {name for name, _ in MARK.findall(text)}
    for spoke_to, place, disposition in (
        ("caregiver", "other", "advice_given"),
        ("patient", "home", "seen_today"),
        ("nobody", "", "could_not_reach"),
        ("emergency_services", "", "emergency_services"),
    ):
        more = [("spoke_to", spoke_to), ("place", place), ("disposition", disposition), ("situation", "Ankles are swollen.")]
        status, text, _ = await nora.post(f"{path}/resolve", [*sent, *more], page=path)
        assert status == 422
        assert {name for name, _ in MARK.findall(text)} <= told, (spoke_to, disposition)
    assert (await row_of(database, item_id)).state == "claimed"


async def test_who_else_was_told_is_answered_by_nobody_but_the_nurse(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    nora, _, path = await claimed(browse, clinic, database)
    _, text, _ = await nora.get(path)
    assert chosen(part_of(text, "close")) == {"interpreter": "not_needed"}, "her language stands in the record; whom you told does not"
    note = replace(complete_encounter(), notified="", notified_words="Half past ten")
    status, text, _ = await nora.post(f"{path}/resolve", [*version_and_answers(text), *as_form(note)], page=path)
    assert status == 422
    assert [name for name, _ in MARK.findall(text)] == ["notified"]
    assert 'value="Half past ten"' in text
    assert "notified" not in chosen(part_of(text, "close"))


async def test_a_concern_that_is_not_ticked_is_told_with_the_rest_and_the_ticks_stay(
    browse: NewBrowser, clinic: Clinic, database: Database
) -> None:
    nora, _, path = await claimed(browse, clinic, database)
    _, text, _ = await nora.get(path)
    version, *answers = version_and_answers(text)
    note = replace(complete_encounter(), teach_back="")
    _, text, _ = await nora.post(f"{path}/resolve", [version, *as_form(note)], page=path)
    assert [name for name, _ in MARK.findall(text)] == ["answered", "teach_back"]
    _, text, _ = await nora.post(f"{path}/resolve", [version, *answers, *as_form(note)], page=path)
    assert [name for name, _ in MARK.findall(text)] == ["teach_back"]
    assert re.search(r'name="answered" value="[^"]+" checked', text)
    whole = [*version_and_answers(text), *as_form(complete_encounter())]
    assert (await nora.post(f"{path}/resolve", [*whole, ("follow_up_day", "2020-01-01")], page=path))[0] == 422
    assert (await nora.post(f"{path}/resolve", whole, page=path))[0] == 303


async def test_a_plain_note_stays_when_the_item_has_become_urgent_meanwhile(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    nora, item_id, path = await claimed(browse, clinic, database, Urgency.SAME_DAY)
    _, text, _ = await nora.get(path)
    typed = [*version_and_answers(text), ("disposition", "advice_given"), ("closing_note", "Legs up, salt down.")]
    async with database.transaction() as connection:
        row = await row_of(database, item_id)
        worse = {"urgency_rank": Urgency.URGENT.rank, "version": row.version + 1}
        await connection.execute(update(escalations).where(escalations.c.id == item_id).values(**worse))
    status, text, _ = await nora.post(f"{path}/resolve", typed, page=path)
    assert status == 422
    form = part_of(text, "close")
    assert "Legs up, salt down." in form
    assert chosen(form)["disposition"] == "advice_given"
    assert not await all_of(database, notes)
