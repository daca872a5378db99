"""What follows when a provider says that a number has stopped our texts, or that the handset behind it is unknown.

A step inside settle_communications' transaction. The provider's block is an opt-out like any other (decisions 12): it ends
automated contact on every channel. From a number that never wrote to us it says something else: somebody else may have it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.doubt_number import doubt
from service.db import audit, check_in, numbers, patient
from service.db.changes import Changes
from service.db.numbers import Standing
from service.db.problems import Problem
from service.domain.urgency import Urgency

EFFECTS = frozenset({"opted_out", "recycled"})
"""What a provider's error says of the number itself (`port.PermanentFailure.effect`)."""
_STOPPED = "The phone company says that the patient has stopped the messages: monitoring has ended, clarify what is wanted."
_RELATIVES = "The phone company says that a relative's or carer's number takes no messages of ours any more."


@dataclass(frozen=True, slots=True)
class Block:
    """A text that was not taken, and what that says of its number."""

    organization_id: UUID
    phone_id: UUID
    effect: str
    code: str


async def heed_blocks(connection: AsyncConnection, changes: Changes, blocks: Sequence[Block]) -> list[Problem]:
    """Writes what the blocks mean into the changes; the problems that a person has to know, none for a number that had stopped before."""
    problems: list[Problem] = []
    latest = {block.phone_id: block for block in blocks if block.effect in EFFECTS}
    if not latest:
        return problems
    standing = await numbers.standing(connection, list(latest))
    for phone_id, block in sorted(latest.items()):
        problems += _heed(changes, block, standing[phone_id])
    return problems


def _heed(changes: Changes, block: Block, number: Standing) -> list[Problem]:
    detail = {"code": block.code, "effect": block.effect, "wrote": number.has_written}
    if block.effect == "opted_out":
        if number.opted_out_at is not None:
            return []
        patient.set_phone(changes, block.phone_id, opted_out_at=changes.now)
    if not number.patients:
        return [_problem(block, "related_number_blocked", _RELATIVES, Urgency.ROUTINE, None, detail)]
    if block.effect == "recycled" or not number.has_written:
        return doubt(changes, block.organization_id, block.phone_id, number.patients, detail)
    for id in number.patients:
        patient.revoke_consents(changes, id, "opt_out")
        check_in.pause_enrollments(changes, id, "opted_out")
        check_in.stop_conversations(changes, id)
        audit.record(changes, block.organization_id, "opted_out", patient_id=id, object_kind="phone", object_id=block.phone_id)
    return [_problem(block, "opted_out_at_provider", _STOPPED, Urgency.SAME_DAY, id, detail) for id in number.patients]


def _problem(block: Block, rule: str, reason: str, urgency: Urgency, patient_id: UUID | None, detail: dict[str, Any]) -> Problem:
    return Problem(block.organization_id, rule, reason, urgency, patient_id=patient_id, phone_id=block.phone_id, detail=detail)
