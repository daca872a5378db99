"""Telephone calls: a table of them with their history, and a patient's code for the identity check."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

LIVE = sa.text("status IN ('due', 'claimed', 'placed', 'talking', 'unknown')")
IN_DOUBT = sa.text("status IN ('claimed', 'placed', 'talking', 'unknown')")


def upgrade() -> None:
    with op.batch_alter_table("patients", schema=None) as batch_op:
        batch_op.add_column(sa.Column("call_pin", sa.LargeBinary(), nullable=True))
    op.create_table(
        "calls",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("phone_id", sa.Uuid(), nullable=False),
        sa.Column("flow_session_id", sa.Uuid(), nullable=False),
        sa.Column("programme", sa.String(length=64), nullable=False),
        sa.Column("purpose", sa.String(length=24), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("status_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("answered_by", sa.String(length=8), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("useful_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("provider_id", sa.String(length=64), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("claimed_by", sa.String(length=64), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("state", sa.LargeBinary(), nullable=True),
        sa.Column("prompt", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_calls_organization_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patients.id"], name=op.f("fk_calls_patient_id")),
        sa.ForeignKeyConstraint(["phone_id"], ["phones.id"], name=op.f("fk_calls_phone_id")),
        sa.ForeignKeyConstraint(["flow_session_id"], ["flow_sessions.id"], name=op.f("fk_calls_flow_session_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calls")),
    )
    with op.batch_alter_table("calls", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_calls_patient_id"), ["patient_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_calls_flow_session_id"), ["flow_session_id"], unique=False)
        due = sa.text("status = 'due'")
        batch_op.create_index("ix_calls_due", ["due_at"], unique=False, postgresql_where=due, sqlite_where=due)
        batch_op.create_index("uq_calls_live", ["patient_id"], unique=True, postgresql_where=LIVE, sqlite_where=LIVE)
        batch_op.create_index("ix_calls_in_doubt", ["status_at"], unique=False, postgresql_where=IN_DOUBT, sqlite_where=IN_DOUBT)
    op.create_table(
        "call_statuses",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("call_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("provider_status", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("applied", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_call_statuses_organization_id")),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], name=op.f("fk_call_statuses_call_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call_statuses")),
    )
    with op.batch_alter_table("call_statuses", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_call_statuses_call_id"), ["call_id"], unique=False)


def downgrade() -> None:
    op.drop_table("call_statuses")
    op.drop_table("calls")
    with op.batch_alter_table("patients", schema=None) as batch_op:
        batch_op.drop_column("call_pin")
