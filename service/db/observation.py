"""Observations: values, symptoms and medication reports, with the words they were read from."""

from __future__ import annotations

from sqlalchemy import Column, Float, Index, Integer, String, Table

from service.db.schema import Instant, id_column, metadata, organization_column, reference

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
