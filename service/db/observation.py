"""Observations: values, symptoms and medication reports, with the words they were read from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, Float, Index, Integer, String, Table

from service.db.changes import Changes
from service.db.schema import Instant, id_column, metadata, new_id, organization_column, reference
from service.domain.reading import Finding, FindingKind

observations = Table(
    "observations",
    metadata,
    id_column(),
    organization_column(),
    reference("patient_id", "patients"),
    reference("check_in_id", "check_ins", nullable=True),
    reference("communication_id", "communications", nullable=True),
    Column("kind", String(16), nullable=False, doc="value | symptom | medication"),
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
