"""A named nurse closes an item in one step: decision, note, an answer to every concern, what follows, and the minutes it took."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.own_item import CHANGED, own_item, told
from service.actions.refusal import Refused
from service.actions.write_note import LONGEST_NOTE
from service.db import break_glass, escalation_claims, follow_ups, item_notes, nurse_calls, time_log
from service.db.database import Database
from service.domain.encounter import Encounter, missing, perhaps_missing
from service.domain.encounter_words import as_text
from service.domain.escalation import Disposition, Escalation, Kind, SpokeTo, why_not_resolvable
from service.domain.follow_up import LONGEST, Plan
from service.domain.staff import Permission, Staff
from service.domain.time_log import beyond
from service.domain.urgency import Urgency


@dataclass(frozen=True, slots=True)
class Closing:
    """What the nurse filled in; `version` is that of the item they were looking at.

    An emergency or urgent item of a patient needs an `encounter`, whose decision and spoken-to then count; any other a `note`.
    """

    version: int
    disposition: str = ""
    note: str = ""
    spoke_to: str = ""
    answered: Collection[UUID] = ()
    encounter: Encounter | None = None
    follow_up: Plan | None = None
    useless: bool = False
    """The concerns were of no use: the yield of their rules counts it."""
    undated: bool = False
    """A follow-up is wanted, and its time is not said or is none."""


class Incomplete(Refused):
    """Fields of an encounter note and of what is sent with it that stand empty: all that must not as `fields`, all that other answers may
    ask for as `perhaps`.
    """

    def __init__(self, fields: Collection[str], perhaps: Collection[str] = ()) -> None:
        """Names of `Encounter`; in `fields` also "answered" (a concern is not ticked) and "follow_up_when"."""
        super().__init__("The note is not complete: fill in what is marked, then close the item.")
        self.fields, self.perhaps = tuple(dict.fromkeys(fields)), tuple(perhaps)


def needs_encounter(item: Escalation) -> bool:
    """Whether a plain note is not enough to close it."""
    return item.kind is Kind.CLINICAL and item.patient_id is not None and item.urgency in (Urgency.EMERGENCY, Urgency.URGENT)


async def resolve_escalation(database: Database, staff: Staff, item_id: UUID, closing: Closing, now: datetime) -> None:
    """Closes the item in one transaction: concerns answered, note signed, follow-up planned, minutes counted, state, history, audit.

    Raises NotFound for another team's item, Held unless the asker holds it, Refused saying what is missing (Incomplete: which fields).
    """
    if len(closing.note) > LONGEST_NOTE or (closing.follow_up is not None and len(closing.follow_up.words) > LONGEST):
        raise Refused("A note is at most {most} characters long: shorten it.", most=LONGEST_NOTE)
    async with database.transaction() as connection:
        item = await own_item(connection, staff, item_id, held=True)
        if item.kind is Kind.CLINICAL and not staff.may(Permission.ASSESS):
            raise Refused("A nurse closes this item: you may gather what is known, and she judges. Write a note and give it back.")
        if await break_glass.tells_of(connection, item, staff.id):
            raise Refused("This item tells that you have opened the record: somebody else closes it.")
        if item.version != closing.version:
            raise Refused(CHANGED)
        encounter = closing.encounter
        if encounter is None and needs_encounter(item):
            encounter = Encounter()
        open_concerns = await escalation_claims.unanswered(connection, item)
        unticked = bool(set(open_concerns) - set(closing.answered))
        if encounter is not None:
            called = bool(await nurse_calls.counts(connection, [item.id]))
            lacks = [*missing(encounter, item.urgency, called=called), *(["follow_up_when"] if closing.undated else [])]
            if lacks and (unticked or lacks != ["follow_up_when"]):  # what lacks alone says itself below, in a sentence of its own
                raise Incomplete([*(["answered"] if unticked else []), *lacks], perhaps_missing(encounter, item.urgency, called=called))
        if closing.undated:
            raise Refused("Say when the follow-up is due: a time from the list, or a date that is to come.")
        disposition = encounter.disposition if encounter is not None else closing.disposition
        spoke_to = encounter.spoke_to if encounter is not None else closing.spoke_to
        body = as_text(encounter) if encounter is not None else closing.note.strip()
        if lacking := why_not_resolvable(item.urgency, disposition, body, spoke_to):
            raise Refused(lacking)
        if unticked:
            raise Refused("Tick every concern that you have answered: an item closes when none is left.")
        await escalation_claims.answer_concerns(connection, item, open_concerns, now)
        if closing.useless:
            await escalation_claims.mark_useless(connection, item, open_concerns)
        note_id = await item_notes.add_note(connection, item, staff, body, now, encounter=encounter)
        await item_notes.drop_draft(connection, item, staff)
        follow_up_id = await follow_ups.plan(connection, item, staff, closing.follow_up, now) if closing.follow_up is not None else None
        await follow_ups.end_with(connection, item, now)
        await _count_minutes(connection, item, staff, encounter, now)
        spoke_to = spoke_to if spoke_to in set(SpokeTo) else ""
        if not await escalation_claims.close(connection, item, staff, Disposition(disposition), spoke_to, now):
            raise Refused(CHANGED)
        detail = {"disposition": disposition, "spoke_to": spoke_to, "concerns": len(open_concerns), "note_id": str(note_id)}
        if closing.useless:
            detail["not_useful"] = len(open_concerns)
        if follow_up_id is not None:
            detail["follow_up_id"] = str(follow_up_id)
        await told(connection, item, staff, "resolved", now, detail=detail, audited="escalation_resolved")


async def _count_minutes(connection: AsyncConnection, item: Escalation, staff: Staff, encounter: Encounter | None, now: datetime) -> None:
    """The time that the note says beyond what the page's timer has counted already."""
    if encounter is None or item.patient_id is None:
        return
    left = beyond(encounter.minutes, await time_log.seconds_on_item(connection, staff, item.id))
    if left:
        await time_log.add(connection, staff, item.patient_id, item.id, source="manual", seconds=left, started_at=now, now=now)
