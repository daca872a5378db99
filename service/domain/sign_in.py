"""The way into a session: what is still asked of somebody whose password was right, and how long it all holds."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum


class Step(StrEnum):
    """What a session waits for before it is whole."""

    NONE = ""
    FACTOR = "factor"
    """A one-time code or a recovery code."""
    ENROL = "enrol"
    """A second factor must be set up first."""


IDLE = timedelta(minutes=15)
"""A session ends after this without anything its owner did (HIPAA 164.312(a)(2)(iii); ASVS 5.0 7.3)."""
LONGEST = timedelta(hours=12)
"""And at the latest after this (ASVS 5.0 7.3), unless its owner proves anew who they are."""
PROVED_FOR = timedelta(minutes=10)
"""What takes data out or opens doors asks for a proof that is no older than this."""
LINK_HOLDS = timedelta(hours=48)
"""An invitation's link can be used for so long, once."""


def next_step(*, has_factor: bool, required: bool) -> Step:
    """What comes after the right password, for an account with or without a second factor, where one is required or not."""
    if has_factor:
        return Step.FACTOR
    return Step.ENROL if required else Step.NONE
