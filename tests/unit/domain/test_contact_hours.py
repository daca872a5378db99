"""When one patient may be contacted: the strictest of the clinic's, the state's and the patient's own hours, on clock changes too."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.content import load_contact_law
from service.domain.contact_hours import LOOK_AHEAD_DAYS, NO_WISH, ContactHours, StateHours, Why, Window, Wish
from service.domain.schedule import to_local, to_utc

NEW_YORK = "America/New_York"
STATES = load_contact_law().states
ZONES = ("America/New_York", "America/Phoenix", "America/Anchorage", "Pacific/Honolulu", "America/St_Johns", "Australia/Lord_Howe")
HOURS = st.integers(0, 23).map(time)
SOME_HOUR = st.one_of(st.none(), HOURS)
WINDOWS = st.tuples(st.integers(0, 24 * 60), st.integers(0, 24 * 60)).map(lambda pair: Window(min(pair), max(pair)))
RULES = st.builds(
    ContactHours,
    zone=st.sampled_from(ZONES),
    quiet_start=HOURS,
    quiet_end=HOURS,
    state=st.one_of(
        st.none(),
        st.sampled_from(sorted(STATES.values(), key=lambda one: one.code)),
        st.builds(StateHours, st.just("XX"), st.just("X"), st.lists(WINDOWS, min_size=7, max_size=7).map(tuple), st.just("")),
    ),
    wish=st.builds(
        Wish, st.one_of(st.none(), HOURS), st.one_of(st.none(), HOURS), st.frozensets(st.integers(0, 6), min_size=1), st.booleans()
    ),
    holidays=st.frozensets(st.dates(date(2026, 10, 25), date(2026, 11, 15)), max_size=5),
)
INSTANTS = st.datetimes(datetime(2026, 10, 28), datetime(2026, 11, 8)).map(lambda at: at.replace(tzinfo=UTC, microsecond=0))


def open_by_each_rule(hours: ContactHours, at: datetime, *, scheduled: bool) -> bool:
    """The same, said rule by rule."""
    local = to_local(at, hours.zone)
    minute, wish = local.hour * 60 + local.minute, hours.wish
    window = hours.state.days[local.weekday()] if hours.state else Window(0, 24 * 60)
    own = (wish.opens or time()) <= local.time() and (wish.closes is None or local.time() < wish.closes)
    free = scheduled and local.date() in hours.holidays and not wish.on_holidays
    wall, start, end = to_local(at, hours.zone).time(), hours.quiet_start, hours.quiet_end
    awake = not (start <= wall < end if start <= end else wall >= start or wall < end)
    return awake and window.opens <= minute < window.closes and own and local.weekday() in wish.days and not free


@given(RULES, INSTANTS, st.booleans())
def test_open_is_what_every_rule_leaves_open(hours: ContactHours, now: datetime, scheduled: bool) -> None:
    assert (hours.closed(now, scheduled=scheduled) is None) is open_by_each_rule(hours, now, scheduled=scheduled)


@given(RULES, INSTANTS, st.booleans())
def test_closed_hours_end_in_open_ones_and_not_before(hours: ContactHours, now: datetime, scheduled: bool) -> None:
    closed = hours.closed(now, scheduled=scheduled)
    if closed is None:
        return
    assert closed.until > now
    if closed.until < now + timedelta(days=LOOK_AHEAD_DAYS):
        assert hours.closed(closed.until, scheduled=scheduled) is None
        between = now + (closed.until - now) / 2
        if abs(to_local(closed.until, hours.zone) - to_local(now, hours.zone) - (closed.until - now)) < timedelta(seconds=1):
            assert hours.closed(between, scheduled=scheduled) is not None, "it opened before"


@given(RULES, INSTANTS, st.booleans())
def test_open_hours_close_when_they_say(hours: ContactHours, now: datetime, scheduled: bool) -> None:
    closes = hours.closes(now, scheduled=scheduled)
    if hours.closed(now, scheduled=scheduled) is not None:
        assert closes == now
    elif closes is not None:
        assert closes > now
        assert hours.closed(closes, scheduled=scheduled) is not None
        assert hours.closed(now + (closes - now) / 2, scheduled=scheduled) is None


def hours_in(state: str, zone: str, wish: Wish = NO_WISH) -> ContactHours:
    return ContactHours(zone, time(20), time(9), STATES.get(state), wish)


@pytest.mark.parametrize(
    ("state", "zone", "day", "wall", "until"),
    [
        ("TX", "America/Chicago", date(2026, 11, 22), time(9, 30), time(12)),  # a Sunday
        ("TX", "America/Chicago", date(2026, 11, 23), time(9, 30), None),
        ("RI", "America/New_York", date(2026, 11, 23), time(17, 59), None),
        ("RI", "America/New_York", date(2026, 11, 23), time(18), time(9)),
        ("CT", "America/New_York", date(2026, 11, 23), time(8, 59), time(9)),
        ("KY", "America/New_York", date(2026, 11, 23), time(9, 30), time(10)),
        ("FL", "America/New_York", date(2026, 11, 23), time(20), time(9)),
        ("CA", "America/Los_Angeles", date(2026, 11, 23), time(9, 30), None),
    ],
)
def test_the_state_of_the_address_makes_the_hours(state: str, zone: str, day: date, wall: time, until: time | None) -> None:
    closed = hours_in(state, zone).closed(to_utc(day, wall, zone), scheduled=True)
    assert (to_local(closed.until, zone).time() if closed else None) == until


def test_what_closes_is_named() -> None:
    sunday = to_utc(date(2026, 11, 22), time(9, 30), "America/Chicago")
    assert [one.why for one in (hours_in("TX", "America/Chicago").closed(sunday, scheduled=True),) if one] == [Why.STATE]
    weekdays = hours_in("", NEW_YORK, Wish(days=frozenset(range(5))))
    closed = weekdays.closed(to_utc(date(2026, 11, 21), time(10), NEW_YORK), scheduled=False)
    assert closed is not None
    assert (closed.why, to_local(closed.until, NEW_YORK)) == (Why.OWN_DAYS, datetime(2026, 11, 23, 9))
    free = ContactHours(NEW_YORK, time(20), time(9), holidays=frozenset({date(2026, 11, 26)}))
    thanksgiving = to_utc(date(2026, 11, 26), time(10), NEW_YORK)
    told = free.closed(thanksgiving, scheduled=True)
    assert told is not None
    assert (told.why, to_local(told.until, NEW_YORK)) == (Why.HOLIDAY, datetime(2026, 11, 27, 9))
    assert free.closed(thanksgiving, scheduled=False) is None, "an answer comes on a holiday too"


@pytest.mark.parametrize(
    ("zone", "day"), [(NEW_YORK, date(2026, 3, 8)), (NEW_YORK, date(2026, 11, 1)), ("Australia/Lord_Howe", date(2026, 4, 5))]
)
@pytest.mark.parametrize("wall", [time(1, 59), time(2), time(3)])
def test_on_the_days_of_a_clock_change_nothing_opens_early(zone: str, day: date, wall: time) -> None:
    closed = ContactHours(zone, time(20), time(9)).closed(to_utc(day, wall, zone), scheduled=True)
    assert closed is not None
    assert closed.until == to_utc(day, time(9), zone)


def test_in_the_hour_that_clocks_live_through_twice_hours_open_and_close_by_the_second_one_too() -> None:
    first, second = datetime(2026, 11, 1, 5, 10, tzinfo=UTC), datetime(2026, 11, 1, 6, 10, tzinfo=UTC)  # 01:10, twice
    opens = ContactHours(NEW_YORK, time(20), time(1, 30))
    told = [opens.closed(at, scheduled=False) for at in (first, second)]
    assert [one.until for one in told if one] == [first + timedelta(minutes=20), second + timedelta(minutes=20)]
    closes = ContactHours(NEW_YORK, time(1, 30), time(9))
    assert [closes.closes(at, scheduled=False) for at in (first, second)] == [at + timedelta(minutes=20) for at in (first, second)]


def test_what_has_just_closed_is_closed() -> None:
    just = to_utc(date(2026, 11, 23), time(20, 0, 30), NEW_YORK)
    assert ContactHours(NEW_YORK, time(20), time(9)).closes(just, scheduled=False) == just


def test_rules_without_a_common_hour_are_told() -> None:
    late = Wish(time(19), time(21))
    assert not hours_in("RI", NEW_YORK, late).ever_open()
    assert hours_in("NY", NEW_YORK, late).ever_open()
    now = datetime(2026, 11, 23, 15, tzinfo=UTC)
    closed = hours_in("RI", NEW_YORK, late).closed(now, scheduled=False)
    assert closed is not None
    assert closed.until == now + timedelta(days=LOOK_AHEAD_DAYS)
