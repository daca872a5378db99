"""Check-ins may rest while a patient is in the hospital or away: one row for each pause, with who set and who ended it."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pauses",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("begins_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("staff_id", sa.Uuid(), nullable=True),
        sa.Column("communication_id", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.LargeBinary(), nullable=False),
        sa.Column("look_again_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_how", sa.String(length=16), nullable=True),
        sa.Column("ended_by", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_pauses_organization_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patients.id"], name=op.f("fk_pauses_patient_id")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_pauses_staff_id")),
        sa.ForeignKeyConstraint(["communication_id"], ["communications.id"], name=op.f("fk_pauses_communication_id")),
        sa.ForeignKeyConstraint(["ended_by"], ["staff.id"], name=op.f("fk_pauses_ended_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pauses")),
    )
    open_ones = sa.text("state <> 'over'")
    op.create_index("ix_pauses_open", "pauses", ["patient_id"], postgresql_where=open_ones, sqlite_where=open_ones)
    op.create_index("ix_pauses_begins_at", "pauses", ["begins_at"], postgresql_where=open_ones, sqlite_where=open_ones)


def downgrade() -> None:
    op.drop_table("pauses")
