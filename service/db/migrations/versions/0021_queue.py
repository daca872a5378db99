"""Snoozed items, who looks at an item, worries of nurses, accepted findings, steps that can be undone, and the search for patients."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

OPEN = sa.text("state <> 'resolved'")
CLAIMED, SNOOZED, RESOLVED = (sa.text(f"state = '{state}'") for state in ("claimed", "snoozed", "resolved"))
STANDING = sa.text("ended_at IS NULL")
NOT_SEARCHED = sa.text("searched_at IS NULL")
NO_TAIL = sa.text("tail_index IS NULL")


def _json() -> Any:
    return sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def _instant(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _references(table: str, references: dict[str, str]) -> list[sa.schema.SchemaItem]:
    return [sa.ForeignKeyConstraint([key], [f"{target}.id"], name=op.f(f"fk_{table}_{key}")) for key, target in references.items()]


def _partial(name: str, table: str, columns: list[str], where: sa.TextClause) -> None:
    op.create_index(name, table, columns, postgresql_where=where, sqlite_where=where)


def _table(name: str, references: dict[str, str], *columns: sa.schema.SchemaItem, optional: tuple[str, ...] = ()) -> None:
    keys = {"organization_id": "organizations", **references}
    op.create_table(
        name,
        sa.Column("id", sa.Uuid(), nullable=False),
        *(sa.Column(key, sa.Uuid(), nullable=key in optional) for key in keys),
        *columns,
        *_references(name, keys),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{name}")),
    )


def upgrade() -> None:
    op.add_column("escalations", _instant("snoozed_until", nullable=True))
    op.add_column("escalations", sa.Column("snooze_reason", sa.LargeBinary(), nullable=True))
    op.add_column("escalations", _instant("touched_at", nullable=True))
    _partial("ix_escalations_held", "escalations", ["claimed_by"], CLAIMED)
    _partial("ix_escalations_snoozed", "escalations", ["snoozed_until"], SNOOZED)
    _partial("ix_escalations_done", "escalations", ["team_id", "resolved_at"], RESOLVED)
    op.create_index("ix_escalations_team_id_touched_at", "escalations", ["team_id", "touched_at"])
    op.create_table(
        "presences",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("escalation_id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        _instant("seen_at"),
        *_references("presences", {"organization_id": "organizations", "escalation_id": "escalations", "staff_id": "staff"}),
        sa.PrimaryKeyConstraint("escalation_id", "staff_id", name=op.f("pk_presences")),
    )
    op.create_index("ix_presences_seen_at", "presences", ["seen_at"])
    _table(
        "worries",
        {"patient_id": "patients", "staff_id": "staff", "ended_by": "staff"},
        sa.Column("reason", sa.LargeBinary(), nullable=True),
        _instant("at"),
        _instant("until"),
        _instant("ended_at", nullable=True),
        optional=("ended_by",),
    )
    _partial("ix_worries_patient_id", "worries", ["patient_id"], STANDING)
    _table(
        "accepted_findings",
        {"patient_id": "patients", "accepted_by": "staff", "ended_by": "staff"},
        sa.Column("rule", sa.String(length=80), nullable=False),
        sa.Column("urgency_rank", sa.SmallInteger(), nullable=False),
        sa.Column("measure", sa.String(length=32), nullable=True),
        sa.Column("amount", sa.Float(), nullable=True),
        sa.Column("reason", sa.LargeBinary(), nullable=False),
        _instant("accepted_at"),
        _instant("until"),
        _instant("ended_at", nullable=True),
        optional=("ended_by",),
    )
    _partial("ix_accepted_findings_patient_id", "accepted_findings", ["patient_id"], STANDING)
    _table(
        "queue_undos",
        {"staff_id": "staff"},
        sa.Column("what", sa.String(length=16), nullable=False),
        sa.Column("before", _json(), nullable=False),
        _instant("at"),
        _instant("undone_at", nullable=True),
    )
    op.create_index("ix_queue_undos_staff_id", "queue_undos", ["staff_id"])
    op.create_table(
        "patient_search",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("token", sa.LargeBinary(length=12), nullable=False),
        *_references("patient_search", {"organization_id": "organizations", "patient_id": "patients"}),
        sa.PrimaryKeyConstraint("organization_id", "token", "patient_id", name=op.f("pk_patient_search")),
    )
    op.create_index("ix_patient_search_patient_id", "patient_search", ["patient_id"])
    op.add_column("patients", _instant("searched_at", nullable=True))
    _partial("ix_patients_not_searched", "patients", ["created_at"], NOT_SEARCHED)
    op.add_column("phones", sa.Column("tail_index", sa.LargeBinary(length=12), nullable=True))
    op.create_index("ix_phones_tail_index", "phones", ["tail_index"])
    _partial("ix_phones_no_tail", "phones", ["created_at"], NO_TAIL)


def downgrade() -> None:
    op.drop_index("ix_phones_no_tail", table_name="phones")
    op.drop_index("ix_phones_tail_index", table_name="phones")
    op.drop_column("phones", "tail_index")
    op.drop_index("ix_patients_not_searched", table_name="patients")
    op.drop_column("patients", "searched_at")
    for table in ("patient_search", "queue_undos", "accepted_findings", "worries", "presences"):
        op.drop_table(table)
    for name in ("team_id_touched_at", "done", "snoozed", "held"):
        op.drop_index(f"ix_escalations_{name}", table_name="escalations")
    op.execute("UPDATE escalations SET state = 'open' WHERE state = 'snoozed'")
    for name in ("touched_at", "snooze_reason", "snoozed_until"):
        op.drop_column("escalations", name)
