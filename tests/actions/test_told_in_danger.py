"""What the safety rules ask of a reply in danger at odd moments: after a programme's end, at night, in the middle of leaving."""

from __future__ import annotations

from datetime import date, time, timedelta

import pytest
from sqlalchemy import insert, update

from service.actions.time_out_sessions import time_out_sessions
from service.db.check_in import enrollments, flow_sessions
from service.db.escalation import concerns, escalations
from service.db.patient import consents, limits
from service.db.schema import new_id
from service.domain.urgency import by_rank
from tests.actions.house import MONDAY, NIGHT, House


@pytest.mark.law(1)
async def test_a_red_flag_after_the_programme_has_ended_is_an_emergency_all_the_same(house: House) -> None:
    chi = house.clinic.chi
    await house.start_flow(chi)
    now = house.clock.now()
    dates = {"starts_on": date(2026, 10, 1), "stops_on": date(2026, 10, 31), "wall_time": time(9), "created_at": now}
    flow = {"programme": "heart_failure", "flow": "daily", "rule": "daily", "high_risk": False, "status": "ended"}
    whose = {"id": new_id(now), "organization_id": house.clinic.organization_id, "patient_id": chi.id}
    async with house.database.transaction() as connection:
        await connection.execute(insert(enrollments).values(**whose, **flow, **dates))
        await connection.execute(update(flow_sessions).values(status="ended"))
    house.clock.time += timedelta(days=40)
    await house.text(chi.number, "I have chest pain")
    [item] = await house.rows(escalations)
    assert by_rank(item.urgency_rank) == "emergency"
    assert len(await house.sent("safety")) == 1
    assert len(await house.paged()) == 1


@pytest.mark.law(8)
async def test_leaving_does_not_close_an_open_emergency(house: House) -> None:
    chi = house.clinic.chi
    await house.text(chi.number, "I have chest pain")
    await house.text(chi.number, "STOP")
    assert all(consent.revoked_at is not None for consent in await house.rows(consents, consents.c.patient_id == chi.id))
    [item] = await house.rows(escalations)
    assert (by_rank(item.urgency_rank), item.state) == ("emergency", "open")


@pytest.mark.law(1)
@pytest.mark.parametrize("words", ["I want to kill myself", "I want to die, stop texting me", "me quiero matar"])
async def test_words_of_self_harm_at_night_get_the_crisis_line_and_page_also_when_somebody_leaves(house: House, words: str) -> None:
    house.clock.time = NIGHT
    await house.text(house.clinic.chi.number, words)
    [item] = await house.rows(escalations)
    assert by_rank(item.urgency_rank) == "emergency"
    [safety] = await house.sent("safety")
    assert "988" in safety.body
    assert "911" in safety.body
    assert safety.lane == "emergency"
    assert len(await house.paged()) == 1


async def test_after_words_of_self_harm_the_check_in_asks_and_teaches_nothing_more(house: House) -> None:
    chi = house.clinic.chi
    await house.start_flow(chi)
    asked = len(await house.sent("check_in"))
    await house.text(chi.number, "I want to die")
    house.clock.time += timedelta(hours=12)
    await time_out_sessions(house.database, house.knowledge, house.clock.now())
    assert len(await house.sent("check_in")) == asked
    [session] = await house.rows(flow_sessions)
    assert session.status == "ended"


@pytest.mark.law(1)
async def test_a_personal_limit_in_no_known_unit_keeps_no_red_flag_back_and_is_told_once(house: House) -> None:
    chi = house.clinic.chi
    await house.text(chi.number, "my weight is 180")
    whose = {"id": new_id(MONDAY), "organization_id": house.clinic.organization_id, "patient_id": chi.id}
    limit = {"name": "weight_gain_24h", "amount": 2.0, "unit": "pounds", "loosens": False, "author": "Dr. Adams", "reason": "frail"}
    async with house.database.transaction() as connection:
        await connection.execute(insert(limits).values(**whose, **limit, signed_at=MONDAY))
    house.clock.time += timedelta(days=1)
    await house.text(chi.number, "my weight is 184 and I have crushing chest pain")
    await house.text(chi.number, "my weight is 184")
    told = [row.rule for row in await house.rows(concerns)]
    assert {"chest_pain", "weight_gain_24h"} <= set(told)
    assert told.count("machine.limit_not_read") == 1
    assert "machine.not_read" not in told
    [item] = await house.rows(escalations)
    assert by_rank(item.urgency_rank) == "emergency"
    assert len(await house.sent("safety")) == 1
