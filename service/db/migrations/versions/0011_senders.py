"""Senders with rates, daily caps and shares; which one a patient knows; and texts that are tried once more after a final failure."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "senders",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("sender", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("segments_per_second", sa.Float(), nullable=True),
        sa.Column("day_cap", sa.Integer(), nullable=True),
        sa.Column("texts", sa.Boolean(), nullable=False),
        sa.Column("calls", sa.Boolean(), nullable=False),
        sa.Column("weight", sa.Integer(), nullable=False),
        sa.Column("share", sa.Integer(), nullable=False),
        sa.Column("shifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("given_up_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tokens", sa.Float(), nullable=False),
        sa.Column("refilled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_senders_organization_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_senders")),
        sa.UniqueConstraint("organization_id", "provider", "sender", name=op.f("uq_senders_organization_id_provider_sender")),
    )
    op.create_table(
        "sender_days",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("sender_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("segments", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_sender_days_organization_id")),
        sa.ForeignKeyConstraint(["sender_id"], ["senders.id"], name=op.f("fk_sender_days_sender_id")),
        sa.PrimaryKeyConstraint("sender_id", "day", name=op.f("pk_sender_days")),
    )
    op.create_table(
        "known_senders",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("phone_id", sa.Uuid(), nullable=False),
        sa.Column("sender_id", sa.Uuid(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_known_senders_organization_id")),
        sa.ForeignKeyConstraint(["phone_id"], ["phones.id"], name=op.f("fk_known_senders_phone_id")),
        sa.ForeignKeyConstraint(["sender_id"], ["senders.id"], name=op.f("fk_known_senders_sender_id")),
        sa.PrimaryKeyConstraint("phone_id", name=op.f("pk_known_senders")),
    )
    with op.batch_alter_table("sender_numbers") as batch:
        batch.add_column(sa.Column("position", sa.Integer(), nullable=False, server_default="0"))
    with op.batch_alter_table("organizations") as batch:
        batch.add_column(sa.Column("spread_minutes", sa.Integer(), nullable=True))
    with op.batch_alter_table("attempts") as batch:
        batch.add_column(sa.Column("sender_id", sa.Uuid(), nullable=True))
        batch.create_index("ix_attempts_sender_id_started_at", ["sender_id", "started_at"])
    with op.batch_alter_table("communications") as batch:
        batch.add_column(sa.Column("again_of", sa.Uuid(), nullable=True))
        batch.add_column(sa.Column("again", sa.Integer(), nullable=False, server_default="0"))
        batch.create_foreign_key(batch.f("fk_communications_again_of"), "communications", ["again_of"], ["id"])
    waiting = sa.text("status IN ('due', 'held')")
    op.create_index(
        "ix_communications_waiting",
        "communications",
        ["organization_id", "lane", "due_at"],
        postgresql_where=waiting,
        sqlite_where=waiting,
    )


def downgrade() -> None:
    op.drop_index("ix_communications_waiting", table_name="communications")
    with op.batch_alter_table("communications") as batch:
        batch.drop_constraint(batch.f("fk_communications_again_of"), type_="foreignkey")
        batch.drop_column("again")
        batch.drop_column("again_of")
    with op.batch_alter_table("attempts") as batch:
        batch.drop_index("ix_attempts_sender_id_started_at")
        batch.drop_column("sender_id")
    with op.batch_alter_table("organizations") as batch:
        batch.drop_column("spread_minutes")
    with op.batch_alter_table("sender_numbers") as batch:
        batch.drop_column("position")
    op.drop_table("known_senders")
    op.drop_table("sender_days")
    op.drop_table("senders")
