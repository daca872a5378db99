"""Telnyx's statuses of texts in our own words; those of its TeXML calls are Twilio's."""

from __future__ import annotations

from service.domain.communication import Status

STATUSES: dict[str, Status] = {
    "queued": Status.ACCEPTED,
    "sending": Status.ACCEPTED,
    "sent": Status.SENT,
    "delivered": Status.DELIVERED,
    "read": Status.DELIVERED,
    "delivery_unconfirmed": Status.SENT,  # final at Telnyx: the carrier never says more; silence about delivery is not failure
    "delivery_failed": Status.UNDELIVERED,  # the carrier refused
    "sending_failed": Status.FAILED,  # did not leave the provider
    "expired": Status.FAILED,
    "canceled": Status.FAILED,
    "received": Status.RECEIVED,
    "webhook_delivered": Status.RECEIVED,
}

REFUSED: frozenset[str] = frozenset({"sending_failed", "delivery_failed", "expired", "canceled"})
"""Final and not delivered; in a create's answer they are failures of the call."""


def ours(provider_status: str) -> Status | None:
    """Our status for one of Telnyx's, None for a word that is not in the table."""
    return STATUSES.get(provider_status)
