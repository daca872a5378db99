"""Follows up safety texts that brought no answer: the item says so, and the patient is called once where that may be (decisions 6)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from service.actions.heed_unreached import heed_unreached
from service.actions.one_by_one import together_or_one_by_one
from service.db import call_lists, calls, items, leases, outbox
from service.db.changes import Changes
from service.db.database import Database
from service.db.escalation import escalations
from service.db.leases import Unheard
from service.domain.call import CallStatus
from service.domain.communication import Purpose
from service.domain.consent import Consent
from service.domain.escalation import Reached
from service.domain.reading import Channel
from service.engine.follow_through import STEP, FollowThrough

CALL_USEFUL = timedelta(minutes=30)
"""A call that could not be placed for so long is not placed any more: somebody is on the item by then."""
MOST_ITEMS = 1_000
"""In one round; those that cannot be followed up stay among them."""


async def follow_up_safety_texts(database: Database, after: FollowThrough, now: datetime, *, limit: int = 100) -> int:
    """At most `limit` items in one commit, and one by one where that fails; how many there were.

    Writes on each such item that the patient is silent, and when the text is not known to have arrived, that
    nobody was reached, which wakes one that was put off; plans the call that `after` asks for, in place of one that is only planned.
    A delivery receipt that comes later says so on the item again.
    """
    async with database.reading() as connection:
        found = await leases.unheard_items(connection, now, after.silent_after, f"{STEP}.", MOST_ITEMS)

    async def together(ids: Sequence[UUID]) -> None:
        await _together(database, after, ids, now)

    for first in range(0, len(found), limit):
        await together_or_one_by_one("safety_texts", found[first : first + limit], together)
    return len(found)


async def _together(database: Database, after: FollowThrough, ids: Sequence[UUID], now: datetime) -> None:
    async with database.transaction() as connection:
        ended, changes = Changes(now), Changes(now)
        silent = await leases.unheard_safety_texts(connection, now, after.silent_after, f"{STEP}.", ids)
        known = {one.patient_id for one in silent if one.patient_id is not None}
        agreed = await outbox.consents_of(connection, known, []) if known else {}
        busy = await call_lists.under_way(connection, known) if known else set()
        planned = await call_lists.only_planned(connection, busy) if busy else {}
        busy -= planned.keys()
        unreached: set[UUID] = set()
        for one in silent:
            consents = [consent for consent, _ in agreed.get(one.patient_id, [])] if one.patient_id is not None else []
            refused = _why_not_called(after, one, consents, busy, now)
            detail: dict[str, object] = {"text": one.status, "communication_id": str(one.communication_id), "call": refused or "planned"}
            items.add_event(changes, one.organization_id, one.id, leases.FOLLOWED_UP, detail)
            if not refused and one.patient_id is not None:
                if (other := planned.get(one.patient_id)) is not None:  # it may be due tomorrow morning only
                    calls.move(ended, other, CallStatus.CANCELLED, "policy", reason="safety_call_goes_first")
                _call(changes, one, one.patient_id)
                busy.add(one.patient_id)
            if not one.arrived and one.reached is not Reached.DELIVERED:
                changes.update(escalations, one.id, reached=Reached.NOT_REACHED)
                unreached.add(one.id)
            changes.wake(f"queue:{one.organization_id}")
        await heed_unreached(connection, changes, unreached)
        await ended.write(connection)  # first: a patient has one live call at most
        await changes.write(connection)


def _why_not_called(after: FollowThrough, one: Unheard, consents: Sequence[Consent], busy: set[UUID], now: datetime) -> str:
    """Why no call follows, in a word for the item's history; "" when one does."""
    if one.patient_id is None:
        return "nobody known"
    if not after.calls(one.key, now - one.told_at):
        return "left to a person"
    if not one.callable:
        return "not to be contacted"
    if not any(consent.covers(one.phone_id, Channel.VOICE, "", now) for consent in consents):
        return "no consent to calls"
    return "a call is under way" if one.patient_id in busy else ""


def _call(changes: Changes, one: Unheard, patient_id: UUID) -> None:
    calls.plan(
        changes,
        organization_id=one.organization_id,
        patient_id=patient_id,
        phone_id=one.phone_id,
        flow_session_id=None,
        programme="",
        purpose=Purpose.SAFETY,
        number=1,
        due_at=changes.now,
        useful_until=changes.now + CALL_USEFUL,
    )
