"""What a concern keeps of what was known, and that nothing told in a check-in is counted a second time as its own past."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from service.db.escalation import concerns
from service.engine import Flow
from tests.actions.house import House, content

CHI = "+12025550103"


async def test_a_concern_keeps_what_a_second_run_of_its_rules_needs(house: House) -> None:
    await house.text(CHI, "i missed my water pill and my weight is 180")
    house.clock.time += timedelta(days=1)
    await house.text(CHI, "bad cough and chest pain, weight 184")
    newest = (await house.rows(concerns))[-1].facts
    assert [(past[0], past[1]) for past in newest["history"]] == [("weight", 180.0)]
    assert [dose[0] for dose in newest["doses"]] == ["missed"]
    assert newest["minutes_until_unstaffed"] == 8 * 60
    assert (newest["day"], newest["silent_check_ins"]) == (None, None)


async def test_a_dose_told_in_this_check_in_is_not_counted_again_as_its_own_past(house: House) -> None:
    flow = _with_flag({"missed_in_a_row": 2})
    await house.start_flow(house.clinic.chi, flow)
    for body in ("180", "no", "no", "forgot"):
        house.clock.time += timedelta(minutes=1)
        await house.text(CHI, body)
    assert not [one for one in await house.rows(concerns) if one.rule.endswith("again_missed")]
    house.clock.time += timedelta(days=1)
    await house.start_flow(house.clinic.chi, flow)
    for body in ("180", "no", "no"):
        house.clock.time += timedelta(minutes=1)
        await house.text(CHI, body)
    assert [one.rule for one in await house.rows(concerns) if one.rule.endswith("again_missed")] == [
        "heart_failure/daily.water_pill.again_missed"
    ]


def _with_flag(when: dict[str, Any]) -> Flow:
    """The heart failure check-in with one more red flag of its dose."""
    written = content().flows["heart_failure/daily"].to_json()
    step = next(step for step in written["steps"] if step["key"] == "water_pill")
    step["red_flags"] = [{**step["red_flags"][-1], "name": "again_missed", "when": when, "answer": ""}, *step["red_flags"]]
    return Flow.from_json(written)
