from datetime import time

import pytest

from service.domain.coverage import Shift
from service.domain.staffed_hours import ALWAYS, parse_hours


@pytest.mark.parametrize(
    ("text", "shifts"),
    [
        ("mon 08:00-18:00", [Shift(0, time(8), time(18))]),
        ("Mon-Tue 8:00-18:00", [Shift(0, time(8), time(18)), Shift(1, time(8), time(18))]),
        ("sat 09:00-12:00, sun 10:00-11:30", [Shift(5, time(9), time(12)), Shift(6, time(10), time(11, 30))]),
        ("sun-mon 22:00-06:00", [Shift(6, time(22), time(6)), Shift(0, time(22), time(6))]),
        ("wed 08:00-24:00", [Shift(2, time(8), time())]),
        ("mon 08:00-18:00, mon 08:00-18:00", [Shift(0, time(8), time(18))]),
        ("always", list(ALWAYS)),
    ],
)
def test_hours_are_read_as_people_write_them(text: str, shifts: list[Shift]) -> None:
    assert list(parse_hours(text)) == shifts


@pytest.mark.parametrize("text", ["", ",", "weekdays", "mon", "mon 8-18", "mon 08:00-25:00", "mon-xyz 08:00-18:00", "montag 08:00-18:00"])
def test_hours_that_mean_nothing_are_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match="mon-fri 08:00-18:00"):
        parse_hours(text)
