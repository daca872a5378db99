"""What a list says of law and wishes: the state, the patient's own hours, how often they agreed to be asked, minors."""

from __future__ import annotations

from datetime import date, time

import pytest

from service.domain.consent import Method
from service.domain.contact_hours import NO_WISH, Wish
from service.domain.registration import NewPatient, RowProblems, parse_weekday, read_row

TODAY = date(2026, 11, 23)
ANA = {"name": "Ana Alvarez", "birth_date": "1951-04-12", "record_number": "R-1", "phone": "+12025550101"}


def read(**more: str) -> NewPatient:
    return read_row({**ANA, **more}, TODAY)


def test_what_is_not_said_is_no_wish_and_no_state() -> None:
    ana = read()
    assert (ana.state, ana.address, ana.wish) == ("", "", NO_WISH)


def test_state_and_wish_are_read() -> None:
    ana = read(state="tx", address="1 Sample Street, Austin", contact_hours="10:00-18:00", contact_days="Mon; tuesday", on_holidays="yes")
    assert (ana.state, ana.address) == ("TX", "1 Sample Street, Austin")
    assert ana.wish == Wish(time(10), time(18), frozenset({0, 1}), True)


@pytest.mark.parametrize(
    ("said", "per_day", "per_week"),
    [
        ({}, 1, 3),
        ({"per_day": "1"}, 1, None),
        ({"per_week": "5"}, 1, 5),
        ({"per_day": "2", "per_week": "6"}, 2, 6),
    ],
)
def test_one_a_day_and_three_a_week_unless_more_was_agreed(said: dict[str, str], per_day: int, per_week: int | None) -> None:
    ana = read(consent_sms="2026-11-01", consent_method="verbal", **said)
    assert ana.consent is not None
    assert (ana.consent.per_day, ana.consent.per_week, ana.consent.method) == (per_day, per_week, Method.VERBAL)


def test_a_minor_is_registered_without_a_consent_of_their_own() -> None:
    assert read(birth_date="2010-05-04").consent is None
    for channel in ("consent_sms", "consent_voice"):
        with pytest.raises(RowProblems) as found:
            read(birth_date="2010-05-04", **{channel: "2026-11-01"})
        [problem] = found.value.problems
        assert problem.field == channel
    assert read(birth_date="2008-11-23", consent_sms="2026-11-01").consent is not None, "18 today"


def test_days_are_read_in_short_and_in_full() -> None:
    assert [parse_weekday(day) for day in ("mon", "Sunday", "WED")] == [0, 6, 2]
    with pytest.raises(ValueError, match="days of the week"):
        parse_weekday("someday")
