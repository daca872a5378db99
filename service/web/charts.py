"""Charts of readings over time as plain numbers and paths, which a template draws as SVG: pure, no drawing library, no script.

Lines join readings of the same or of following days only: over a day without a reading nothing is drawn, so that nobody sees a value
that was never measured.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from service.domain.schedule import to_local

WIDTH, HEIGHT = 480, 220
LEFT, RIGHT, TOP, BOTTOM = 48, 10, 16, 32
"""Room around the drawing, in the units of the view box, for the words on the axes."""
MOST_TICKS = 5
STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
"""An axis counts in these times a power of ten."""


@dataclass(frozen=True, slots=True)
class Point:
    """A reading: when (aware) and how much, in the unit of the chart."""

    at: datetime
    value: float


@dataclass(frozen=True, slots=True)
class Line:
    """One series; a blood pressure has two."""

    name: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened on a day, such as a changed medicine."""

    at: datetime
    words: str


@dataclass(frozen=True, slots=True)
class Bound:
    """An end of the target band: `upper` is what readings should stay under, else what they should stay over."""

    value: float
    upper: bool
    words: str = ""


@dataclass(frozen=True, slots=True)
class DrawnLine:
    """A series as it is drawn: paths without gaps, and a dot for every reading."""

    name: str
    paths: tuple[str, ...]
    dots: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A whole chart in the units of its view box; ticks are (place, what stands there), marks (place, number from 1)."""

    lines: tuple[DrawnLine, ...]
    ticks_y: tuple[tuple[float, str], ...]
    ticks_x: tuple[tuple[float, date], ...]
    bounds: tuple[tuple[float, str], ...]
    """Where each end of the target is, and its words."""
    band: tuple[float, float] | None
    """Top and height of the target band; None without one, and where several lines have ends of their own."""
    marks: tuple[tuple[float, int], ...]
    missing_days: int
    """Days between the first and the last reading on which there is none."""


def draw(lines: Sequence[Line], first: date, last: date, zone: str, *, bounds: Sequence[Bound] = (), marks: Sequence[Mark] = ()) -> Drawn:
    """The chart of these lines from `first` to `last` (local dates of `zone`, both shown whole). ValueError when a date is turned round.

    Points outside of the dates are left out. Without any point the axes stand for an empty chart.
    """
    days = (last - first).days + 1
    if days < 1:
        raise ValueError("the first date of a chart lies after its last")
    shown = [Line(line.name, tuple(point for point in line.points if first <= _day(point, zone) <= last)) for line in lines]
    values = [point.value for line in shown for point in line.points]
    ticks = scale([*values, *(bound.value for bound in bounds)])
    low, high = ticks[0], ticks[-1]

    def x(at: datetime) -> float:
        local = to_local(at, zone)
        passed = (local.date() - first).days + (local.hour * 60 + local.minute) / 1440
        return round(LEFT + passed / days * (WIDTH - LEFT - RIGHT), 1)

    def y(value: float) -> float:
        return round(TOP + (high - value) / (high - low) * (HEIGHT - TOP - BOTTOM), 1)

    drawn = []
    for line in shown:
        points = sorted(line.points, key=lambda point: point.at)
        paths = [_path([(x(point.at), y(point.value)) for point in run]) for run in runs(points, zone) if len(run) > 1]
        drawn.append(DrawnLine(line.name, tuple(paths), tuple((x(point.at), y(point.value)) for point in points)))
    across = (WIDTH - LEFT - RIGHT) / days
    return Drawn(
        tuple(drawn),
        tuple((y(tick), written(tick)) for tick in ticks),
        tuple((round(LEFT + (day - first).days * across, 1), day) for day in _days(first, days)),
        tuple((y(bound.value), bound.words) for bound in bounds),
        _band([(y(bound.value), bound.upper) for bound in bounds]) if len(lines) == 1 else None,
        tuple((x(mark.at), number) for number, mark in enumerate(marks, 1) if first <= to_local(mark.at, zone).date() <= last),
        missing_days(shown, zone),
    )


def runs(points: Sequence[Point], zone: str) -> list[list[Point]]:
    """The points in order, cut where a day lies between two of them without any."""
    found: list[list[Point]] = []
    for point in points:
        if found and (_day(point, zone) - _day(found[-1][-1], zone)).days <= 1:
            found[-1].append(point)
        else:
            found.append([point])
    return found


def missing_days(lines: Sequence[Line], zone: str) -> int:
    """How many days between the first and the last reading have none."""
    days = {_day(point, zone) for line in lines for point in line.points}
    return (max(days) - min(days)).days + 1 - len(days) if days else 0


def scale(values: Sequence[float]) -> tuple[float, ...]:
    """Round numbers for the axis, at least two, that hold all of these values."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if high == low:
        low, high = low - 1, high + 1
    rough = (high - low) / (MOST_TICKS - 1)
    power = 10 ** math.floor(math.log10(rough))
    step = next(one * power for one in STEPS if one * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return tuple(round(number * step, 6) for number in range(first, max(last, first + 1) + 1))


def written(value: float) -> str:
    """A number without needless zeros: "204.5", "98"."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _day(point: Point, zone: str) -> date:
    return to_local(point.at, zone).date()


def _path(places: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in places)


def _days(first: date, days: int) -> list[date]:
    """The days that stand on the axis: at most six."""
    every = math.ceil(days / 6)
    return [first + timedelta(days=n) for n in range(0, days, every)]


def _band(bounds: Sequence[tuple[float, bool]]) -> tuple[float, float] | None:
    """Between the lowest upper end and the highest lower one; without an end on a side, to that edge of the drawing."""
    if not bounds:
        return None
    top = max((place for place, upper in bounds if upper), default=float(TOP))
    bottom = min((place for place, upper in bounds if not upper), default=float(HEIGHT - BOTTOM))
    return (top, round(bottom - top, 1)) if bottom > top else None
