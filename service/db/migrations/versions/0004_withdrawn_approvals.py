"""A clinician may withdraw the approval of a check-in: who, when and why."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "flow_withdrawals",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("flow_approval_id", sa.Uuid(), nullable=False),
        sa.Column("clinician", sa.LargeBinary(), nullable=False),
        sa.Column("reason", sa.LargeBinary(), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_flow_withdrawals_organization_id")),
        sa.ForeignKeyConstraint(["flow_approval_id"], ["flow_approvals.id"], name=op.f("fk_flow_withdrawals_flow_approval_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_flow_withdrawals")),
        sa.UniqueConstraint("flow_approval_id", name=op.f("uq_flow_withdrawals_flow_approval_id")),
    )


def downgrade() -> None:
    op.drop_table("flow_withdrawals")
