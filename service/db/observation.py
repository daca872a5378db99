"""Observations: values, symptoms and medication reports, with the words they were read from."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Float, Index, Integer, Row, Select, String, Table, bindparam, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.changes import Changes
from service.db.database import listed
from service.db.schema import Instant, id_column, metadata, new_id, organization_column, reference
from service.domain.reading import Assertion, Finding, FindingKind

observations = Table(
    "observations",
    metadata,
    id_column(),
    organization_column(),
    reference("patient_id", "patients"),
    reference("check_in_id", "check_ins", nullable=True),
    reference("communication_id", "communications", nullable=True),
    Column("kind", String(16), nullable=False, doc="value | symptom | medication | reason | answer | education"),
    Column("name", String(40), nullable=False, doc="weight, leg_swelling, water_pill ..."),
    Column("value", Float),
    Column("value_2", Float),
    Column("unit", String(16), nullable=False, default=""),
    Column("assertion", String(16), nullable=False, default="present"),
    Column("detail", String(40), nullable=False, default="", doc="taken | missed ... ; reason"),
    Column("rule", String(80), nullable=False),
    Column("span_start", Integer, nullable=False),
    Column("span_end", Integer, nullable=False),
    Column("taken_at", Instant, nullable=False),
    Index("ix_observations_patient_id_taken_at", "patient_id", "taken_at"),
)


_KINDS = {
    FindingKind.VALUE: "value",
    FindingKind.SYMPTOM: "symptom",
    FindingKind.MEDICATION: "medication",
    FindingKind.MISSED_REASON: "reason",
}


def record(
    changes: Changes,
    *,
    organization_id: UUID,
    patient_id: UUID,
    findings: Sequence[Finding],
    communication_id: UUID | None,
    check_in_id: UUID | None,
    taken_at: datetime | None = None,
) -> None:
    """Keeps values, symptoms and medication reports with their unit, assertion, rule and the span they were read from."""
    for finding in findings:
        kind = _KINDS.get(finding.kind)
        if kind is None:
            continue
        quantity = finding.quantity
        changes.insert(
            observations,
            {
                "id": new_id(changes.now),
                "organization_id": organization_id,
                "patient_id": patient_id,
                "check_in_id": check_in_id,
                "communication_id": communication_id,
                "kind": kind,
                "name": finding.name[:40],
                "value": quantity.value if quantity else None,
                "value_2": quantity.value_2 if quantity else None,
                "unit": quantity.unit if quantity else "",
                "assertion": finding.assertion,
                "detail": ",".join(finding.qualifiers)[:40],
                "rule": finding.rule[:80],
                "span_start": finding.span[0],
                "span_end": finding.span[1],
                "taken_at": taken_at or changes.now,
            },
        )


def keep_answer(
    changes: Changes, *, organization_id: UUID, patient_id: UUID, name: str, finding: Finding, check_in_id: UUID | None
) -> None:
    """Keeps the answer to a question under the name that the flow gives it: the option, yes or no, or the value."""
    quantity = finding.quantity
    values = {"value": quantity.value, "value_2": quantity.value_2, "unit": quantity.unit} if quantity else {}
    _keep(changes, organization_id, patient_id, check_in_id, kind="answer", name=name, detail=finding.name, rule=finding.rule, **values)


def keep_lesson(changes: Changes, *, organization_id: UUID, patient_id: UUID, topic: str, name: str, check_in_id: UUID | None) -> None:
    """Keeps that the patient has had this message of an education topic."""
    _keep(changes, organization_id, patient_id, check_in_id, kind="education", name=topic, detail=name, rule="education")


def _keep(changes: Changes, organization_id: UUID, patient_id: UUID, check_in_id: UUID | None, **values: Any) -> None:
    """A row that the flow itself wants; it points at no words."""
    whose = {"organization_id": organization_id, "patient_id": patient_id, "check_in_id": check_in_id}
    row = {"id": new_id(changes.now), **whose, "unit": "", "span_start": 0, "span_end": 0, "taken_at": changes.now, **values}
    changes.insert(observations, row)


async def load_reported(
    connection: AsyncConnection, ids: Sequence[UUID], since: datetime, most: int
) -> dict[tuple[UUID, str], list[Row[Any]]]:
    """What each patient has told of themselves since then, oldest first, by patient and kind.

    Kinds: value, medication, symptom, education, answer (what a flow has kept under a name).
    Of each patient and kind the newest `most`: one patient's many values take nothing from another's.
    """
    found: dict[tuple[UUID, str], list[Row[Any]]] = defaultdict(list)
    for row in (await connection.execute(_history(connection.dialect.name), {"ids": ids, "since": since, "most": most})).all():
        found[row.patient_id, row.kind].append(row)
    return found


def drugs_in(detail: str) -> frozenset[str]:
    """The kinds of medicine (and other refinements) that a dose was told with."""
    return frozenset(word for word in detail.split(",") if word)


@functools.cache
def _history(dialect: str) -> Select[Any]:
    told = observations.c
    newest = func.row_number().over(partition_by=(told.patient_id, told.kind), order_by=told.taken_at.desc()).label("newest")
    numbered = (
        select(told.patient_id, told.kind, told.name, told.value, told.value_2, told.detail, told.taken_at, newest)
        .where(
            listed(dialect, told.patient_id, "ids"),
            told.taken_at > bindparam("since", type_=Instant()),
            told.assertion == Assertion.PRESENT,
            or_(told.kind.in_(["medication", "symptom", "education", "answer"]), told.value.is_not(None)),
        )
        .subquery()
    )
    return (
        select(numbered)
        .where(numbered.c.newest <= bindparam("most", type_=Integer()))
        .order_by(numbered.c.patient_id, numbered.c.newest.desc())
    )
