"""Raises what needs a person: opens the patient's item or joins the open one, and asks for a page.

A step inside others' transactions (receive_reply, apply_events, time-outs): it gathers rows and commits nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from service.actions.page_again import Why
from service.db import items
from service.db.changes import Changes
from service.domain.decision import Fired
from service.domain.escalation import SAFETY_ANSWER, Reached, State
from service.domain.patient import OpenItem, PatientContext, Team, due_at
from service.domain.urgency import Urgency, highest

NOTIFY_AGAIN = timedelta(minutes=2)
MAXIMUM_CONCERNS = 40
"""Concerns an item lists; beyond it only what no concern of the item says yet. All messages still reach its conversation and history
(law 12)."""


@dataclass(frozen=True, slots=True)
class Whose:
    """Whom an item is about: a patient, or only a phone number when nobody is known for sure."""

    team: Team
    item: OpenItem | None
    patient_id: UUID | None
    phone_id: UUID | None
    do_not_contact: bool = False

    @classmethod
    def patient(cls, context: PatientContext) -> Whose:
        """A patient's item."""
        unsafe = any(phone.unsafe_since for phone in context.phones)
        return cls(context.team, context.item, context.id, None, unsafe)


def raise_escalation(
    changes: Changes,
    whose: Whose,
    fired: Sequence[Fired],
    *,
    communication_id: UUID | None = None,
    facts: Mapping[str, Any] | None = None,
) -> OpenItem:
    """The item as it stands afterwards. One open clinical item a patient; the highest urgency wins and is never lowered.

    A rule that fired on the same message already is not listed twice. Any new patient message on an open item is noticed:
    the queue wakes, and an emergency pages again when it is new, worse, or told again after it was acknowledged.
    """
    urgency = highest(rule.urgency for rule in fired)
    if urgency is None:
        raise ValueError("an escalation needs at least one rule that fired")
    organization_id = whose.team.organization.id
    item = whose.item
    if item is None:
        item = _opened(changes, whose, urgency, fired)
        worse = True
    else:
        worse = urgency.rank < item.urgency.rank
        item = _joined(changes, whose, item, urgency, fired)
    known, rules = set(item.concerns), {rule for rule, _ in item.concerns}
    for rule in sorted(fired, key=lambda one: one.urgency.rank):
        key = (rule.rule, str(communication_id or ""))
        if key in known or (len(known) >= MAXIMUM_CONCERNS and not worse and rule.rule in rules):
            continue
        known.add(key)
        rules.add(rule.rule)
        items.add_concern(changes, organization_id, item.id, rule, communication_id=communication_id, facts=facts or {})
    answered = any(one.rule.startswith(SAFETY_ANSWER) for one in fired)
    item = replace(item, concerns=tuple(known), concern_at=changes.now, safety_answer_at=changes.now if answered else item.safety_answer_at)
    if worse and urgency is not Urgency.ROUTINE:
        return _paged(changes, whose, item, Why.START)
    if urgency is Urgency.EMERGENCY and item.acknowledged:
        return _paged(changes, whose, item, Why.AGAIN)
    return _paged_again(changes, whose, item)


def notice_message(changes: Changes, whose: Whose, item: OpenItem) -> OpenItem:
    """The item after a new text of its patient on which no rule fired: seen in the queue, and an emergency pages again."""
    organization_id = whose.team.organization.id
    item = _woken(changes, whose, item)
    items.add_event(changes, organization_id, item.id, "message", {})
    items.change_item(changes, organization_id, item.id, last_patient_event_at=changes.now)
    return _paged_again(changes, whose, item)


def _paged_again(changes: Changes, whose: Whose, item: OpenItem) -> OpenItem:
    """Any new message on an open emergency or urgent item notifies again (decisions 3), at most every two minutes.

    A nurse who holds an urgent item sees its messages: nobody else is paged for them.
    """
    if item.paged_at is not None and changes.now - item.paged_at < NOTIFY_AGAIN:
        return item
    if item.urgency is Urgency.EMERGENCY or (item.urgency is Urgency.URGENT and item.state == State.OPEN):
        return _paged(changes, whose, item, Why.AGAIN)
    return item


def _opened(changes: Changes, whose: Whose, urgency: Urgency, fired: Sequence[Fired]) -> OpenItem:
    due = due_at(whose.team, urgency, changes.now)
    id = items.open_item(
        changes,
        whose.team,
        patient_id=whose.patient_id,
        phone_id=whose.phone_id,
        urgency=urgency,
        summary=_worst(fired),
        due_at=due,
        do_not_contact=whose.do_not_contact,
    )
    return OpenItem(id, urgency, due, State.OPEN, Reached.NONE_NEEDED, acknowledged=False)


def _worst(fired: Sequence[Fired]) -> str:
    """What the queue shows of an item in one line."""
    return min(fired, key=lambda one: one.urgency.rank).reason


def _joined(changes: Changes, whose: Whose, item: OpenItem, urgency: Urgency, fired: Sequence[Fired]) -> OpenItem:
    """The open item with a new message on it; worse news leads it, raises it and brings its clock forward, never back (law 8)."""
    values: dict[str, Any] = {"last_patient_event_at": changes.now}
    item = _woken(changes, whose, item)
    if urgency.rank < item.urgency.rank:
        due = min(item.due_at, due_at(whose.team, urgency, changes.now))
        values |= {"urgency_rank": urgency.rank, "due_at": due, "summary": _worst(fired)[:300]}
        items.add_event(changes, whose.team.organization.id, item.id, "raised", {"from": item.urgency, "to": urgency})
        item = replace(item, urgency=urgency, due_at=due)
    else:
        items.add_event(changes, whose.team.organization.id, item.id, "message", {"urgency": urgency})
    if whose.do_not_contact:
        values["do_not_contact"] = True
    items.change_item(changes, whose.team.organization.id, item.id, **values)
    return item


def _woken(changes: Changes, whose: Whose, item: OpenItem) -> OpenItem:
    """An item that a nurse has put off is open again with the first new word, as if nobody had seen it."""
    if item.state != State.SNOOZED:
        return item
    organization_id = whose.team.organization.id
    items.add_event(changes, organization_id, item.id, "woken", {"by": "news"})
    items.change_item(changes, organization_id, item.id, **items.WOKEN)
    items.plan_paging(changes, organization_id, item.id, Why.NEXT, item.urgency)
    return replace(item, state=State.OPEN, acknowledged=False)


def _paged(changes: Changes, whose: Whose, item: OpenItem, why: Why) -> OpenItem:
    """Asks for a page; who is paged is whoever is on call when the emergency lane looks, within the second."""
    organization_id = whose.team.organization.id
    items.plan_paging(changes, organization_id, item.id, why, item.urgency)
    if item.acknowledged:
        items.change_item(changes, organization_id, item.id, acknowledged_at=None, acknowledged_by=None)
    return replace(item, paged_at=changes.now, acknowledged=False)
