"""Keeps organizations apart on PostgreSQL, also where a statement forgets to ask for one: row-level security.

Pages run their transactions as the role `rounds_pages`, which owns nothing, and say whose they are; a policy on every table that has
`organization_id` then shows and takes that organization's rows alone. Webhooks, jobs and commands work for all organizations, run as
the role that signs in, and pay nothing. It holds against a forgotten condition, not against whoever may send SQL of their own: the
role that signs in can always take its own rights back.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

PAGES_ROLE = "rounds_pages"
CONFINE = f"SELECT set_config('role', '{PAGES_ROLE}', true), set_config('app.organization', $1, true)"
"""The first statement of a page's transaction; what it sets is gone with the transaction."""
BY_HAND = f"CREATE ROLE {PAGES_ROLE} NOLOGIN NOINHERIT; GRANT {PAGES_ROLE} TO"
"""What an administrator of the cluster runs, with the role that the service signs in as behind it."""
OTHER_RIGHTS = {
    "organizations": "SELECT, UPDATE",
    "audit_events": "SELECT, INSERT",
    "audit_heads": "SELECT",
}
"""Of these tables pages need less than to read, write, change and delete rows."""
OF_NOBODY = {"sign_in_failures": "SELECT, INSERT, DELETE", "heartbeats": "SELECT", "parked_statuses": "SELECT"}
"""The tables without an organization that pages need: failures by blind index; two that alarms are read from."""

# As a subquery it is evaluated once a statement, not once a row: a report over 20,000 rows took twice its time.
_MINE = "(SELECT nullif(current_setting('app.organization', true), '')::uuid)"
_organization: ContextVar[UUID | None] = ContextVar("organization", default=None)


class NoOrganization(RuntimeError):
    """A page asked the database before it was known whose page it is."""


class NotApart(Exception):
    """Pages could see rows of other organizations, or none at all; says what to run."""


@contextlib.contextmanager
def on_behalf_of(organization_id: UUID) -> Iterator[None]:
    """Pages' transactions that begin inside, also of tasks made inside, see and change this organization's rows alone."""
    token = _organization.set(organization_id)
    try:
        yield
    finally:
        _organization.reset(token)


def organization() -> UUID:
    """Whose page it is. Raises NoOrganization."""
    found = _organization.get()
    if found is None:
        raise NoOrganization("whose page it is must be known first: see db.tenants.on_behalf_of")
    return found


async def protect(connection: AsyncConnection) -> None:
    """Makes the pages' role, and puts every table that is not there yet under it; runs after the migrations, as the tables' owner.

    So a table that a migration adds is protected with it, and a restored database whose cluster did not know the role is mended.
    Raises NotApart when the role is missing and may not be made. Nothing on SQLite.
    """
    if connection.dialect.name != "postgresql":
        return
    newer = _knows_set_option(connection)
    grant = f"GRANT {PAGES_ROLE} TO CURRENT_USER" + (" WITH SET TRUE, INHERIT FALSE" if newer else "")
    await connection.execute(text(_MAKE_ROLE))
    if not await connection.scalar(text(_EXISTS)):
        user = await connection.scalar(text("SELECT quote_ident(current_user)"))
        raise NotApart(
            "this role may not create roles, and pages need one: run as an administrator of the cluster, with the role that `rounds serve` "
            f"signs in as, {BY_HAND} {user}; then run `rounds db upgrade` again"
        )
    if not await connection.scalar(text(_may_become(newer))):
        await connection.execute(text(_GRANT.format(grant=grant)))
    if not await connection.scalar(text(_MAY_LOOK)):
        await connection.execute(text(_LET_LOOK))
    for table in (await connection.scalars(text(_UNPROTECTED))).all():
        for statement in _protection(table):
            await connection.execute(text(statement))
    for table in (await connection.scalars(text(_UNGRANTED), {"names": list(OF_NOBODY)})).all():
        await connection.execute(text(f"GRANT {OF_NOBODY[table]} ON {table} TO {PAGES_ROLE}"))


async def check(connection: AsyncConnection) -> None:
    """Raises NotApart, with what to run, unless this role can keep its pages apart; nothing on SQLite."""
    if connection.dialect.name != "postgresql":
        return
    user = await connection.scalar(text("SELECT quote_ident(current_user)"))
    if not await connection.scalar(text(_EXISTS)):
        raise NotApart(f"the role {PAGES_ROLE} is missing: run `rounds db upgrade`")
    if await connection.scalar(text(_EXEMPT)):
        raise NotApart(f"row-level security does not hold for {PAGES_ROLE}: run ALTER ROLE {PAGES_ROLE} NOSUPERUSER NOBYPASSRLS")
    if not await connection.scalar(text(_may_become(_knows_set_option(connection)))):
        raise NotApart(f"pages run as {PAGES_ROLE}, which {user} may not become: run GRANT {PAGES_ROLE} TO {user}")
    if not await connection.scalar(text(_MAY_LOOK)):
        raise NotApart(f"{PAGES_ROLE} may not use the tables' schema: run GRANT USAGE ON SCHEMA public TO {PAGES_ROLE} in this database")
    if bare := (await connection.scalars(text(_UNPROTECTED))).all():
        raise NotApart(f"organizations are not kept apart in {', '.join(bare[:3])} ({len(bare)} tables): run `rounds db upgrade`")
    if await connection.scalar(text(_INHERITS)):
        raise NotApart(
            f"{user} has the rights of {PAGES_ROLE} and so its limits: run ALTER ROLE {user} NOINHERIT; "
            f"REVOKE {PAGES_ROLE} FROM {user}; GRANT {PAGES_ROLE} TO {user}"
        )


def _knows_set_option(connection: AsyncConnection) -> bool:
    """From PostgreSQL 16 on a membership says for itself whether rights come with it, and whether the role may be taken on."""
    return (connection.dialect.server_version_info or (0,)) >= (16,)


def _may_become(newer: bool) -> str:
    return f"SELECT pg_has_role(current_user, '{PAGES_ROLE}', '{'SET' if newer else 'MEMBER'}')"


def _protection(table: str) -> list[str]:
    """The policies are two, since the role that signs in need not own the tables: everybody sees all, pages their part of it."""
    column = "id" if table == "organizations" else "organization_id"
    mine = f"({column} = {_MINE})"
    rights = OTHER_RIGHTS.get(table, "SELECT, INSERT, UPDATE, DELETE")
    return [
        f"DROP POLICY IF EXISTS service ON {table}",
        f"DROP POLICY IF EXISTS pages ON {table}",
        f"CREATE POLICY service ON {table} USING (true) WITH CHECK (true)",
        f"CREATE POLICY pages ON {table} AS RESTRICTIVE TO {PAGES_ROLE} USING {mine} WITH CHECK {mine}",
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"GRANT {rights} ON {table} TO {PAGES_ROLE}",
    ]


# Databases of one cluster may be migrated at the same time, and the role is the cluster's.
_MAKE_ROLE = """
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'rounds_pages') THEN
    CREATE ROLE rounds_pages NOLOGIN NOINHERIT;
  END IF;
EXCEPTION WHEN duplicate_object OR unique_violation OR insufficient_privilege THEN NULL;
END $$
"""
# Whoever migrates need not serve: that this may not be given is told when it is missed, by `check`.
_GRANT = """
DO $$ BEGIN
  {grant};
EXCEPTION WHEN unique_violation OR insufficient_privilege THEN NULL;
END $$
"""
_LET_LOOK = """
DO $$ BEGIN
  EXECUTE format('GRANT USAGE ON SCHEMA %I TO rounds_pages', current_schema());
EXCEPTION WHEN insufficient_privilege THEN NULL;
END $$
"""
_MAY_LOOK = "SELECT has_schema_privilege('rounds_pages', current_schema(), 'USAGE')"
_EXISTS = "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = 'rounds_pages')"
_EXEMPT = "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = 'rounds_pages'"
_INHERITS = "SELECT row_security_active('organizations') AND pg_has_role(current_user, 'rounds_pages', 'USAGE')"
_UNPROTECTED = """
SELECT c.relname FROM pg_class AS c
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = CASE c.relname WHEN 'organizations' THEN 'id' ELSE 'organization_id' END
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT a.attisdropped
AND NOT (
  c.relrowsecurity AND has_table_privilege('rounds_pages', c.oid, 'SELECT')
  AND EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = c.oid AND p.polname = 'service' AND p.polpermissive AND p.polroles = '{0}')
  AND EXISTS (
    SELECT FROM pg_policy AS p JOIN pg_roles AS r ON p.polroles = ARRAY[r.oid]
    WHERE p.polrelid = c.oid AND p.polname = 'pages' AND NOT p.polpermissive AND p.polcmd = '*' AND r.rolname = 'rounds_pages'
  )
)
ORDER BY c.relname
"""
_UNGRANTED = """
SELECT c.relname FROM pg_class AS c
WHERE c.relnamespace = current_schema()::regnamespace AND c.relname = ANY(CAST(:names AS text[]))
AND NOT has_table_privilege('rounds_pages', c.oid, 'SELECT')
ORDER BY c.relname
"""
