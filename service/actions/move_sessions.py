"""Moves conversations under way to another version of their flow, on somebody's word, with a preview (law 7).

Whatever was told is judged by the new version's red flags in the same transaction: what fires is raised, never lost.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.apply_events import Aftermath, apply_events, queue_text
from service.actions.knowledge import Knowledge
from service.actions.publish_flow import SHORTEST_HASH
from service.actions.raise_escalation import Whose, raise_escalation
from service.actions.refusal import NotFound, Refused
from service.actions.safety_answers import may_say_again
from service.db import audit, flows, items, registration
from service.db.changes import Changes
from service.db.check_in import flow_sessions
from service.db.contexts import load_contexts
from service.db.database import Database
from service.db.failures import is_outage
from service.db.flows import Version
from service.domain.communication import Lane, Purpose
from service.domain.escalation import Reached
from service.domain.patient import PatientContext, WaitingSession
from service.domain.urgency import Urgency
from service.engine import Flow, Session, Status
from service.engine.follow_through import FLOW_TEXT
from service.engine.move import CannotMove, Moved, move

_log = structlog.get_logger(__name__)

BATCH = 50
"""Conversations of one transaction."""
MOST_AT_ONCE = 5_000
"""Conversations of one call; where there are more, call again."""
MOST_CHOSEN = 500


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the move did to one patient's conversation, or would do."""

    patient_id: UUID
    step: str = ""
    """The question that is open."""
    refused: str = ""
    """Why the conversation stays as it is, "" when it moves."""
    moved: Moved | None = None
    record_number: str = ""


@dataclass(frozen=True, slots=True)
class _Order:
    """What is asked for: where, to which version, by whom, and whether it is only looked at."""

    place: flows.Place
    target: UUID
    by: UUID | None
    now: datetime

    @property
    def preview(self) -> bool:
        return self.by is None


async def move_sessions(
    database: Database,
    knowledge: Knowledge,
    organization_id: UUID,
    key: str,
    *,
    version: str,
    by: UUID | None,
    now: datetime,
    record_numbers: Collection[str] | None = None,
    is_demo: bool = False,
    batch: int = BATCH,
) -> list[Outcome]:
    """Moves the waiting conversations of this flow to `version` (a hash, or its first 8 letters and more); what became of each.

    `by`: the member of staff whose word it is; None only looks, and changes nothing. `record_numbers`: these patients, None
    for all. `batch` of them are one transaction; one that fails is done one by one. Raises Refused when the version is not
    one that runs, NotFound for an unknown record number.
    """
    async with database.reading() as connection:
        target = await _target(connection, organization_id, key, version, is_demo=is_demo)
        chosen = None if record_numbers is None else await _chosen(connection, organization_id, record_numbers)
    programme, _, flow = key.partition("/")
    order = _Order((organization_id, programme, flow), target.id, by, now)
    outcomes: list[Outcome] = []
    after: UUID | None = None
    while len(outcomes) < MOST_AT_ONCE:
        async with database.reading() as connection:
            found = await flows.under_way(connection, order.place, besides=target.id, after=after, patient_ids=chosen, limit=batch)
        if not found:
            break
        outcomes += await _batch(database, knowledge, order, list(found.values()))
        after = max(found)
    reached = {outcome.patient_id for outcome in outcomes}
    left = sorted(set(chosen or ()) - reached)
    return [*outcomes, *(Outcome(id, refused="no check-in of this flow waits on another version") for id in left)]


async def _target(connection: AsyncConnection, organization_id: UUID, key: str, version: str, *, is_demo: bool) -> Version:
    """The version that `version` names. Raises Refused unless there is one, and one that may run."""
    wanted = version.strip().lower()
    if len(wanted) < SHORTEST_HASH:
        raise Refused("Name the version by at least {shortest_hash} letters, as `rounds flows list` shows it.", shortest_hash=SHORTEST_HASH)
    found = [one for one in await flows.versions(connection, organization_id) if one.key == key and one.content_hash.startswith(wanted)]
    if not found:
        raise Refused("{key} has no published version of this name: see `rounds flows list`.", key=key)
    if len(found) > 1:
        raise Refused("{key} has several published versions of this name: see `rounds flows list`.", key=key)
    standing = {one.version_id for one in await flows.approvals(connection, organization_id) if one.stands}
    if found[0].id not in standing and not is_demo:
        raise Refused("No clinician's approval of this version stands: nobody is moved to it.")
    return found[0]


async def _chosen(connection: AsyncConnection, organization_id: UUID, record_numbers: Collection[str]) -> list[UUID]:
    wanted = sorted({number.strip() for number in record_numbers} - {""})
    if not 0 < len(wanted) <= MOST_CHOSEN:
        raise Refused("Name 1 to {most_chosen} patients.", most_chosen=MOST_CHOSEN)
    found = await registration.patients_by_record_number(connection, organization_id, wanted)
    if missing := [number for number in wanted if number not in found]:
        raise NotFound(f"there is no patient with record number {missing[0]}")
    return list(found.values())


async def _batch(database: Database, knowledge: Knowledge, order: _Order, patient_ids: list[UUID]) -> list[Outcome]:
    try:
        return await _together(database, knowledge, order, patient_ids)
    except Exception as error:
        if is_outage(error):
            raise
        _log.error("move_failed", conversations=len(patient_ids), error=type(error).__name__)
        if len(patient_ids) == 1:
            return [Outcome(patient_ids[0], refused=f"it failed ({type(error).__name__}) and is as it was")]
    return [outcome for id in patient_ids for outcome in await _batch(database, knowledge, order, [id])]


async def _together(database: Database, knowledge: Knowledge, order: _Order, patient_ids: list[UUID]) -> list[Outcome]:
    async with database.transaction() as connection:
        contexts = await load_contexts(connection, patient_ids, order.now)
        pinned = {context.session.flow_version_id for context in contexts.values() if context.session is not None}
        known = await knowledge.flows(connection, {order.target, *pinned})
        changes = Changes(order.now)
        outcomes = []
        for context in contexts.values():
            outcome = _judged(context, known, order)
            if outcome.moved is not None and not order.preview and context.session is not None:
                _carry_over(changes, knowledge, context, context.session, known[order.target], outcome.moved, order)
            _note(changes, context, known, outcome, order)
            outcomes.append(outcome)
        numbers = await registration.record_numbers(connection, contexts)
        await changes.write(connection)
    return [replace(outcome, record_number=numbers.get(outcome.patient_id, "")) for outcome in outcomes]


def _judged(context: PatientContext, known: dict[UUID, Flow], order: _Order) -> Outcome:
    waiting = context.session
    if waiting is None:
        return Outcome(context.id, refused="the check-in is over")
    session = Session.from_json(waiting.state)
    if waiting.live_call:
        return Outcome(context.id, session.step, refused="the patient is on the telephone just now: try again in a few minutes")
    try:
        moved = move(known[waiting.flow_version_id], known[order.target], session, context.facts(order.now), order.now)
    except CannotMove as error:
        return Outcome(context.id, session.step, refused=str(error))
    return Outcome(context.id, session.step, moved=moved)


def _note(changes: Changes, context: PatientContext, known: dict[UUID, Flow], outcome: Outcome, order: _Order) -> None:
    """The audit line: a conversation was looked at, moved, or left as it is."""
    waiting = context.session
    action = "conversation_move_previewed" if order.preview else "conversation_not_moved" if outcome.refused else "conversation_moved"
    audit.record(
        changes,
        context.organization.id,
        action,
        staff_id=order.by,
        patient_id=context.id,
        object_kind="flow_session",
        object_id=waiting.id if waiting else None,
        detail={
            "from": known[waiting.flow_version_id].version if waiting else "",
            "to": known[order.target].version,
            "red_flags": [flag.fired.rule for flag in outcome.moved.red_flags] if outcome.moved else [],
        },
    )


def _carry_over(
    changes: Changes, knowledge: Knowledge, context: PatientContext, waiting: WaitingSession, flow: Flow, moved: Moved, order: _Order
) -> None:
    """Writes the moved conversation, raises what fired, and queues the answer to it."""
    changes.update(flow_sessions, waiting.id, flow_version_id=order.target)
    waiting = replace(waiting, flow_version_id=order.target)
    aftermath = apply_events(changes, replace(context, session=waiting), waiting, moved.session, moved.events)
    changes.wake(f"patient:{context.id}")
    if aftermath.fired:
        _raise(changes, knowledge, aftermath, waiting, ended=moved.session.status is Status.ENDED)


def _raise(changes: Changes, knowledge: Knowledge, aftermath: Aftermath, waiting: WaitingSession, *, ended: bool) -> None:
    context = aftermath.context
    item = raise_escalation(changes, Whose.patient(context), aftermath.fired)
    danger = ended and any(fired.urgency is Urgency.EMERGENCY for fired in aftermath.fired)
    for text in aftermath.texts:
        if not danger:
            queue_text(changes, context, waiting, text, Purpose.ANSWER)
        elif may_say_again(knowledge.follow_through, item, FLOW_TEXT, changes.now):
            queue_text(changes, context, waiting, text, Purpose.SAFETY, lane=Lane.EMERGENCY, reason=FLOW_TEXT, escalation_id=item.id)
            items.change_item(changes, context.organization.id, item.id, reached=Reached.ON_ITS_WAY)
