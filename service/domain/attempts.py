"""How often, and how soon again, a nurse calls a patient whom she does not reach, by urgency; and what follows when nobody answers.

The numbers are the service's own rule (docs: attempts by urgency): an emergency three calls within 15 minutes, then the emergency
contact and a decision about a welfare check; urgent three within 2 hours; same day two on that day and one the next morning; routine
three over five business days and a letter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from service.domain.schedule import to_local, to_utc
from service.domain.urgency import Urgency


class Outcome(StrEnum):
    """What became of one call, logged by one touch."""

    REACHED_PATIENT = "reached_patient"
    REACHED_CAREGIVER = "reached_caregiver"
    VOICEMAIL_LEFT = "voicemail_left"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    WRONG_NUMBER = "wrong_number"
    REFUSED = "refused"


class Last(StrEnum):
    """What a nurse decides or does when the last call of the protocol has reached nobody."""

    WELFARE_CHECK = "welfare_check"  # call the emergency contact, then decide about a welfare check
    EMERGENCY_CONTACT = "emergency_contact"
    TELL_PRESCRIBER = "tell_prescriber"
    LETTER = "letter"


REACHED = frozenset({Outcome.REACHED_PATIENT, Outcome.REACHED_CAREGIVER, Outcome.REFUSED})
"""Somebody has been spoken to: the series is over."""
CALLS = {Urgency.EMERGENCY: 3, Urgency.URGENT: 3, Urgency.SAME_DAY: 3, Urgency.ROUTINE: 3}
LAST = {
    Urgency.EMERGENCY: Last.WELFARE_CHECK,
    Urgency.URGENT: Last.EMERGENCY_CONTACT,
    Urgency.SAME_DAY: Last.TELL_PRESCRIBER,
    Urgency.ROUTINE: Last.LETTER,
}
GAP = {Urgency.EMERGENCY: timedelta(minutes=5), Urgency.URGENT: timedelta(minutes=40), Urgency.SAME_DAY: timedelta(hours=3)}
"""Between two calls: so three of an emergency lie within 15 minutes, three urgent ones within 2 hours."""
MORNING = time(9)
LATEST = time(20)
"""On the patient's clock: calls that can wait are made between these."""
BUSINESS_DAYS = (2, 3)
"""Routine: business days from the first call to the second and from the second to the third, so that all lie within five."""


@dataclass(frozen=True, slots=True)
class NextCall:
    """The call to make next: its number, and when it is due (None: now, for the first one)."""

    number: int
    of: int
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class Ended:
    """No call is due any more: somebody was reached (`last` None), or this is what remains to be done."""

    last: Last | None


def next_call(
    urgency: Urgency, attempts: Sequence[tuple[datetime, Outcome]], zone: str, news_at: datetime | None = None
) -> NextCall | Ended:
    """What the protocol asks for after these calls (oldest first, all of one item). `zone` is the patient's.

    `news_at` is when the item's newest concern was raised: who was reached before it has not been asked about it, so calls begin anew.

    A wrong number counts as a call: what is wrong with it a nurse has to find out now, not at the next call.
    """
    for number in range(len(attempts), 0, -1):
        at, outcome = attempts[number - 1]
        if outcome in REACHED:
            if news_at is None or at >= news_at:
                return Ended(None)
            attempts = attempts[number:]
            break
    made, of = len(attempts), CALLS[urgency]
    if made == 0:
        return NextCall(1, of, None)
    if made >= of:
        return Ended(LAST[urgency])
    return NextCall(made + 1, of, _due(urgency, made, attempts[-1][0], zone))


def _due(urgency: Urgency, made: int, last: datetime, zone: str) -> datetime:
    local = to_local(last, zone)
    if urgency is Urgency.ROUTINE:
        return to_utc(_business_day(local.date(), BUSINESS_DAYS[made - 1]), max(MORNING, min(local.time(), LATEST)), zone)
    if urgency is Urgency.SAME_DAY:
        later = to_local(last + GAP[urgency], zone)
        if made == 1 and later.date() == local.date() and later.time() <= LATEST:
            return last + GAP[urgency]
        return to_utc(local.date() + timedelta(days=1), MORNING, zone)
    return last + GAP[urgency]


def _business_day(day: date, number: int) -> date:
    """The business day (Monday to Friday) that comes so many after this one; holidays are the team's affair."""
    while number:
        day += timedelta(days=1)
        number -= day.weekday() < 5
    return day
