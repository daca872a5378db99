"""Charts as numbers: scales, paths without what was never measured, target bands, marks."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.web.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Bound, Line, Mark, Point, draw, runs, scale

ZONE = "America/New_York"
FIRST, LAST = date(2026, 11, 1), date(2026, 11, 30)


def at(day: int, hour: int = 14) -> datetime:
    return datetime(2026, 11, day, hour, tzinfo=UTC)


def weight(*values: tuple[int, float]) -> Line:
    return Line("Weight", tuple(Point(at(day), value) for day, value in values))


def test_a_day_without_a_reading_cuts_the_line() -> None:
    drawn = draw([weight((1, 180), (2, 181), (4, 182), (5, 183), (9, 184))], FIRST, LAST, ZONE)
    [line] = drawn.lines
    assert [path.count("L") for path in line.paths] == [1, 1]
    assert len(line.dots) == 5
    assert drawn.missing_days == 4


def test_the_day_is_the_patients_own() -> None:
    late, early = Point(datetime(2026, 11, 3, 4, 30, tzinfo=UTC), 1), Point(datetime(2026, 11, 4, 12, tzinfo=UTC), 2)
    assert len(runs([late, early], "UTC")) == 1
    assert len(runs([late, early], ZONE)) == 2  # the 2nd, half past eleven at night, and the 4th


def test_readings_outside_of_the_time_are_left_out_and_places_are_within_the_drawing() -> None:
    drawn = draw([weight((1, 180), (30, 190)), Line("Other", (Point(at(1) - timedelta(days=3), 999),))], FIRST, LAST, ZONE)
    dots = [dot for line in drawn.lines for dot in line.dots]
    assert len(dots) == 2
    assert all(LEFT <= x <= WIDTH - RIGHT and TOP <= y <= HEIGHT - BOTTOM for x, y in dots)
    assert [words for _, words in drawn.ticks_y] == ["180", "182.5", "185", "187.5", "190"]


def test_higher_values_stand_higher_and_later_ones_further_right() -> None:
    [line] = draw([weight((1, 180), (2, 190), (3, 185))], FIRST, LAST, ZONE).lines
    (x1, y1), (x2, y2), (x3, y3) = line.dots
    assert x1 < x2 < x3
    assert y2 < y3 < y1


def test_the_band_lies_between_the_ends_of_the_target() -> None:
    both = draw([weight((1, 60), (2, 130))], FIRST, LAST, ZONE, bounds=[Bound(120, True, "under 120"), Bound(50, False, "over 50")])
    assert both.band is not None
    top, height = both.band
    places = {words: place for place, words in both.bounds}
    assert (top, round(top + height, 1)) == (places["under 120"], places["over 50"])
    upper = draw([weight((1, 60))], FIRST, LAST, ZONE, bounds=[Bound(120, True)])
    assert upper.band is not None
    assert upper.band[0] + upper.band[1] == HEIGHT - BOTTOM
    assert draw([weight((1, 60)), weight((1, 70))], FIRST, LAST, ZONE, bounds=[Bound(120, True)]).band is None
    assert draw([weight((1, 60))], FIRST, LAST, ZONE).band is None


def test_changed_medicines_are_numbered_marks_on_their_day() -> None:
    marks = [Mark(at(1) - timedelta(days=5), "before"), Mark(at(10), "a dose")]
    drawn = draw([weight((1, 60))], FIRST, LAST, ZONE, marks=marks)
    assert [number for _, number in drawn.marks] == [2]


def test_an_empty_chart_has_axes_and_a_turned_round_time_is_refused() -> None:
    drawn = draw([Line("Weight", ())], FIRST, LAST, ZONE)
    assert drawn.missing_days == 0
    assert len(drawn.ticks_y) >= 2
    with pytest.raises(ValueError, match="after its last"):
        draw([], LAST, FIRST, ZONE)


@given(st.lists(st.floats(-1000, 1000).map(lambda number: round(number, 1)), max_size=20))
def test_a_scale_holds_every_value_in_few_even_steps(values: list[float]) -> None:
    ticks = scale(values)
    assert 2 <= len(ticks) <= 8
    assert len({round(after - before, 5) for before, after in pairwise(ticks)}) == 1
    assert all(ticks[0] <= value <= ticks[-1] for value in values)
