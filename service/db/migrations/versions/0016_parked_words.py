"""A provider's word that waits for its text keeps all that it said: the effect of its code, and when a new attempt is sensible."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("parked_statuses", sa.Column("effect", sa.String(length=32), nullable=False, server_default=""))
    op.add_column("parked_statuses", sa.Column("retry_after_seconds", sa.Float(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("parked_statuses", schema=None) as batch_op:
        batch_op.drop_column("retry_after_seconds")
        batch_op.drop_column("effect")
