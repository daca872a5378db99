"""Due work: everything scheduled is a row with a due time (law 11)."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, String, Table, UniqueConstraint, Uuid, text

from service.db.schema import Instant, Json, id_column, metadata, organization_column

due_work = Table(
    "due_work",
    metadata,
    id_column(),
    organization_column(),
    Column("key", String(120), nullable=False, doc="unique: the same work is planned once"),
    Column("kind", String(32), nullable=False),
    Column("lane", String(12), nullable=False),
    Column("subject_id", Uuid(), nullable=False),
    Column("payload", Json, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("useful_until", Instant),
    Column("state", String(12), nullable=False, doc="due | claimed | done | expired | failed"),
    Column("attempts", Integer, nullable=False, default=0),
    Column("claimed_by", String(64)),
    Column("lease_until", Instant),
    Column("fence", Integer, nullable=False, default=0, doc="grows with every claim: a late holder's commit is refused"),
    Column("failure", String(200), nullable=False, default=""),
    UniqueConstraint("key"),
    Index("ix_due_work_due", "lane", "due_at", postgresql_where=text("state = 'due'"), sqlite_where=text("state = 'due'")),
    Index("ix_due_work_leases", "lease_until", postgresql_where=text("state = 'claimed'"), sqlite_where=text("state = 'claimed'")),
)

heartbeats = Table(
    "heartbeats",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("node", String(64), primary_key=True),
    Column("at", Instant, nullable=False),
)
