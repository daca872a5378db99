"""Consent: which number, which channel, which programme, since when, until when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from service.domain.reading import Channel


@dataclass(frozen=True, slots=True)
class Consent:
    """A recorded consent. An empty programme means every programme; `revoked_at` ends it."""

    patient_id: UUID
    phone_id: UUID
    channel: Channel
    programme: str
    given_at: datetime
    revoked_at: datetime | None = None
    detail: bool = False

    def covers(self, phone_id: UUID, channel: Channel, programme: str, now: datetime) -> bool:
        """True when it allows a message to this number on this channel for this programme at `now`.

        A message that belongs to no programme (an answer, a nurse's own words) needs any consent for the number.
        """
        return (
            self.phone_id == phone_id
            and self.channel is channel
            and (not programme or self.programme in ("", programme))
            and self.given_at <= now
            and (self.revoked_at is None or now < self.revoked_at)
        )
