"""The engine, and all that SQLite and PostgreSQL do differently: transactions, locking, claiming, wake-up.

SQLite is one process with one writer at a time: an own first-come lock stands before BEGIN IMMEDIATE, so that writers
never spin on a busy file. PostgreSQL nodes share rows by FOR UPDATE SKIP LOCKED and wake each other by LISTEN/NOTIFY.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import (
    ARRAY,
    Column,
    ColumnElement,
    Float,
    Interval,
    Row,
    Select,
    String,
    Table,
    any_,
    bindparam,
    cast,
    event,
    extract,
    func,
    literal,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool
from sqlalchemy.types import TypeEngine

from service.db import tenants
from service.db.encryption import Keyring, attach
from service.db.schema import Instant

_log = structlog.get_logger(__name__)

POOL_SIZE = 8
BUSY_TIMEOUT_MILLISECONDS = 5000
STATEMENTS_KEPT = 500
"""Prepared statements that a connection to PostgreSQL keeps; the service has about 200, and the driver's default is 100."""
FROZEN_AFTER_SECONDS = 20
"""A transaction that says nothing for so long is of a process that is frozen or gone: PostgreSQL ends it, and what it has locked is free.

No transaction of ours waits for anything but the database, and every lease is longer. Without it a node that is frozen in the middle of
one would keep an emergency's page from every other node for as long as its connection stands.
"""
LONGEST_PAYLOAD = 7000
GIVEN_BACK_SECONDS = 2
CHANNEL = "rounds"


class DatabaseUrlError(ValueError):
    """The database URL names no database Rounds can use."""


class Wakeups:
    """In-process bus of topics ("outbox", "queue:<organization>"): a wake-up may be lost or doubled, a poll is the net."""

    def __init__(self) -> None:
        self._listeners: dict[str, set[asyncio.Event]] = {}

    @contextlib.contextmanager
    def listen(self, *topics: str) -> Any:
        """An asyncio.Event that is set whenever one of the topics wakes, until the block ends."""
        event_ = asyncio.Event()
        for topic in topics:
            self._listeners.setdefault(topic, set()).add(event_)
        try:
            yield event_
        finally:
            for topic in topics:
                self._listeners[topic].discard(event_)
                if not self._listeners[topic]:
                    del self._listeners[topic]

    def wake(self, topics: Iterable[str]) -> None:
        """Sets the events of everybody who listens to these topics."""
        for topic in topics:
            for event_ in self._listeners.get(topic, ()):
                event_.set()

    def wake_all(self) -> None:
        """Wakes everybody: after a lost connection nobody knows what was missed."""
        self.wake(list(self._listeners))


class Database:
    """One engine with its wake-ups. Open with `Database.open`, close with `close`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.wakeups = Wakeups()
        self._one_writer = asyncio.Lock()
        self._admission = asyncio.Semaphore(POOL_SIZE)
        self._confined = False

    @classmethod
    def open(cls, url: str, keyring: Keyring) -> Database:
        """An engine for sqlite+aiosqlite:///file or postgresql+asyncpg://...; DatabaseUrlError for anything else."""
        engine = create_engine(url)
        attach(engine.dialect, keyring)
        return cls(engine)

    def for_pages(self) -> Database:
        """The same database, its connections and wake-ups, on which every transaction belongs to one organization.

        It raises NoOrganization where `tenants.on_behalf_of` has not said to which; PostgreSQL holds the transaction to it.
        """
        pages = copy.copy(self)
        pages._confined = True
        return pages

    async def close(self) -> None:
        """Closes every connection; whoever still writes a result has two seconds to give theirs back: it would stay open otherwise."""
        pool = self.engine.pool
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GIVEN_BACK_SECONDS):
                while isinstance(pool, QueuePool) and pool.checkedout():  # noqa: ASYNC110 - the pool tells nobody
                    await asyncio.sleep(0.01)
        await self.engine.dispose()

    @property
    def is_postgresql(self) -> bool:
        """True when several nodes may share this database."""
        return self.engine.dialect.name == "postgresql"

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """A writing transaction: commits at the end of the block, then wakes what was notified in it.

        Admission is first come, first served before the pool (perf: the pool alone starves its waiters).
        """
        gate = self._admission if self.is_postgresql else self._one_writer
        topics: set[str] = set()
        options = self._options()
        async with gate, self.engine.connect() as connection:
            connection = await connection.execution_options(rounds_writes=True, **options)
            connection.info["topics"] = topics
            async with connection.begin():
                yield connection
        self.wakeups.wake(topics)

    @contextlib.asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A connection for reads only; nothing is committed."""
        options = self._options()
        async with self._admission if self.is_postgresql else contextlib.nullcontext(), self.engine.connect() as connection:
            yield await connection.execution_options(**options) if options else connection

    def _options(self) -> dict[str, Any]:
        return {"rounds_organization": str(tenants.organization())} if self._confined else {}

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """While the block runs, wake-ups of other nodes arrive here too (PostgreSQL LISTEN); reconnects by itself."""
        if not self.is_postgresql:
            yield
            return
        task = asyncio.create_task(self._listen_forever(), name="database-listen")
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _listen_forever(self) -> None:
        while True:
            try:
                async with self.engine.connect() as connection:
                    raw: Any = (await connection.get_raw_connection()).driver_connection
                    lost = asyncio.Event()

                    def heard(_connection: Any, _pid: int, _channel: str, payload: str) -> None:
                        self.wakeups.wake(payload.split(" "))

                    def ended(_connection: Any, lost: asyncio.Event = lost) -> None:
                        lost.set()

                    await raw.add_listener(CHANNEL, heard)
                    raw.add_termination_listener(ended)
                    try:
                        self.wakeups.wake_all()
                        await lost.wait()
                    finally:
                        if not raw.is_closed():
                            await raw.remove_listener(CHANNEL, heard)
                            raw.remove_termination_listener(ended)
            except Exception as error:  # whatever it was: polls are the net, and this loop must not end
                _log.warning("database_listen_lost", error=type(error).__name__)
            await asyncio.sleep(1)


def create_engine(url: str, *, migrating: bool = False) -> AsyncEngine:
    """The configured engine without a key ring (migrations need none).

    `migrating`: SQLite changes a table by making it anew and dropping the old one, which rows that refer to it would forbid; nothing
    is enforced meanwhile, and `dangling` tells whether all still holds.
    """
    try:
        parsed = make_url(url)
    except Exception:
        raise DatabaseUrlError("DATABASE_URL cannot be read: write it as sqlite+aiosqlite:///file.sqlite3") from None
    if parsed.drivername == "sqlite+aiosqlite":
        engine = create_async_engine(parsed, hide_parameters=True)
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
        if migrating:
            event.listen(engine.sync_engine, "connect", lambda connection, _record: connection.execute("PRAGMA foreign_keys=OFF"))
        return engine
    if parsed.drivername == "postgresql+asyncpg":
        engine = create_async_engine(
            parsed,
            hide_parameters=True,  # an error's text never carries a row's values (law 10)
            pool_size=POOL_SIZE,
            max_overflow=2,
            pool_pre_ping=False,
            connect_args={
                "prepared_statement_cache_size": STATEMENTS_KEPT,
                "server_settings": {} if migrating else {"idle_in_transaction_session_timeout": f"{FROZEN_AFTER_SECONDS}s"},
            },
        )
        event.listen(engine.sync_engine, "begin", _begin_postgresql)
        return engine
    raise DatabaseUrlError(f"DATABASE_URL must start with sqlite+aiosqlite:/// or postgresql+asyncpg://, not with {parsed.drivername}://")


def _prepare_sqlite(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # BEGIN is ours, see _begin_sqlite
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        f"busy_timeout={BUSY_TIMEOUT_MILLISECONDS}",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Any) -> None:
    writes = connection.get_execution_options().get("rounds_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _begin_postgresql(connection: Any) -> None:
    """Every transaction of a page's connection is confined, also one that begins after another was rolled back."""
    organization = connection.get_execution_options().get("rounds_organization")
    if organization is not None:
        connection.exec_driver_sql(tenants.CONFINE, (organization,))


async def dangling(connection: AsyncConnection) -> list[str]:
    """The tables with rows that refer to a row that is not there; only SQLite, while migrating, can have any."""
    if connection.dialect.name != "sqlite":
        return []
    return sorted({row[0] for row in await connection.exec_driver_sql("PRAGMA foreign_key_check")})


async def notify(connection: AsyncConnection, *topics: str) -> None:
    """Wakes these topics on every node once the transaction has committed."""
    connection.info["topics"].update(topics)
    if connection.dialect.name == "postgresql":
        await connection.execute(_NOTIFY, {"channel": CHANNEL, "payloads": _payloads(topics)})


_NOTIFY = text("SELECT pg_notify(:channel, payload) FROM unnest(:payloads) AS payload").bindparams(
    bindparam("payloads", type_=ARRAY(String()))
)


def _payloads(topics: Iterable[str]) -> list[str]:
    """The topics, separated by spaces, in pieces that PostgreSQL takes: its limit is 7,999 bytes each."""
    payloads: list[str] = []
    piece = ""
    for topic in topics:
        if piece and len(piece) + 1 + len(topic) > LONGEST_PAYLOAD:
            payloads.append(piece)
            piece = ""
        piece = f"{piece} {topic}" if piece else topic
    return [*payloads, piece] if piece else payloads


def among(connection: AsyncConnection, column: Column[Any], values: Iterable[Any]) -> ColumnElement[bool]:
    """`column` is one of `values`. On PostgreSQL one array parameter, so that the statement's text is the same for any
    number of values and is prepared once a connection; a list of parameters elsewhere."""
    if connection.dialect.name == "postgresql":
        return column == any_(literal(list(values), ARRAY(_uncut(column.type))))
    return column.in_(list(values))


def listed(dialect: str, column: ColumnElement[Any], parameter: str) -> ColumnElement[bool]:
    """The same for a statement that is made once for a dialect and executed often: `parameter` takes the list."""
    if dialect == "postgresql":
        return column == any_(bindparam(parameter, type_=ARRAY(_uncut(column.type))))
    return column.in_(bindparam(parameter, expanding=True))


def _uncut(type_: TypeEngine[Any]) -> TypeEngine[Any]:
    """The type of an array's elements: a cast to VARCHAR(64) would cut a longer text in silence instead of refusing it."""
    return String() if isinstance(type_, String) else type_


def skip_locked(select: Select[Any]) -> Select[Any]:
    """Rows for claiming: on PostgreSQL rows another node holds are passed over; SQLite has one writer anyway.

    This and every other lock leaves the rows' keys free (FOR NO KEY UPDATE): no id ever changes, and a lock on ids would hold up
    every insert that refers to the row, which is how nodes come to wait for each other in a circle.
    """
    return select.with_for_update(skip_locked=True, key_share=True)


def database_now(connection: AsyncConnection, now: datetime) -> ColumnElement[datetime]:
    """The clock that leases are measured by: the database's own on PostgreSQL, since nodes' clocks differ (decisions 23);
    on SQLite, which serves one process, that process's `now`."""
    return func.now() if connection.dialect.name == "postgresql" else literal(now, Instant())


async def clock_of(connection: AsyncConnection) -> datetime | None:
    """What the database's own clock says; None for SQLite, which has the process's."""
    if connection.dialect.name != "postgresql":
        return None
    said: datetime = (await connection.execute(select(func.clock_timestamp()))).scalar_one()
    return said


def lease_end(connection: AsyncConnection, now: datetime, duration: timedelta) -> ColumnElement[datetime]:
    """When a lease taken now is over, by the same clock as `database_now`."""
    if connection.dialect.name == "postgresql":
        return func.now() + literal(duration, Interval())
    return literal(now + duration, Instant())


def seconds_between(connection: AsyncConnection, earlier: ColumnElement[Any], later: ColumnElement[Any]) -> ColumnElement[float]:
    """The seconds from one instant to another, null when one of them is; to a millisecond."""
    if connection.dialect.name == "postgresql":
        return cast(extract("epoch", later - earlier), Float)
    return (func.julianday(later) - func.julianday(earlier)) * 86400.0


async def insert_new(
    connection: AsyncConnection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    conflict: Sequence[Column[Any]],
    returning: Sequence[Column[Any]],
) -> list[Row[Any]]:
    """INSERT ... ON CONFLICT DO NOTHING of many rows (all with the same columns); `returning` of those that were new.

    On PostgreSQL the rows travel as one array a column, for the reason that `among` gives.
    """
    if not rows:
        return []
    statement = insert_missing(table, connection, *conflict)
    if connection.dialect.name != "postgresql":
        return list((await connection.execute(statement.returning(*returning), [dict(row) for row in rows])).all())
    names = list(rows[0])
    arrays = [literal([row[name] for row in rows], ARRAY(_uncut(table.c[name].type))) for name in names]
    source = func.unnest(*arrays).table_valued(*names).render_derived()
    columns = [source.c[name] for name in names]
    return list((await connection.execute(statement.from_select(names, select(*columns)).returning(*returning))).all())


def _insert(table: Table, connection: AsyncConnection) -> Any:
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)


def insert_missing(table: Table, connection: AsyncConnection, *conflict: Column[Any]) -> Any:
    """INSERT ... ON CONFLICT DO NOTHING for this database, on these columns (any conflict when none is named)."""
    return _insert(table, connection).on_conflict_do_nothing(index_elements=list(conflict) or None)


def insert_or_add(table: Table, connection: AsyncConnection, conflict: Sequence[Column[Any]], added: Column[Any]) -> Any:
    """INSERT for this database that adds to `added` where there is a row with the same values of `conflict`."""
    statement = _insert(table, connection)
    more = {added.name: added + statement.excluded[added.name]}
    return statement.on_conflict_do_update(index_elements=list(conflict), set_=more)


def insert_or_set(table: Table, connection: AsyncConnection, conflict: Sequence[Column[Any]], *changed: Column[Any]) -> Any:
    """INSERT for this database that sets `changed` anew where there is a row with the same values of `conflict`."""
    statement = _insert(table, connection)
    new = {column.name: statement.excluded[column.name] for column in changed}
    return statement.on_conflict_do_update(index_elements=list(conflict), set_=new)
