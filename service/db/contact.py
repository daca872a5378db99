"""What the ruling on a message needs besides the message: consents, wishes, holidays, earlier prompts, whose number it is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.calls import calls
from service.db.check_in import enrollments, flow_sessions
from service.db.communication import attempts, communications
from service.db.database import among
from service.db.organization import holidays
from service.db.patient import consent_of, consents, patients, related_persons
from service.domain.call import CallStatus
from service.domain.communication import Purpose, Status
from service.domain.consent import Consent
from service.domain.contact_hours import EVERY_DAY, LOOK_AHEAD_DAYS, Wish
from service.domain.schedule import to_local
from service.domain.sending import SCHEDULED

_LEFT = (Status.CLAIMED, Status.ACCEPTED, Status.SENT, Status.DELIVERED, Status.UNKNOWN)
_NOT_PLACED = (CallStatus.DUE, CallStatus.CANCELLED, CallStatus.EXPIRED)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a patient lives, as far as the law asks, and when they want to be contacted."""

    state: str | None
    wish: Wish


@dataclass(frozen=True, slots=True)
class Prompt:
    """A scheduled prompt that has left, by text or by call."""

    key: UUID
    """The check-in; the conversation where it belongs to none."""
    programme: str
    at: datetime


async def consents_of(connection: AsyncConnection, patient_ids: Collection[UUID], phone_ids: Collection[UUID]) -> dict[UUID, list[Consent]]:
    """Every consent of these patients and for these phones, by patient and by phone; those that are over too."""
    found: dict[UUID, list[Consent]] = defaultdict(list)
    theirs = or_(among(connection, consents.c.patient_id, list(patient_ids)), among(connection, consents.c.phone_id, list(phone_ids)))
    for row in (await connection.execute(select(consents).where(theirs))).all():
        found[row.patient_id].append(consent_of(row))
        found[row.phone_id].append(consent_of(row))
    return found


async def places_of(connection: AsyncConnection, patient_ids: Collection[UUID]) -> dict[UUID, Place]:
    """State and wish of these patients."""
    c = patients.c
    statement = select(c.id, c.state, c.contact_from, c.contact_until, c.contact_days, c.on_holidays)
    rows = (await connection.execute(statement.where(among(connection, c.id, list(patient_ids))))).all()
    return {
        row.id: Place(row.state, Wish(row.contact_from, row.contact_until, weekdays(row.contact_days), bool(row.on_holidays)))
        for row in rows
    }


def weekdays(written: str | None) -> frozenset[int]:
    """The days of a column such as 1111100, Monday first; all of them when it is empty."""
    return frozenset(n for n, letter in enumerate(written) if letter == "1") if written else EVERY_DAY


def wish_columns(wish: Wish) -> dict[str, Any]:
    """A wish as columns of `patients`."""
    days = None if wish.days == EVERY_DAY else "".join("1" if n in wish.days else "0" for n in range(7))
    return {"contact_from": wish.opens, "contact_until": wish.closes, "contact_days": days, "on_holidays": wish.on_holidays}


async def holidays_of(connection: AsyncConnection, organization_ids: Collection[UUID], now: datetime) -> dict[UUID, frozenset[date]]:
    """The holidays of these organizations that may matter to a message of now, by organization."""
    first = now.date() - timedelta(days=1)
    statement = select(holidays.c.organization_id, holidays.c.local_date).where(
        among(connection, holidays.c.organization_id, list(organization_ids)),
        holidays.c.local_date.between(first, first + timedelta(days=LOOK_AHEAD_DAYS + 2)),
    )
    found: dict[UUID, set[date]] = defaultdict(set)
    for row in (await connection.execute(statement)).all():
        found[row.organization_id].add(row.local_date)
    return {id: frozenset(days) for id, days in found.items()}


async def without_check_ins(connection: AsyncConnection, whose: Mapping[UUID, tuple[UUID, str]], now: datetime) -> set[UUID]:
    """Those of these patients, given with organization and zone, for whom today is a holiday that they want no check-ins on."""
    free = await holidays_of(connection, {organization_id for organization_id, _ in whose.values()}, now)
    today = {id for id, (organization_id, zone) in whose.items() if to_local(now, zone).date() in free.get(organization_id, frozenset())}
    if not today:
        return set()
    agreed = await places_of(connection, today)
    return {id for id in today if not agreed[id].wish.on_holidays}


async def not_told_since(connection: AsyncConnection, patient_ids: Collection[UUID], since: datetime) -> set[UUID]:
    """Those of these patients who were not told since then that nobody reads texts day and night: an enrollment tells it first."""
    c = patients.c
    enrolled = select(func.max(enrollments.c.created_at)).where(enrollments.c.patient_id == c.id).scalar_subquery()
    statement = select(c.id).where(among(connection, c.id, list(patient_ids)), func.coalesce(c.disclaimed_at, enrolled) <= since)
    return set((await connection.scalars(statement)).all())


async def prompts_since(connection: AsyncConnection, patient_ids: Collection[UUID], since: datetime) -> dict[UUID, list[Prompt]]:
    """The scheduled prompts that have left for these patients since then, texts and calls alike, by patient.

    A text counts from the moment it was handed over; when the carrier says later what became of it does not matter.
    """
    found: dict[UUID, list[Prompt]] = defaultdict(list)
    handed_over = func.coalesce(attempts.c.started_at, communications.c.status_at)
    texts = (
        select(
            communications.c.patient_id,
            func.coalesce(communications.c.check_in_id, communications.c.flow_session_id, communications.c.id).label("key"),
            communications.c.programme,
            handed_over.label("at"),
        )
        .outerjoin(attempts, attempts.c.id == communications.c.attempt_id)
        .where(
            among(connection, communications.c.patient_id, list(patient_ids)),
            communications.c.created_at > since - timedelta(days=2),
            communications.c.purpose == Purpose.CHECK_IN,
            communications.c.status.in_(_LEFT),
        )
    )
    rung = (
        select(
            calls.c.patient_id,
            func.coalesce(flow_sessions.c.check_in_id, calls.c.flow_session_id, calls.c.id).label("key"),
            calls.c.programme,
            calls.c.status_at.label("at"),
        )
        .outerjoin(flow_sessions, flow_sessions.c.id == calls.c.flow_session_id)
        .where(
            among(connection, calls.c.patient_id, list(patient_ids)),
            calls.c.created_at > since - timedelta(days=2),
            calls.c.purpose.in_(sorted(SCHEDULED)),
            calls.c.status.not_in(_NOT_PLACED),
        )
    )
    for statement in (texts, rung):
        for row in (await connection.execute(statement)).all():
            if row.at >= since:
                found[row.patient_id].append(Prompt(row.key, row.programme, row.at))
    return found


async def phones_of_related(connection: AsyncConnection, patient_ids: Collection[UUID]) -> set[tuple[UUID, UUID]]:
    """(patient, phone) of everybody on record who speaks or cares for these patients."""
    statement = select(related_persons.c.patient_id, related_persons.c.phone_id).where(
        among(connection, related_persons.c.patient_id, list(patient_ids)), related_persons.c.phone_id.is_not(None)
    )
    return {(row.patient_id, row.phone_id) for row in (await connection.execute(statement)).all()}
