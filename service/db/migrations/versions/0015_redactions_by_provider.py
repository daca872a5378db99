"""The index of texts whose words are to be emptied holds no other rows, and finds a provider's."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

OVER = "redaction IN ('', 'due') AND status IN ('delivered', 'undelivered', 'failed', 'received')"
BEFORE = sa.text(OVER)
AFTER = sa.text(f"{OVER} AND channel = 'sms' AND provider_id IS NOT NULL")


def upgrade() -> None:
    op.drop_index("ix_communications_redact", table_name="communications")
    op.create_index("ix_communications_redact", "communications", ["provider", "redact_at"], postgresql_where=AFTER, sqlite_where=AFTER)


def downgrade() -> None:
    op.drop_index("ix_communications_redact", table_name="communications")
    op.create_index("ix_communications_redact", "communications", ["redact_at"], postgresql_where=BEFORE, sqlite_where=BEFORE)
