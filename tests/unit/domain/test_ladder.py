"""Ladders: whom each rung reaches, who stands in for a hole, and that no ladder ends with nobody."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.ladder import (
    BOTH,
    DEFAULTS,
    Crew,
    Ladder,
    PageChannel,
    Person,
    Rung,
    Whom,
    could_end_with_nobody,
    reach,
    why_not_ladder,
    would_run,
)
from service.domain.rota import Override, OverrideKind, Rota, RotaRole, RotaShift
from service.domain.urgency import Urgency

NOW = datetime(2026, 11, 23, 15, tzinfo=UTC)
NORA, OMAR, SOL = (UUID(int=number) for number in range(1, 4))
SERVICE = UUID(int=9)
PEOPLE = {
    NORA: Person(NORA, "Nora", "+12025550171"),
    OMAR: Person(OMAR, "Omar", "+12025550172", "text"),
    SOL: Person(SOL, "Sol", "+12025550173", supervises=True),
}


def always(person: UUID, role: RotaRole) -> tuple[RotaShift, ...]:
    return tuple(RotaShift(role, person, day, time(), time(), date(2026, 1, 1)) for day in range(7))


ROTA = Rota("America/New_York", (*always(NORA, RotaRole.ON_CALL), *always(OMAR, RotaRole.BACKUP)))
CREW = Crew(UUID(int=1), UUID(int=2), "Team A", "+12025550191", ROTA, PEOPLE, {SERVICE: ("Answering service", "+12025550199")})


def names(crew: Crew, rung: Rung, urgency: Urgency = Urgency.EMERGENCY) -> list[str]:
    return [target.name for target in reach(rung, urgency, crew, NOW).targets]


def test_an_emergency_climbs_every_five_minutes_to_somebody_else_then_to_the_lead() -> None:
    run = would_run(CREW, Urgency.EMERGENCY, NOW)
    assert [(one.minutes, [target.name for target in one.reach.targets]) for one in run] == [(0, ["Nora"]), (5, ["Omar"]), (10, ["Sol"])]
    assert all(target.by == BOTH for one in run for target in one.reach.targets), "by text and call, whatever somebody likes better"


def test_below_an_emergency_people_are_paged_as_they_want() -> None:
    [target] = reach(Rung(30, Whom.BACKUP), Urgency.URGENT, CREW, NOW).targets
    assert (target.name, target.by) == ("Omar", (PageChannel.TEXT,))


def test_a_team_without_a_rota_uses_its_on_call_number() -> None:
    alone = replace(CREW, rota=None, people={})
    for one in would_run(alone, Urgency.EMERGENCY, NOW):
        [target] = one.reach.targets
        assert (target.role, target.phone, one.reach.gap) == (Whom.TEAM, "+12025550191", False)


def test_in_a_gap_a_supervisor_stands_in_and_the_gap_is_told() -> None:
    sick = Override(OverrideKind.SICK, NOW, NOW + timedelta(hours=8), NORA)
    found = reach(Rung(0, Whom.ON_CALL), Urgency.EMERGENCY, replace(CREW, rota=replace(ROTA, overrides=(sick,))), NOW)
    assert [target.name for target in found.targets] == ["Sol"]
    assert found.gap
    assert "gap" in found.hole


def test_somebody_without_a_number_is_a_hole() -> None:
    people = {**PEOPLE, NORA: replace(PEOPLE[NORA], phone="")}
    found = reach(Rung(0, Whom.ON_CALL), Urgency.EMERGENCY, replace(CREW, people=people), NOW)
    assert ([target.name for target in found.targets], found.gap) == (["Sol"], True)
    assert "Nora has no telephone number" in found.hole


def test_somebody_who_has_left_the_team_is_not_paged() -> None:
    left = {id: person for id, person in PEOPLE.items() if id != NORA}
    assert names(replace(CREW, people=left), Rung(0, Whom.ON_CALL)) == ["Sol"]
    assert names(replace(CREW, people=left), Rung(0, Whom.STAFF, id=NORA)) == ["Sol"]


def test_named_people_and_numbers_are_reached_whatever_the_rota_says() -> None:
    assert names(CREW, Rung(0, Whom.STAFF, id=OMAR)) == ["Omar"]
    assert names(CREW, Rung(0, Whom.NUMBER, id=SERVICE)) == ["Answering service"]


people = st.dictionaries(
    st.sampled_from([NORA, OMAR, SOL]),
    st.tuples(st.booleans(), st.booleans()),
).map(lambda some: {id: replace(PEOPLE[id], phone=PEOPLE[id].phone if has else "", supervises=leads) for id, (has, leads) in some.items()})
rungs = st.builds(
    lambda whom, id: Rung(0, whom, BOTH, id if whom is Whom.STAFF else None), st.sampled_from([*Whom]), st.sampled_from([NORA, SOL])
)


@given(people, rungs, st.sampled_from(["", "+12025550191"]), st.sampled_from([None, ROTA]), st.sampled_from(list(DEFAULTS)))
def test_no_rung_is_silent_in_a_team_that_may_be_served(
    some: dict[UUID, Person], rung: Rung, phone: str, rota: Rota | None, urgency: Urgency
) -> None:
    crew = replace(CREW, people=some, team_phone=phone, rota=rota, ladders={urgency: Ladder((rung,), 5)})
    found = reach(rung, urgency, crew, NOW)
    if not could_end_with_nobody(crew, urgency):
        assert found.targets
        assert all(target.phone and target.by for target in found.targets)
    if not found.targets:
        assert found.hole


def test_a_ladder_that_could_end_with_nobody_says_what_to_set() -> None:
    empty = replace(CREW, team_phone="", people={})
    why = could_end_with_nobody(empty, Urgency.EMERGENCY)
    assert "on-call number" in why
    assert "supervisor" in why
    assert could_end_with_nobody(replace(empty, people={SOL: PEOPLE[SOL]}), Urgency.EMERGENCY) == ""
    ends = Ladder((Rung(0, Whom.ON_CALL), Rung(5, Whom.NUMBER, id=SERVICE)), 5)
    assert could_end_with_nobody(replace(empty, ladders={Urgency.EMERGENCY: ends}), Urgency.EMERGENCY) == ""
    gone = replace(empty, numbers={}, ladders={Urgency.EMERGENCY: ends})
    assert could_end_with_nobody(gone, Urgency.EMERGENCY) != ""


@pytest.mark.parametrize("urgency", list(DEFAULTS))
def test_the_ladders_that_hold_without_any_being_set_are_good_ones_and_survive_being_stored(urgency: Urgency) -> None:
    assert why_not_ladder(DEFAULTS[urgency], urgency) == ""
    assert Ladder.from_json(DEFAULTS[urgency].to_json()) == DEFAULTS[urgency]


@pytest.mark.parametrize(
    ("ladder", "urgency", "why"),
    [
        (Ladder((), 5), Urgency.EMERGENCY, "1 to 12"),
        (Ladder((Rung(0, Whom.ON_CALL), Rung(6, Whom.BACKUP)), 5), Urgency.EMERGENCY, "at most 5 minutes"),
        (Ladder((Rung(0, Whom.ON_CALL),), 0), Urgency.EMERGENCY, "at most 5 minutes"),
        (Ladder((Rung(1, Whom.ON_CALL),), 5), Urgency.EMERGENCY, "at once"),
        (Ladder((Rung(0, Whom.ON_CALL), Rung(0, Whom.BACKUP)), 5), Urgency.EMERGENCY, "rising minutes"),
        (Ladder((Rung(0, Whom.ON_CALL, ()),), 5), Urgency.EMERGENCY, "by text, by call"),
        (Ladder((Rung(0, Whom.STAFF),), 5), Urgency.EMERGENCY, "which one"),
        (Ladder((Rung(0, Whom.TEAM),), 5), Urgency.EMERGENCY, "by itself"),
        (Ladder((Rung(0, Whom.ON_CALL),), 31), Urgency.URGENT, "at most 30 minutes"),
        (Ladder((Rung(5, Whom.ON_CALL),), 0, from_due=True), Urgency.SAME_DAY, "before the item is due"),
        (Ladder((Rung(0, Whom.ON_CALL),), 5), Urgency.ROUTINE, "page nobody"),
    ],
)
def test_a_ladder_that_means_nothing_is_refused_with_what_to_write(ladder: Ladder, urgency: Urgency, why: str) -> None:
    assert why in why_not_ladder(ladder, urgency)


def test_after_the_last_rung_the_ladder_goes_round_again_or_ends() -> None:
    ladder = DEFAULTS[Urgency.EMERGENCY]
    assert [ladder.rung(number) for number in (2, 3, 4)] == [ladder.rungs[2], ladder.rungs[0], ladder.rungs[1]]
    assert [ladder.wait(number) for number in range(4)] == [timedelta(minutes=5)] * 4
    once = DEFAULTS[Urgency.SAME_DAY]
    assert once.rung(1) is None
    assert once.wait(0) is None
    assert once.begins_at(NOW, NOW + timedelta(hours=4)) == NOW + timedelta(hours=3, minutes=30)
