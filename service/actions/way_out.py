"""The way out: by which provider and which sender a text, a page or a call leaves, and whether its bucket has room for it.

A step inside others' transactions: it takes tokens there, so that a claim that is rolled back gives them back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.db import senders
from service.db.senders import Sender
from service.domain.failover import Candidate, choose, probe_every
from service.domain.sender import LIMITS, Taking, Use

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Want:
    """One thing that is to leave."""

    organization_id: UUID
    use: Use
    key: UUID
    """The phone that it goes to (or the page's id): the same key gets the same sender."""
    segments: int = 0
    """Of a text; 0 for a call, which takes no tokens."""
    known: UUID | None = None
    """The sender that the phone knows us by."""
    tried: frozenset[UUID] = frozenset()
    """Senders that have just refused it, for what cannot wait until they do better."""


@dataclass(frozen=True, slots=True)
class Way(Generic[T]):
    """A provider and the number or pool it leaves by ("" for the provider's default)."""

    provider: T
    name: str
    number: str
    sender_id: UUID
    others: int = 0
    """Senders that have not refused it yet, besides this one."""
    dedicated: bool = False
    """Patients get nothing else by this sender."""


class NoWay(StrEnum):
    """Why it cannot leave now."""

    NO_SENDER = "no_sender_number"
    NO_ROOM = "no_room"
    DAY_CAP = "day_cap"


async def find_ways(
    connection: AsyncConnection,
    providers: Mapping[str, T],
    wants: Sequence[Want],
    now: datetime,
    *,
    default_rate: float | None = None,
) -> list[Way[T] | NoWay]:
    """For each in order its way out, or why there is none now. What is answered with a way has its tokens taken and is counted.

    `providers` (or telephones) by name are those that this process has. `default_rate` is in segments a second, for senders that have
    none of their own; None: as their kind says. Texts to patients wait for room; emergencies and pages go in any case, and it is the
    others that wait for the tokens they took. Senders are read once for the whole list.
    """
    if not wants:
        return []
    rows = await senders.of_organizations(connection, {want.organization_id for want in wants}, list(providers), now)
    book = _Book(rows, providers, now, default_rate)
    found: list[Way[T] | NoWay] = [book.way(want) for want in wants]
    spent: dict[UUID, tuple[UUID, int]] = {}
    for id, taking in sorted(book.takings.items()):
        if not taking.taken:
            continue
        if await senders.take(connection, id, taking.taken, taking.segments_per_second, now, least=taking.least):
            spent[id] = (book.owners[id], taking.taken)
        else:  # another node was quicker: these wait for the next round
            found = [NoWay.NO_ROOM if isinstance(way, Way) and way.sender_id == id else way for way in found]
    await senders.count(connection, spent, now)
    return found


@dataclass(frozen=True, slots=True)
class Room:
    """What an organization's senders for patients have room for now."""

    segments: int
    """Texts of one segment each that may go at once."""
    full: frozenset[UUID]
    """Senders whose texts wait for a moment: another number would only confuse. Those of a sender that is given up, or whose day is
    over, may go by another."""
    capped: bool
    """Every sender's day is full."""


async def room(
    connection: AsyncConnection,
    providers: Mapping[str, object],
    organization_ids: Sequence[UUID],
    now: datetime,
    *,
    default_rate: float | None = None,
) -> dict[UUID, Room]:
    """How many routine texts each organization could send now: read without a lock, so that nothing is claimed in vain.

    An organization without any usable sender has endless room: its texts are claimed, to be told of.
    """
    rows = await senders.of_organizations(connection, organization_ids, list(providers), now)
    book = _Book(rows, providers, now, default_rate)
    found = {}
    for id in organization_ids:
        mine = book.usable(id, Use.PATIENTS, calls=False)
        takings = {one.id: book.taking(one) for one in mine}
        left = {sender_id: _left(taking) for sender_id, taking in takings.items()}
        capped = bool(mine) and all(_day_is_over(taking) for taking in takings.values())
        full = frozenset(one.id for one in mine if left[one.id] < 1 and one.given_up_at is None and not _day_is_over(takings[one.id]))
        found[id] = Room(sum(left.values()) if mine else _ENDLESS, full, capped)
    return found


_ENDLESS = 1_000_000


def _day_is_over(taking: Taking) -> bool:
    return taking.day_left is not None and taking.day_left <= 0


def _left(taking: Taking) -> int:
    tokens = max(0, int(taking.available))
    return tokens if taking.day_left is None else max(0, min(tokens, taking.day_left))


class _Book(Generic[T]):
    """The senders as read, and what is being taken from each."""

    def __init__(self, rows: Sequence[Sender], providers: Mapping[str, T], now: datetime, default_rate: float | None) -> None:
        self._rows, self._providers, self._now, self._default_rate = rows, providers, now, default_rate
        self.takings: dict[UUID, Taking] = {}
        self.owners = {row.id: row.organization_id for row in rows}

    def way(self, want: Want) -> Way[T] | NoWay:
        calls = want.segments == 0
        usable = self.usable(want.organization_id, want.use, calls=calls)
        if not usable:
            return NoWay.NO_SENDER
        if want.use.waits and not calls:
            with_room = self._with_room(usable, want)
        else:  # what is urgent tries no sender that is given up while there is another: it might be lost in doubt there
            well = [one for one in usable if one.given_up_at is None] or usable
            with_room = [one for one in well if calls or not self._day_is_full(one, want.segments)] or well
        candidates = [Candidate(one.id, _group(usable, one), one.weight, one.share) for one in with_room]
        chosen = choose(candidates, want.key, known=self._keeps(want, with_room), tried=want.tried)
        if chosen is None:
            return NoWay.DAY_CAP if all(self._day_is_full(one, want.segments) for one in usable) else NoWay.NO_ROOM
        sender = next(one for one in usable if one.id == chosen.id)
        if not calls and not self.taking(sender).take(want.segments, waits=want.use.waits):
            return NoWay.NO_ROOM
        others = sum(one.id != sender.id and one.id not in want.tried for one in usable)
        dedicated = not any(row.id == sender.id and row.use is Use.PATIENTS for row in self._rows)
        return Way(self._providers[sender.provider], sender.provider, sender.number, sender.id, others, dedicated)

    def _keeps(self, want: Want, with_room: Sequence[Sender]) -> UUID | None:
        """The sender that a phone knows goes before others; but an emergency goes by the sender that is set for it (decisions 15)."""
        if want.use.waits:
            return want.known
        own = {one.id for one in with_room if one.use is want.use and one.id not in want.tried}
        return want.known if want.known in own or not own else None

    def usable(self, organization_id: UUID, use: Use, *, calls: bool) -> list[Sender]:
        """Senders for this use, each once, best first: its own, then those for patients."""
        found: dict[UUID, Sender] = {}
        for wanted in (use, Use.PATIENTS):
            for row in self._rows:
                fits = row.organization_id == organization_id and row.use is wanted and row.provider in self._providers
                if fits and (row.calls if calls else row.texts) and row.id not in found:
                    found[row.id] = row
        return list(found.values())

    def taking(self, sender: Sender) -> Taking:
        """What is taken from this sender, begun with what stands in its bucket."""
        if sender.id not in self.takings:
            rate = self._rate(sender)
            day_left = None if sender.day_cap is None else sender.day_cap - sender.spent_today
            self.takings[sender.id] = Taking(rate, sender.available(rate), day_left)
        return self.takings[sender.id]

    def _rate(self, sender: Sender) -> float:
        rate = sender.segments_per_second or self._default_rate or LIMITS[sender.kind].segments_per_second
        if sender.given_up_at is None:
            return rate
        return min(rate, 1 / probe_every(sender.given_up_at, self._now).total_seconds())

    def _with_room(self, usable: Sequence[Sender], want: Want) -> list[Sender]:
        """Those that a text may wait for: a full bucket is a matter of a second, a full day or a sender given up is not."""
        open_today = [one for one in usable if not self._day_is_full(one, want.segments)]
        probed = [one for one in open_today if one.given_up_at is not None and self._fits(one, want.segments)]
        if probed:  # a text now and then shows whether it is well again
            return probed[:1]
        well = [one for one in open_today if one.given_up_at is None]
        if want.known in {one.id for one in well}:
            return well
        return [one for one in well if self._fits(one, want.segments)]

    def _fits(self, sender: Sender, segments: int) -> bool:
        return self.taking(sender).fits(segments)

    def _day_is_full(self, sender: Sender, segments: int) -> bool:
        taking = self.taking(sender)
        return taking.day_left is not None and taking.taken + segments > taking.day_left


def _group(usable: Sequence[Sender], one: Sender) -> int:
    """Senders of the same use and position share the texts; the others stand in for them."""
    places = list(dict.fromkeys((each.use is Use.PATIENTS and usable[0].use is not Use.PATIENTS, each.position) for each in usable))
    return places.index((one.use is Use.PATIENTS and usable[0].use is not Use.PATIENTS, one.position))
