"""Who of a team is on call at any instant: a weekly pattern in the team's local time, and overrides of it.

What is promised to patients comes from `coverage`; the rota says only who is paged. All of it is pure: instants go in,
people come out.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import pairwise
from uuid import UUID

from service.domain.schedule import to_local, to_utc

MOST_SHIFTS = 400
MOST_OVERRIDES = 500
LONGEST_OVERRIDE = timedelta(days=60)
WARN_AHEAD = timedelta(days=7)
"""How far ahead gaps are looked for and told."""

Interval = tuple[datetime, datetime]


class RotaRole(StrEnum):
    """In which order people are paged; one person may stand in several."""

    ON_CALL = "on_call"
    BACKUP = "backup"
    SUPERVISOR = "supervisor"


@dataclass(frozen=True, slots=True)
class RotaShift:
    """A person's weekly duty. `weekday` 0 is Monday; an `end` at or before `start` lies on the next day.

    It begins on dates from `valid_from` up to and with `valid_until` (None: until further notice).
    """

    role: RotaRole
    staff_id: UUID
    weekday: int
    start: time
    end: time
    valid_from: date
    valid_until: date | None = None
    id: UUID | None = None

    def begins_on(self, day: date) -> bool:
        """Whether it begins on this local date."""
        return day.weekday() == self.weekday and self.valid_from <= day and (self.valid_until is None or day <= self.valid_until)

    def period(self, day: date, zone: str) -> Interval:
        """From when to when (UTC) it lasts when it begins on this local date; over a change of the clocks the wall times hold."""
        last = day if self.end > self.start else day + timedelta(days=1)
        return to_utc(day, self.start, zone), to_utc(last, self.end, zone)


@dataclass(frozen=True, slots=True)
class LastDay:
    """Somebody leaves: their weekly duties (of one role, or with None of all) begin up to and with this local date, not after it."""

    staff_id: UUID
    day: date
    role: RotaRole | None = None

    def ends(self, shift: RotaShift) -> bool:
        """Whether this duty would go on after it."""
        mine = shift.staff_id == self.staff_id and self.role in (None, shift.role)
        return mine and (shift.valid_until is None or shift.valid_until > self.day)


class OverrideKind(StrEnum):
    """What an override does to the pattern."""

    COVER = "cover"  # `to` stands wherever `from` would; with nobody to replace, `to` takes the role
    SWAP = "swap"  # each of the two stands wherever the other would
    SICK = "sick"  # `from` stands nowhere


@dataclass(frozen=True, slots=True)
class Override:
    """A change for a time, from `starts_at` until just before `ends_at` (UTC)."""

    kind: OverrideKind
    starts_at: datetime
    ends_at: datetime
    from_id: UUID | None = None
    to_id: UUID | None = None
    role: RotaRole | None = None
    id: UUID | None = None

    def holds(self, instant: datetime) -> bool:
        """Whether it is in force."""
        return self.starts_at <= instant < self.ends_at


def why_not_override(override: Override) -> str:
    """What is wrong with an override, "" when nothing is."""
    if override.ends_at <= override.starts_at:
        return "The end lies before the start."
    if override.ends_at - override.starts_at > LONGEST_OVERRIDE:
        return f"An override lasts {LONGEST_OVERRIDE.days} days at most: change the weekly pattern instead."
    match override.kind:
        case OverrideKind.COVER:
            if override.to_id is None:
                return "Say who covers."
            if override.from_id is None and override.role is None:
                return "Say whom they stand in for, or which role they take."
        case OverrideKind.SWAP:
            if override.from_id is None or override.to_id is None:
                return "A swap needs two people."
        case OverrideKind.SICK:
            if override.from_id is None:
                return "Say who is away."
    if override.from_id is not None and override.from_id == override.to_id:
        return "Name two different people."
    return ""


@dataclass(frozen=True, slots=True)
class Duty:
    """A stretch of time in which the same people stand in a role; nobody in it is a gap."""

    role: RotaRole
    start: datetime
    end: datetime
    staff_ids: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class Rota:
    """A team's weekly pattern in its zone and the overrides of it, in the order in which they were made: later ones win."""

    zone: str
    shifts: tuple[RotaShift, ...] = ()
    overrides: tuple[Override, ...] = ()

    def at(self, instant: datetime) -> dict[RotaRole, tuple[UUID, ...]]:
        """Who stands in each role, first who is paged first."""
        people: dict[RotaRole, list[UUID]] = {role: [] for role in RotaRole}
        today = to_local(instant, self.zone).date()
        on = []
        for shift in self.shifts:
            for day in (today - timedelta(days=1), today):
                if shift.begins_on(day):
                    start, end = shift.period(day, self.zone)
                    if start <= instant < end:
                        on.append((start, shift))
        for _, shift in sorted(on, key=lambda one: (one[0], str(one[1].staff_id))):
            people[shift.role].append(shift.staff_id)
        for override in self.overrides:
            if override.holds(instant):
                for role in RotaRole:
                    people[role] = _after(override, role, people[role])
        return {role: tuple(dict.fromkeys(ids)) for role, ids in people.items()}

    def duties(self, start: datetime, end: datetime) -> list[Duty]:
        """Everything between two instants, role by role, without a hole between its pieces."""
        edges = self._edges(start, end)
        found: list[Duty] = []
        standing = [(first, last, self.at(first)) for first, last in pairwise(edges)]
        for role in RotaRole:
            pieces: list[Duty] = []
            for first, last, people in standing:
                if pieces and pieces[-1].staff_ids == people[role]:
                    pieces[-1] = Duty(role, pieces[-1].start, last, people[role])
                else:
                    pieces.append(Duty(role, first, last, people[role]))
            found += pieces
        return found

    def duty_ends(self, staff_id: UUID, now: datetime) -> datetime | None:
        """When the stretch ends in which somebody stands in any role without a break; None when they stand in none now, or for the whole
        week to come."""
        horizon = now + WARN_AHEAD
        mine = sorted((duty.start, duty.end) for duty in self.duties(now, horizon) if staff_id in duty.staff_ids)
        until = now
        for start, end in mine:
            if start <= until:
                until = max(until, end)
        return until if now < until < horizon else None

    def expected(self) -> tuple[RotaRole, ...]:
        """The roles in which somebody should always stand: on call, and those that the pattern names at all."""
        named = {shift.role for shift in self.shifts}
        return tuple(role for role in RotaRole if role is RotaRole.ON_CALL or role in named)

    def gaps(self, start: datetime, end: datetime, reachable: Collection[UUID] | None = None) -> list[Duty]:
        """When nobody (of `reachable`, None: of all) stands in a role in which somebody should, earliest first."""
        wanted = self.expected()
        empty = (duty for duty in self.duties(start, end) if not any(reachable is None or id in reachable for id in duty.staff_ids))
        return sorted((duty for duty in empty if duty.role in wanted), key=lambda duty: duty.start)

    def _edges(self, start: datetime, end: datetime) -> list[datetime]:
        """The instants between which nothing changes."""
        start, end = start.astimezone(UTC), end.astimezone(UTC)
        edges = {start, end}
        day, last = to_local(start, self.zone).date() - timedelta(days=1), to_local(end, self.zone).date()
        while day <= last:
            for shift in self.shifts:
                if shift.begins_on(day):
                    edges.update(shift.period(day, self.zone))
            day += timedelta(days=1)
        for override in self.overrides:
            edges.update((override.starts_at, override.ends_at))
        return sorted(edge for edge in edges if start <= edge <= end)


def _after(override: Override, role: RotaRole, ids: Sequence[UUID]) -> list[UUID]:
    """Who stands in a role once an override is in force."""
    first, second = override.from_id, override.to_id
    match override.kind:
        case OverrideKind.SICK:
            return [id for id in ids if id != first]
        case OverrideKind.SWAP if first is not None and second is not None:
            other = {first: second, second: first}
            return [other.get(id, id) for id in ids]
        case OverrideKind.COVER if second is not None:
            if first is None:
                return [second, *ids] if override.role is role else list(ids)
            return [second if id == first and override.role in (None, role) else id for id in ids]
    return list(ids)
