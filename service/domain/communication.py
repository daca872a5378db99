"""A communication (one text in either direction) and the one table of its legal status changes."""

from __future__ import annotations

from enum import StrEnum


class Direction(StrEnum):
    """Seen from Rounds."""

    IN = "in"
    OUT = "out"


class Lane(StrEnum):
    """Emergency traffic has its own claim loop and never waits behind a batch."""

    EMERGENCY = "emergency"
    ROUTINE = "routine"


class Purpose(StrEnum):
    """Why a communication exists. Which policy binds it follows from this (`domain.sending`)."""

    REPLY = "reply"  # inbound, always
    CHECK_IN = "check_in"
    REMINDER = "reminder"
    ANSWER = "answer"  # automatic answer within a conversation
    SAFETY = "safety"  # safety text to a red flag in the sender's own words
    RECHECK = "recheck"  # safety re-check (second reading)
    OPT_OUT_CONFIRMATION = "opt_out_confirmation"
    OPT_IN_CONFIRMATION = "opt_in_confirmation"
    HELP = "help"
    NEUTRAL = "neutral"  # to an unknown sender, once a day
    NURSE = "nurse"  # a nurse's own words
    OPENING = "opening"
    RELATIVE = "relative"  # to a relative or carer, within what the patient agreed to; never a word on health


class Status(StrEnum):
    """Our own names; never a provider's. Outbound: held .. cancelled. Inbound: received."""

    HELD = "held"  # waits for quiet hours to end
    DUE = "due"
    CLAIMED = "claimed"
    ACCEPTED = "accepted"  # the provider has it
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    UNKNOWN = "unknown"  # the process or the line died between call and record
    EXPIRED = "expired"  # too late to be useful
    CANCELLED = "cancelled"  # refused by policy at the moment of sending
    RECEIVED = "received"


_NEXT: dict[Status, frozenset[Status]] = {
    Status.HELD: frozenset({Status.DUE, Status.EXPIRED, Status.CANCELLED}),
    Status.DUE: frozenset({Status.CLAIMED, Status.HELD, Status.EXPIRED, Status.CANCELLED}),
    Status.CLAIMED: frozenset(
        {Status.ACCEPTED, Status.SENT, Status.DELIVERED, Status.UNDELIVERED, Status.FAILED, Status.UNKNOWN}
        | {Status.DUE, Status.HELD, Status.EXPIRED, Status.CANCELLED}
    ),
    Status.UNKNOWN: frozenset({Status.ACCEPTED, Status.SENT, Status.DELIVERED, Status.UNDELIVERED, Status.FAILED}),
    Status.ACCEPTED: frozenset({Status.SENT, Status.DELIVERED, Status.UNDELIVERED, Status.FAILED}),
    Status.SENT: frozenset({Status.DELIVERED, Status.UNDELIVERED, Status.FAILED}),
    Status.DELIVERED: frozenset(),
    Status.UNDELIVERED: frozenset(),
    Status.FAILED: frozenset(),
    Status.EXPIRED: frozenset(),
    Status.CANCELLED: frozenset(),
    Status.RECEIVED: frozenset(),
}

FINAL: frozenset[Status] = frozenset(status for status, following in _NEXT.items() if not following)


def transition(current: Status, new: Status) -> bool:
    """True when a communication may go from `current` to `new`; a repeat or a step back is False (and no error).

    Providers call back late, twice and out of order (telephony: "sent after delivered is ignored"), so a refused
    change is normal and only kept as history.
    """
    return new in _NEXT[current]
