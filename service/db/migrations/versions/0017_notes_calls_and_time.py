"""Signed notes and their drafts, attempts to call, calls that join nurse and patient, follow-ups, time spent, ready answers."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

LIVE = sa.text("status IN ('due', 'claimed', 'placed', 'talking', 'unknown')")
WAITING = sa.text("state IN ('planned', 'due')")


def _json() -> Any:
    return sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def _instant(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _table(name: str, references: dict[str, str], *columns: sa.schema.SchemaItem, optional: tuple[str, ...] = ()) -> None:
    keys = {"organization_id": "organizations", **references}
    op.create_table(
        name,
        sa.Column("id", sa.Uuid(), nullable=False),
        *(sa.Column(key, sa.Uuid(), nullable=key in optional) for key in keys),
        *columns,
        *(sa.ForeignKeyConstraint([key], [f"{target}.id"], name=op.f(f"fk_{name}_{key}")) for key, target in keys.items()),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{name}")),
    )


def upgrade() -> None:
    op.add_column("escalations", sa.Column("lowered_from", sa.SmallInteger(), nullable=True))
    op.add_column("concerns", sa.Column("measured", _json(), nullable=True))
    op.add_column("concerns", sa.Column("useful", sa.Boolean(), nullable=True))
    op.add_column("notes", sa.Column("kind", sa.String(length=12), nullable=False, server_default="note"))
    op.add_column("notes", sa.Column("form", sa.LargeBinary(), nullable=True))
    op.add_column("notes", _instant("signed_at", nullable=True))
    op.drop_index("ix_notes_patient_id", table_name="notes")
    op.create_index("ix_notes_patient_id_created_at", "notes", ["patient_id", "created_at"])
    op.drop_index("ix_escalation_events_escalation_id", table_name="escalation_events")
    op.create_index("ix_escalation_events_escalation_id_at", "escalation_events", ["escalation_id", "at"])
    _table(
        "note_drafts",
        {"escalation_id": "escalations", "author_id": "staff"},
        sa.Column("form", sa.LargeBinary(), nullable=False),
        _instant("changed_at"),
        sa.UniqueConstraint("escalation_id", "author_id", name=op.f("uq_note_drafts_escalation_id_author_id")),
    )
    _table(
        "nurse_calls",
        {"patient_id": "patients", "phone_id": "phones", "escalation_id": "escalations", "staff_id": "staff"},
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("stage", sa.String(length=12), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("reason", sa.LargeBinary(), nullable=False),
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("provider_id", sa.String(length=64), nullable=True),
        _instant("created_at"),
        _instant("status_at"),
        _instant("joined_at", nullable=True),
        optional=("patient_id",),
    )
    op.create_index("ix_nurse_calls_escalation_id_created_at", "nurse_calls", ["escalation_id", "created_at"])
    op.create_index("uq_nurse_calls_live", "nurse_calls", ["staff_id"], unique=True, postgresql_where=LIVE, sqlite_where=LIVE)
    _table(
        "call_attempts",
        {
            "patient_id": "patients",
            "phone_id": "phones",
            "escalation_id": "escalations",
            "staff_id": "staff",
            "nurse_call_id": "nurse_calls",
        },
        sa.Column("outcome", sa.String(length=24), nullable=False),
        _instant("at"),
        optional=("patient_id", "phone_id", "nurse_call_id"),
    )
    op.create_index("ix_call_attempts_escalation_id_at", "call_attempts", ["escalation_id", "at"])
    op.create_index("ix_call_attempts_patient_id_at", "call_attempts", ["patient_id", "at"])
    _table(
        "follow_ups",
        {
            "team_id": "teams",
            "patient_id": "patients",
            "phone_id": "phones",
            "escalation_id": "escalations",
            "created_by": "staff",
            "for_staff_id": "staff",
            "item_id": "escalations",
        },
        sa.Column("what", sa.String(length=24), nullable=False),
        sa.Column("words", sa.LargeBinary(), nullable=False),
        sa.Column("urgency_rank", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        _instant("due_at"),
        _instant("created_at"),
        _instant("ended_at", nullable=True),
        optional=("patient_id", "phone_id", "for_staff_id", "item_id"),
    )
    op.create_index("ix_follow_ups_escalation_id", "follow_ups", ["escalation_id"])
    op.create_index("ix_follow_ups_patient_id_due_at", "follow_ups", ["patient_id", "due_at"])
    op.create_index("ix_follow_ups_waiting", "follow_ups", ["team_id", "due_at"], postgresql_where=WAITING, sqlite_where=WAITING)
    _table(
        "time_entries",
        {"patient_id": "patients", "escalation_id": "escalations", "staff_id": "staff", "struck_by": "staff"},
        sa.Column("source", sa.String(length=8), nullable=False),
        sa.Column("activity", sa.String(length=24), nullable=False),
        sa.Column("code", sa.String(length=12), nullable=False),
        sa.Column("seconds", sa.Integer(), nullable=False),
        sa.Column("words", sa.LargeBinary(), nullable=False),
        _instant("started_at"),
        _instant("last_at"),
        _instant("struck_at", nullable=True),
        optional=("escalation_id", "struck_by"),
    )
    op.create_index("ix_time_entries_patient_id_started_at", "time_entries", ["patient_id", "started_at"])
    op.create_index("ix_time_entries_staff_id_last_at", "time_entries", ["staff_id", "last_at"])
    _table(
        "ready_answers",
        {"created_by": "staff"},
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("title", sa.String(length=80), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        _instant("created_at"),
        _instant("ended_at", nullable=True),
    )
    op.create_index("ix_ready_answers_organization_id_language", "ready_answers", ["organization_id", "language"])


def downgrade() -> None:
    for table in ("ready_answers", "time_entries", "follow_ups", "call_attempts", "nurse_calls", "note_drafts"):
        op.drop_table(table)
    op.drop_index("ix_escalation_events_escalation_id_at", table_name="escalation_events")
    op.create_index("ix_escalation_events_escalation_id", "escalation_events", ["escalation_id"])
    op.drop_index("ix_notes_patient_id_created_at", table_name="notes")
    op.create_index("ix_notes_patient_id", "notes", ["patient_id"])
    for table, columns in (
        ("notes", ("signed_at", "form", "kind")),
        ("concerns", ("useful", "measured")),
        ("escalations", ("lowered_from",)),
    ):
        with op.batch_alter_table(table, schema=None) as batch_op:
            for column in columns:
                batch_op.drop_column(column)
