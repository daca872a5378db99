"""The pages' role on a real PostgreSQL: who makes it, what is under it, and what is told when it is not as it has to be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from service.db import migrate, tenants
from service.db.database import Database
from service.db.tables import metadata
from service.db.tenants import NoOrganization, NotApart, on_behalf_of
from tests.commands.conftest import program, settings_for
from tests.postgres import SUPERUSER, Server, run_to_end, running
from tests.seed import KEYRING, seed_clinic

NOW = datetime(2026, 11, 16, 15, 0, tzinfo=UTC)
pytestmark = pytest.mark.postgres


@pytest.fixture
async def whole(postgres_url: str) -> AsyncIterator[Database]:
    database = Database.open(postgres_url, KEYRING)
    yield database
    await database.close()


async def test_every_table_with_an_organization_is_under_the_policy_and_few_others_are_given_to_pages(whole: Database) -> None:
    of_organizations = {table.name for table in metadata.sorted_tables if "organization_id" in table.c} | {"organizations"}
    async with whole.reading() as connection:
        policies = await connection.execute(
            text(
                "SELECT tablename, qual, with_check FROM pg_policies JOIN pg_class ON relname = tablename AND relrowsecurity "
                "WHERE policyname = 'pages' AND permissive = 'RESTRICTIVE' AND roles = '{rounds_pages}' AND cmd = 'ALL'"
            )
        )
        under = {name for name, seen, taken in policies.all() if seen == taken and "current_setting('app.organization'" in seen}
        given = await connection.scalars(text("SELECT table_name FROM information_schema.role_table_grants WHERE grantee = 'rounds_pages'"))
        assert under == of_organizations
        assert set(given) == of_organizations | set(tenants.OF_NOBODY)
        owned = "SELECT count(*) FROM pg_class WHERE relowner = (SELECT oid FROM pg_roles WHERE rolname = 'rounds_pages')"
        assert await connection.scalar(text(owned)) == 0
        await tenants.check(connection)


async def test_a_table_that_a_later_migration_adds_is_closed_to_pages_until_it_is_protected(whole: Database) -> None:
    clinic = await seed_clinic(whole, NOW)
    async with whole.engine.begin() as connection:
        await connection.execute(text("CREATE TABLE later (id int, organization_id uuid)"))
        await connection.execute(text("INSERT INTO later SELECT 1, id FROM organizations UNION SELECT 2, gen_random_uuid()"))
    with on_behalf_of(clinic.organization_id):
        with pytest.raises(ProgrammingError, match="permission denied for table later"):
            async with whole.for_pages().reading() as connection:
                await connection.execute(text("SELECT id FROM later"))
        async with whole.reading() as connection:
            with pytest.raises(NotApart, match=r"later \(1 tables\): run `rounds db upgrade`"):
                await tenants.check(connection)
        await migrate.upgrade(whole.engine.url.render_as_string(hide_password=False))
        async with whole.for_pages().reading() as connection:
            assert (await connection.scalars(text("SELECT id FROM later"))).all() == [1]


async def test_pages_write_no_history_and_make_no_organization(whole: Database) -> None:
    clinic = await seed_clinic(whole, NOW)
    with on_behalf_of(clinic.organization_id):
        for forbidden in (
            "UPDATE audit_events SET action = 'nothing'",
            "DELETE FROM audit_events",
            "DELETE FROM audit_heads",
            "DELETE FROM organizations",
            "SELECT * FROM inbound_ids",
            "CREATE TABLE mine (id int)",
            "ALTER TABLE patients DISABLE ROW LEVEL SECURITY",
            "DROP POLICY pages ON patients",
        ):
            with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"):
                async with whole.for_pages().transaction() as connection:
                    await connection.execute(text(forbidden))


async def test_nobodys_page_is_an_error_on_both_databases(database_url: str) -> None:
    database = Database.open(database_url, KEYRING)
    for opened in (database.for_pages().reading, database.for_pages().transaction):
        with pytest.raises(NoOrganization):
            async with opened():
                pytest.fail("a page without an organization has asked the database")
    await database.close()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Server]:
    """A cluster of its own, since roles are a cluster's: `keeper` may make databases, but no roles."""
    with running() as server:
        server.execute("CREATE ROLE keeper LOGIN CREATEDB NOCREATEROLE NOINHERIT")
        yield server


def as_role(server: Server, name: str, database: str) -> str:
    return server.url(database).replace(f"{SUPERUSER}@", f"{name}@")


async def test_a_role_that_may_make_no_roles_is_told_what_the_administrator_runs(cluster: Server) -> None:
    cluster.execute("CREATE DATABASE ours OWNER keeper")
    url = as_role(cluster, "keeper", "ours")
    with pytest.raises(NotApart) as told:
        await migrate.upgrade(url)
    with pytest.raises(migrate.NotMigrated, match="is empty"):
        await migrate.check(url)
    command = "CREATE ROLE rounds_pages NOLOGIN NOINHERIT; GRANT rounds_pages TO keeper"
    assert command in str(told.value)
    cluster.execute(command)
    await migrate.upgrade(url)
    await checked(url)
    database = Database.open(url, KEYRING)
    clinic = await seed_clinic(database, NOW)
    with on_behalf_of(clinic.organization_id):
        async with database.for_pages().transaction() as connection:
            assert await connection.scalar(text("SELECT count(*) FROM patients")) == 7
    await database.close()
    for wrong, told_so, right in (
        (
            "REVOKE rounds_pages FROM keeper",
            "which keeper may not become: run GRANT rounds_pages TO keeper",
            "GRANT rounds_pages TO keeper",
        ),
        (
            "REVOKE USAGE ON SCHEMA public FROM PUBLIC, rounds_pages; GRANT USAGE ON SCHEMA public TO keeper",
            "may not use the tables' schema",
            "GRANT USAGE ON SCHEMA public TO rounds_pages",
        ),
        ("ALTER ROLE rounds_pages BYPASSRLS", "row-level security does not hold for rounds_pages", "ALTER ROLE rounds_pages NOBYPASSRLS"),
    ):
        cluster.execute(wrong, database="ours")
        with pytest.raises(NotApart, match=told_so):
            await checked(url)
        cluster.execute(right, database="ours")
        await checked(url)


async def test_a_database_that_was_restored_without_the_role_is_mended_by_an_upgrade(cluster: Server) -> None:
    cluster.create_database("restored")
    url = cluster.url("restored")
    await migrate.upgrade(url)
    cluster.execute("DROP OWNED BY rounds_pages", database="restored")
    with pytest.raises(NotApart, match="organizations are not kept apart in accepted_findings"):
        await checked(url)
    await migrate.upgrade(url)
    await checked(url)


async def test_a_service_that_owns_no_table_and_inherits_the_pages_limits_does_not_start(cluster: Server) -> None:
    url = cluster.create_database("served")
    await migrate.upgrade(url)
    cluster.execute("CREATE ROLE waiter LOGIN INHERIT; GRANT rounds_pages TO waiter")
    cluster.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO waiter", database="served")
    with pytest.raises(NotApart) as told:
        await checked(as_role(cluster, "waiter", "served"))
    cluster.execute(str(told.value).partition("run ")[2])
    await checked(as_role(cluster, "waiter", "served"))


async def test_databases_of_one_cluster_may_be_migrated_at_the_same_time() -> None:
    with running() as server:
        server.execute("CREATE ROLE keeper LOGIN CREATEROLE")
        for number in range(8):
            server.execute(f"CREATE DATABASE d{number} OWNER keeper")
        databases = [Database.open(as_role(server, "keeper", f"d{number}"), KEYRING) for number in range(8)]

        async def prepare(database: Database) -> None:
            async with database.transaction() as connection:
                await tenants.protect(connection)
                await asyncio.sleep(0.05)

        await asyncio.gather(*(prepare(database) for database in databases))
        async with databases[0].reading() as connection:
            assert await connection.scalar(text("SELECT pg_has_role(current_user, 'rounds_pages', 'SET')"))
        for database in databases:
            await database.close()


def test_the_commands_say_in_one_line_what_to_run() -> None:
    with running() as server:
        url = server.create_database("told")
        server.execute("CREATE ROLE waiter LOGIN; GRANT ALL ON SCHEMA public TO waiter", database="told")
        settings = settings_for(as_role(server, "waiter", "told"))
        upgraded = program("db", "upgrade", environment=settings)
        assert (upgraded.code, "run as an administrator of the cluster" in upgraded.err) == (2, True)
        run_to_end(lambda: migrate.upgrade(url))
        server.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO waiter", database="told")
        server.execute("DROP OWNED BY rounds_pages", database="told")
        server.execute("DROP ROLE rounds_pages")
        served = program("serve", "--port", "0", environment=settings)
        assert (served.code, served.err) == (2, "rounds: the role rounds_pages is missing: run `rounds db upgrade`\n")


async def checked(url: str) -> None:
    database = Database.open(url, KEYRING)
    try:
        async with database.reading() as connection:
            await tenants.check(connection)
    finally:
        await database.close()
