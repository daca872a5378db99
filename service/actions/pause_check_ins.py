"""Check-ins rest, and run again: a hospital stay until a nurse ends it, a journey for as long as the patient agreed to.

While a pause is on nothing scheduled is sent, nobody is called and nobody counts as silent; what the patient writes is read, judged
and answered as ever. The functions of `changes` are steps inside others' transactions; the patient's row is locked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from service.actions.one_by_one import together_or_one_by_one
from service.actions.raise_escalation import Whose, raise_escalation
from service.actions.stop_contact import end_conversation
from service.db import audit, pauses
from service.db.changes import Changes
from service.db.contexts import load_contexts
from service.db.database import Database
from service.db.problems import Problem, report
from service.domain.decision import Fired
from service.domain.event import PauseAgreed
from service.domain.patient import PatientContext, PatientStatus
from service.domain.pause import Pause, PauseEnd, PauseKind, PauseState, end_of, ends_by_the_patients_word, may_begin, may_pause
from service.domain.reading import Assertion, Finding, FindingKind, Reading
from service.domain.urgency import Urgency

LONGEST_REASON = 300
MOST_TURNS = 2_000
"""Pauses in one round; those that cannot begin or end stay among them, and must not stand in the others' way."""
RESTS = "machine.in_hospital"
"""Rule of the item when the patient's own words have paused the check-ins."""
PATIENT_SAID = "In the patient's own words"
IN_HOSPITAL = "Says to be in the hospital: check-ins rest until a nurse resumes them. Find out why and where"
FROM_HOSPITAL = "Says to be home again: call, then resume the check-ins"
_FAILED = "A pause of check-ins could not begin or end when it was due: look whether that patient gets check-ins as wanted."
_LONG = Fired(
    "machine.long_pause",
    "machine",
    Urgency.SAME_DAY,
    "Check-ins rest without an end that is set: ask how the patient is, and whether check-ins should go on",
    "Rounds default: nobody rests unseen, a pause without an end is looked at",
)
_NOW = frozenset({Assertion.PRESENT, Assertion.PAST})
"""The words name a stay that lasts ("I am in the hospital"); a reader may take "in the hospital" for the place of an earlier reading."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A pause as somebody wants it. `staff_id` None: the patient said so, in the text `communication_id`."""

    kind: PauseKind
    ends_at: datetime | None = None
    """None: until somebody ends it."""
    begins_at: datetime | None = None
    """None: now."""
    staff_id: UUID | None = None
    communication_id: UUID | None = None
    reason: str = PATIENT_SAID


def pause(changes: Changes, context: PatientContext, wanted: Wanted, *, keep_conversation: bool = False) -> PatientContext:
    """The patient with this pause, unless the one that is on goes before it; somebody who has died or left needs none.

    A pause by staff takes the place of every other, one by the patient's words that of the one that is on. A conversation under way
    ends without a word, except one that is asking about the pause itself (`keep_conversation`) and, outside of a hospital, a re-check.
    """
    by_staff = wanted.staff_id is not None
    if context.status not in (PatientStatus.ACTIVE, PatientStatus.PAUSED) or not may_pause(context.pause, wanted.kind, by_staff=by_staff):
        return context
    new = pauses.add(
        changes,
        organization_id=context.organization.id,
        patient_id=context.id,
        kind=wanted.kind,
        begins_at=wanted.begins_at or changes.now,
        ends_at=wanted.ends_at,
        staff_id=wanted.staff_id,
        communication_id=wanted.communication_id,
        reason=wanted.reason[:LONGEST_REASON],
    )
    states = (PauseState.ON, PauseState.PLANNED) if by_staff else (PauseState.ON,)
    pauses.end(changes, context.id, PauseEnd.REPLACED, staff_id=wanted.staff_id, but=new.id, states=states)
    _audit(changes, context, "check_ins_paused", wanted.staff_id, new)
    if new.state is PauseState.ON:
        return _begun(changes, context, new, keep_conversation=keep_conversation)
    return _over(changes, context)


def agreed(changes: Changes, context: PatientContext, event: PauseAgreed, communication_id: UUID | None) -> PatientContext:
    """The patient with the pause that they agreed to in a check-in, which goes on."""
    ends_at = end_of(event.days, context.zone, changes.now) if event.days is not None else None
    wanted = Wanted(PauseKind(event.kind), ends_at=ends_at, communication_id=communication_id)
    return pause(changes, context, wanted, keep_conversation=True)


def resume(changes: Changes, context: PatientContext, how: PauseEnd, staff_id: UUID | None = None) -> PatientContext:
    """The patient without a pause: the next check-in that is planned comes. Nothing is sent about it.

    Staff end what is planned too; the patient's word and the date end what is on.
    """
    states = (PauseState.ON, PauseState.PLANNED) if staff_id is not None else (PauseState.ON,)
    pauses.end(changes, context.id, how, staff_id=staff_id, states=states)
    _audit(changes, context, "check_ins_resumed", staff_id, context.pause)
    return _over(changes, context)


def heed_whereabouts(
    changes: Changes, context: PatientContext, reading: Reading, communication_id: UUID
) -> tuple[PatientContext, list[Fired]]:
    """What the patient says of themselves: in the hospital now, check-ins rest at once; back home, a journey's pause is over.

    A hospital stay ends by a nurse only, who is told that the patient says so.
    """
    home = reading.first(FindingKind.SIGN, "back_home")
    stay = next((f for f in reading.findings if f.kind is FindingKind.SIGN and f.name == "in_hospital" and f.assertion in _NOW), None)
    if stay is not None:
        wanted = Wanted(PauseKind.HOSPITAL, communication_id=communication_id)
        rested = pause(changes, context, wanted)
        return rested, [] if rested is context else [_fired(RESTS, IN_HOSPITAL, stay)]
    if home is not None and context.pause is not None:
        if not ends_by_the_patients_word(context.pause):
            return context, [_fired("machine.home_from_hospital", FROM_HOSPITAL, home)]
        return resume(changes, context, PauseEnd.PATIENT), []
    return context, []


def _fired(rule: str, reason: str, finding: Finding) -> Fired:
    source = "Rounds safety rule 43: a hospital stay stops the check-ins until a nurse ends it"
    return Fired(rule, "machine", Urgency.SAME_DAY, reason, source, (finding.span,))


async def turn_pauses(database: Database, now: datetime, *, limit: int = 200) -> int:
    """Begins and ends the pauses whose time has come, at most `limit` in one commit; how many patients there were.

    A pause that nobody has set an end to is an item of the patient once a week: it must not be forgotten.
    """
    async with database.reading() as connection:
        due = await pauses.turns(connection, now, MOST_TURNS)

    async def together(patient_ids: Sequence[UUID]) -> None:
        await _together(database, patient_ids, now)

    async def set_aside(patient_id: UUID, _failure: str) -> None:
        async with database.transaction() as connection:
            changes = Changes(now)
            await report(connection, changes, [Problem(due[patient_id], "pause_failed", _FAILED, Urgency.SAME_DAY)], repeat=False)
            await changes.write(connection)

    patient_ids = list(due)
    for first in range(0, len(patient_ids), limit):
        await together_or_one_by_one("pauses", patient_ids[first : first + limit], together, set_aside)
    return len(due)


async def _together(database: Database, patient_ids: Sequence[UUID], now: datetime) -> None:
    if not patient_ids:
        return
    async with database.transaction() as connection:
        contexts = await load_contexts(connection, patient_ids, now)
        found = await pauses.open_pauses(connection, contexts)
        changes = Changes(now)
        for id, context in contexts.items():
            _turned(changes, context, found.get(id, []))
        await changes.write(connection)


def _turned(changes: Changes, context: PatientContext, found: Sequence[Pause]) -> None:
    """Ends what is over before anything begins: two pauses may meet at one midnight."""
    now = changes.now
    over = [one for one in found if one.ends_at is not None and one.ends_at <= now]
    begun = [one for one in found if one.state is PauseState.PLANNED and one.begins_at <= now and one not in over]
    for one in over:
        pauses.end_one(changes, one.id, PauseEnd.DATE)
        _audit(changes, context, "check_ins_resumed", None, one, actor="system")
    if any(one.state is PauseState.ON for one in over):
        context = _over(changes, context)
    for one in begun:
        if not may_begin(context.pause):
            pauses.end_one(changes, one.id, PauseEnd.REPLACED)
            continue
        pauses.begin(changes, one.id)
        pauses.end(changes, context.id, PauseEnd.REPLACED, but=one.id, states=(PauseState.ON,))
        _audit(changes, context, "check_ins_paused", None, one, actor="system")
        context = _begun(changes, context, one)
    for one in found:
        if one.state is PauseState.ON and one not in over and one.look_again_at is not None and one.look_again_at <= now:
            pauses.looked_at(changes, one.id)
            if context.status is PatientStatus.PAUSED:
                raise_escalation(changes, Whose.patient(context), [_LONG])


def _begun(changes: Changes, context: PatientContext, one: Pause, *, keep_conversation: bool = False) -> PatientContext:
    pauses.set_paused(changes, context.id, paused=True)
    a_recheck = context.session is not None and context.session.check_in_id is None  # outside of a hospital it is asked all the same
    if not keep_conversation and (one.kind is PauseKind.HOSPITAL or not a_recheck):
        context = end_conversation(changes, context)
    changes.wake(f"patient:{context.id}")
    return replace(context, status=PatientStatus.PAUSED, pause=one)


def _over(changes: Changes, context: PatientContext) -> PatientContext:
    pauses.set_paused(changes, context.id, paused=False)
    status = PatientStatus.ACTIVE if context.status is PatientStatus.PAUSED else context.status
    changes.wake(f"patient:{context.id}")
    return replace(context, status=status, pause=None)


def _audit(
    changes: Changes, context: PatientContext, action: str, staff_id: UUID | None, one: Pause | None, *, actor: str = "patient"
) -> None:
    whose = {"object_kind": "pause", "object_id": one.id, "detail": {"kind": str(one.kind)}} if one is not None else {}
    audit.record(changes, context.organization.id, action, actor=actor, staff_id=staff_id, patient_id=context.id, **whose)
