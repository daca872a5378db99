"""Writes what became of texts, with all that follows from it: the one place where an outbound text changes its status.

A step inside others' transactions: the sender's own results, the provider's callbacks, reconciling and policy all come here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.blocked_number import EFFECTS, Block, heed_blocks
from service.actions.heed_unreached import heed_unreached
from service.actions.other_way import other_way
from service.db import items, outcomes, pages, parked
from service.db.changes import Changes
from service.db.check_in import check_ins, flow_sessions
from service.db.communication import communication_statuses, communications
from service.db.escalation import escalations
from service.db.outcomes import Known
from service.db.patient import phones
from service.db.problems import Problem, report
from service.domain.communication import FINAL, Lane, Purpose, Status, transition
from service.domain.escalation import Reached
from service.domain.urgency import Urgency


@dataclass(frozen=True, slots=True)
class Word:
    """What somebody says of one text: its new status and where that comes from."""

    communication_id: UUID
    status: Status
    source: str
    """sender | callback | reconcile | policy"""
    attempt_id: UUID | None = None
    outcome: str = ""
    """How the attempt ended, when this word ends it: accepted | failed | transient | unknown."""
    provider: str = ""
    provider_id: str = ""
    provider_status: str = ""
    error_code: str = ""
    effect: str = ""
    """As `port.PermanentFailure.effect`."""
    reason: str = ""
    due_at: datetime | None = None
    """When a held or postponed text is due again."""
    retry_after: timedelta | None = None
    """The pause after which the provider's code says that a new attempt is sensible."""


_FAILED = frozenset({Status.FAILED, Status.UNDELIVERED})
_NOT_ARRIVED = frozenset({Status.FAILED, Status.UNDELIVERED, Status.CANCELLED, Status.EXPIRED})
_HARMLESS = frozenset({"opted_out", "patient_stopped", "paused", "unsafe_to_contact", "conversation_over"})
"""Reasons of a cancellation that somebody decided and that stand in the record: no further item."""
_ABOUT_THE_NUMBER = frozenset({"opted_out", "invalid_number", "not_mobile", "recycled", "filtered", "content"})

_FROM_NURSES = (Purpose.NURSE, Purpose.RECHECK)
"""What a nurse waits for."""


async def settle_communications(connection: AsyncConnection, words: Sequence[Word], now: datetime) -> list[bool]:
    """Applies each word in order, forward only; True for those that changed something. Others are kept as history, each once.

    A text that did not arrive is never silent: it becomes an operational item, a mark on its escalation, or both; and an escalation whose
    patient waits for an answer in vain is put off no more.
    """
    if not words:
        return []
    neighbours = any(word.status in _NOT_ARRIVED for word in words)  # these change phones and items of patients
    known = await outcomes.lock(connection, [word.communication_id for word in words], neighbours=neighbours)
    waiting = await overtaken(connection, words)
    changes = Changes(now)
    applied: list[bool] = []
    settled: list[tuple[Known, Word]] = []
    doubted: list[tuple[Known, Word]] = []
    unreached: set[UUID] = set()
    ends: list[dict[str, Any]] = []
    late: list[dict[str, Any]] = []
    for word in [*words, *waiting]:
        before = known.get(word.communication_id)
        if before is None:
            applied.append(False)
            continue
        if _fenced(before, word):
            late.append(_history(before, word.status, word, now, False))
            applied.append(False)
            continue
        steps = _steps(before, word)
        after = _after(before, word, bool(steps))
        known[before.id] = after
        for step in steps:
            changes.insert(communication_statuses, _history(before, step, word, now, True))
        if not steps:
            late.append(_history(before, word.status, word, now, False))
        if after != before:
            changes.update(communications, before.id, **_columns(after, now if steps else None))
        if steps:
            settled.append((after, word))
        elif before.escalation_id is not None and _in_doubt(before, word):
            changes.update(escalations, before.escalation_id, reached=Reached.NOT_REACHED)
            told = {"status": word.status, "why": "the provider said both"}
            items.add_event(changes, before.organization_id, before.escalation_id, "answer_not_reached", told)
            unreached.add(before.escalation_id)
            changes.wake(f"queue:{before.organization_id}")
        elif _taken_back(before, word):
            doubted.append((replace(before, status=word.status), word))
        if word.outcome and word.attempt_id is not None:
            ends.append(
                {
                    "id": word.attempt_id,
                    "outcome": _LOOKED_UP.get(word.outcome, word.outcome) if word.source == "reconcile" else word.outcome,
                    "provider_id": word.provider_id or None,
                    "error_code": word.error_code[:32],
                }
            )
        applied.append(bool(steps))
    asked = [one.check_in_id for one, _ in settled if _ends_conversation(one) and one.check_in_id is not None]
    open_check_ins = await outcomes.unanswered(connection, asked) if asked else set()
    failed = [(one, word.reason, word.effect, word.retry_after) for one, word in settled if one.status in _FAILED]
    ways = await other_way(connection, changes, failed) if failed else {}
    problems = [problem for one, word in settled for problem in _follow(changes, one, word, open_check_ins, ways.get(one.id, ""))]
    unreached |= {one.escalation_id for one, _ in settled if one.escalation_id is not None and _waited_for(one, ways.get(one.id, ""))}
    problems += [_problem(one, word, "the_provider_said_both") for one, word in doubted]
    blocks = [Block(one.organization_id, one.phone_id, word.effect, word.error_code) for one, word in settled if one.status in _FAILED]
    problems += await heed_blocks(connection, changes, blocks)
    # Patients' items first, then the organization's row and its operational items: the order of all who take both.
    await pages.lock_items(connection, changes.updated.get(escalations, {}).keys() | unreached)
    await heed_unreached(connection, changes, unreached)
    await report(connection, changes, problems)
    await outcomes.end_attempts(connection, ends, now)
    for line in await outcomes.untold(connection, late, changes.inserted.get(communication_statuses, {}).values()):
        changes.insert(communication_statuses, line)
    await changes.write(connection)
    return applied[: len(words)]


def _fenced(before: Known, word: Word) -> bool:
    """True for the result of a sender whose claim has run out, and after which the text was claimed anew: the attempt is the fence.

    And for a callback in whose path our attempt stands, but which speaks of another text of the provider's than that attempt made:
    not every provider signs the path.
    """
    if word.source == "sender":
        return word.attempt_id is not None and word.attempt_id != before.attempt_id
    other = (before.provider, before.provider_id) != (word.provider, word.provider_id)
    return (
        word.source == "callback"
        and word.attempt_id is not None
        and word.attempt_id == before.attempt_id
        and bool(before.provider_id)
        and other
    )


def _steps(before: Known, word: Word) -> list[Status]:
    """The statuses to pass through, none when the word comes too late or twice.

    A callback on an attempt that we took for not processed (the text is due again) proves that the provider has it. Policy
    rules on texts that wait: one that somebody has claimed meanwhile may be leaving already. A held text may be held anew.
    """
    if word.attempt_id is None and word.source in _RULINGS and before.status not in (Status.DUE, Status.HELD):
        return []
    if before.status is Status.HELD and word.status is Status.HELD and word.due_at is not None:
        return [Status.DUE, Status.HELD]
    if transition(before.status, word.status):
        if word.source == "callback" and word.attempt_id not in (None, before.attempt_id) and word.status in _NOT_ARRIVED:
            return []  # an earlier attempt's failure says nothing of the one under way
        return [word.status]
    if word.source in ("callback", "reconcile") and before.status is Status.DUE and word.status in (Status.SENT, Status.DELIVERED):
        return [Status.CLAIMED, word.status]
    return []


_LOOKED_UP = {"accepted": "found", "failed": "missing"}
"""How an attempt in doubt ended by the provider's own list: that speaks for the text, and not for the provider (`domain.failover`)."""
_RULINGS = frozenset({"policy", "sender"})
"""Who decides about a text without having handed it over."""


def _in_doubt(before: Known, word: Word) -> bool:
    """True when the provider takes back that a safety text has arrived. The text stays as it is; the item takes the worse for true."""
    told = before.purpose is Purpose.SAFETY and before.status is Status.DELIVERED
    same = word.attempt_id is None or word.attempt_id == before.attempt_id
    return told and same and word.source in ("callback", "reconcile") and word.status in (Status.UNDELIVERED, Status.FAILED)


def _waited_for(one: Known, way: str) -> bool:
    """True when its patient, or the nurse who wrote it, counts on a text that did not arrive and that goes no other way."""
    return one.status in _NOT_ARRIVED and (one.purpose is Purpose.SAFETY or (one.purpose in _FROM_NURSES and not way))


def _taken_back(before: Known, word: Word) -> bool:
    """True when the provider, asked anew, says that a text has not arrived that it once called delivered."""
    return before.status is Status.DELIVERED and word.source == "reconcile" and word.status in _FAILED


def _after(before: Known, word: Word, moves: bool) -> Known:
    after = before
    if word.provider_id and not before.provider_id:
        after = replace(after, provider_id=word.provider_id, provider=word.provider or before.provider)
    if moves:
        after = replace(
            after,
            status=word.status,
            error_code=word.error_code[:32] or before.error_code,
            reason=word.reason or before.reason,
            due_at=word.due_at or before.due_at,
        )
        if word.status is Status.DUE:
            after = replace(after, provider_id=None)
    return after


def _columns(after: Known, moved_at: datetime | None) -> dict[str, Any]:
    columns: dict[str, Any] = {"provider": after.provider, "provider_id": after.provider_id}
    if moved_at is not None:
        columns |= {
            "status": after.status,
            "status_at": moved_at,
            "error_code": after.error_code,
            "reason": after.reason,
            "due_at": after.due_at,
            "claimed_by": None,
            "lease_until": None,
        }
    return columns


def _history(before: Known, status: Status, word: Word, now: datetime, moves: bool) -> dict[str, Any]:
    return outcomes.status_row(
        before.organization_id,
        before.id,
        status,
        now,
        word.source,
        provider_status=word.provider_status,
        error_code=word.error_code or word.reason,
        applied=moves,
    )


async def overtaken(connection: AsyncConnection, words: Sequence[Word]) -> list[Word]:
    """Callbacks on these texts (or pages) that overtook the provider's answer: with the answer we know whose they are."""
    ours = {(word.provider, word.provider_id): word for word in words if word.source != "callback" and word.provider_id}
    found = await parked.take(connection, ours)
    return [
        Word(
            ours[early.provider, early.provider_id].communication_id,
            early.status,
            "callback",
            attempt_id=ours[early.provider, early.provider_id].attempt_id,
            provider=early.provider,
            provider_id=early.provider_id,
            provider_status=early.provider_status,
            error_code=early.error_code,
            effect=early.effect,
            retry_after=None if early.retry_after_seconds is None else timedelta(seconds=early.retry_after_seconds),
        )
        for early in found
    ]


def _follow(changes: Changes, one: Known, word: Word, open_check_ins: set[UUID], way: str) -> list[Problem]:
    """All that follows from a text's new status; the problems that a person has to know. With another `way` it is nobody's yet."""
    if one.status in FINAL and one.escalation_id is not None:
        changes.wake(f"queue:{one.organization_id}")
    if one.status is Status.DELIVERED and one.purpose is Purpose.SAFETY and one.escalation_id:
        changes.update(escalations, one.escalation_id, reached=Reached.DELIVERED)
        items.add_event(changes, one.organization_id, one.escalation_id, "answer_delivered", {})
        return []
    if one.status not in _NOT_ARRIVED:
        return []
    if word.effect in ("invalid_number", "not_mobile"):
        changes.update(phones, one.phone_id, invalid_since=changes.now)
    if not way and _ends_conversation(one) and one.check_in_id in open_check_ins:
        _end_conversation(changes, one)
    why = word.reason or word.error_code or word.provider_status
    if one.escalation_id is not None:
        safety = one.purpose is Purpose.SAFETY
        if safety:
            changes.update(escalations, one.escalation_id, reached=Reached.NOT_REACHED)
        what = "answer_not_reached" if safety else "text_not_delivered"
        items.add_event(changes, one.organization_id, one.escalation_id, what, {"status": one.status, "why": why, "then": way})
        if safety:
            return []
    if way:
        return []
    if one.status is Status.CANCELLED and why in _HARMLESS and one.purpose is not Purpose.NURSE:
        return []
    unheard = one.purpose in _FROM_NURSES
    late = one.purpose is Purpose.OPT_OUT_CONFIRMATION and one.status in (Status.EXPIRED, Status.CANCELLED)
    if late or (word.effect in EFFECTS and not unheard):
        return []  # what that says of the number is told once, by heed_blocks; an opt-out stands without its confirmation
    return [_problem(one, word, why)]


def _ends_conversation(one: Known) -> bool:
    return one.purpose is Purpose.CHECK_IN and one.status in _NOT_ARRIVED


def _end_conversation(changes: Changes, one: Known) -> None:
    """A question that never arrived must not be counted as the patient's silence."""
    if one.flow_session_id is not None:
        changes.update(flow_sessions, one.flow_session_id, status="ended", waits_until=None, changed_at=changes.now)
    if one.check_in_id is not None:
        ended = "expired" if one.status is Status.EXPIRED else "cancelled"
        changes.update(check_ins, one.check_in_id, status=ended, ended_at=changes.now)


def _problem(one: Known, word: Word, why: str) -> Problem:
    urgent = one.lane is Lane.EMERGENCY or one.purpose in (Purpose.NURSE, Purpose.SAFETY, Purpose.RECHECK)
    personal = one.patient_id is not None and (urgent or word.effect in _ABOUT_THE_NUMBER or one.status is Status.UNDELIVERED)
    if one.status is Status.EXPIRED or one.status is Status.CANCELLED:
        rule, reason = f"text_{one.status}", f"A text was not sent ({why.replace('_', ' ')}): the patient has not had it."
    else:
        rule, reason = "text_not_delivered", "A text could not be delivered: the patient has not had it."
    return Problem(
        one.organization_id,
        rule,
        reason if personal else reason.replace("A text", "One or more texts").replace(" was ", " were "),
        Urgency.URGENT if urgent else Urgency.SAME_DAY,
        patient_id=one.patient_id if personal else None,
        phone_id=one.phone_id if personal or one.patient_id is None else None,
        communication_id=one.id if personal else None,
        detail={"status": one.status, "code": word.error_code, "effect": word.effect, "why": why, "purpose": one.purpose},
    )
