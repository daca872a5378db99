"""When one patient may be contacted: the organization's quiet hours, the law of their state, their own wish and holidays together.

The strictest of all wins: what is open is what every one of them leaves open. Rules work on wall times where the patient is; the
zone is applied last (`domain.schedule`), so that a clock change or a move shifts nothing by itself (safety rule 30).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from service.domain.schedule import to_local, to_utc

DAY = 24 * 60
"""Minutes."""
LOOK_AHEAD_DAYS = 31
"""How far ahead an open hour is looked for. One that lies further away is none: the text is of no use by then."""
EVERY_DAY = frozenset(range(7))


@dataclass(frozen=True, slots=True)
class Window:
    """Open hours of a day in minutes from its local midnight: from `opens` up to, not including, `closes`; equal: closed all day."""

    opens: int
    closes: int


@dataclass(frozen=True, slots=True)
class StateHours:
    """The calling hours of a state's law, for each weekday, Monday first."""

    code: str
    """Two letters, such as TX."""
    name: str
    days: tuple[Window, ...]
    source: str


@dataclass(frozen=True, slots=True)
class Wish:
    """What the patient has asked for."""

    opens: time | None = None
    closes: time | None = None
    days: frozenset[int] = EVERY_DAY
    """Weekdays, 0 is Monday."""
    on_holidays: bool = False
    """Scheduled prompts come on the organization's holidays too."""


NO_WISH = Wish()


class Why(StrEnum):
    """Which rule closes the hours."""

    QUIET = "quiet_hours"
    STATE = "state_hours"
    OWN_HOURS = "own_hours"
    OWN_DAYS = "own_days"
    HOLIDAY = "holiday"


@dataclass(frozen=True, slots=True)
class Closed:
    """Nothing leaves now: until when, and which rule says so."""

    until: datetime
    why: Why


@dataclass(frozen=True, slots=True)
class ContactHours:
    """Every rule on the hours of one patient."""

    zone: str
    quiet_start: time
    quiet_end: time
    state: StateHours | None = None
    wish: Wish = NO_WISH
    holidays: frozenset[date] = field(default_factory=frozenset)
    """Of the organization; nothing scheduled comes on them unless the patient agreed to it."""

    def closed(self, now: datetime, *, scheduled: bool) -> Closed | None:
        """What closes the hours now and until when (aware UTC), None while they are open.

        `until` lies LOOK_AHEAD_DAYS away when no hour is open before: the rules leave none in common. ValueError for an unknown zone.
        """
        local = to_local(now, self.zone)
        minute = local.hour * 60 + local.minute
        if any(one.opens <= minute < one.closes for one in self._open(local.date(), scheduled)):
            return None
        return Closed(self._opens(now, local.date(), scheduled), self._why(local.date(), minute, scheduled))

    def closes(self, now: datetime, *, scheduled: bool) -> datetime | None:
        """When the hours that are open now end (aware UTC); `now` when they are closed; None when they go on for three days."""
        local = to_local(now, self.zone)
        minute, day = local.hour * 60 + local.minute, local.date()
        inside = [one for one in self._open(day, scheduled) if one.opens <= minute < one.closes]
        if not inside:
            return now
        for _ in range(3):
            if inside[0].closes < DAY:
                return _after(day, inside[0].closes, self.zone, now)
            day += timedelta(days=1)
            inside = [one for one in self._open(day, scheduled) if one.opens == 0]
            if not inside:
                return _after(day, 0, self.zone, now)
        return None

    def ever_open(self) -> bool:
        """False when these rules have no hour of the week in common."""
        monday = date(2026, 1, 5)  # no holiday is looked at: they do not come every week
        return any(True for n in range(7) for _ in self._open(monday + timedelta(days=n), scheduled=False))

    def _opens(self, now: datetime, today: date, scheduled: bool) -> datetime:
        for n in range(LOOK_AHEAD_DAYS):
            day = today + timedelta(days=n)
            for one in self._open(day, scheduled):
                opens = _after(day, one.opens, self.zone, now)
                if opens > now:
                    return opens
        return now + timedelta(days=LOOK_AHEAD_DAYS)

    def _open(self, day: date, scheduled: bool) -> Sequence[Window]:
        """The hours of this date that all rules leave open, ascending."""
        if (scheduled and self._is_holiday(day)) or day.weekday() not in self.wish.days:
            return ()
        bounds = [Window(_minutes(self.wish.opens, 0), _minutes(self.wish.closes, DAY))]
        if self.state is not None:
            bounds.append(self.state.days[day.weekday()])
        opens, closes = max(one.opens for one in bounds), min(one.closes for one in bounds)
        cut = [Window(max(one.opens, opens), min(one.closes, closes)) for one in self._awake()]
        return tuple(one for one in cut if one.opens < one.closes)

    def _awake(self) -> Iterator[Window]:
        """What the organization's quiet hours leave of any day; equal times mean that there are none."""
        start, end = _minutes(self.quiet_start, 0), _minutes(self.quiet_end, 0)
        if start == end:
            yield Window(0, DAY)
        elif start > end:
            yield Window(end, start)
        else:
            yield Window(0, start)
            yield Window(end, DAY)

    def _is_holiday(self, day: date) -> bool:
        return day in self.holidays and not self.wish.on_holidays

    def _why(self, day: date, minute: int, scheduled: bool) -> Why:
        """The rule that closes this minute, the most general one first."""
        if not any(one.opens <= minute < one.closes for one in self._awake()):
            return Why.QUIET
        state = self.state.days[day.weekday()] if self.state is not None else None
        if state is not None and not state.opens <= minute < state.closes:
            return Why.STATE
        if day.weekday() not in self.wish.days:
            return Why.OWN_DAYS
        if not _minutes(self.wish.opens, 0) <= minute < _minutes(self.wish.closes, DAY):
            return Why.OWN_HOURS
        return Why.HOLIDAY if scheduled and self._is_holiday(day) else Why.QUIET


def state_of(states: Mapping[str, StateHours], code: str | None) -> StateHours | None:
    """The law of this state where it is stricter than the default; None for other states and for none."""
    return states.get(code or "")


def _minutes(wall: time | None, otherwise: int) -> int:
    return otherwise if wall is None else wall.hour * 60 + wall.minute


def _after(day: date, minute: int, zone: str, now: datetime) -> datetime:
    """The instant of a wall time, its second one where the clocks live through it twice and the first is over."""
    day, minute = (day + timedelta(days=1), 0) if minute >= DAY else (day, minute)
    wall = time(minute // 60, minute % 60)
    at = to_utc(day, wall, zone)
    return at if at > now else to_utc(day, wall, zone, second=True)
