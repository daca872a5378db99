"""The rota: at every instant exactly the people that the table says, over clock changes, covers, swaps and absences."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain.rota import Override, OverrideKind, Rota, RotaRole, RotaShift, why_not_override
from service.domain.schedule import to_local, to_utc

NORA, OMAR, SOL, PAT = (UUID(int=number) for number in range(1, 5))
PEOPLE = (NORA, OMAR, SOL, PAT)
ZONES = ("America/New_York", "America/Phoenix", "Pacific/Auckland", "America/St_Johns")
BEGIN = datetime(2026, 10, 20, tzinfo=UTC)
"""Three weeks from here hold the end of summer time in North America."""

times = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 45]))
shifts = st.builds(
    RotaShift,
    st.sampled_from(RotaRole),
    st.sampled_from(PEOPLE),
    st.integers(0, 6),
    times,
    times,
    st.dates(date(2026, 10, 1), date(2026, 11, 5)),
    st.none() | st.dates(date(2026, 11, 1), date(2026, 11, 20)),
)
instants = st.integers(0, 21 * 24 * 60 - 1).map(lambda minutes: BEGIN + timedelta(minutes=minutes))


@st.composite
def overrides(draw: st.DrawFn) -> Override:
    start = draw(instants)
    end = start + timedelta(minutes=draw(st.integers(1, 3 * 24 * 60)))
    kind = draw(st.sampled_from(OverrideKind))
    first, second = draw(st.permutations(PEOPLE))[:2]
    if kind is OverrideKind.COVER and draw(st.booleans()):
        return Override(kind, start, end, None, second, draw(st.sampled_from(RotaRole)))
    return Override(kind, start, end, first, None if kind is OverrideKind.SICK else second)


rotas = st.builds(Rota, st.sampled_from(ZONES), st.lists(shifts, max_size=8).map(tuple), st.lists(overrides(), max_size=4).map(tuple))


def said_by_the_table(rota: Rota, instant: datetime, role: RotaRole) -> set[UUID]:
    """Worked out the slow way: by every local date of six weeks, then override by override on sets."""
    found = set()
    for offset in range(45):
        day = date(2026, 10, 10) + timedelta(days=offset)
        for shift in rota.shifts:
            if shift.role is not role or shift.weekday != day.weekday() or day < shift.valid_from:
                continue
            if shift.valid_until is not None and day > shift.valid_until:
                continue
            over = shift.end <= shift.start
            if to_utc(day, shift.start, rota.zone) <= instant < to_utc(day + timedelta(days=int(over)), shift.end, rota.zone):
                found.add(shift.staff_id)
    for change in rota.overrides:
        if not change.starts_at <= instant < change.ends_at:
            continue
        if change.kind is OverrideKind.SICK:
            found.discard(change.from_id)  # type: ignore[arg-type]
        elif change.from_id is None:
            found |= {change.to_id} if change.role is role else set()  # type: ignore[arg-type]
        elif change.kind is OverrideKind.COVER:
            found = {change.to_id if one == change.from_id else one for one in found}  # type: ignore[misc]
        else:
            other = {change.from_id: change.to_id, change.to_id: change.from_id}
            found = {other.get(one, one) for one in found}  # type: ignore[misc]
    return found


@settings(max_examples=300, deadline=None)
@given(rotas, instants)
def test_every_instant_has_exactly_the_people_that_the_table_says(rota: Rota, instant: datetime) -> None:
    standing = rota.at(instant)
    for role in RotaRole:
        assert set(standing[role]) == said_by_the_table(rota, instant, role)
        assert len(standing[role]) == len(set(standing[role]))


@settings(max_examples=150, deadline=None)
@given(rotas, instants, st.integers(1, 8 * 24 * 60), st.integers(0, 8 * 24 * 60 - 1))
def test_the_week_shows_what_each_instant_has_without_a_hole(rota: Rota, start: datetime, minutes: int, inside: int) -> None:
    end = start + timedelta(minutes=minutes)
    instant = start + timedelta(minutes=inside % minutes)
    duties = rota.duties(start, end)
    for role in RotaRole:
        own = [duty for duty in duties if duty.role is role]
        assert (own[0].start, own[-1].end) == (start, end)
        assert all(before.end == after.start and before.staff_ids != after.staff_ids for before, after in pairwise(own))
        [holding] = [duty for duty in own if duty.start <= instant < duty.end]
        assert holding.staff_ids == rota.at(instant)[role]


@settings(max_examples=150, deadline=None)
@given(rotas, instants, st.integers(1, 8 * 24 * 60), st.integers(0, 8 * 24 * 60 - 1))
def test_no_gap_goes_unseen(rota: Rota, start: datetime, minutes: int, inside: int) -> None:
    instant = start + timedelta(minutes=inside % minutes)
    gaps = rota.gaps(start, start + timedelta(minutes=minutes))
    for role in rota.expected():
        seen = any(gap.role is role and gap.start <= instant < gap.end for gap in gaps)
        assert seen is (not rota.at(instant)[role])


@settings(max_examples=150, deadline=None)
@given(rotas, instants, instants)
def test_a_swap_is_symmetric_and_a_second_one_undoes_it(rota: Rota, start: datetime, instant: datetime) -> None:
    swap = Override(OverrideKind.SWAP, start, start + timedelta(days=5), NORA, OMAR)
    back = replace(swap, from_id=OMAR, to_id=NORA)
    once = replace(rota, overrides=(*rota.overrides, swap))
    other = replace(rota, overrides=(*rota.overrides, back))
    twice = replace(rota, overrides=(*rota.overrides, swap, back))
    assert once.at(instant) == other.at(instant)
    assert twice.at(instant) == rota.at(instant)
    if swap.holds(instant):
        for role in RotaRole:
            assert (NORA in once.at(instant)[role]) == (OMAR in rota.at(instant)[role])


def always(person: UUID, role: RotaRole = RotaRole.ON_CALL) -> tuple[RotaShift, ...]:
    return tuple(RotaShift(role, person, day, time(), time(), date(2026, 1, 1)) for day in range(7))


@pytest.mark.parametrize("zone", ZONES)
def test_day_and_night_has_no_gap_over_a_year_with_its_clock_changes(zone: str) -> None:
    rota = Rota(zone, always(NORA))
    assert rota.gaps(BEGIN, BEGIN + timedelta(days=365)) == []


@pytest.mark.parametrize(("local", "hours"), [(date(2026, 3, 7), 11), (date(2026, 10, 31), 13), (date(2026, 11, 14), 12)])
def test_a_night_lasts_as_long_as_its_wall_times_say_when_the_clocks_change(local: date, hours: int) -> None:
    night = RotaShift(RotaRole.ON_CALL, NORA, local.weekday(), time(19), time(7), date(2026, 1, 1))
    start, end = night.period(local, "America/New_York")
    assert end - start == timedelta(hours=hours)
    assert to_local(end, "America/New_York").time() == time(7)


def test_two_half_nights_that_meet_in_the_hour_that_is_skipped_leave_no_gap() -> None:
    saturday = date(2026, 3, 7)
    first = RotaShift(RotaRole.ON_CALL, NORA, 5, time(19), time(2, 30), saturday)
    second = RotaShift(RotaRole.ON_CALL, OMAR, 6, time(2, 30), time(7), saturday)
    start, end = to_utc(saturday, time(19), "America/New_York"), to_utc(date(2026, 3, 8), time(7), "America/New_York")
    assert Rota("America/New_York", (first, second)).gaps(start, end) == []


def test_a_week_with_one_evening_left_out_shows_that_gap_and_no_other() -> None:
    nights = tuple(RotaShift(RotaRole.ON_CALL, NORA, day, time(), time(18 if day == 2 else 0), date(2026, 1, 1)) for day in range(7))
    gaps = Rota("America/New_York", nights).gaps(BEGIN, BEGIN + timedelta(days=7))
    wednesday = date(2026, 10, 21)
    midnight = to_utc(wednesday + timedelta(days=1), time(), "America/New_York")
    assert [(gap.start, gap.end) for gap in gaps] == [(to_utc(wednesday, time(18), "America/New_York"), midnight)]


def test_backup_is_expected_only_where_the_pattern_names_one() -> None:
    alone = Rota("America/New_York", always(NORA))
    assert alone.expected() == (RotaRole.ON_CALL,)
    both = Rota("America/New_York", (*always(NORA), always(OMAR, RotaRole.BACKUP)[0]))
    assert {gap.role for gap in both.gaps(BEGIN, BEGIN + timedelta(days=7))} == {RotaRole.BACKUP}


def test_a_later_override_wins_and_whoever_takes_a_role_is_paged_first() -> None:
    day = timedelta(days=1)
    sick = Override(OverrideKind.SICK, BEGIN, BEGIN + day, NORA)
    takes = Override(OverrideKind.COVER, BEGIN, BEGIN + day, None, SOL, RotaRole.ON_CALL)
    rota = Rota("America/New_York", (*always(NORA), *always(OMAR)), (sick, takes))
    assert rota.at(BEGIN)[RotaRole.ON_CALL] == (SOL, OMAR)
    assert rota.at(BEGIN + day)[RotaRole.ON_CALL] == (NORA, OMAR)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (Override(OverrideKind.COVER, BEGIN, BEGIN, NORA, OMAR), "end lies before"),
        (Override(OverrideKind.COVER, BEGIN, BEGIN + timedelta(days=61), NORA, OMAR), "60 days at most"),
        (Override(OverrideKind.COVER, BEGIN, BEGIN + timedelta(days=1), NORA), "who covers"),
        (Override(OverrideKind.COVER, BEGIN, BEGIN + timedelta(days=1), None, OMAR), "which role"),
        (Override(OverrideKind.SWAP, BEGIN, BEGIN + timedelta(days=1), NORA), "two people"),
        (Override(OverrideKind.SWAP, BEGIN, BEGIN + timedelta(days=1), NORA, NORA), "two different"),
        (Override(OverrideKind.SICK, BEGIN, BEGIN + timedelta(days=1)), "who is away"),
    ],
)
def test_an_override_that_means_nothing_is_refused_with_what_to_say(change: Override, why: str) -> None:
    assert why in why_not_override(change)
