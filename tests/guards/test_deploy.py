"""deploy/: what can be held here without a container engine: its structure, and its roles on a real PostgreSQL."""

import asyncio
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import asyncpg
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from ruamel.yaml import YAML
from sqlalchemy import select, text
from sqlalchemy.exc import ProgrammingError

from service.db import migrate, tenants
from service.db.database import Database
from service.db.patient import patients
from service.settings import SETTINGS
from tests.guards.source import ROOT
from tests.postgres import SUPERUSER, Server, run_to_end, running
from tests.seed import KEYRING, seed_clinic
from tests.story.rows import until
from tests.story.served import free_port

NOW = datetime(2026, 3, 4, 15, 0, tzinfo=UTC)
DEPLOY = ROOT / "deploy"
NODES = ["node1", "node2"]
ASSIGNMENT = re.compile(r"^(#?)([A-Z][A-Z0-9_]*)=(.*)$")


@pytest.fixture(scope="module")
def compose() -> Any:
    return YAML(typ="safe", pure=True).load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))


def explained(file: Path) -> dict[str, tuple[str, str]]:
    """Each setting of an environment file: its value and the comment above it, as one line."""
    found: dict[str, tuple[str, str]] = {}
    comment: list[str] = []
    for line in file.read_text(encoding="utf-8").splitlines():
        if assignment := ASSIGNMENT.match(line):
            assert assignment[2] not in found, f"{assignment[2]} stands twice"
            found[assignment[2]] = (assignment[3], " ".join(comment))
            comment = []
        elif line.startswith("#"):
            comment.append(line.removeprefix("#").strip())
        else:
            comment = []
    return found


def test_the_example_environment_explains_every_setting_and_no_other() -> None:
    found = explained(DEPLOY / "example.env")
    assert list(found) == [setting.name for setting in SETTINGS]
    for setting in SETTINGS:
        value, comment = found[setting.name]
        assert " ".join(setting.meaning.split()) in comment, setting.name
        assert not setting.secret or not value, f"{setting.name} has a value that somebody will leave in place"


def test_only_the_proxy_is_published_and_the_database_has_no_way_out(compose: Any) -> None:
    services, networks = compose["services"], compose["networks"]
    assert [name for name, service in services.items() if service.get("ports")] == ["proxy"]
    assert services["postgres"]["networks"] == ["data"]
    assert networks["data"]["internal"] is networks["inside"]["internal"] is True
    assert "data" not in services["proxy"]["networks"]


def test_every_container_is_bounded_and_its_log_rotates(compose: Any) -> None:
    for name, service in compose["services"].items():
        assert all(service[limit] for limit in ("mem_limit", "cpus", "pids_limit")), name
        assert service["logging"]["options"].keys() >= {"max-size", "max-file"}, name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert service["cap_drop"] == ["ALL"], name
        assert name == "postgres" or service["read_only"] is True, name


def test_the_nodes_start_after_the_migration_and_are_no_owners_of_the_tables(compose: Any) -> None:
    services = compose["services"]
    assert services["migrate"]["command"] == ["db", "upgrade"]
    assert "//rounds_owner:" in services["migrate"]["environment"]["DATABASE_URL"]
    for node in NODES:
        assert services[node]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
        assert "//rounds:" in services[node]["environment"]["DATABASE_URL"]
        assert f"{node}:{services[node]['environment']['PORT']}" in services["proxy"]["environment"]["NODES"].split()


def test_every_blank_that_compose_fills_in_is_explained() -> None:
    wanted = set(re.findall(r"\$\{([A-Z_]+):\?", (DEPLOY / "compose.yaml").read_text(encoding="utf-8")))
    found = explained(DEPLOY / "example.compose.env")
    assert set(found) == wanted
    assert all(comment for _, comment in found.values())


def test_the_image_runs_as_an_ordinary_user_and_installs_nothing_without_a_hash() -> None:
    text = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
    last_stage = text[text.rindex("\nFROM ") :]
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", last_stage, re.MULTILINE)
    assert "/readyz" in last_stage, "an alarm is no reason to restart a node"
    assert "curl" not in last_stage
    for command in re.findall(r"pip .*?install .*", text):
        assert "--require-hashes" in command or "--no-index" in command, command
    for source in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE):
        assert all((ROOT / name).exists() for name in source.split()), source


def test_the_proxys_file_is_one_that_caddy_takes() -> None:
    caddy = shutil.which("caddy")
    if caddy is None:
        pytest.skip("no caddy on PATH: install it to have deploy/Caddyfile checked")
    environment = {"PUBLIC_BASE_URL": "https://rounds.example.org", "NODES": "node1:8080 node2:8080", "HOME": "/nonexistent"}
    command = [caddy, "adapt", "--adapter", "caddyfile", "--config", str(DEPLOY / "Caddyfile")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Strict-Transport-Security" in done.stdout
    assert "node1:8080" in done.stdout
    assert "node2:8080" in done.stdout


async def test_callers_reach_a_node_whose_database_is_gone_and_nobody_else_does(tmp_path: Path) -> None:
    """Every node's /readyz is red then, and the proxy keeps all else away from them."""
    caddy = shutil.which("caddy")
    if caddy is None:
        pytest.skip("no caddy on PATH: install it to have deploy/Caddyfile checked")

    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=503 if request.path == "/readyz" else 200, text="from the node")

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", answer)
    port = free_port()
    environment = {"PUBLIC_BASE_URL": f"http://127.0.0.1:{port}", "HOME": str(tmp_path)}
    async with TestServer(app) as node, aiohttp.ClientSession() as http:
        told = [caddy, "run", "--adapter", "caddyfile", "--config", str(DEPLOY / "Caddyfile")]
        environment["NODES"] = f"127.0.0.1:{node.port}"
        proxy = await asyncio.create_subprocess_exec(*told, env=environment, cwd=tmp_path, stderr=asyncio.subprocess.DEVNULL)

        async def red() -> bool:
            return await status("/webhooks/twilio/sms") == 503

        async def status(path: str) -> int:
            try:
                async with http.post(f"http://127.0.0.1:{port}{path}") as said:
                    return said.status
            except aiohttp.ClientConnectionError:
                return 0

        try:
            await until(red)
            for path in ("incoming", "fallback/en/911/2025550190"):
                assert await status(f"/webhooks/twilio/voice/{path}") == 200
            assert await status("/webhooks/twilio/voice/incoming/more") == 503
        finally:
            proxy.terminate()
            await proxy.wait()


def test_the_unit_is_one_that_systemd_takes(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("no systemd-analyze on PATH: install systemd to have deploy/rounds.service checked")
    unit = tmp_path / "rounds.service"
    unit.write_text(
        (DEPLOY / "rounds.service").read_text(encoding="utf-8").replace("/opt/rounds/bin/rounds", "/bin/true"), encoding="utf-8"
    )
    done = subprocess.run([program, "verify", "--recursive-errors=no", str(unit)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert str(unit) not in done.stderr, done.stderr


@pytest.fixture(scope="module")
def clinics_server() -> Iterator[Server]:
    """A server on which deploy/roles.sql has been run by psql, and the schema migrated by its owner."""
    with running() as server:
        socket = str(server.socket_folder)
        run_to_end(lambda: _make_room_for_the_role(socket))
        command = [
            server.bin_folder / "psql",
            "--quiet",
            "--no-psqlrc",
            "-h",
            socket,
            "-U",
            "admin",
            "-f",
            DEPLOY / "roles.sql",
            "postgres",
        ]
        environment = {"DATABASE_OWNER_PASSWORD": "it's one", "DATABASE_PASSWORD": "another"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        run_to_end(lambda: migrate.upgrade(f"postgresql+asyncpg://rounds_owner@/rounds?host={socket}"))
        yield server


async def _make_room_for_the_role(socket: str) -> None:
    """The tests' superuser has the name that the service's role is to have: it becomes another's."""
    first = await asyncpg.connect(host=socket, user=SUPERUSER, database="postgres")
    await first.execute("CREATE ROLE admin SUPERUSER LOGIN")
    await first.close()
    admin = await asyncpg.connect(host=socket, user="admin", database="postgres")
    await admin.execute(f"ALTER ROLE {SUPERUSER} RENAME TO first_superuser")
    await admin.close()


@pytest.mark.postgres
async def test_the_services_role_reads_and_writes_rows_and_can_do_no_more(clinics_server: Server) -> None:
    database = Database.open(f"postgresql+asyncpg://rounds@/rounds?host={clinics_server.socket_folder}", KEYRING)
    await migrate.check(str(database.engine.url))
    try:
        clinic = await seed_clinic(database, NOW)
        async with database.transaction() as connection:
            assert await connection.scalar(text("SELECT count(*) FROM patients")) == len(["Ana", "Ben", "Chi", "Dov", "Eva", "Fay", "Gus"])
            assert await connection.scalar(text("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")) is False
            await connection.execute(text("UPDATE patients SET status = 'active' WHERE id = :id"), {"id": clinic.ana.id})
            await tenants.check(connection)
        for organization_id, many in ((clinic.organization_id, 7), (uuid4(), 0)):
            with tenants.on_behalf_of(organization_id):
                async with database.for_pages().reading() as connection:
                    assert await connection.scalar(text("SELECT count(*) FROM patients")) == many
        for forbidden in (
            "DROP TABLE patients",
            "ALTER TABLE patients DROP COLUMN name",
            "CREATE TABLE other (id int)",
            "TRUNCATE patients",
        ):
            with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"):
                async with database.transaction() as connection:
                    await connection.execute(text(forbidden))
    finally:
        await database.close()


@pytest.mark.postgres
async def test_a_dump_restores_as_the_readme_says_and_the_service_works_on(clinics_server: Server, tmp_path: Path) -> None:
    connect = ["-h", str(clinics_server.socket_folder), "-U", "admin"]
    dump = tmp_path / "rounds.dump"
    database = Database.open(f"postgresql+asyncpg://rounds@/rounds?host={clinics_server.socket_folder}", KEYRING)
    try:
        if not await _patients(database):
            await seed_clinic(database, NOW)
        before = await _patients(database)
        await database.engine.dispose()
        for command in (
            ["pg_dump", *connect, "--format=custom", f"--file={dump}", "rounds"],
            ["psql", *connect, "--quiet", "--dbname=rounds", "--command=TRUNCATE organizations CASCADE"],
            ["pg_restore", *connect, "--clean", "--if-exists", "--exit-on-error", "--dbname=rounds", str(dump)],
        ):
            await asyncio.to_thread(_run, [str(clinics_server.bin_folder / command[0]), *command[1:]])
        assert before
        assert await _patients(database) == before
        async with database.transaction() as connection:
            await connection.execute(text("UPDATE patients SET status = 'paused'"))
            await tenants.check(connection)
    finally:
        await database.close()


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


async def _patients(database: Database) -> list[str]:
    async with database.reading() as connection:
        return sorted((await connection.scalars(select(patients.c.name))).all())
