"""Finds the conversations whose last question may still be answered late."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

LATE = sa.text("status = 'ended' AND waits_until IS NOT NULL")


def upgrade() -> None:
    op.create_index("ix_flow_sessions_late", "flow_sessions", ["patient_id", "waits_until"], postgresql_where=LATE, sqlite_where=LATE)


def downgrade() -> None:
    op.drop_index("ix_flow_sessions_late", table_name="flow_sessions")
