"""Hand-overs one by one, swaps that are asked for, tests of one's own telephone, and weekly reports with their sample."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

WAITING = sa.text("state IN ('offered', 'overdue')")
WAITING_ITEM = sa.text("state IN ('offered', 'overdue') AND escalation_id IS NOT NULL")
ASKED = sa.text("state = 'asked'")
UNREAD = sa.text("verdict = ''")
JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
INSTANT = sa.DateTime(timezone=True)


def _foreign(table: str, *names: tuple[str, str]) -> list[sa.ForeignKeyConstraint]:
    return [sa.ForeignKeyConstraint([name], [f"{target}.id"], name=op.f(f"fk_{table}_{name}")) for name, target in names]


def upgrade() -> None:
    op.create_table(
        "hand_overs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=False),
        sa.Column("escalation_id", sa.Uuid(), nullable=True),
        sa.Column("patient_id", sa.Uuid(), nullable=True),
        sa.Column("giver_id", sa.Uuid(), nullable=False),
        sa.Column("receiver_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("urgency_rank", sa.SmallInteger(), nullable=False),
        sa.Column("summary", sa.LargeBinary(), nullable=False),
        sa.Column("actions", sa.LargeBinary(), nullable=False),
        sa.Column("contingency", sa.LargeBinary(), nullable=False),
        sa.Column("offered_at", INSTANT, nullable=False),
        sa.Column("answer_by", INSTANT, nullable=False),
        sa.Column("answered_at", INSTANT, nullable=True),
        sa.Column("answered_by", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.LargeBinary(), nullable=True),
        *_foreign(
            "hand_overs",
            ("organization_id", "organizations"),
            ("team_id", "teams"),
            ("escalation_id", "escalations"),
            ("patient_id", "patients"),
            ("giver_id", "staff"),
            ("receiver_id", "staff"),
            ("answered_by", "staff"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hand_overs")),
    )
    op.create_index("ix_hand_overs_waiting", "hand_overs", ["receiver_id"], postgresql_where=WAITING, sqlite_where=WAITING)
    op.create_index("ix_hand_overs_giver_id_offered_at", "hand_overs", ["giver_id", "offered_at"])
    op.create_index("ix_hand_overs_team_id_offered_at", "hand_overs", ["team_id", "offered_at"])
    op.create_index(
        "uq_hand_overs_waiting_item",
        "hand_overs",
        ["escalation_id"],
        unique=True,
        postgresql_where=WAITING_ITEM,
        sqlite_where=WAITING_ITEM,
    )
    op.create_table(
        "swap_requests",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("asked_by", sa.Uuid(), nullable=False),
        sa.Column("asked_of", sa.Uuid(), nullable=False),
        sa.Column("starts_at", INSTANT, nullable=False),
        sa.Column("ends_at", INSTANT, nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("asked_at", INSTANT, nullable=False),
        sa.Column("answered_at", INSTANT, nullable=True),
        sa.Column("answered_by", sa.Uuid(), nullable=True),
        sa.Column("override_id", sa.Uuid(), nullable=True),
        *_foreign(
            "swap_requests",
            ("organization_id", "organizations"),
            ("team_id", "teams"),
            ("asked_by", "staff"),
            ("asked_of", "staff"),
            ("answered_by", "staff"),
            ("override_id", "rota_overrides"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_swap_requests")),
    )
    op.create_index("ix_swap_requests_asked", "swap_requests", ["team_id", "starts_at"], postgresql_where=ASKED, sqlite_where=ASKED)
    op.create_table(
        "phone_tests",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("escalation_id", sa.Uuid(), nullable=False),
        sa.Column("began_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT, nullable=True),
        *_foreign("phone_tests", ("organization_id", "organizations"), ("staff_id", "staff"), ("escalation_id", "escalations")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_phone_tests")),
    )
    op.create_index("ix_phone_tests_staff_id_began_at", "phone_tests", ["staff_id", "began_at"])
    op.create_table(
        "self_reports",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("week", sa.Date(), nullable=False),
        sa.Column("made_at", INSTANT, nullable=False),
        sa.Column("figures", JSON, nullable=False),
        *_foreign("self_reports", ("organization_id", "organizations")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_self_reports")),
        sa.UniqueConstraint("organization_id", "week", name=op.f("uq_self_reports_organization_id_week")),
    )
    op.create_table(
        "sampled_replies",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=False),
        sa.Column("report_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("communication_id", sa.Uuid(), nullable=False),
        sa.Column("verdict", sa.String(length=12), nullable=False),
        sa.Column("read_by", sa.Uuid(), nullable=True),
        sa.Column("read_at", INSTANT, nullable=True),
        *_foreign(
            "sampled_replies",
            ("organization_id", "organizations"),
            ("team_id", "teams"),
            ("report_id", "self_reports"),
            ("patient_id", "patients"),
            ("communication_id", "communications"),
            ("read_by", "staff"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sampled_replies")),
    )
    op.create_index("ix_sampled_replies_report_id", "sampled_replies", ["report_id"])
    op.create_index("ix_sampled_replies_unread", "sampled_replies", ["team_id"], postgresql_where=UNREAD, sqlite_where=UNREAD)


def downgrade() -> None:
    for table in ("sampled_replies", "self_reports", "phone_tests", "swap_requests", "hand_overs"):
        op.drop_table(table)
