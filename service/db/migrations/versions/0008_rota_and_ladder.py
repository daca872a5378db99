"""Who is on call, who is paged next, and what was promised: rota, ladders, promises; staff with a telephone and a PIN."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

OPEN = sa.text("state = 'open'")
JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def _table(name: str, *columns: sa.Column, references: dict[str, str], unique: tuple[str, ...] = ()) -> None:  # type: ignore[type-arg]
    constraints: list[sa.Constraint] = [
        sa.ForeignKeyConstraint([column], [f"{target}.id"], name=op.f(f"fk_{name}_{column}"))
        for column, target in {"organization_id": "organizations", **references}.items()
    ]
    if unique:
        constraints.append(sa.UniqueConstraint(*unique, name=op.f(f"uq_{name}_{'_'.join(unique)}")))
    op.create_table(
        name,
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        *columns,
        *constraints,
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{name}")),
    )


def upgrade() -> None:
    with op.batch_alter_table("staff", schema=None) as batch_op:
        batch_op.add_column(sa.Column("phone", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("phone_index", sa.LargeBinary(length=32), nullable=True))
        batch_op.add_column(sa.Column("pin_hash", sa.String(length=200), nullable=True))
        batch_op.add_column(sa.Column("pin_failures", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("pin_locked_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("paged_by", sa.String(length=8), nullable=False, server_default="both"))
        batch_op.create_index(batch_op.f("ix_staff_phone_index"), ["phone_index"], unique=False)
    with op.batch_alter_table("escalations", schema=None) as batch_op:
        batch_op.add_column(sa.Column("ladder", JSON, nullable=True))
    with op.batch_alter_table("pages", schema=None) as batch_op:
        batch_op.add_column(sa.Column("channel", sa.String(length=8), nullable=False, server_default="text"))
        batch_op.add_column(sa.Column("staff_id", sa.Uuid(), nullable=True))
        batch_op.add_column(sa.Column("rung", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("role", sa.String(length=16), nullable=False, server_default="team"))
        batch_op.create_foreign_key(batch_op.f("fk_pages_staff_id"), "staff", ["staff_id"], ["id"])
        batch_op.create_index(batch_op.f("ix_pages_staff_id"), ["staff_id"], unique=False)
    team = {"team_id": "teams"}
    _table(
        "rota_shifts",
        sa.Column("team_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("weekday", sa.Integer(), nullable=False),
        sa.Column("starts", sa.Time(), nullable=False),
        sa.Column("ends", sa.Time(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        references={**team, "staff_id": "staff"},
    )
    op.create_index(op.f("ix_rota_shifts_team_id"), "rota_shifts", ["team_id"])
    _table(
        "rota_overrides",
        sa.Column("team_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("from_staff_id", sa.Uuid(), nullable=True),
        sa.Column("to_staff_id", sa.Uuid(), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancelled_by", sa.Uuid(), nullable=True),
        references={**team, "from_staff_id": "staff", "to_staff_id": "staff", "created_by": "staff", "cancelled_by": "staff"},
    )
    op.create_index("ix_rota_overrides_team_id_ends_at", "rota_overrides", ["team_id", "ends_at"])
    _table(
        "page_numbers",
        sa.Column("team_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("phone", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        references=team,
        unique=("team_id", "name"),
    )
    _table(
        "ladders",
        sa.Column("team_id", sa.Uuid(), nullable=False),
        sa.Column("urgency_rank", sa.SmallInteger(), nullable=False),
        sa.Column("rungs", JSON, nullable=False),
        sa.Column("changed_by", sa.Uuid(), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        references={**team, "changed_by": "staff"},
        unique=("team_id", "urgency_rank"),
    )
    _table(
        "promises",
        sa.Column("team_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=True),
        sa.Column("phone_id", sa.Uuid(), nullable=True),
        sa.Column("escalation_id", sa.Uuid(), nullable=True),
        sa.Column("communication_id", sa.Uuid(), nullable=True),
        sa.Column("words", sa.String(length=120), nullable=False),
        sa.Column("urgency_rank", sa.SmallInteger(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("state_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("warned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("renews", sa.Uuid(), nullable=True),
        references={
            **team,
            "patient_id": "patients",
            "phone_id": "phones",
            "escalation_id": "escalations",
            "communication_id": "communications",
            "renews": "promises",
        },
    )
    op.create_index("ix_promises_open", "promises", ["due_at"], postgresql_where=OPEN, sqlite_where=OPEN)
    op.create_index(op.f("ix_promises_escalation_id"), "promises", ["escalation_id"])
    op.create_index("ix_promises_organization_id_made_at", "promises", ["organization_id", "made_at"])


def downgrade() -> None:
    for table in ("promises", "ladders", "page_numbers", "rota_overrides", "rota_shifts"):
        op.drop_table(table)
    with op.batch_alter_table("pages", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_pages_staff_id"))
        batch_op.drop_constraint(batch_op.f("fk_pages_staff_id"), type_="foreignkey")
        for column in ("role", "rung", "staff_id", "channel"):
            batch_op.drop_column(column)
    with op.batch_alter_table("escalations", schema=None) as batch_op:
        batch_op.drop_column("ladder")
    with op.batch_alter_table("staff", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_staff_phone_index"))
        for column in ("paged_by", "pin_locked_at", "pin_failures", "pin_hash", "phone_index", "phone"):
            batch_op.drop_column(column)
