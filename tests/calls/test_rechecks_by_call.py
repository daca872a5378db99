"""Safety re-checks after a call: by text to those who agreed to texts, by a call to those who agreed to calls alone."""

from __future__ import annotations

import pytest

from service.db.communication import communications
from tests.actions.house import NIGHT
from tests.actions.test_rechecks import approve, work
from tests.calls.conftest import Telephones
from tests.calls.test_check_in_by_call import rules_of


async def test_a_severe_pressure_told_on_the_telephone_is_asked_again_by_text(telephones: Telephones) -> None:
    await approve(telephones)
    ana = telephones.clinic.ana
    await telephones.agree_to_calls(ana)
    call, _ = await telephones.identified(ana)
    await call.press("160#")
    await call.speak("no, but my sugar is 48")
    await call.end("completed")
    assert await work(telephones) == 1
    await telephones.time_passes(minutes=15)
    [asked] = await telephones.rows(communications, communications.c.purpose == "recheck")
    assert "measure your sugar" in asked.body or "check your sugar" in asked.body
    assert len(await telephones.call_rows()) == 1


@pytest.mark.law(11)
async def test_who_agreed_to_calls_alone_is_called_again_also_at_night(telephones: Telephones) -> None:
    await approve(telephones)
    eva = telephones.clinic.eva
    telephones.clock.time = NIGHT
    await telephones.text(eva.number, "tengo la glucosa en 48")
    assert await work(telephones) == 1
    await telephones.time_passes(minutes=15)
    [row] = await telephones.call_rows()
    assert row.purpose == "recheck"
    assert await telephones.place() == 1
    call = telephones.twilio.calls.newest
    await call.pick_up()
    heard = await call.press("1950")
    assert "glucosa" in heard.text
    heard = await call.press("85#")
    assert heard.over
    assert await rules_of(telephones, eva)
    assert not [rule for rule in await rules_of(telephones, eva) if rule.endswith("no_recheck")]


@pytest.mark.law(2)
async def test_a_call_that_nobody_answers_ends_in_a_more_urgent_concern(telephones: Telephones) -> None:
    await approve(telephones)
    eva = telephones.clinic.eva
    await telephones.text(eva.number, "tengo la presion en 185/100")
    await work(telephones)
    await telephones.time_passes(minutes=15)
    assert await telephones.place() == 1
    await telephones.twilio.calls.newest.end("no-answer")
    await telephones.time_passes(minutes=30)
    assert "shared/pressure_again.second_reading.no_recheck" in await rules_of(telephones, eva)
