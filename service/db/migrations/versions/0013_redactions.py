"""When the words of a text are to be emptied at the provider, and that they were."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

WAITING = sa.text("redaction IN ('', 'due') AND status IN ('delivered', 'undelivered', 'failed', 'received')")


def upgrade() -> None:
    with op.batch_alter_table("communications", schema=None) as batch_op:
        batch_op.add_column(sa.Column("redaction", sa.String(length=8), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("redact_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_communications_redact", "communications", ["redact_at"], postgresql_where=WAITING, sqlite_where=WAITING)


def downgrade() -> None:
    op.drop_index("ix_communications_redact", table_name="communications")
    with op.batch_alter_table("communications", schema=None) as batch_op:
        batch_op.drop_column("redact_at")
        batch_op.drop_column("redaction")
