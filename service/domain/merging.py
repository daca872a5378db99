"""Two records of one person become one: of what they say differently, the stricter holds. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from service.domain.escalation import Reached
from service.domain.limits import LimitTerm
from service.domain.patient import PatientStatus

OPT_OUT = "opt_out"
MERGED = "merged"
"""Why a consent has ended: a stricter one for the same number, channel and programme holds."""
_NO_WITHDRAWAL = ("replaced", MERGED)
_WORST_FIRST = (Reached.NOT_REACHED, Reached.ON_ITS_WAY, Reached.DELIVERED, Reached.NONE_NEEDED)
_STRICTEST_FIRST = (PatientStatus.DECEASED, PatientStatus.HOSPICE, PatientStatus.LEFT, PatientStatus.PAUSED, PatientStatus.ACTIVE)


@dataclass(frozen=True, slots=True)
class ConsentOnRecord:
    """A consent of one of the two records."""

    id: UUID
    record: UUID
    phone_id: UUID
    channel: str
    programme: str
    given_at: datetime
    revoked_at: datetime | None
    revoked_why: str
    per_day: int
    per_week: int | None
    detail: bool

    @property
    def place(self) -> tuple[UUID, str, str]:
        """What it is for."""
        return self.phone_id, self.channel, self.programme


@dataclass(frozen=True, slots=True)
class LimitOnRecord:
    """A limit of one of the two records, in the stored unit."""

    id: UUID
    name: str
    amount: float
    loosens: bool
    begun: bool = True
    over: bool = False


def status_of(kept: PatientStatus, other: PatientStatus) -> PatientStatus:
    """The stricter of two states; but a second record that was only left aside says nothing about the first."""
    if other is PatientStatus.LEFT:
        return kept
    return min((kept, other), key=_STRICTEST_FIRST.index)


def consents_to_end(consents: Sequence[ConsentOnRecord]) -> dict[UUID, str]:
    """Which consents end, and why. Every row that stands must be given, also those that were withdrawn.

    Who has opted out on one record has opted out (decisions 12). For the same number, channel and programme one consent is left: the
    one to fewer check-ins and without detail; and none where the other record's was withdrawn after it was given.
    """
    active = [one for one in consents if one.revoked_at is None]
    by_record: dict[UUID, list[ConsentOnRecord]] = defaultdict(list)
    for one in consents:
        by_record[one.record].append(one)
    if any(_opted_out(own) for own in by_record.values()):
        return {one.id: OPT_OUT for one in active}
    ended: dict[UUID, str] = {}
    places: dict[tuple[UUID, str, str], list[ConsentOnRecord]] = defaultdict(list)
    for one in active:
        places[one.place].append(one)
    for place, here in places.items():
        first, *rest = sorted(here, key=_strictness)
        ended |= {one.id: MERGED for one in rest}
        withdrawn = [one for one in consents if one.place == place and one.revoked_at and one.revoked_why not in _NO_WITHDRAWAL]
        if any(one.record != first.record and one.revoked_at is not None and one.revoked_at > first.given_at for one in withdrawn):
            ended[first.id] = MERGED
    return ended


def limit_to_keep(term: LimitTerm | None, mine: LimitOnRecord, theirs: LimitOnRecord) -> LimitOnRecord:
    """The stricter of two limits of one name, `mine` where nobody can tell; but one that holds now before one to come, and that before one
    that is over.
    """
    if (mine.over, not mine.begun) != (theirs.over, not theirs.begun):
        return min((mine, theirs), key=lambda one: (one.over, not one.begun))
    if mine.loosens != theirs.loosens:
        return theirs if mine.loosens else mine
    if term is None or mine.amount == theirs.amount:
        return mine
    return min((mine, theirs), key=lambda one: one.amount if term.upper else -one.amount)


def reached_of(one: Reached, another: Reached) -> Reached:
    """The worse of two: an answer that has not reached the patient stays one when items become one."""
    return min((one, another), key=_WORST_FIRST.index)


def joined(mine: str, theirs: str) -> str:
    """Two texts about the same, both kept where they differ."""
    return mine if not theirs or theirs.casefold() in mine.casefold() else f"{mine}; {theirs}" if mine else theirs


def _opted_out(own: Iterable[ConsentOnRecord]) -> bool:
    rows = list(own)
    return any(one.revoked_why == OPT_OUT for one in rows) and all(one.revoked_at is not None for one in rows)


def _strictness(one: ConsentOnRecord) -> tuple[int, int, bool, datetime]:
    return one.per_day, one.per_week if one.per_week is not None else 7 * one.per_day, one.detail, one.given_at
