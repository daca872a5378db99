"""Statements are compiled once a process of tests, and not anew for each test's engine: as in the service, which has one engine.

SQLAlchemy keeps a compiled statement under its engine's dialect. The dialects registered here are equal where they have the same keys and
speak to the same version of a server, so that the engines of all tests find each other's statements.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.dialects.sqlite.aiosqlite import SQLiteDialect_aiosqlite
from sqlalchemy.util import LRUCache

KEPT = 4000
"""More than all tests together have; an engine's own cache has room for 500."""
_compiled: LRUCache[Any, Any] = LRUCache(KEPT)


class _Alike:
    """A dialect that equals another of its kind with the same keys, to the same version of a server."""

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and _what_matters(self) == _what_matters(other)

    def __hash__(self) -> int:
        return hash(type(self))

    @classmethod
    def engine_created(cls, engine: Any) -> None:
        engine.update_execution_options(compiled_cache=_compiled)


class Asyncpg(_Alike, PGDialect_asyncpg):
    """PostgreSQL's, as the service uses it."""

    supports_statement_cache = True


class Aiosqlite(_Alike, SQLiteDialect_aiosqlite):
    """SQLite's, as the service uses it."""

    supports_statement_cache = True


def compile_once() -> None:
    """From now on every engine of this process shares what is compiled."""
    registry.register("postgresql.asyncpg", __name__, Asyncpg.__name__)
    registry.register("sqlite.aiosqlite", __name__, Aiosqlite.__name__)


def _what_matters(dialect: Any) -> tuple[object, ...]:
    return getattr(dialect, "rounds_keyring", None), getattr(dialect, "server_version_info", None)
