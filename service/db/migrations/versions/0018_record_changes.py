"""Allergies, merged records, when a limit holds, and who has changed medicines and limits, and why; lists of a patient by time."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

TIMES = (("calls", "created_at"), ("pauses", "created_at"))


def _own(table: str) -> list[sa.Column[Any] | sa.Constraint]:
    return [
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("what", sa.String(length=8), nullable=False),
        sa.Column("reason", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f(f"fk_{table}_organization_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patients.id"], name=op.f(f"fk_{table}_patient_id")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f(f"fk_{table}_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    ]


def upgrade() -> None:
    with op.batch_alter_table("patients", schema=None) as batch_op:
        batch_op.add_column(sa.Column("allergies", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("merged_into_id", sa.Uuid(), nullable=True))
        batch_op.add_column(sa.Column("merged_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.create_foreign_key(batch_op.f("fk_patients_merged_into_id"), "patients", ["merged_into_id"], ["id"])
        batch_op.create_index("ix_patients_merged_into_id", ["merged_into_id"])
    with op.batch_alter_table("limits", schema=None) as batch_op:
        batch_op.add_column(sa.Column("starts_on", sa.Date(), nullable=True))
        batch_op.add_column(sa.Column("ends_on", sa.Date(), nullable=True))
    op.create_table(
        "medication_changes",
        *_own("medication_changes"),
        sa.Column("medication_id", sa.Uuid(), nullable=False),
        sa.Column("words", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["medication_id"], ["medications.id"], name=op.f("fk_medication_changes_medication_id")),
    )
    op.create_table(
        "limit_changes",
        *_own("limit_changes"),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("amount", sa.Float(), nullable=False),
        sa.Column("unit", sa.String(length=16), nullable=False),
        sa.Column("loosens", sa.Boolean(), nullable=False),
        sa.Column("author", sa.String(length=200), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=True),
        sa.Column("ends_on", sa.Date(), nullable=True),
    )
    for table in ("medication_changes", "limit_changes"):
        op.create_index(f"ix_{table}_patient_id_at", table, ["patient_id", "at"])
    op.drop_index("ix_calls_patient_id", table_name="calls")
    for table, at in TIMES:
        op.create_index(f"ix_{table}_patient_id_{at}", table, ["patient_id", at])


def downgrade() -> None:
    for table, at in TIMES:
        op.drop_index(f"ix_{table}_patient_id_{at}", table_name=table)
    op.create_index("ix_calls_patient_id", "calls", ["patient_id"])
    op.drop_table("limit_changes")
    op.drop_table("medication_changes")
    with op.batch_alter_table("limits", schema=None) as batch_op:
        batch_op.drop_column("ends_on")
        batch_op.drop_column("starts_on")
    with op.batch_alter_table("patients", schema=None) as batch_op:
        batch_op.drop_index("ix_patients_merged_into_id")
        batch_op.drop_constraint(batch_op.f("fk_patients_merged_into_id"), type_="foreignkey")
        batch_op.drop_column("merged_at")
        batch_op.drop_column("merged_into_id")
        batch_op.drop_column("allergies")
