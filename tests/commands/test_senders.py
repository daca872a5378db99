"""rounds sender set and list: numbers with their rates, caps, uses and places."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from service.db.organization import sender_numbers
from service.db.senders import senders
from tests.commands.conftest import Ended
from tests.commands.test_clinic import rows

SECOND = "+12025550150"


def test_a_second_number_is_added_changed_and_listed(a_clinic: Callable[..., Ended], environment: dict[str, str]) -> None:
    to_telnyx = ("sender", "set", SECOND, "--provider", "telnyx")
    added = a_clinic(*to_telnyx, "--use", "patients", "--use", "emergency", "--rate", "3", "--position", "1")
    assert added == Ended(0, f"{SECOND} is added.\n", "")
    a_clinic(*to_telnyx, "--day-cap", "2000", "--weight", "50", "--no-calls")
    found = rows(environment, senders.c.provider, senders.c.sender, senders.c.segments_per_second, senders.c.day_cap, senders.c.weight)
    assert ("telnyx", SECOND, 3.0, 2000, 50) in found
    uses = rows(environment, sender_numbers.c.sender, sender_numbers.c.purpose, sender_numbers.c.position)
    assert [(purpose, position) for sender, purpose, position in sorted(uses) if sender == SECOND] == [("emergency", 1), ("patients", 1)]
    lines = a_clinic("sender", "list").out.splitlines()
    [line] = [line for line in lines if line.startswith("patients") and SECOND in line]
    assert line == f"patients: {SECOND} (telnyx, long_code), position 1, texts, 3 segments/s, 0 of 2000 today, share 100 of 100"
    a_clinic(*to_telnyx, "--rate", "0", "--day-cap", "0", "--position", "0", "--use", "patients")
    [line] = [line for line in a_clinic("sender", "list").out.splitlines() if line.startswith("patients") and SECOND in line]
    assert "position 0" in line
    assert "no cap" in line
    assert "3 segments" not in line


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--rate", "3"), "say what it is used for"),
        (("--use", "patients", "--rate", "-1"), "Segments a second"),
        (("--use", "patients", "--day-cap", "-1"), "cap of a day"),
        (("--use", "patients", "--weight", "0"), "weight"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(a_clinic: Callable[..., Ended], arguments: tuple[str, ...], said: str) -> None:
    ended = a_clinic("sender", "set", SECOND, "--provider", "telnyx", *arguments)
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert said in ended.err


@pytest.mark.parametrize("sender", ["+1202555015", "2025550150", "MG12", "clinic", "", "+12025550150 ", "1234567"])
def test_what_is_no_sender_of_the_provider_is_not_taken_for_a_pool(a_clinic: Callable[..., Ended], sender: str) -> None:
    ended = a_clinic("sender", "set", sender, "--provider", "twilio", "--use", "patients")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "no sender" in ended.err
    assert "MG and 32 more characters" in ended.err


@pytest.mark.parametrize(
    ("provider", "sender"),
    [("twilio", "MG" + "a1" * 16), ("twilio", "12345"), ("telnyx", "0d0e1f2a-0000-4000-8000-0123456789ab"), ("signalwire", SECOND)],
)
def test_a_pool_a_short_code_and_a_number_are_senders(a_clinic: Callable[..., Ended], provider: str, sender: str) -> None:
    assert a_clinic("sender", "set", sender, "--provider", provider, "--use", "pages").code == 0


def test_a_number_is_taken_out_of_use_in_part_and_in_whole(a_clinic: Callable[..., Ended], environment: dict[str, str]) -> None:
    second = (SECOND, "--provider", "telnyx")
    a_clinic("sender", "set", *second, "--use", "patients", "--use", "pages")
    only = a_clinic("sender", "remove", *second, "--use", "pages")
    assert only == Ended(0, f"{SECOND} is still used for patients.\n", "")
    before = {sender for sender, _ in rows(environment, sender_numbers.c.sender, sender_numbers.c.purpose)}
    if before == {SECOND}:
        refused = a_clinic("sender", "remove", *second)
        assert (refused.code, "only sender for patients" in refused.err) == (2, True)
        a_clinic("sender", "set", "+12025550151", "--provider", "twilio", "--use", "patients")
    assert a_clinic("sender", "remove", *second) == Ended(0, f"{SECOND} is removed.\n", "")
    assert SECOND not in {row[0] for row in rows(environment, sender_numbers.c.sender, sender_numbers.c.purpose)}
    assert SECOND not in a_clinic("sender", "list").out
    again = a_clinic("sender", "remove", *second)
    assert (again.code, "not used so" in again.err) == (2, True)


def test_a_sender_that_has_all_of_its_share_is_not_given_back(a_clinic: Callable[..., Ended]) -> None:
    second = (SECOND, "--provider", "telnyx")
    unknown = a_clinic("sender", "back", *second)
    assert (unknown.code, "no such sender" in unknown.err) == (2, True)
    a_clinic("sender", "set", *second, "--use", "patients")
    whole = a_clinic("sender", "back", *second)
    assert (whole.code, "whole share already" in whole.err) == (2, True)
