"""What somebody has chosen or written in a form, as values."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from service.domain.schedule import to_utc


def id_or_none(text: str) -> UUID | None:
    """The id, None for what is none."""
    try:
        return UUID(text)
    except ValueError:
        return None


def moment(text: str, zone: str) -> datetime:
    """A local day and time (2026-11-22T10:04) as an aware instant, to the minute. ValueError for what is none."""
    local = datetime.fromisoformat(text)
    if local.tzinfo is not None:
        raise ValueError("a day and a time without a zone are needed")
    return to_utc(local.date(), local.time().replace(second=0, microsecond=0), zone)
