"""Who is writing: numbers that are no longer a patient's or in doubt, who answers from a shared phone, what a related person may do."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("phones", schema=None) as batch_op:
        batch_op.add_column(sa.Column("answering_id", sa.Uuid(), nullable=True))
        batch_op.add_column(sa.Column("answering_until", sa.DateTime(timezone=True), nullable=True))
        batch_op.create_foreign_key(op.f("fk_phones_answering_id"), "patients", ["answering_id"], ["id"])
    op.add_column("patient_phones", sa.Column("doubted_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("patient_phones", sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("patient_phones", sa.Column("ended_why", sa.String(length=24), nullable=True))
    op.add_column("related_persons", sa.Column("signed_by", sa.LargeBinary(), nullable=True))
    op.add_column("related_persons", sa.Column("signed_on", sa.Date(), nullable=True))
    op.add_column("related_persons", sa.Column("expires_on", sa.Date(), nullable=True))
    op.add_column("related_persons", sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("communications", sa.Column("related_person_id", sa.Uuid(), nullable=True))
    op.add_column("check_ins", sa.Column("held_why", sa.String(length=40), nullable=True))


def downgrade() -> None:
    op.drop_column("check_ins", "held_why")
    op.drop_column("communications", "related_person_id")
    for name in ("ended_at", "expires_on", "signed_on", "signed_by"):
        op.drop_column("related_persons", name)
    for name in ("ended_why", "ended_at", "doubted_at"):
        op.drop_column("patient_phones", name)
    with op.batch_alter_table("phones", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("fk_phones_answering_id"), type_="foreignkey")
        batch_op.drop_column("answering_until")
        batch_op.drop_column("answering_id")
