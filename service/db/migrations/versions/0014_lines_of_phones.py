"""What kind of line a number is, where the provider was asked."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

NOT_ASKED = sa.text("line = ''")


def upgrade() -> None:
    with op.batch_alter_table("phones", schema=None) as batch_op:
        batch_op.add_column(sa.Column("line", sa.String(length=8), nullable=False, server_default=""))
    op.create_index("ix_phones_line_not_asked", "phones", ["created_at"], postgresql_where=NOT_ASKED, sqlite_where=NOT_ASKED)


def downgrade() -> None:
    op.drop_index("ix_phones_line_not_asked", table_name="phones")
    with op.batch_alter_table("phones", schema=None) as batch_op:
        batch_op.drop_column("line")
