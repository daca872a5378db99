"""Segment counts against the vectors of the GSM and UCS-2 alphabets."""

from __future__ import annotations

import pytest

from service.domain.segments import Encoding, count_segments, introduced, letters_outside_gsm_7


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("ж" * 70, 1),
        ("ж" * 71, 2),
        ("ж" * 134, 2),
        ("ж" * 135, 3),
        ("a" * 158 + "€", 1),
        ("a" * 159 + "€", 2),
        ("[" * 80, 1),
        ("[" * 81, 2),
        ("👍" * 35, 1),
        ("👍" * 36, 2),
        ("a" * 152 + "€" + "a" * 10, 2),
        ("a" * 152 + "€" + "a" * 151, 2),
        ("a" * 152 + "€" + "a" * 152, 3),
        ("a" * 66 + "👍" + "a" * 66, 3),
    ],
)
def test_a_text_takes_as_many_segments_as_carriers_count(text: str, count: int) -> None:
    assert count_segments(text).count == count


@pytest.mark.parametrize("letter", "`’“”—…\u00a0\táíóúãõçêâ")
def test_one_letter_outside_gsm_7_moves_the_whole_text_to_ucs_2(letter: str) -> None:
    assert count_segments("a" * 69 + letter).encoding is Encoding.UCS_2
    assert count_segments("a" * 70 + letter).count == 2


@pytest.mark.parametrize("letter", "@£$¥èéùìòÇ\nñÑüÜ¿¡ÄÖäöà^{}\\[~]|€")
def test_letters_of_gsm_7_stay_in_it(letter: str) -> None:
    assert count_segments(letter).encoding is Encoding.GSM_7


def test_the_letters_that_cost_a_segment_are_named_once() -> None:
    assert letters_outside_gsm_7("más información, ¿sí? más") == "áóí"


def test_the_clinics_name_stands_in_front_as_far_as_two_segments_hold_it() -> None:
    assert introduced("Call 911", "Riverside Clinic") == "Riverside Clinic: Call 911"
    assert introduced("Riverside Clinic: call 911", "Riverside Clinic") == "Riverside Clinic: call 911"
    assert introduced("x" * 290, "Riverside Clinic") == "Riverside: " + "x" * 290
    assert introduced("x" * 300, "Riverside Clinic") == "x" * 300
    assert introduced("Call 911", "") == "Call 911"
