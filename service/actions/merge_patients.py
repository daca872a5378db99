"""Two records turn out to be one person's: all rows of the one become the other's, in one transaction, and it stays as a pointer.

Of what they say differently the stricter holds (domain.merging). One open clinical item is left; the patient is paged for anew, since
somebody may have seen the one half of it only. The audit says what has moved; there is no way back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.change_medicines import may_assess
from service.actions.own_patient import of_own_team
from service.actions.refusal import NotFound, Refused
from service.actions.view_patient import see
from service.db import audit, check_in, items, merges, patient_card, people, record, record_changes, transfers
from service.db.changes import Changes
from service.db.contexts import load_contexts
from service.db.database import Database
from service.db.escalation_claims import lock_open_items
from service.db.merges import Pair
from service.db.patient import patients
from service.db.patient_card import Ahead, PatientCard
from service.domain.limits import LimitTerm
from service.domain.merging import consents_to_end, joined, limit_to_keep, status_of
from service.domain.patient import PatientContext, PatientStatus
from service.domain.staff import Permission, Staff
from service.domain.urgency import by_rank


@dataclass(frozen=True, slots=True)
class SideBySide:
    """Two records with what is open for each."""

    first: PatientCard
    first_ahead: Ahead
    second: PatientCard
    second_ahead: Ahead


async def view_pairs(database: Database, staff: Staff, now: datetime) -> Sequence[Pair]:
    """Records of the member's teams that may be one person's; each that is shown is audited as seen."""
    if not staff.may(Permission.WORK_QUEUE):
        raise NotFound
    async with database.transaction() as connection:
        found = await merges.pairs(connection, staff)
        shown = sorted({row.id for pair in found for row in (pair.older, pair.newer)})
        await audit.append(
            connection,
            [
                audit.entry(staff.organization_id, now, "patient_viewed", staff_id=staff.id, patient_id=id, object_kind="doubles")
                for id in shown
            ],
        )
    return found


async def view_side_by_side(database: Database, staff: Staff, first: UUID, second: UUID, now: datetime) -> SideBySide:
    """Both records. Raises NotFound when one is another team's."""
    async with database.transaction() as connection:
        cards = [await see(connection, staff, id, "merge", now) for id in (first, second)]
        ahead = [await patient_card.load_ahead(connection, id, now) for id in (first, second)]
    return SideBySide(cards[0], ahead[0], cards[1], ahead[1])


async def merge_patients(
    database: Database, terms: Mapping[str, LimitTerm], staff: Staff, kept_id: UUID, other_id: UUID, now: datetime
) -> Mapping[str, int]:
    """The other record becomes part of the kept one; how many rows of which table moved.

    Raises NotFound when one is another team's, Refused when it is so and was only opened with a reason, for one and the same, for a
    record that is part of another, and while a call to one of them is under way.
    """
    may_assess(staff)
    if kept_id == other_id:
        raise Refused("These are one and the same record.")
    async with database.transaction() as connection:
        for id in sorted((kept_id, other_id)):
            await people.lock_numbers(connection, id)
        contexts = await load_contexts(connection, [kept_id, other_id], now)
        if len(contexts) < 2 or not all(_sees(staff, context) for context in contexts.values()):
            raise NotFound
        for context in contexts.values():
            of_own_team(staff, context)
        await lock_open_items(connection, [kept_id, other_id], [])
        rows = await merges.records(connection, [kept_id, other_id])
        if any(row.merged_into_id is not None for row in rows.values()):
            raise Refused("One of these records is part of another already.")
        if await merges.ringing(connection, [kept_id, other_id]):
            raise Refused("A call to this patient is under way: try again when it is over.")
        if contexts[other_id].team.id != contexts[kept_id].team.id:
            before = Changes(now)
            await transfers.move(connection, before, other_id, contexts[kept_id].team.id, staff.id)
            await before.write(connection)
        changes = Changes(now)
        await _items(connection, changes, contexts[kept_id], other_id, staff, now)
        ended = consents_to_end(await merges.consents_of(connection, [kept_id, other_id], people.OF_A_RELATIVE))
        await merges.end_consents(connection, ended, now, staff.id)
        await _limits(connection, changes, terms, contexts[kept_id], other_id, staff)
        await merges.one_of_each(connection, kept_id, other_id, now)
        dropped = await merges.drop_doubles(connection, kept_id, other_id, now)
        moved = await merges.move_rows(connection, kept_id, other_id)
        await merges.forget_search(connection, other_id)
        _point(changes, rows[kept_id], rows[other_id], staff)
        detail = {"from": str(other_id), "moved": moved, "alike": {name: count for name, count in dropped.items() if count}}
        whose = {"staff_id": staff.id, "object_kind": "patient"}
        audit.record(changes, staff.organization_id, "patient_merged", patient_id=kept_id, object_id=other_id, detail=detail, **whose)
        into = {"into": str(kept_id)}
        audit.record(changes, staff.organization_id, "patient_merged_away", patient_id=other_id, object_id=kept_id, detail=into, **whose)
        changes.wake(f"patient:{kept_id}", f"patient:{other_id}", f"queue:{staff.organization_id}")
        await changes.write(connection)
    return moved


def _sees(staff: Staff, context: PatientContext) -> bool:
    return context.organization.id == staff.organization_id and staff.sees(context.team.id, context.id)


async def _items(connection: AsyncConnection, changes: Changes, kept: PatientContext, other_id: UUID, staff: Staff, now: datetime) -> None:
    """One open clinical item is left: the most dangerous one, with everything of the other."""
    found = await merges.open_items(connection, [kept.id, other_id])
    if not found:
        return
    first, *rest = found
    organization_id = first.organization_id
    for row in rest:
        await merges.into_item(connection, first, row, now, staff.id)
        items.add_event(changes, organization_id, row.id, "merged", {"into": str(first.id)}, staff.id)
        items.add_event(changes, organization_id, first.id, "merged", {"from": str(row.id)}, staff.id)
        items.plan_paging(changes, organization_id, first.id, "again", by_rank(first.urgency_rank))


async def _limits(
    connection: AsyncConnection, changes: Changes, terms: Mapping[str, LimitTerm], kept: PatientContext, other_id: UUID, staff: Staff
) -> None:
    mine, theirs = [await merges.limits_of(connection, id, changes.now.date()) for id in (kept.id, other_id)]
    for name in sorted(mine.keys() & theirs.keys()):
        keep = limit_to_keep(terms.get(name), mine[name], theirs[name])
        gone = theirs[name] if keep is mine[name] else mine[name]
        await merges.drop_limit(connection, gone.id)
        if gone.over:
            continue
        values: dict[str, Any] = {"name": name, "amount": gone.amount, "unit": terms[name].unit if name in terms else ""}
        values |= {"loosens": gone.loosens, "author": staff.name, "starts_on": None, "ends_on": changes.now.date()}
        why = "Two records became one: the stricter limit stays."
        record_changes.keep_limit(changes, staff.id, kept.organization.id, kept.id, "ended", why, values)


def _point(changes: Changes, kept: Any, other: Any, staff: Staff) -> None:
    """What the kept record did not know, and the pointer that is left of the other."""
    status = status_of(PatientStatus(kept.status), PatientStatus(other.status))
    values: dict[str, Any] = {"status": status, "allergies": joined(kept.allergies or "", other.allergies or "") or None}
    for name in ("birth_date", "call_pin", "address", "state", "emergency_instruction"):
        if not getattr(kept, name) and getattr(other, name):
            values[name] = getattr(other, name)
            if name == "emergency_instruction":
                values["emergency_instruction_by"] = other.emergency_instruction_by
    if kept.emergency_instruction and other.emergency_instruction not in (None, "", kept.emergency_instruction):
        words = f"Emergency instruction of the merged record: {other.emergency_instruction} ({other.emergency_instruction_by or '-'})"
        record.keep_note(changes, kept.organization_id, kept.id, staff.id, words)
    if kept.contact_from is None and kept.contact_until is None:
        values |= {"contact_from": other.contact_from, "contact_until": other.contact_until}
    values |= {"contact_days": kept.contact_days or other.contact_days, "on_holidays": kept.on_holidays and other.on_holidays}
    heard = [row.last_inbound_at for row in (kept, other) if row.last_inbound_at is not None]
    locked = [row.education_locked_at for row in (kept, other) if row.education_locked_at is not None]
    values |= {"last_inbound_at": max(heard, default=None), "education_locked_at": max(locked, default=None), "searched_at": None}
    still_paused = status is PatientStatus.PAUSED and status == kept.status
    if status is not PatientStatus.ACTIVE and not still_paused:  # also where the kept record was stopped before: what runs is the other's
        check_in.stop_conversations(changes, kept.id)
        if status is not PatientStatus.PAUSED:
            check_in.pause_enrollments(changes, kept.id, "paused")
    changes.update(patients, kept.id, **values)
    changes.update(patients, other.id, status=PatientStatus.LEFT, merged_into_id=kept.id, merged_at=changes.now, searched_at=changes.now)
