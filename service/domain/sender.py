"""What a sender can carry: kinds of numbers with their rates, the token bucket, and the carriers' day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from service.domain.schedule import to_local, to_utc


class Use(StrEnum):
    """What a sender is used for. An emergency, and a page to staff, never wait for tokens or for a day's cap."""

    PATIENTS = "patients"
    EMERGENCY = "emergency"
    PAGES = "pages"

    @property
    def waits(self) -> bool:
        """Routine texts wait their turn."""
        return self is Use.PATIENTS


class Kind(StrEnum):
    """What kind of sender it is: its carriers' limits follow from it."""

    LONG_CODE = "long_code"
    TOLL_FREE = "toll_free"
    SHORT_CODE = "short_code"
    POOL = "pool"


@dataclass(frozen=True, slots=True)
class Limits:
    """`segments_per_second` unless a sender's own row or the site's settings say otherwise; `source` says who says so."""

    segments_per_second: float
    source: str


LIMITS: dict[Kind, Limits] = {
    Kind.LONG_CODE: Limits(1.0, "the providers' default for a US or Canadian long code; 10DLC campaigns get more, by their class"),
    Kind.TOLL_FREE: Limits(3.0, "the providers' default for a verified toll-free number"),
    Kind.SHORT_CODE: Limits(100.0, "the providers' default for a short code"),
    Kind.POOL: Limits(1.0, "its id does not tell how many numbers are in a pool: one long code's, until it is set"),
}
"""AT&T gives a 10DLC campaign class so many texts a minute: set such a sender's rate to a sixtieth of that. T-Mobile gives a brand so
many segments a day (2,000 to 200,000 by its trust score): set that as the sender's day cap; it begins anew at midnight Pacific."""

TOLL_FREE_CODES = frozenset({"800", "833", "844", "855", "866", "877", "888"})
"""Area codes of toll-free numbers (North American Numbering Plan)."""
CARRIER_ZONE = "America/Los_Angeles"
_MIDNIGHT = datetime.min.time()


def kind_of(sender: str) -> Kind:
    """The kind of a number in E.164, of a short code (5 or 6 digits), or of a pool's id ("" for the provider's default)."""
    if sender.isdigit() and len(sender) in (5, 6):
        return Kind.SHORT_CODE
    if sender.startswith("+1") and sender[2:5] in TOLL_FREE_CODES:
        return Kind.TOLL_FREE
    return Kind.LONG_CODE if sender.startswith("+") else Kind.POOL


def carrier_day(now: datetime) -> date:
    """The day that a carrier's daily cap counts by: midnight to midnight Pacific time."""
    return to_local(now, CARRIER_ZONE).date()


def next_carrier_day(now: datetime) -> datetime:
    """When the carriers begin to count anew."""
    return to_utc(carrier_day(now) + timedelta(days=1), _MIDNIGHT, CARRIER_ZONE)


def capacity(segments_per_second: float) -> float:
    """The most tokens a bucket holds: one second's worth, so that a provider's own queue is never longer (decisions 15); one at least."""
    return max(segments_per_second, 1.0)


@dataclass(slots=True)
class Taking:
    """What is taken from one bucket in one batch. `available` tokens stand in it, `day_left` segments may go today (None: any number)."""

    segments_per_second: float
    available: float
    day_left: int | None = None
    taken: int = 0
    least: float = 0.0
    """The fewest tokens that the bucket must still hold when this is taken, for all of it to be allowed."""

    def fits(self, segments: int) -> bool:
        """True when a text that waits may go now: it needs as many tokens as it has segments, or a full bucket, and room in the day."""
        if self.day_left is not None and self.taken + segments > self.day_left:
            return False
        return self.available - self.taken >= self._needed(segments)

    def take(self, segments: int, *, waits: bool) -> bool:
        """Takes a text's segments where it may go now. One that does not wait (an emergency) always goes, and those that do pay for it."""
        if waits:
            if not self.fits(segments):
                return False
            self.least = max(self.least, self.taken + self._needed(segments))
        self.taken += segments
        return True

    def _needed(self, segments: int) -> float:
        return min(float(segments), capacity(self.segments_per_second))
