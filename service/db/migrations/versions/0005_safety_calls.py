"""A call may belong to no conversation: the one after a safety text that brought no answer.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("calls", schema=None) as batch_op:
        batch_op.alter_column("flow_session_id", existing_type=sa.Uuid(), nullable=True)


def downgrade() -> None:
    op.execute("DELETE FROM call_statuses WHERE call_id IN (SELECT id FROM calls WHERE flow_session_id IS NULL)")
    op.execute("DELETE FROM calls WHERE flow_session_id IS NULL")
    with op.batch_alter_table("calls", schema=None) as batch_op:
        batch_op.alter_column("flow_session_id", existing_type=sa.Uuid(), nullable=False)
