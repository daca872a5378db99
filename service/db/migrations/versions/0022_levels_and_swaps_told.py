"""The reading at which a finding was accepted; the item by which a colleague is told that she was asked for a swap."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("accepted_findings", sa.Column("level", sa.Float(), nullable=True))
    with op.batch_alter_table("swap_requests", schema=None) as batch_op:
        batch_op.add_column(sa.Column("item_id", sa.Uuid(), nullable=True))
        batch_op.create_foreign_key(op.f("fk_swap_requests_item_id"), "escalations", ["item_id"], ["id"])


def downgrade() -> None:
    with op.batch_alter_table("swap_requests", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("fk_swap_requests_item_id"), type_="foreignkey")
        batch_op.drop_column("item_id")
    op.drop_column("accepted_findings", "level")
