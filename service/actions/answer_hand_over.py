"""A line of a hand-over is answered: accepted (the item's claim passes with it), declined with a reason, or taken back by its giver."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.claim_escalation import NEEDS_A_NURSE, may_take
from service.actions.refusal import NotFound, Refused
from service.db import alarm_items, audit, escalation_claims, hand_overs
from service.db.changes import Changes
from service.db.database import Database
from service.db.hand_overs import HandOver
from service.domain.escalation import LEASE, Escalation, State
from service.domain.hand_over import LONGEST_WORDS, WAITING, HandOverState, transition, unanswered_words
from service.domain.staff import Permission, Role, Staff

ANSWERS = (HandOverState.ACCEPTED, HandOverState.DECLINED, HandOverState.WITHDRAWN)
HAPPENED = {
    HandOverState.ACCEPTED: "handed_over",
    HandOverState.DECLINED: "hand_over_declined",
    HandOverState.WITHDRAWN: "hand_over_withdrawn",
    HandOverState.VOID: "hand_over_void",
}


async def answer_hand_over(
    database: Database, staff: Staff, id: UUID, answer: HandOverState, now: datetime, *, reason: str = ""
) -> HandOverState:
    """What the line has become: `answer`, or VOID when the item was closed or taken by somebody else meanwhile.

    The receiver accepts or declines, and so may a supervisor of the team for a line that nobody has answered in time; the giver takes
    back. Raises NotFound for a line of other people, Refused for one that is answered and for a refusal without a reason.
    """
    if not staff.may(Permission.WORK_QUEUE) or answer not in ANSWERS:
        raise NotFound
    reason = reason.strip()[:LONGEST_WORDS]
    if answer is HandOverState.DECLINED and not reason:
        raise Refused("Say why you do not take it over, so that the giver knows what to do.")
    async with database.reading() as connection:
        seen = await hand_overs.get(connection, id)
    if seen is None or not _theirs(seen, staff, answer):
        raise NotFound
    async with database.transaction() as connection:
        item = await escalation_claims.lock_item(connection, staff, seen.item_id) if seen.item_id is not None else None
        if seen.item_id is not None and item is None:
            raise NotFound
        line = await hand_overs.lock(connection, id)
        if line is None or line.state not in WAITING:
            raise Refused("This was answered already.")
        if answer is HandOverState.ACCEPTED and item is not None and not await _pass_on(connection, item, line, staff, now):
            answer = HandOverState.VOID
        if not transition(line.state, answer) or not await hand_overs.settle(connection, id, answer, now, staff_id=staff.id, reason=reason):
            raise Refused("This was answered already.")
        await _tell(connection, line, item, answer, staff, now)
    return answer


def _theirs(line: HandOver, staff: Staff, answer: HandOverState) -> bool:
    if line.organization_id != staff.organization_id or line.team_id not in staff.team_ids:
        return False
    if answer is HandOverState.WITHDRAWN:
        return line.giver_id == staff.id
    passed_up = line.state is HandOverState.OVERDUE and staff.role is Role.SUPERVISOR and line.giver_id != staff.id
    return line.receiver_id == staff.id or passed_up


async def _pass_on(connection: AsyncConnection, item: Escalation, line: HandOver, staff: Staff, now: datetime) -> bool:
    """Gives the item to whoever accepts, asleep while it is put off; False when it is closed, or in the hands of a third person."""
    if item.state is State.RESOLVED:
        return False
    others = item.claimed_by not in (None, line.giver_id, staff.id)
    if others and (item.held(now) or item.asleep(now)):
        return False
    if not may_take(staff, item):  # their role may have changed since it was offered
        raise Refused(NEEDS_A_NURSE)
    lease = now + LEASE[item.urgency]
    asleep = item.asleep(now)
    if not await (
        escalation_claims.pass_on_asleep(connection, item, staff)
        if asleep
        else escalation_claims.claim(connection, item, staff, lease, now)
    ):
        raise Refused("The item changed just now. Look again and repeat it if you still want to.")
    return True


async def _tell(
    connection: AsyncConnection, line: HandOver, item: Escalation | None, answer: HandOverState, staff: Staff, now: datetime
) -> None:
    """History, trail, and the end of what had been raised because nobody answered."""
    if item is not None:
        detail = {"from": str(line.giver_id), "to": str(staff.id if answer is HandOverState.ACCEPTED else line.receiver_id)}
        await escalation_claims.record(connection, item, HAPPENED[answer], staff, now, {**detail, "hand_over": str(line.id)})
    await audit.leave(
        connection,
        line.organization_id,
        now,
        f"hand_over_{answer}",
        staff_id=staff.id,
        patient_id=line.patient_id,
        object_kind="hand_over",
        object_id=line.id,
        detail={"from": str(line.giver_id)},
    )
    changes = Changes(now)
    left = await hand_overs.overdue_of(connection, line.giver_id, line.team_id)
    for standing in await hand_overs.problems_of(connection, line):
        if left:
            alarm_items.say(changes, standing, unanswered_words(left))
        else:
            alarm_items.close(changes, standing)
    await changes.write(connection)
