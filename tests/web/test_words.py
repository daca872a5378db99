"""Codes, times and spans in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape

from service.web.times import age, clock_time, day_of, duration, time_left, waiting
from service.web.words import in_words, limit_word, marked, programme_word

NOW = datetime(2026, 11, 16, 15, 4, tzinfo=UTC)
NEW_YORK = "America/New_York"


@pytest.mark.parametrize(
    ("words", "spans", "shown"),
    [
        ("a <b> c", [(2, 5)], "a <mark>&lt;b&gt;</mark> c"),
        ("<i> x <b>", [(4, 5)], "&lt;i&gt; <mark>x</mark> &lt;b&gt;"),
        ("my legs are huge", [(3, 7), (5, 16)], "my <mark>legs are huge</mark>"),
        ("ab", [(0, 1), (1, 2)], "<mark>ab</mark>"),
        ("ab", [(1, 99), (-5, 0), (1, 1), (7, 9)], "a<mark>b</mark>"),
        ("", [(0, 3)], ""),
        ("nothing", [], "nothing"),
    ],
)
def test_spans_are_marked_and_everything_is_escaped(words: str, spans: list[tuple[int, int]], shown: str) -> None:
    assert str(marked(words, spans)) == shown


@given(st.text(alphabet="<>&\"'ab 🙂", max_size=30), st.lists(st.tuples(st.integers(-3, 35), st.integers(-3, 35)), max_size=6))
def test_marking_never_alters_the_words(words: str, spans: list[tuple[int, int]]) -> None:
    assert str(marked(words, spans)).replace("<mark>", "").replace("</mark>", "") == str(escape(words))


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (0.5, "under 1 min"),
        (12, "12 min"),
        (60, "1 h"),
        (65, "1 h 5 min"),
        (400, "6 h"),
        (1440, "1 day"),
        (1560, "1 day 2 h"),
        (5000, "3 days"),
    ],
)
def test_a_length_of_time_is_told_in_one_or_two_units(minutes: float, words: str) -> None:
    assert duration(timedelta(minutes=minutes)) == words


def test_what_is_due_is_left_or_overdue() -> None:
    assert time_left(NOW + timedelta(minutes=12), NOW) == "12 min left"
    assert time_left(NOW - timedelta(minutes=3), NOW) == "overdue by 3 min"
    assert time_left(NOW, NOW) == "overdue by under 1 min"
    assert waiting(NOW + timedelta(seconds=5), NOW) == "under 1 min"


@pytest.mark.parametrize(
    ("born", "years"), [("1950-03-01", 76), ("1950-11-16", 76), ("1950-11-17", 75), ("2026-11-01", 0), ("", None), ("1950", None)]
)
def test_age_is_counted_in_whole_years_at_the_place(born: str, years: int | None) -> None:
    assert age(born, NOW, NEW_YORK) == years


def test_a_moment_is_told_on_the_clock_of_the_place() -> None:
    assert clock_time(NOW, NEW_YORK, NOW) == "10:04 am"
    assert clock_time(NOW + timedelta(hours=2), NEW_YORK, NOW) == "12:04 pm"
    assert clock_time(NOW - timedelta(days=1), NEW_YORK, NOW) == "Sun 15 Nov, 10:04 am"
    assert clock_time(NOW - timedelta(days=365), NEW_YORK, NOW) == "Sun 16 Nov 2025, 10:04 am"
    # Still the 15th in New York, while it is the 16th in UTC.
    assert clock_time(NOW - timedelta(hours=11), NEW_YORK, NOW) == "Sun 15 Nov, 11:04 pm"

    assert day_of("1950-03-01") == "1 March 1950"
    assert day_of("x") == ""


def test_names_of_the_content_are_read_as_nurses_say_them() -> None:
    assert [programme_word(key) for key in ("heart_failure/daily", "copd/daily", "shared/glucose_again")] == [
        "Heart failure",
        "COPD",
        "Every programme",
    ]
    assert [in_words(name) for name in ("copd", "pressure.signs", "phq_9", "orthopnea", "kidney_disease")] == [
        "COPD",
        "Pressure: signs",
        "PHQ 9",
        "Breathless lying flat",
        "Kidney disease",
    ]
    assert [limit_word(name) for name in ("weight_gain_24h", "dry_weight")] == ["Weight gained in a day", "Dry weight"]
