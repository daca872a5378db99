"""Second factors, invitations and what a member of staff prefers; records opened with a reason; the trail's head is kept and signed."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def _table(name: str, *columns: sa.schema.SchemaItem, references: dict[str, str], key: str = "id") -> None:
    op.create_table(
        name,
        *columns,
        *(
            sa.ForeignKeyConstraint([column], [f"{target}.id"], name=op.f(f"fk_{name}_{column}"))
            for column, target in {"organization_id": "organizations", **references}.items()
        ),
        sa.PrimaryKeyConstraint(key, name=op.f(f"pk_{name}")),
    )


def upgrade() -> None:
    op.add_column("staff", sa.Column("language", sa.String(length=8), nullable=True))
    op.add_column("staff", sa.Column("shortcuts", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.add_column("staff", sa.Column("sound", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.add_column("staff", sa.Column("totp_secret", sa.LargeBinary(), nullable=True))
    op.add_column("staff", sa.Column("totp_step", sa.BigInteger(), nullable=True))
    op.add_column("staff", sa.Column("totp_next", sa.LargeBinary(), nullable=True))
    op.add_column("web_sessions", sa.Column("waits_for", sa.String(length=16), nullable=False, server_default=""))
    op.add_column("web_sessions", sa.Column("proved_at", sa.DateTime(timezone=True), nullable=True))
    _table(
        "recovery_codes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        references={"staff_id": "staff"},
    )
    op.create_index(op.f("ix_recovery_codes_staff_id"), "recovery_codes", ["staff_id"], unique=False)
    _table(
        "invitations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.UniqueConstraint("token_hash", name=op.f("uq_invitations_token_hash")),
        references={"staff_id": "staff", "created_by": "staff"},
    )
    op.create_index(op.f("ix_invitations_staff_id"), "invitations", ["staff_id"], unique=False)

    _table(
        "opened_records",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.LargeBinary(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reviewed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reviewed_by", sa.Uuid(), nullable=True),
        sa.Column("review", sa.LargeBinary(), nullable=True),
        references={"staff_id": "staff", "patient_id": "patients", "team_id": "teams", "reviewed_by": "staff"},
    )
    op.create_index(op.f("ix_opened_records_staff_id_ends_at"), "opened_records", ["staff_id", "ends_at"], unique=False)
    op.create_index(op.f("ix_opened_records_organization_id_opened_at"), "opened_records", ["organization_id", "opened_at"], unique=False)
    op.create_index(op.f("ix_opened_records_patient_id"), "opened_records", ["patient_id"], unique=False)
    _table(
        "audit_heads",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("signature", sa.LargeBinary(length=32), nullable=False),
        references={},
        key="organization_id",
    )
    op.create_index(op.f("ix_audit_events_organization_id_at"), "audit_events", ["organization_id", "at", "id"], unique=False)
    op.create_index(op.f("ix_audit_events_organization_id_staff_id"), "audit_events", ["organization_id", "staff_id", "at"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_audit_events_organization_id_staff_id"), table_name="audit_events")
    op.drop_index(op.f("ix_audit_events_organization_id_at"), table_name="audit_events")
    for table in ("audit_heads", "opened_records", "invitations", "recovery_codes"):
        op.drop_table(table)
    with op.batch_alter_table("web_sessions", schema=None) as batch_op:
        batch_op.drop_column("proved_at")
        batch_op.drop_column("waits_for")
    with op.batch_alter_table("staff", schema=None) as batch_op:
        for column in ("totp_next", "totp_step", "totp_secret", "sound", "shortcuts", "language"):
            batch_op.drop_column(column)
