"""Twilio's statuses of messages and calls in our own words."""

from __future__ import annotations

from service.domain.call import CallStatus
from service.domain.communication import Status

STATUSES: dict[str, Status | None] = {
    # Before they leave: the provider has it. A repeat of what we know moves nothing; for an `unknown` outcome it is the answer.
    "accepted": Status.ACCEPTED,
    "scheduled": Status.ACCEPTED,
    "queued": Status.ACCEPTED,
    "sending": Status.ACCEPTED,
    "initiated": Status.ACCEPTED,  # SignalWire: on its way to the carrier
    "sent": Status.SENT,  # may stay the last word forever
    "delivered": Status.DELIVERED,
    "read": Status.DELIVERED,
    "partially_delivered": Status.SENT,
    "undelivered": Status.UNDELIVERED,  # the carrier refused
    "failed": Status.FAILED,  # did not leave the provider
    "canceled": Status.FAILED,
    "receiving": Status.RECEIVED,
    "received": Status.RECEIVED,
}

REFUSED: frozenset[str] = frozenset({"failed", "undelivered", "canceled"})
"""Final and not delivered; in a create's answer they are failures of the call."""


def ours(provider_status: str) -> Status | None:
    """Our status for one of Twilio's, None for a word that is not in the table."""
    return STATUSES.get(provider_status)


CALL_STATUSES: dict[str, CallStatus] = {
    "queued": CallStatus.PLACED,
    "initiated": CallStatus.PLACED,
    "ringing": CallStatus.PLACED,
    "in-progress": CallStatus.TALKING,
    "answered": CallStatus.TALKING,
    "completed": CallStatus.ENDED,
    "busy": CallStatus.ENGAGED,
    "no-answer": CallStatus.UNANSWERED,
    "failed": CallStatus.FAILED,
    "canceled": CallStatus.FAILED,
}


def our_call(provider_status: str) -> CallStatus | None:
    """Our status of a call for one of Twilio's, None for a word that is not in the table."""
    return CALL_STATUSES.get(provider_status)
