"""The hand-over's page: lines proposed and offered, taken or declined, and a shift that does not end with danger in hand."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import UUID

import pytest

from service.actions.claim_escalation import claim_escalation
from service.actions.worry import press_worry
from service.db.database import Database
from service.db.escalation import escalations
from service.db.hand_overs import hand_overs
from service.domain.staff import Role
from service.domain.urgency import Urgency
from tests.actions.crew import crew_of, member
from tests.seed import Clinic, seed_item
from tests.web.conftest import NOW, NewBrowser


@pytest.fixture
async def item_id(database: Database, clinic: Clinic) -> UUID:
    """Chi's urgent item in Nora's hands, and a crew to hand it to."""
    await crew_of(database, clinic, NOW)
    id = await seed_item(database, clinic.chi, NOW, urgency=Urgency.URGENT)
    assert (await claim_escalation(database, member(clinic, clinic.nora, Role.NURSE), id, NOW)).won
    return id


def proposed(text: str, item_id: UUID) -> dict[str, str]:
    """What the page has filled in about an item."""
    return {
        f"{part}-{item_id}": re.search(rf'name="{part}-{item_id}"[^>]*>([^<]*)<', text)[1]  # type: ignore[index]
        for part in ("summary", "actions", "contingency")
    }


async def test_a_line_is_prefilled_offered_accepted_and_only_then_the_shift_ends(
    browse: NewBrowser, clinic: Clinic, database: Database, item_id: UUID
) -> None:
    nora, sol = await browse(clinic.nora), await browse(clinic.sol)
    status, text, _ = await nora.get("/hand-over")
    assert status == 200
    words = proposed(text, item_id)
    assert "Chi Chen, 76" in words[f"summary-{item_id}"]
    assert "Swelling of the legs" in words[f"summary-{item_id}"]
    assert "11:00 am" in words[f"actions-{item_id}"]
    assert re.search(rf'<option value="{clinic.omar.id}" selected>Omar', text), "who is on call besides her is proposed"

    status, text, _ = await nora.post("/hand-over/leave", page="/hand-over")
    assert status == 409
    assert "Your shift cannot end yet" in text
    assert "Nobody has been asked yet." in text
    status, _, answer = await nora.post("/sign-out", page="/hand-over")
    assert answer.headers["Location"] == "/hand-over?leaving=1"
    assert "You still hold items" in (await nora.get("/hand-over?leaving=1"))[1]

    status, text, _ = await nora.post("/hand-over", {"receiver": str(clinic.sol.id), **words}, page="/hand-over")
    assert (status, "Tick what you hand over." in text) == (422, True)
    status, _, _ = await nora.post("/hand-over", {"line": str(item_id), "receiver": str(clinic.sol.id), **words}, page="/hand-over")
    assert status == 303
    async with database.reading() as connection:
        [line] = (await connection.execute(hand_overs.select())).all()
    assert (line.receiver_id, line.state, line.summary) == (clinic.sol.id, "offered", words[f"summary-{item_id}"])

    assert '<span class="count">1<span class="hidden-text"> wait for your answer' in (await sol.get("/queue"))[1]
    _, text, _ = await sol.get("/hand-over")
    assert "You are asked to take over" in text
    status, text, _ = await sol.post(f"/hand-over/{line.id}", {"answer": "declined"}, page="/hand-over")
    assert (status, "Say why you do not take it over" in text) == (422, True)
    status, _, _ = await sol.post(f"/hand-over/{line.id}", {"answer": "accepted"}, page="/hand-over")
    assert status == 303
    async with database.reading() as connection:
        row = (await connection.execute(escalations.select().where(escalations.c.id == item_id))).one()
    assert row.claimed_by == clinic.sol.id
    assert "wait for your answer" not in (await sol.get("/queue"))[1]
    assert "Taken over" in (await nora.get("/hand-over"))[1]
    assert "Handed over" in (await nora.get(f"/items/{item_id}"))[1]
    status, _, answer = await nora.post("/hand-over/leave", page="/hand-over")
    assert (status, answer.headers["Location"]) == (303, "/sign-in")
    assert (await nora.get("/hand-over"))[0] == 303, "the session is over"


async def test_another_teams_line_is_not_there_and_spanish_is_spoken(browse: NewBrowser, clinic: Clinic, item_id: UUID) -> None:
    nora = await browse(clinic.nora)
    _, text, _ = await nora.get("/hand-over", headers={"Accept-Language": "es"})
    assert "Lo que entrega" in text
    assert (await nora.post(f"/hand-over/{item_id}", {"answer": "accepted"}, page="/hand-over"))[0] == 404


async def test_whom_somebody_worries_about_stands_first_and_what_is_put_off_is_a_line_too(
    browse: NewBrowser, clinic: Clinic, database: Database, item_id: UUID
) -> None:
    nora = await browse(clinic.nora)
    asleep = await seed_item(database, clinic.ana, NOW, urgency=Urgency.SAME_DAY)
    later = await seed_item(database, clinic.dov, NOW, urgency=Urgency.SAME_DAY)
    async with database.transaction() as connection:
        for id, wakes_at in ((asleep, NOW + timedelta(hours=3)), (later, NOW + timedelta(days=3))):
            values = {"state": "snoozed", "claimed_by": clinic.nora.id, "snoozed_until": wakes_at}
            await connection.execute(escalations.update().where(escalations.c.id == id).values(**values))
    await press_worry(database, member(clinic, clinic.nora, Role.NURSE), clinic.ben.id, "", NOW)
    _, text, _ = await nora.get("/hand-over")
    lines = re.findall(r'name="line" value="([^"]*)"', text)
    assert lines == [f"patient-{clinic.ben.id}", str(item_id), str(asleep)], "one that sleeps beyond the next shift is none of it"
    assert "You have snoozed it until 1:00 pm" in text
    words = proposed(text, asleep)
    assert words[f"actions-{asleep}"] == "Snoozed until 1:00 pm: look at it then."
    status, _, _ = await nora.post("/hand-over", {"line": str(asleep), "receiver": str(clinic.sol.id), **words}, page="/hand-over")
    assert status == 303
    _, text, _ = await nora.get("/hand-over")
    assert "Offered to Sol, who has not answered yet." in text
