import pytest

from service.domain.phone_number import parse_phone_number, written_phone_number


@pytest.mark.parametrize(
    "text", ["+12025550101", "(202) 555-0101", "202 555 0101", "1-202-555-0101", "+1 202.555.0101", "\u202a+12025550101"]
)
def test_a_number_is_read_as_people_write_it(text: str) -> None:
    assert parse_phone_number(text) == "+12025550101"


def test_an_international_number_keeps_its_country() -> None:
    assert parse_phone_number("+44 20 7946 0018") == "+442079460018"


@pytest.mark.parametrize("text", ["", "Ana", "911", "5550177", "+1 202 555 01", "+12025550101 ext 5", "2" * 41, "+999 1234567"])
def test_what_is_no_number_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(ValueError, match=r"write it") as refused:
        parse_phone_number(text)
    assert not text or text not in str(refused.value)


@pytest.mark.parametrize(
    ("number", "written"), [("+12025550101", "(202) 555-0101"), ("+442079460018", "+44 20 7946 0018"), ("short", "short"), ("", "")]
)
def test_a_number_is_written_as_people_read_it(number: str, written: str) -> None:
    assert written_phone_number(number) == written
