"""Findings that a nurse knows and has accepted for a while: they stay in the record and open no item unless they get worse."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Float, Index, Row, Select, SmallInteger, String, Table, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.database import among
from service.db.encryption import Encrypted
from service.db.escalation import concerns, escalations
from service.db.patient import patients
from service.db.schema import Instant, id_column, metadata, new_id, organization_column, reference
from service.db.staff import staff as staff_table
from service.domain.staff import Staff
from service.domain.urgency import Urgency, by_rank

_STANDING = text("ended_at IS NULL")
MOST_EACH = 40
"""Findings of one patient that may be accepted at a time."""

accepted_findings = Table(
    "accepted_findings",
    metadata,
    id_column(),
    organization_column(),
    reference("patient_id", "patients"),
    reference("accepted_by", "staff"),
    reference("ended_by", "staff", nullable=True),
    Column("rule", String(80), nullable=False),
    Column("urgency_rank", SmallInteger, nullable=False, doc="as it was when accepted: a higher class is always shown"),
    Column("measure", String(32), doc="the side of the limit that the figure was on (domain.known_finding); none: words"),
    Column("amount", Float),
    Column("level", Float, doc="the reading itself, when `amount` is by how much it had changed"),
    Column("reason", Encrypted("accepted_findings.reason"), nullable=False),
    Column("accepted_at", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("ended_at", Instant, doc="set: somebody has taken it back before its time"),
    Index("ix_accepted_findings_patient_id", "patient_id", postgresql_where=_STANDING, sqlite_where=_STANDING),
)


@dataclass(frozen=True, slots=True)
class Standing:
    """An accepted finding as the item and the patient's page show it."""

    id: UUID
    patient_id: UUID
    rule: str
    urgency: Urgency
    measure: str
    amount: float | None
    reason: str
    by: str
    accepted_at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Found:
    """What a concern of a patient's item is about, and the zone that the patient lives in."""

    rule: str
    urgency: Urgency
    measured: Mapping[str, str]
    zone: str


async def found_by(connection: AsyncConnection, item_id: UUID, concern_id: UUID) -> Found | None:
    """The finding of this concern, None when the item has no such concern or no patient."""
    wanted = (
        select(concerns.c.rule, concerns.c.urgency_rank, concerns.c.measured, patients.c.zone)
        .join(escalations, escalations.c.id == concerns.c.escalation_id)
        .join(patients, patients.c.id == escalations.c.patient_id)
        .where(concerns.c.id == concern_id, concerns.c.escalation_id == item_id)
    )
    row = (await connection.execute(wanted)).first()
    return Found(row.rule, by_rank(row.urgency_rank), row.measured or {}, row.zone) if row is not None else None


async def add(
    connection: AsyncConnection,
    staff: Staff,
    patient_id: UUID,
    *,
    rule: str,
    urgency: Urgency,
    measure: str,
    amount: float | None,
    level: float | None,
    reason: str,
    until: datetime,
    now: datetime,
) -> UUID:
    """Accepts what this rule finds in this patient until then; an older acceptance of the same rule ends with it."""
    same = (accepted_findings.c.patient_id == patient_id) & (accepted_findings.c.rule == rule) & accepted_findings.c.ended_at.is_(None)
    await connection.execute(update(accepted_findings).where(same).values(ended_at=now, ended_by=staff.id))
    id = new_id(now)
    await connection.execute(
        insert(accepted_findings).values(
            id=id,
            organization_id=staff.organization_id,
            patient_id=patient_id,
            accepted_by=staff.id,
            rule=rule,
            urgency_rank=urgency.rank,
            measure=measure or None,
            amount=amount,
            level=level,
            reason=reason,
            accepted_at=now,
            until=until,
        )
    )
    return id


async def end(connection: AsyncConnection, staff: Staff, patient_id: UUID, id: UUID, now: datetime) -> bool:
    """Takes one back before its time; whether it stood."""
    one = (accepted_findings.c.id == id) & (accepted_findings.c.patient_id == patient_id) & accepted_findings.c.ended_at.is_(None)
    mine = accepted_findings.c.organization_id == staff.organization_id
    return (await connection.execute(update(accepted_findings).where(one, mine).values(ended_at=now, ended_by=staff.id))).rowcount == 1


async def standing(connection: AsyncConnection, patient_ids: Collection[UUID], now: datetime) -> dict[UUID, list[Standing]]:
    """What is accepted for each of these patients now, the first to end in front. One statement."""
    found: dict[UUID, list[Standing]] = defaultdict(list)
    if patient_ids:
        wanted = _standing(now).where(among(connection, accepted_findings.c.patient_id, patient_ids)).limit(1000)
        for row in (await connection.execute(wanted)).all():
            found[row.patient_id].append(_one(row))
    return found


def _standing(now: datetime) -> Select[Any]:
    return (
        select(accepted_findings, staff_table.c.name)
        .join(staff_table, staff_table.c.id == accepted_findings.c.accepted_by)
        .where(accepted_findings.c.ended_at.is_(None), accepted_findings.c.until > now)
        .order_by(accepted_findings.c.until)
    )


def _one(row: Row[Any]) -> Standing:
    return Standing(
        row.id,
        row.patient_id,
        row.rule,
        by_rank(row.urgency_rank),
        row.measure or "",
        row.amount,
        row.reason,
        row.name,
        row.accepted_at,
        row.until,
    )
