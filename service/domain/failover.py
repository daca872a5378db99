"""Which sender carries a text, and how their shares move: away from one that does badly step by step, and back more slowly.

The idea is that of GOV.UK Notify (how it reliably sends text messages, 2020): no switch that throws all traffic from one
provider to the other at a single error, but shares that move by steps, seldom more than one a minute, and return to rest when
there has been no trouble for a while. Between the marks for bad and good nothing moves: that is the hysteresis.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

FULL = 100
FLOOR = 5
"""A sender that is given up still gets so many of a hundred texts: else nobody would notice that it is well again."""
FAILING_STEP, FAILING_EVERY = 50, timedelta(seconds=10)
"""When every hand-over is refused: two steps, so that also a clinic with few texts is told within two minutes."""
TROUBLED_STEP, TROUBLED_EVERY = 10, timedelta(minutes=1)
RETURN_STEP, RETURN_EVERY = 10, timedelta(minutes=5)
AFTER_GIVEN_UP = 50
"""The share that a sender comes back with when its probes have gone through."""

TRIAL_AFTER = timedelta(minutes=30)
"""Emergencies and pages do not probe: a sender that carries nothing else is tried with the least share after this (own choice)."""

WINDOW = timedelta(minutes=2)
FEW, MANY = 3, 10
"""So many hand-overs in the window say something: a few when all of them were refused, many when some were."""
BAD, GOOD = 0.2, 0.05
HALF = 0.5
ENOUGH_FINALS = 20
PROBES = 2
"""Accepted, with none refused, before a sender that was given up is used again."""
SLOW = timedelta(seconds=5)
"""A provider that takes longer than this to answer is slow: it usually takes well below one second."""

PROBES_EVERY = ((timedelta(minutes=2), timedelta(seconds=10)), (timedelta(minutes=10), timedelta(seconds=30)))
PROBES_EVERY_LATER = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Signals:
    """What became of a sender's hand-overs lately: since its share last moved, two minutes at most.

    `refused` were not processed, perhaps not processed, or met a wrong set-up; a wrong number is the number's fault, and accepted.
    """

    accepted: int = 0
    refused: int = 0
    slow: int = 0
    delivered: int = 0
    undelivered: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """A sender's share of what it carries at rest, in hundredths, and when that last moved."""

    share: int = FULL
    shifted_at: datetime | None = None
    given_up_at: datetime | None = None
    probed: bool = True
    """Patients' texts go by it too, and try it now and then while it is given up."""


@dataclass(frozen=True, slots=True)
class Shift:
    """A share's new value and why it moves: failing | errors | slow | undelivered | recovered | probes_went_through | trial, and by hand
    operator | removed.
    """

    share: int
    why: str
    given_up: bool = False


def shift(standing: Standing, signals: Signals, now: datetime) -> Shift | None:
    """The step that a sender's share takes now, None for none."""
    if standing.given_up_at is not None:
        if signals.accepted >= PROBES and signals.refused == 0:
            return Shift(max(standing.share, AFTER_GIVEN_UP), "probes_went_through")
        untried = not standing.probed and signals.accepted + signals.refused == 0
        return Shift(FLOOR, "trial") if untried and now - standing.given_up_at >= TRIAL_AFTER else None
    since = FULL_REST if standing.shifted_at is None else now - standing.shifted_at
    why = _trouble(signals)
    if why:
        step, every = (FAILING_STEP, FAILING_EVERY) if why == "failing" else (TROUBLED_STEP, TROUBLED_EVERY)
        if since < every:
            return None
        share = max(FLOOR, standing.share - step)
        return Shift(share, why, given_up=share == FLOOR)
    if standing.share < FULL and since >= RETURN_EVERY and _is_well(signals):
        return Shift(min(FULL, standing.share + RETURN_STEP), "recovered")
    return None


FULL_REST = timedelta(days=1)
"""As if the share of a sender that never moved had rested for so long."""


def _trouble(signals: Signals) -> str:
    handed = signals.accepted + signals.refused
    if handed >= FEW and (signals.accepted == 0 or (handed >= MANY and signals.refused >= HALF * handed)):
        return "failing"
    if handed >= MANY and signals.refused >= BAD * handed:
        return "errors"
    if handed >= MANY and signals.slow >= HALF * handed:
        return "slow"
    finals = signals.delivered + signals.undelivered
    if finals >= ENOUGH_FINALS and signals.undelivered >= HALF * finals:
        return "undelivered"
    return ""


def _is_well(signals: Signals) -> bool:
    handed = signals.accepted + signals.refused
    finals = signals.delivered + signals.undelivered
    delivers = finals < ENOUGH_FINALS or signals.undelivered < BAD * finals
    return signals.refused <= GOOD * handed and signals.slow <= BAD * handed and delivers


def probe_every(given_up_at: datetime, now: datetime) -> timedelta:
    """How often a routine text tries a sender that is given up: often at first, then less, since each of them may be lost in doubt."""
    return next((every for since, every in PROBES_EVERY if now - given_up_at < since), PROBES_EVERY_LATER)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sender that may carry a text. Of several groups the first is used, the next stand in for it."""

    id: UUID
    group: int
    weight: int = FULL
    share: int = FULL


def choose(candidates: Sequence[Candidate], key: UUID, *, known: UUID | None = None, tried: Collection[UUID] = ()) -> Candidate | None:
    """The sender for a text to the phone `key`, the same for the same phone while nothing changes; None when there is none.

    A patient keeps the sender that they know: only the part of the patients that its share no longer covers moves to another.
    Senders that have just refused this text (`tried`) are left out while there are others.
    """
    pool = [one for one in candidates if one.id not in tried] or list(candidates)
    if not pool:
        return None
    part = _part(key, 1)
    for one in pool:
        if one.id == known and (part < one.share / FULL or len(pool) == 1):
            return one
    groups = sorted({one.group for one in pool})
    for group in groups:
        members = sorted((one for one in pool if one.group == group), key=lambda one: one.id)
        healthy = max(one.share for one in members) / FULL
        if part < healthy or group == groups[-1]:
            return _weighted(members, _part(key, 2))
        part = (part - healthy) / (1 - healthy)
    return None


def _weighted(members: Sequence[Candidate], part: float) -> Candidate:
    total = sum(max(1, one.weight) * one.share for one in members)
    left = part * total
    for one in members:
        left -= max(1, one.weight) * one.share
        if left < 0:
            return one
    return members[-1]


def _part(key: UUID, salt: int) -> float:
    """A number in [0, 1) that is a phone's own: a multiplicative hash of its id (Knuth, The Art of Computer Programming, 6.4)."""
    return ((key.int ^ key.int >> 64) * 2654435761 * (2 * salt + 1) % 2**64 >> 16) % 2**32 / 2**32
