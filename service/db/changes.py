"""Changes: everything one transaction is going to write, gathered while deciding and written in few statements.

Pure code decides, message by message; the rows it wants are gathered here and written in bulk: one INSERT for each
table, one executemany UPDATE for each table and set of columns, in the order that foreign keys ask for.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Table, Update, bindparam, insert, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.schema import ScalarElementColumnDefault

from service.db import database
from service.db.schema import metadata


@dataclass(slots=True)
class Changes:
    """Rows to insert and columns to set, by table; topics to wake after the commit."""

    now: datetime
    inserted: dict[Table, dict[UUID, dict[str, Any]]] = field(default_factory=dict)
    updated: dict[Table, dict[UUID, dict[str, Any]]] = field(default_factory=dict)
    statements: list[Update] = field(default_factory=list)
    """Updates of many rows by a condition, in order, after the rest."""
    topics: set[str] = field(default_factory=set)

    def insert(self, table: Table, row: Mapping[str, Any]) -> None:
        """A row to insert; columns that are left out get None or their default."""
        self.inserted.setdefault(table, {})[row["id"]] = {**self._when(table), **row}

    def update(self, table: Table, id: UUID, **values: Any) -> None:
        """Columns to set on a row; later calls win. A row inserted in the same changes is altered before it is written."""
        if (row := self.inserted.get(table, {}).get(id)) is not None:
            row.update(values)
            return
        self.updated.setdefault(table, {}).setdefault(id, self._when(table)).update(values)

    def _when(self, table: Table) -> dict[str, Any]:
        """A row that keeps when it was changed last says so without being asked."""
        return {"touched_at": self.now} if "touched_at" in table.c else {}

    def also(self, statement: Update) -> None:
        """An update of rows that are not known one by one (all consents of a patient)."""
        self.statements.append(statement)

    def wake(self, *topics: str) -> None:
        """Topics to wake once all is committed."""
        self.topics.update(topics)

    def merge(self, other: Changes) -> None:
        """Takes over everything another set gathered, after what is here already."""
        for table, rows in other.inserted.items():
            self.inserted.setdefault(table, {}).update(rows)
        for table, by_id in other.updated.items():
            for id, values in by_id.items():
                self.update(table, id, **values)
        self.statements += other.statements
        self.topics |= other.topics

    async def write(self, connection: AsyncConnection) -> None:
        """Writes all of it in the caller's transaction."""
        for table in _tables():
            if new := self.inserted.get(table):
                await connection.execute(insert(table), [_whole(table, row) for row in new.values()])
        for table in _tables():
            by_columns: dict[tuple[str, ...], list[dict[str, Any]]] = {}
            for id, values in sorted(self.updated.get(table, {}).items()):
                by_columns.setdefault(tuple(sorted(values)), []).append({"row_id": id, **values})
            for columns, rows in by_columns.items():
                change = update(table).where(table.c.id == bindparam("row_id"))
                settings: dict[str, Any] = {name: bindparam(name) for name in columns}
                if "version" in table.c:
                    settings["version"] = table.c.version + 1
                await connection.execute(change.values(settings), rows)
        for statement in self.statements:
            await connection.execute(statement)
        if self.topics:
            await database.notify(connection, *sorted(self.topics))


@functools.cache
def _tables() -> tuple[Table, ...]:
    """Every table, parents first."""
    return tuple(metadata.sorted_tables)


def _whole(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    """The row with every column, so that all rows of a table share one statement."""
    blank = _blank(table)
    if not row.keys() <= blank.keys():
        raise ValueError(f"{table.name} has no column {', '.join(sorted(row.keys() - blank.keys()))}")
    return {**blank, **row}


@functools.cache
def _blank(table: Table) -> dict[str, Any]:
    """Each column's fixed default, None where it has none."""
    return {column.name: column.default.arg if isinstance(column.default, ScalarElementColumnDefault) else None for column in table.columns}
