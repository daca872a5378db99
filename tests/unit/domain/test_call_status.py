"""The one table of a call's legal status changes."""

from itertools import product

import pytest

from service.domain.call import OVER, CallStatus, call_transition


def test_what_is_over_stays_over() -> None:
    assert not any(call_transition(over, new) for over, new in product(OVER, CallStatus))
    assert {"ended", "unanswered", "engaged", "failed", "expired", "cancelled"} == OVER


@pytest.mark.law(6)
@pytest.mark.parametrize(
    ("current", "new", "legal"),
    [
        ("due", "claimed", True),
        ("due", "talking", False),
        ("claimed", "talking", True),  # its first webhook may come before the provider's answer
        ("talking", "placed", False),  # "ringing" after "answered" comes too late
        ("talking", "ended", True),
        ("unknown", "talking", True),
        ("unknown", "due", False),  # never called again blindly
        ("placed", "unanswered", True),
    ],
)
def test_a_call_only_moves_forward(current: str, new: str, *, legal: bool) -> None:
    assert call_transition(CallStatus(current), CallStatus(new)) is legal
