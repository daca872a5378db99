"""Check-ins that were held by telephone, replayed as they were."""

from __future__ import annotations

from datetime import timedelta

from service.actions.read_past_check_ins import choose_past_check_ins, read_past_check_ins
from service.engine.cases import Ears
from service.evaluation.flows.history import Comparison, compare
from service.evaluation.flows.retrace import Hearing
from tests.actions.house import content
from tests.calls.conftest import Telephones

KEY = "heart_failure/daily"


async def replayed(house: Telephones) -> Comparison:
    now = house.clock.now() + timedelta(minutes=1)
    chosen = await choose_past_check_ins(
        house.database, house.clinic.organization_id, KEY, since=now - timedelta(days=30), until=now, limit=100
    )
    comparison = Comparison()
    hearing = Hearing(Ears(content().lexicon, content().tables, content().wording))
    async for batch in read_past_check_ins(house.database, chosen, now):
        compare(comparison, batch.check_ins, batch.own, hearing)
    assert comparison.failed == 0
    return comparison


async def test_a_check_in_by_keys_is_replayed_as_it_was(telephones: Telephones) -> None:
    call, _ = await telephones.identified(telephones.clinic.eva)
    for keys in ("180*4#", "2"):
        await call.press(keys)
    assert (await call.press("1")).over
    found = await replayed(telephones)
    assert (found.check_ins, found.inexact, found.changes) == (1, 0, [])


async def test_silence_on_the_line_leaves_no_reply_and_changes_no_item(telephones: Telephones) -> None:
    call, _ = await telephones.identified(telephones.clinic.eva)
    await call.say_nothing()
    for keys in ("180*4#", "2"):
        await call.press(keys)
    assert (await call.press("1")).over
    found = await replayed(telephones)
    assert (found.check_ins, found.inexact, found.changes) == (1, 0, [])


async def test_a_value_corrected_on_the_line_is_no_answer_to_the_next_question(telephones: Telephones) -> None:
    eva = telephones.clinic.eva
    call, _ = await telephones.identified(eva)
    for keys in ("180*4#", "2", "1"):
        await call.press(keys)
    telephones.clock.time += timedelta(hours=23)
    call, _ = await telephones.identified(eva)
    for keys in ("190#", "2", "181#", "2"):
        await call.press(keys)
    assert (await call.press("1")).over
    found = await replayed(telephones)
    assert (found.check_ins, found.inexact, found.changes) == (2, 0, [])
    assert found.kept > 5
