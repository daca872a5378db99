"""Consent: which number, which channel, which programme, given by whom, how often, since when, until when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from service.domain.reading import Channel

ADULT_AT = 18
PER_DAY = 1
PER_WEEK = 3
"""What is agreed to unless more is said: one scheduled prompt a day, three a week. The ceiling of the healthcare exemption
(47 CFR 64.1200(a)(9)(iv)), which we respect and do not lean on."""
MOST_PER_DAY = 10


class Method(StrEnum):
    """How a consent was given."""

    PAPER = "paper"
    VERBAL = "verbal"
    TEXT = "text"
    WEB = "web"
    IMPORT = "import"  # with a list of patients; how is in the list's own words


@dataclass(frozen=True, slots=True)
class Consent:
    """A recorded consent. An empty programme means every programme; `revoked_at` and `ends_at` end it."""

    patient_id: UUID
    phone_id: UUID
    channel: Channel
    programme: str
    given_at: datetime
    revoked_at: datetime | None = None
    detail: bool = False
    per_day: int = PER_DAY
    per_week: int | None = None
    """None: as many as `per_day` allows."""
    ends_at: datetime | None = None
    by_representative: bool = False
    """Somebody else gave it for the patient: a parent, a guardian, whoever speaks for them."""

    def holds(self, now: datetime) -> bool:
        """True from when it was given until it was withdrawn or ran out."""
        return self.given_at <= now and not any(end is not None and end <= now for end in (self.revoked_at, self.ends_at))

    def covers(self, phone_id: UUID, channel: Channel, programme: str, now: datetime) -> bool:
        """True when it allows a message to this number on this channel for this programme at `now`.

        A message that belongs to no programme (an answer, a nurse's own words) needs any consent for the number.
        """
        there = self.phone_id == phone_id and self.channel is channel
        return there and (not programme or self.programme in ("", programme)) and self.holds(now)

    @property
    def weekly(self) -> int:
        """How many scheduled prompts in seven days it allows."""
        return self.per_day * 7 if self.per_week is None else self.per_week


@dataclass(frozen=True, slots=True)
class Agreed:
    """How often the patient agreed to be asked, by all their consents together."""

    per_day: int = PER_DAY
    per_week: int = PER_WEEK


def agreed_for(consents: Iterable[Consent], programme: str, now: datetime) -> Agreed | None:
    """How often for this programme: what was agreed for it alone, else for all; None without such a consent.

    The channel makes no difference: a call instead of a text is the same prompt.
    """
    holding = [one for one in consents if one.holds(now)]
    found = [one for one in holding if one.programme and one.programme == programme] or [one for one in holding if not one.programme]
    return Agreed(max(one.per_day for one in found), max(one.weekly for one in found)) if found else None


def agreed_in_all(consents: Iterable[Consent], now: datetime) -> Agreed:
    """How often over all programmes together: what was agreed for all of them, or for each by itself, whichever is more."""
    by_programme: dict[str, list[Consent]] = {}
    for one in consents:
        if one.holds(now):
            by_programme.setdefault(one.programme, []).append(one)
    each = {key: Agreed(max(c.per_day for c in found), max(c.weekly for c in found)) for key, found in by_programme.items()}
    whole = each.pop("", Agreed(0, 0))
    return Agreed(max(whole.per_day, sum(a.per_day for a in each.values())), max(whole.per_week, sum(a.per_week for a in each.values())))


def of_age_on(born: date) -> date:
    """The day from which a person decides alone. Somebody born on 29 February comes of age on 1 March."""
    try:
        return born.replace(year=born.year + ADULT_AT)
    except ValueError:
        return date(born.year + ADULT_AT, 3, 1)
