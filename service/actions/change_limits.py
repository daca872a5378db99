"""Staff set a personal limit for a patient, or end it. A limit may always tighten; it loosens only over a named clinician (decisions 1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.change_medicines import given_reason, may_assess
from service.actions.own_patient import own_patient
from service.actions.refusal import Refused
from service.db import audit, patient_card, record_changes
from service.db.changes import Changes
from service.db.database import Database
from service.db.patient import limits
from service.db.schema import new_id
from service.domain.limits import LimitTerm
from service.domain.patient import PatientContext
from service.domain.schedule import to_local
from service.domain.staff import Staff
from service.triage.units import parse_amount, parse_difference

LONGEST_AUTHOR = 200
LONGEST_DAYS = 366
"""Of a limit with a last day; one without stands until somebody ends it."""


TermsOf = Callable[[frozenset[str]], Mapping[str, LimitTerm]]
"""The limits that rules know, with the usual amounts of these programmes."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit as a form tells it; "" is: not said."""

    name: str
    amount: str
    unit: str
    reason: str
    clinician: str = ""
    """Who has signed for it, where it is not the member of staff."""
    starts_on: str = ""
    ends_on: str = ""


async def set_limit(database: Database, terms_of: TermsOf, staff: Staff, patient_id: UUID, told: Limit, now: datetime) -> None:
    """Sets a limit, in place of one of the same name.

    Raises NotFound for other teams' patients, Refused for an unknown name, a unit or number that is none of this limit's, days that
    make no sense, without a reason, and for one that loosens without a named clinician.
    """
    may_assess(staff)
    reason, clinician = given_reason(told.reason), " ".join(told.clinician.split())[:LONGEST_AUTHOR]
    async with database.transaction() as connection:
        context = await own_patient(connection, staff, patient_id, now)
        term = terms_of(frozenset(one.programme for one in context.enrollments)).get(told.name)
        if term is None:
            raise Refused("Choose what the limit is of.")
        stored = _stored(term, told)
        loosens = term.loosens(stored)
        if loosens and not clinician:
            raise Refused(
                "This limit lets pass what the rules call a nurse for ({usual}): write which clinician has signed for it.",
                usual=", ".join(f"{one:g} {term.unit}".strip() for one in term.usual) or "-",
            )
        holds = {row.name: row for row in await patient_card.limits_of(connection, patient_id, now.date())}
        starts_on, ends_on = _days(told, context, told.name in holds, now)
        values = {
            "name": told.name,
            "amount": stored,
            "unit": term.unit,
            "loosens": loosens,
            "author": clinician or staff.name,
            "starts_on": starts_on,
            "ends_on": ends_on,
        }
        changes = Changes(now)
        await _write(connection, changes, context, values, reason)
        record_changes.keep_limit(changes, staff.id, context.organization.id, patient_id, "set", reason, values)
        detail = {"name": told.name, "loosens": loosens}
        audit.record(changes, context.organization.id, "limit_set", staff_id=staff.id, patient_id=patient_id, detail=detail)
        await changes.write(connection)


async def end_limit(database: Database, staff: Staff, patient_id: UUID, name: str, reason: str, now: datetime) -> None:
    """The usual amount of the rules holds again, at once.

    Raises NotFound for other teams' patients, Refused when there is no such limit or no reason.
    """
    may_assess(staff)
    why = given_reason(reason)
    async with database.transaction() as connection:
        context = await own_patient(connection, staff, patient_id, now)
        row = {one.name: one for one in await patient_card.limits_of(connection, patient_id, now.date())}.get(name)
        if row is None:
            raise Refused("That limit does not hold any more.")
        changes = Changes(now)
        ended = now.date() - timedelta(days=1)
        changes.update(limits, row.id, ends_on=ended)
        kept = {key: getattr(row, key) for key in ("name", "amount", "unit", "loosens", "author", "starts_on")}
        record_changes.keep_limit(changes, staff.id, context.organization.id, patient_id, "ended", why, {**kept, "ends_on": ended})
        audit.record(changes, context.organization.id, "limit_ended", staff_id=staff.id, patient_id=patient_id, detail={"name": name})
        await changes.write(connection)


async def _write(connection: AsyncConnection, changes: Changes, context: PatientContext, values: dict[str, Any], reason: str) -> None:
    """One row a name: an earlier one is written over; what it was stands among the changes."""
    earlier = await patient_card.limit_id(connection, context.id, values["name"])
    row = {**values, "reason": reason, "signed_at": changes.now}
    if earlier is not None:
        changes.update(limits, earlier, **row)
    else:
        changes.insert(limits, {"id": new_id(changes.now), "organization_id": context.organization.id, "patient_id": context.id, **row})


def _stored(term: LimitTerm, told: Limit) -> float:
    """The amount in the stored unit."""
    try:
        amount, unit = (parse_difference if term.difference else parse_amount)(f"{told.amount.strip()} {told.unit.strip()}")
    except ValueError:
        raise Refused("Write the amount as a number with its unit, such as {example}.", example=term.example) from None
    if unit not in (term.unit, ""):
        raise Refused("That unit does not go with this limit: write it as {example}.", example=term.example)
    if not term.lowest <= amount <= term.highest:
        raise Refused("That cannot be such a limit: write an amount within {bounds}.", bounds=term.bounds)
    return amount


def _days(told: Limit, context: PatientContext, holds: bool, now: datetime) -> tuple[date | None, date | None]:
    today = to_local(now, context.zone).date()
    starts_on, ends_on = _day(told.starts_on), _day(told.ends_on)
    if starts_on is not None and starts_on < today:
        raise Refused("The first day is over: leave it empty for today.")
    if starts_on is not None and starts_on > today and holds:
        raise Refused("A limit of this name holds now: end it first, or let the new one begin today.")
    if ends_on is not None and not (starts_on or today) <= ends_on <= (starts_on or today) + timedelta(days=LONGEST_DAYS):
        raise Refused("The last day comes after the first, {days} days later at most.", days=LONGEST_DAYS)
    return (starts_on if starts_on != today else None), ends_on


def _day(written: str) -> date | None:
    try:
        return date.fromisoformat(written.strip()) if written.strip() else None
    except ValueError:
        raise Refused("That day is none: write it as 2026-03-31.") from None
