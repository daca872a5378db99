"""An escalation ladder: after how many minutes whom to page and how, as data; and whom that reaches at an instant.

A rung that reaches nobody is never silent: a supervisor stands in, then the team's own number. After the last rung the
ladder goes round again. All of it is pure, so that "who would be called now?" and the paging itself are one logic.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Any
from uuid import UUID

from service.domain.rota import Duty, Rota, RotaRole
from service.domain.urgency import Urgency

MOST_RUNGS = 12
MOST_AT_ONCE = 3
"""People that one rung pages together."""
LONGEST_GAP = {Urgency.EMERGENCY: 5, Urgency.URGENT: 30, Urgency.SAME_DAY: 240}
"""Minutes between two rungs at most (an unacknowledged emergency climbs every five minutes: safety rule 20)."""


class Whom(StrEnum):
    """Whom a rung pages."""

    ON_CALL = "on_call"
    BACKUP = "backup"
    SUPERVISOR = "supervisor"
    STAFF = "staff"  # a named member of staff
    NUMBER = "number"  # one of the team's further numbers
    TEAM = "team"  # the team's own on-call number; rungs fall back to it, none is written for it


class PageChannel(StrEnum):
    """How a page goes out."""

    TEXT = "text"
    CALL = "call"


BOTH = (PageChannel.TEXT, PageChannel.CALL)


@dataclass(frozen=True, slots=True)
class Rung:
    """Whom to page `minutes` after the start and how; `id` names the member of staff or the number."""

    minutes: int
    whom: Whom
    by: tuple[PageChannel, ...] = BOTH
    id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Ladder:
    """Rungs by minutes from when the item was opened, or (`from_due`) from when its answer is due, then negative for before.

    `repeat_minutes` after the last rung it begins again; 0: it does not.
    """

    rungs: tuple[Rung, ...]
    repeat_minutes: int
    from_due: bool = False

    def rung(self, number: int) -> Rung | None:
        """The rung of this number, counted on through every round; None when the ladder has ended."""
        if number < len(self.rungs):
            return self.rungs[number]
        return self.rungs[number % len(self.rungs)] if self.repeat_minutes else None

    def wait(self, number: int) -> timedelta | None:
        """How long after rung `number` the next one comes; None when there is none."""
        place = number % len(self.rungs)
        if place + 1 < len(self.rungs):
            return timedelta(minutes=self.rungs[place + 1].minutes - self.rungs[place].minutes)
        return timedelta(minutes=self.repeat_minutes) if self.repeat_minutes else None

    def begins_at(self, opened_at: datetime, due_at: datetime) -> datetime:
        """When the first rung is due."""
        return (due_at if self.from_due else opened_at) + timedelta(minutes=self.rungs[0].minutes)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; ids only, no name and no number."""
        rungs = [
            {"minutes": rung.minutes, "whom": rung.whom.value, "by": [each.value for each in rung.by]}
            | ({"id": str(rung.id)} if rung.id is not None else {})
            for rung in self.rungs
        ]
        return {"rungs": rungs, "repeat_minutes": self.repeat_minutes, "from_due": self.from_due}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Ladder:
        """The ladder that `to_json` wrote. KeyError or ValueError for anything else."""
        rungs = tuple(
            Rung(
                int(each["minutes"]),
                Whom(each["whom"]),
                tuple(PageChannel(one) for one in each["by"]),
                UUID(each["id"]) if "id" in each else None,
            )
            for each in data["rungs"]
        )
        return cls(rungs, int(data["repeat_minutes"]), bool(data["from_due"]))


TEXT_ONLY = (PageChannel.TEXT,)
DEFAULTS: Mapping[Urgency, Ladder] = {
    Urgency.EMERGENCY: Ladder((Rung(0, Whom.ON_CALL), Rung(5, Whom.BACKUP), Rung(10, Whom.SUPERVISOR)), 5),
    Urgency.URGENT: Ladder(
        (
            Rung(0, Whom.ON_CALL, TEXT_ONLY),
            Rung(15, Whom.ON_CALL, (PageChannel.CALL,)),
            Rung(30, Whom.BACKUP),
            Rung(45, Whom.SUPERVISOR),
        ),
        15,
    ),
    Urgency.SAME_DAY: Ladder((Rung(-30, Whom.SUPERVISOR, TEXT_ONLY),), 0, from_due=True),
}
"""The ladders of a team that has set none: an emergency by text and call at once and every five minutes to somebody else
(safety rule 20); an urgent item within its hour; a same-day item to the lead half an hour before it is due."""


def why_not_ladder(ladder: Ladder, urgency: Urgency) -> str:
    """What is wrong with a ladder as it is written, "" when nothing is."""
    if urgency not in DEFAULTS:
        return "Routine items page nobody: they need no ladder."
    if not 1 <= len(ladder.rungs) <= MOST_RUNGS:
        return f"A ladder has 1 to {MOST_RUNGS} rungs."
    minutes = [rung.minutes for rung in ladder.rungs]
    if minutes != sorted(set(minutes)):
        return "Each rung comes some minutes after the one before it: write rising minutes."
    if any(not rung.by for rung in ladder.rungs):
        return "Each rung pages by text, by call or by both."
    if any((rung.whom in (Whom.STAFF, Whom.NUMBER)) != (rung.id is not None) for rung in ladder.rungs):
        return "A rung to a person or a number names which one; others name nobody."
    if any(rung.whom is Whom.TEAM for rung in ladder.rungs):
        return "The team's own number stands in by itself: write on_call, backup, supervisor, a person or a number."
    if urgency is Urgency.SAME_DAY:
        if not ladder.from_due or not -480 <= minutes[0] <= 0:
            return "A same-day ladder begins 0 to 480 minutes before the item is due."
        return ""
    if ladder.from_due or minutes[0] != 0:
        return "The first rung comes at once, after 0 minutes."
    longest = LONGEST_GAP[urgency]
    gaps = [later - earlier for earlier, later in pairwise(minutes)]
    if any(gap > longest for gap in gaps) or not 1 <= ladder.repeat_minutes <= longest:
        return f"Between two rungs of this urgency, and before the ladder begins again, lie at most {longest} minutes."
    return ""


@dataclass(frozen=True, slots=True)
class Person:
    """A member of staff who may be paged. `phone` is "" for none; `paged_by` is text, call or both."""

    id: UUID
    name: str
    phone: str
    paged_by: str = "both"
    supervises: bool = False


@dataclass(frozen=True, slots=True)
class Crew:
    """Whom a team can page: its people, its rota (None: it keeps none), its own and its further numbers, by (name, number)."""

    team_id: UUID
    organization_id: UUID
    name: str
    team_phone: str
    rota: Rota | None = None
    people: Mapping[UUID, Person] = field(default_factory=dict)
    numbers: Mapping[UUID, tuple[str, str]] = field(default_factory=dict)
    ladders: Mapping[Urgency, Ladder] = field(default_factory=dict)

    def ladder(self, urgency: Urgency) -> Ladder | None:
        """The ladder in force; None for routine items, which page nobody."""
        return self.ladders.get(urgency) or DEFAULTS.get(urgency)

    def gaps(self, start: datetime, end: datetime) -> list[Duty]:
        """When the rota has nobody who can be paged: who has left, or has no telephone number, fills no gap. None without a rota."""
        reachable = {id for id, person in self.people.items() if person.phone}
        return self.rota.gaps(start, end, reachable) if self.rota is not None else []


@dataclass(frozen=True, slots=True)
class Target:
    """Somebody whom a rung reaches, and how."""

    role: Whom
    name: str
    phone: str
    by: tuple[PageChannel, ...]
    staff_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Reach:
    """Whom a rung reaches. `hole` says what is missing ("" for nothing); `gap` when the rota itself has nobody."""

    targets: tuple[Target, ...]
    hole: str = ""
    gap: bool = False


def reach(rung: Rung, urgency: Urgency, crew: Crew, at: datetime) -> Reach:
    """Whom a rung pages at this instant; when it has nobody, who stands in for it."""
    found, hole, gap = _meant(rung, urgency, crew, at)
    if found:
        return Reach(found, hole, gap)
    return Reach(_standing_in(rung, urgency, crew, at), hole, gap)


def _meant(rung: Rung, urgency: Urgency, crew: Crew, at: datetime) -> tuple[tuple[Target, ...], str, bool]:
    match rung.whom:
        case Whom.STAFF:
            person = crew.people.get(rung.id) if rung.id is not None else None
            if person is None:
                return (), "the person named is no longer in the team", False
            found = _targets([person], rung.whom, rung, urgency)
            return found, "" if found else f"{person.name} has no telephone number", False
        case Whom.NUMBER:
            name, phone = crew.numbers.get(rung.id, ("", "")) if rung.id is not None else ("", "")
            return ((Target(rung.whom, name, phone, rung.by),) if phone else ()), "" if phone else "the number is gone", False
        case Whom.TEAM:
            return _team(rung, crew), "" if crew.team_phone else "the team has no number of its own", False
        case Whom.ON_CALL if crew.rota is None:
            found = _team(rung, crew)
            return found, "" if found else "there is no rota and no on-call number", False
        case Whom.SUPERVISOR if crew.rota is None or RotaRole.SUPERVISOR not in crew.rota.expected():
            found = _leads(rung, urgency, crew)
            return found, "" if found else "no supervisor of the team has a telephone number", False
    role = RotaRole(rung.whom.value)
    if crew.rota is None or role not in crew.rota.expected():
        return (), f"the team has no {_WORDS[role]}", False
    ids = crew.rota.at(at)[role]
    if not ids:
        return (), f"the rota has a gap: no {_WORDS[role]}", True
    people = [crew.people[id] for id in ids if id in crew.people]
    found = _targets(people, rung.whom, rung, urgency)
    if found:
        return found, "", False
    names = ", ".join(person.name for person in people) or "who is on the rota"
    return (), f"{names} has no telephone number or is no longer in the team", True


_WORDS = {RotaRole.ON_CALL: "nurse on call", RotaRole.BACKUP: "back-up", RotaRole.SUPERVISOR: "supervisor"}


def _standing_in(rung: Rung, urgency: Urgency, crew: Crew, at: datetime) -> tuple[Target, ...]:
    """A supervisor on duty, else any supervisor of the team, else the team's number, else whoever is on the rota."""
    if crew.rota is not None:
        on_duty = [crew.people[id] for id in crew.rota.at(at)[RotaRole.SUPERVISOR] if id in crew.people]
        if found := _targets(on_duty, Whom.SUPERVISOR, rung, urgency):
            return found
    if found := _leads(rung, urgency, crew) or _team(rung, crew):
        return found
    if crew.rota is not None:
        standing = crew.rota.at(at)
        for role in (RotaRole.ON_CALL, RotaRole.BACKUP):
            people = [crew.people[id] for id in standing[role] if id in crew.people]
            if found := _targets(people, Whom(role.value), rung, urgency):
                return found
    return ()


def _team(rung: Rung, crew: Crew) -> tuple[Target, ...]:
    return (Target(Whom.TEAM, f"{crew.name}: on-call number", crew.team_phone, rung.by),) if crew.team_phone else ()


def _leads(rung: Rung, urgency: Urgency, crew: Crew) -> tuple[Target, ...]:
    leads = sorted((person for person in crew.people.values() if person.supervises), key=lambda person: person.name)
    return _targets(leads, Whom.SUPERVISOR, rung, urgency)


def _targets(people: list[Person], role: Whom, rung: Rung, urgency: Urgency) -> tuple[Target, ...]:
    reachable = [person for person in people if person.phone][:MOST_AT_ONCE]
    return tuple(Target(role, person.name, person.phone, _by(rung, urgency, person), person.id) for person in reachable)


def _by(rung: Rung, urgency: Urgency, person: Person) -> tuple[PageChannel, ...]:
    """An emergency goes as its ladder says; below that, as the person wants to be paged."""
    if urgency is Urgency.EMERGENCY or person.paged_by == "both":
        return rung.by
    wanted = PageChannel(person.paged_by)
    return (wanted,)


@dataclass(frozen=True, slots=True)
class Planned:
    """A rung as it would run."""

    at: datetime
    minutes: int
    """After the item was opened, or before (negative) and after it is due."""
    rung: Rung
    reach: Reach


def would_run(crew: Crew, urgency: Urgency, at: datetime, due_at: datetime | None = None) -> list[Planned]:
    """The whole ladder for an item that opens at this instant (and, for a same-day ladder, is due at `due_at`), one round."""
    ladder = crew.ladder(urgency)
    if ladder is None:
        return []
    start = (due_at or at) if ladder.from_due else at
    found = []
    for rung in ladder.rungs:
        when = start + timedelta(minutes=rung.minutes)
        found.append(Planned(when, rung.minutes, rung, reach(rung, urgency, crew, when)))
    return found


def could_end_with_nobody(crew: Crew, urgency: Urgency) -> str:
    """Why a team's ladder could page nobody at all (safety rules 20, 40), "" when its end is never empty.

    What depends on the rota may have a gap; a number or a supervisor who can always be paged may not.
    """
    if crew.team_phone or _leads(Rung(0, Whom.SUPERVISOR), urgency, crew):
        return ""
    ladder = crew.ladder(urgency)
    last = ladder.rungs[-1] if ladder is not None else None
    if last is not None and last.whom in (Whom.STAFF, Whom.NUMBER) and _meant(last, urgency, crew, _ANY_TIME)[0]:
        return ""
    return (
        f'the {urgency} ladder of team "{crew.name}" could end with nobody: set the team\'s on-call number, or give a supervisor of the '
        "team a telephone number, or end the ladder with a person or a number that can always be paged"
    )


_ANY_TIME = datetime.fromisoformat("2026-01-01T12:00:00+00:00")
