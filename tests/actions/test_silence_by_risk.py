"""Silence is counted in hours by risk: sooner after an emergency of the patient's, also one that a nurse has closed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update

from service.db.escalation import concerns, escalations
from service.domain.urgency import by_rank
from tests.actions.house import House, content

RULE = "heart_failure/daily.silence"


async def silences(house: House) -> list[str]:
    return [by_rank(one.urgency_rank).value for one in await house.rows(concerns) if one.rule == RULE]


async def a_day_of_silence(house: House, hours: float) -> None:
    """A check-in whose question and reminder stay without an answer until so many hours after the question."""
    flow = content().flows["heart_failure/daily"]
    await house.start_flow(house.clinic.chi)
    await house.silence(minutes=flow.silence.remind_after)
    await house.silence(minutes=hours * 60 - flow.silence.remind_after)


@pytest.mark.law(2)
@pytest.mark.parametrize("closed", [False, True])
async def test_silence_counts_sooner_in_the_days_after_an_emergency(house: House, closed: bool) -> None:
    silence = content().flows["heart_failure/daily"].silence
    assert silence.silent_after_high_risk < silence.silent_after
    await house.text(house.clinic.chi.number, "I have chest pain")
    if closed:
        async with house.database.transaction() as connection:
            await connection.execute(update(escalations).values(state="resolved", resolved_at=house.clock.now()))
    house.clock.time += timedelta(hours=24)
    await a_day_of_silence(house, silence.silent_after_high_risk / 60)
    assert await silences(house) == [silence.urgency_high_risk.value]


@pytest.mark.parametrize("words", ["I have chest pain", "good morning"])
async def test_long_after_an_emergency_or_without_one_silence_counts_as_for_anybody(house: House, words: str) -> None:
    silence = content().flows["heart_failure/daily"].silence
    await house.text(house.clinic.chi.number, words)
    house.clock.time += timedelta(minutes=silence.sooner_after_emergency) + timedelta(hours=1)
    await a_day_of_silence(house, silence.silent_after_high_risk / 60)
    assert await silences(house) == []
    await house.silence(minutes=silence.silent_after - silence.silent_after_high_risk)
    assert await silences(house) == [silence.urgency.value]
