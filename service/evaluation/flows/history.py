"""What a changed flow, reader or rule table would have changed: check-ins of the past on both sides, and every item that differs.

Two versions are both replayed with today's reader, rules and engine, so that a difference comes from the versions alone. Where what
was kept is one side, the other is each check-in on its own version, so that a difference comes from the program and its tables.
Not compared: what actions raise by themselves (opt-outs, wrong numbers, answers to safety texts), and what one check-in would have
changed for the next (dates, lessons).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from service.domain.past_check_in import PastCheckIn, PastItem
from service.domain.urgency import Urgency, highest
from service.engine import Flow
from service.evaluation.flows.replay import Replayed, replay
from service.evaluation.flows.retrace import Hearing, retrace

MOST_LISTED = 2_000
"""Differences kept to be listed; all are counted."""
OF_ACTIONS = ("machine.", "safety.")
"""Begins of the rules that are neither a flow's nor the table's."""

Items = Mapping[str, PastItem]


class Way(StrEnum):
    """How an item of the new side differs from the old side's."""

    APPEARS = "appears"
    VANISHES = "vanishes"
    RISES = "rises"
    FALLS = "falls"


@dataclass(frozen=True, slots=True)
class Change:
    """One rule in one check-in that the two sides see otherwise; `old` and `new` are None where nothing is raised."""

    check_in: UUID
    """The conversation's id."""
    patient_id: UUID
    initials: str
    local_date: date
    started_at: datetime
    way: Way
    rule: str
    old: Urgency | None
    new: Urgency | None
    reason: str = field(repr=False)
    """Of the new side where it raises something, else of the old side."""
    exact: bool
    """False when the check-in could not be gone through step by step as it was."""


@dataclass(slots=True)
class Comparison:
    """Counts over check-ins, and the differences themselves, in the order in which the check-ins were added."""

    check_ins: int = 0
    patients: set[UUID] = field(default_factory=set)
    same: int = 0
    newly: int = 0
    """Check-ins that would call a nurse, and did not."""
    no_more: int = 0
    """Check-ins that would no longer call a nurse."""
    higher: int = 0
    """Check-ins whose highest urgency would be higher (both call a nurse)."""
    lower: int = 0
    by_rule: dict[str, Counter[Way]] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    not_listed: int = 0
    """Differences beyond MOST_LISTED."""
    not_asked: Counter[str] = field(default_factory=Counter)
    """Questions of the new version that nobody was asked then, by how many check-ins."""
    not_heard: int = 0
    """Replies to questions that the new version does not ask."""
    inexact: int = 0
    """Check-ins that could not be gone through step by step as they were."""
    as_it_was: int = 0
    """Check-ins whose conditions, medicines, limits and risk are those of then; for the others they are those of today."""
    kept: int = 0
    """Items that were raised then, in check-ins whose course was kept with them."""
    kept_otherwise: int = 0
    """In those check-ins: items that today's program would not raise, raise otherwise or raise besides, on the version of then."""
    failed: int = 0
    """Check-ins that could not be replayed; in no other count."""

    def ways(self) -> Counter[Way]:
        """How many items differ in each way."""
        total: Counter[Way] = Counter()
        for counted in self.by_rule.values():
            total += counted
        return total

    def rules(self) -> list[tuple[str, Counter[Way]]]:
        """Each rule that differs with its ways, the most frequent first."""
        return sorted(self.by_rule.items(), key=lambda each: (-each[1].total(), each[0]))

    def add(self, past: PastCheckIn, old: Items, new: Items, *, exact: bool) -> None:
        """Counts one check-in with what each side raises."""
        self.check_ins += 1
        self.patients.add(past.patient_id)
        self.inexact += not exact
        self.as_it_was += past.known_as_it_was
        found = differences(past, old, new, exact=exact)
        for change in found:
            self.by_rule.setdefault(change.rule, Counter())[change.way] += 1
        room = MOST_LISTED - len(self.changes)
        self.changes += found[:room]
        self.not_listed += max(0, len(found) - room)
        self.same += not found
        before, after = (highest(item.urgency for item in side.values()) for side in (old, new))
        self.newly += before is None and after is not None
        self.no_more += before is not None and after is None
        self.higher += before is not None and after is not None and after.rank < before.rank
        self.lower += before is not None and after is not None and after.rank > before.rank


def differences(past: PastCheckIn, old: Items, new: Items, *, exact: bool = True) -> list[Change]:
    """Each rule that one side raises alone or with another urgency, most urgent first."""
    found = []
    for rule, shown in {**old, **new}.items():
        before, after = (side[rule].urgency if rule in side else None for side in (old, new))
        if before is not after:
            whose = (past.id, past.patient_id, past.initials, past.local_date, past.started_at)
            found.append(Change(*whose, _way(before, after), rule, before, after, shown.reason, exact))
    return sorted(found, key=lambda change: min(each.rank for each in (change.old, change.new) if each is not None))


def _way(before: Urgency | None, after: Urgency | None) -> Way:
    if before is None:
        return Way.APPEARS
    if after is None:
        return Way.VANISHES
    return Way.RISES if after.rank < before.rank else Way.FALLS


def kept_items(past: PastCheckIn, key: str) -> Items:
    """What the check-in has raised then by rules of this flow and of the table; the most urgent of each rule."""
    mine = [item for item in past.items if item.rule.startswith(f"{key}.") or not (item.rule.startswith(OF_ACTIONS) or "/" in item.rule)]
    return {item.rule: item for item in sorted(mine, key=lambda item: -item.urgency.rank)}


def compare(
    comparison: Comparison,
    check_ins: Iterable[PastCheckIn],
    own: Mapping[UUID, Flow],
    hearing: Hearing,
    versions: tuple[Flow, Flow] | None = None,
) -> None:
    """Adds these check-ins: the first version against the second, or without both what was kept against today's program.

    `own` are the versions that the check-ins ran on, by id. One that cannot be replayed is counted and left out.
    """
    for past in check_ins:
        try:
            _compare(comparison, past, own[past.version_id], hearing, versions)
        except Exception:  # one bad row of the past must not keep the others from being compared
            comparison.failed += 1


def _compare(comparison: Comparison, past: PastCheckIn, ran_on: Flow, hearing: Hearing, versions: tuple[Flow, Flow] | None) -> None:
    trace = retrace(ran_on, past, hearing)
    on = {
        flow.version: replay(flow, past, trace, hearing) for flow in {flow.version: flow for flow in (ran_on, *(versions or ()))}.values()
    }
    kept, today = kept_items(past, ran_on.key), _items(on[ran_on.version])
    if versions is None:
        comparison.add(past, kept, today, exact=trace.exact)
    else:
        old, new = (on[flow.version] for flow in versions)
        comparison.add(past, _items(old), _items(new), exact=trace.exact)
        comparison.not_asked.update(new.not_asked - old.not_asked)
        comparison.not_heard += max(0, new.not_heard - old.not_heard)
    if past.state:
        comparison.kept += len(kept)
        comparison.kept_otherwise += len(differences(past, kept, today))


def _items(replayed: Replayed) -> Items:
    return {rule: PastItem(rule, fired.urgency, fired.reason) for rule, fired in replayed.fired.items()}
