"""What was agreed to, word for word, by whom, how and how often; where a patient lives and when they want to be contacted."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "consent_wordings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("warning_version", sa.String(length=64), nullable=False),
        sa.Column("words_hash", sa.String(length=64), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_consent_wordings_organization_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent_wordings")),
        sa.UniqueConstraint("organization_id", "version", "language", name=op.f("uq_consent_wordings_organization_id_version_language")),
    )
    with op.batch_alter_table("consents", schema=None) as batch_op:
        batch_op.add_column(sa.Column("method", sa.String(length=16), nullable=False, server_default="import"))
        batch_op.add_column(sa.Column("per_week", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("warning_version", sa.String(length=64), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("wording_id", sa.Uuid(), nullable=True))
        batch_op.add_column(sa.Column("taken_by", sa.Uuid(), nullable=True))
        batch_op.add_column(sa.Column("revoked_by", sa.Uuid(), nullable=True))
        batch_op.add_column(sa.Column("representative_id", sa.Uuid(), nullable=True))
        batch_op.create_foreign_key(op.f("fk_consents_wording_id"), "consent_wordings", ["wording_id"], ["id"])
        batch_op.create_foreign_key(op.f("fk_consents_taken_by"), "staff", ["taken_by"], ["id"])
        batch_op.create_foreign_key(op.f("fk_consents_revoked_by"), "staff", ["revoked_by"], ["id"])
        batch_op.create_foreign_key(op.f("fk_consents_representative_id"), "related_persons", ["representative_id"], ["id"])
    op.add_column("patients", sa.Column("state", sa.String(length=2), nullable=True))
    op.add_column("patients", sa.Column("contact_from", sa.Time(), nullable=True))
    op.add_column("patients", sa.Column("contact_until", sa.Time(), nullable=True))
    op.add_column("patients", sa.Column("contact_days", sa.String(length=7), nullable=True))
    op.add_column("patients", sa.Column("on_holidays", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("patients", sa.Column("disclaimed_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    for name in ("disclaimed_at", "on_holidays", "contact_days", "contact_until", "contact_from", "state"):
        op.drop_column("patients", name)
    with op.batch_alter_table("consents", schema=None) as batch_op:
        for name in ("representative_id", "revoked_by", "taken_by", "wording_id"):
            batch_op.drop_constraint(op.f(f"fk_consents_{name}"), type_="foreignkey")
            batch_op.drop_column(name)
        for name in ("ends_at", "warning_version", "per_week", "method"):
            batch_op.drop_column(name)
    op.drop_table("consent_wordings")
