"""The page that shows how one reply is read: the same findings, rules and urgency as on the command line, nothing stored."""

from __future__ import annotations

from sqlalchemy import func, select

from service.db.communication import communications
from service.db.database import Database
from tests.seed import Clinic
from tests.web.conftest import NewBrowser

FORM = {"text": "no but my chest hurts", "expects": "symptoms", "question": "", "language": "en", "channel": "sms", "condition": ""}


async def test_a_reply_is_shown_with_words_rules_and_urgency(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    nora = await browse(clinic.nora)
    status, text, _ = await nora.post("/replies", FORM, page="/replies")
    assert status == 200
    assert "<mark>chest hurts</mark>" in text
    assert "symptom: chest pain" in text
    assert "Rule chest_pain" in text
    assert "Emergency" in text
    async with database.reading() as connection:
        assert await connection.scalar(select(func.count()).select_from(communications)) == 0


async def test_what_was_asked_decides_how_a_number_is_read(browse: NewBrowser, clinic: Clinic) -> None:
    nora = await browse(clinic.nora)
    _, oxygen, _ = await nora.post("/replies", {**FORM, "text": "86", "expects": "spo2_pct"}, page="/replies")
    _, copd, _ = await nora.post("/replies", {**FORM, "text": "86", "expects": "spo2_pct", "condition": "copd"}, page="/replies")
    assert "value: spo2 86 %" in oxygen
    assert "Oxygen 86 %, below 88" in oxygen
    assert "Oxygen 86 % with COPD, 85 to 87" in copd


async def test_a_bad_form_is_told_what_to_write(browse: NewBrowser, clinic: Clinic) -> None:
    nora = await browse(clinic.nora)
    for bad, told in (({"text": "   "}, "1 to 2000"), ({"text": "a" * 2001}, "1 to 2000"), ({"expects": "mood"}, "listed answers")):
        status, text, _ = await nora.post("/replies", {**FORM, **bad}, page="/replies")
        assert (status, told in text) == (400, True)


async def test_words_of_a_reply_are_escaped(browse: NewBrowser, clinic: Clinic) -> None:
    nora = await browse(clinic.nora)
    _, text, _ = await nora.post("/replies", {**FORM, "text": "<script>alert(1)</script> my chest hurts"}, page="/replies")
    assert "<script>alert" not in text
