"""What all tables share: metadata with constraint names, column types for ids, instants and JSON."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Column, DateTime, Dialect, ForeignKey, MetaData, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


class Instant(TypeDecorator[datetime]):
    """An aware UTC instant on both databases; a naive datetime is refused (law 9)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """UTC on the way in."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a zone: naive datetimes are not stored")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Aware UTC on the way out."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


_last = [0, 0]
"""Milliseconds and the 74 random bits of the id that was made last in this process."""


def new_id(now: datetime) -> UUID:
    """A time-ordered id (UUID version 7, RFC 9562): 48 bits of milliseconds, then 74 bits that grow within a millisecond.

    So rows made at the same instant keep the order in which they were made, and indexes stay compact.
    """
    milliseconds = int(now.timestamp() * 1000)
    if milliseconds == _last[0]:
        tail = _last[1] + 1 + int.from_bytes(os.urandom(4))
    else:
        tail = int.from_bytes(os.urandom(9))
    _last[:] = milliseconds, tail
    return UUID(int=milliseconds << 80 | 0x7 << 76 | (tail >> 62 & 0xFFF) << 64 | 0x2 << 62 | tail & (1 << 62) - 1)


def first_id(at: datetime) -> UUID:
    """The least id that `new_id` can have made then: ids are ordered by time, so that their index is one of time."""
    return UUID(int=max(0, int(at.timestamp() * 1000)) << 80)


def id_column() -> Column[UUID]:
    """The primary key."""
    return Column("id", Uuid(), primary_key=True)


def organization_column() -> Column[UUID]:
    """Every row belongs to an organization (decisions 21)."""
    return Column("organization_id", Uuid(), ForeignKey("organizations.id"), nullable=False)


def reference(name: str, target: str, *, nullable: bool = False, index: bool = False) -> Column[Any]:
    """A foreign key to `target`.id."""
    return Column(name, Uuid(), ForeignKey(f"{target}.id"), nullable=nullable, index=index)
