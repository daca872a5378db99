"""The synthetic patient and its walks; when a provider was last asked about a text, and that it was given up."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

RUNNING = sa.text("ended_at IS NULL")
STATIONS = "asked arrived replied received raised paged page_arrived answered called spoken hung_up"


def upgrade() -> None:
    for table in ("patients", "teams"):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.add_column(sa.Column("synthetic", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("communications", schema=None) as batch_op:
        batch_op.add_column(sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("given_up_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "synthetic_walks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("slot", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("broken_at", sa.String(length=16), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("communication_id", sa.Uuid(), nullable=False),
        sa.Column("escalation_id", sa.Uuid(), nullable=True),
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("reply_to", sa.String(length=64), nullable=False),
        sa.Column("reply_id", sa.String(length=64), nullable=False),
        *(sa.Column(f"{station}_at", sa.DateTime(timezone=True), nullable=True) for station in STATIONS.split()),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_synthetic_walks_organization_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patients.id"], name=op.f("fk_synthetic_walks_patient_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_synthetic_walks")),
        sa.UniqueConstraint("slot", name=op.f("uq_synthetic_walks_slot")),
    )
    op.create_index("ix_synthetic_walks_running", "synthetic_walks", ["began_at"], postgresql_where=RUNNING, sqlite_where=RUNNING)


def downgrade() -> None:
    op.drop_table("synthetic_walks")
    with op.batch_alter_table("communications", schema=None) as batch_op:
        for column in ("given_up_at", "asked_at"):
            batch_op.drop_column(column)
    for table in ("teams", "patients"):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_column("synthetic")
