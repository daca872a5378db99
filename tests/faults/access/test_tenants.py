"""Fault 31: the condition on the organization is forgotten, and PostgreSQL still keeps one tenant's rows from another's pages."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
import time
from collections import Counter
from collections.abc import AsyncIterator
from uuid import UUID

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.change_accounts import Person, invite_staff
from service.actions.refusal import Refused
from service.db.clinic import email_index
from service.db.database import POOL_SIZE, Database
from service.db.patient import patients
from service.db.queue import QueueRow
from service.db.schema import new_id
from service.db.sessions import create_session, web_sessions
from service.db.staff import staff
from service.db.tenants import on_behalf_of
from service.domain.sign_in import Step
from service.domain.staff import Permission, Role, Staff
from service.web import Route
from service.web.feed import Subscriber
from service.web.keys import DATABASE, FEED, UNCONFINED
from service.web.sessions import new_token, token_hash
from tests.faults import SECONDS_A_TEST
from tests.faults.access.test_routes import Theirs, other  # noqa: F401
from tests.faults.killer import tell
from tests.guards.source import modules, where
from tests.patience import PATIENCE_SECONDS
from tests.seed import KEYRING, Clinic, seed_clinic, seed_item
from tests.web.conftest import NOW, HandClock, make_app

pytestmark = [pytest.mark.faults, pytest.mark.postgres, pytest.mark.timeout(SECONDS_A_TEST)]
NOTHING_LEFT = "SELECT pg_backend_pid(), current_user = session_user, coalesce(current_setting('app.organization', true), '')"
BEFORE_SIGN_IN = {
    "service/web/sign_in_pages.py": 1,  # an e-mail address and a password
    "service/web/account_pages.py": 1,  # the secret of an invitation's link
    "service/demo/phones.py": 1,  # a visitor of the demo's telephones
}


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[Database]:
    opened = Database.open(postgres_url, KEYRING)
    async with opened.listening():
        yield opened
    await opened.close()


@pytest.fixture
async def clinic(database: Database) -> Clinic:
    return await seed_clinic(database, NOW)


async def organizations_seen(connection: AsyncConnection) -> set[UUID]:
    """Whose patients a statement that asks for no organization finds."""
    return set((await connection.scalars(select(patients.c.organization_id))).all())


@pytest.mark.law(10)
async def test_31_a_statement_that_forgets_the_organization_finds_changes_and_adds_nothing_of_another(
    database: Database,
    clinic: Clinic,
    other: Theirs,  # noqa: F811
) -> None:
    pages = database.for_pages()
    async with database.reading() as connection:
        assert await organizations_seen(connection) == {clinic.organization_id, other.organization_id}
        row = dict((await connection.execute(select(patients).where(patients.c.id == other.patient.id))).mappings().one())
    with on_behalf_of(clinic.organization_id):
        async with pages.transaction() as connection:
            assert await organizations_seen(connection) == {clinic.organization_id}
            theirs = patients.c.id == other.patient.id
            assert (await connection.execute(update(patients).where(theirs).values(status="paused"))).rowcount == 0
            assert (await connection.execute(patients.delete().where(theirs))).rowcount == 0
        for change in (
            insert(patients).values(row | {"id": new_id(NOW)}),
            update(patients).where(patients.c.id == clinic.ana.id).values(organization_id=other.organization_id),
        ):
            with pytest.raises(DBAPIError, match="row-level security"):
                async with pages.transaction() as connection:
                    await connection.execute(change)


async def test_31_an_address_that_somebody_of_another_organization_has_is_refused_in_words(
    database: Database,
    clinic: Clinic,
    other: Theirs,  # noqa: F811
) -> None:
    """An administrator does not see their accounts; only the insert knows."""
    theirs = staff.c.organization_id == other.organization_id
    async with database.transaction() as connection:
        await connection.execute(update(staff).where(theirs).values(email_index=email_index(connection, "zelda@second.example")))
    ada = Staff(clinic.ada.id, clinic.organization_id, "Ada", Role.ADMINISTRATOR, ())
    person = Person("Zelda", Role.NURSE, (str(clinic.team_a),))
    with on_behalf_of(clinic.organization_id):
        with pytest.raises(Refused, match="Somebody has this e-mail address already"):
            await invite_staff(database.for_pages(), ada, "Zelda@second.example", person, b"h" * 32, NOW)
        await invite_staff(database.for_pages(), ada, "zelda@first.example", person, b"h" * 32, NOW)
    async with database.reading() as connection:
        by_organization = select(staff.c.organization_id).where(staff.c.email_index == email_index(connection, "zelda@second.example"))
        assert (await connection.scalars(by_organization)).all() == [other.organization_id]
        invited = staff.c.email_index == email_index(connection, "zelda@first.example")
        assert (await connection.scalars(select(staff.c.organization_id).where(invited))).all() == [clinic.organization_id]


async def test_31_without_an_organization_the_pages_role_sees_no_row(database: Database, clinic: Clinic) -> None:
    for said in ("", "RESET app.organization", "SET LOCAL app.organization = ''"):
        async with database.reading() as connection:
            await connection.execute(text("SET LOCAL ROLE rounds_pages"))
            if said:
                await connection.execute(text(said))
            assert await organizations_seen(connection) == set()


async def test_31_nothing_is_left_on_a_connection_however_a_page_ends(database: Database, clinic: Clinic) -> None:
    """Also where it is rolled back in the middle, and then goes on: what follows is confined again."""
    pages = database.for_pages()
    known: set[int] = set()
    with on_behalf_of(clinic.organization_id):
        for opened in (pages.reading, pages.transaction):
            async with opened() as connection:
                assert (await connection.execute(text(NOTHING_LEFT))).one()[1:] == (False, str(clinic.organization_id))
            with pytest.raises(DBAPIError, match="division by zero"):
                async with opened() as connection:
                    await connection.execute(text("SELECT 1 / 0"))
            with pytest.raises(ValueError, match="badly formed"):
                async with opened() as connection:
                    await connection.execute(select(patients.c.id).where(patients.c.id == UUID("not-an-id")))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2), opened() as connection:
                    await connection.execute(text("SELECT pg_sleep(20)"))
            async with pages.reading() as connection:
                await connection.rollback()
                assert await organizations_seen(connection) == {clinic.organization_id}
                assert (await connection.execute(text(NOTHING_LEFT))).one()[1] is False
            known.add(await left_on_every_connection(database))
    assert known == {POOL_SIZE}


async def left_on_every_connection(database: Database) -> int:
    """How many connections the pool has handed out, each as the role that signed in and without a word of an organization."""
    everybody_here = asyncio.Barrier(POOL_SIZE)

    async def look() -> int:
        async with database.engine.connect() as connection:
            pid, itself, organization = (await connection.execute(text(NOTHING_LEFT))).one()
            await everybody_here.wait()
            assert (itself, organization) == (True, "")
            return int(pid)

    return len(set(await asyncio.gather(*(look() for _ in range(POOL_SIZE)))))


async def forgetful(request: web.Request) -> web.Response:
    """GET /forgetful?how=: a page that asks for no organization; it reads, writes, fails, or is cut off while it waits."""
    how, pages = request.query["how"], request.app[DATABASE]
    async with (pages.reading if how == "reads" else pages.transaction)() as connection:
        seen = await organizations_seen(connection)
        if how == "writes":
            seen |= set((await connection.scalars(update(staff).values(sound=True).returning(staff.c.organization_id))).all())
        if how == "fails":
            await connection.execute(text("SELECT 1 / 0"))
        if how == "is cut off":
            async with asyncio.timeout(0.05):
                await connection.execute(text("SELECT pg_sleep(20)"))
    async with request.app[UNCONFINED].reading() as connection:
        assert len(await organizations_seen(connection)) == 2, "what is the service's own was confined"
    return web.json_response(sorted(map(str, seen)))


@pytest.mark.law(10)
async def test_31_requests_of_two_tenants_on_one_pool_never_meet(
    database: Database,
    clinic: Clinic,
    other: Theirs,  # noqa: F811
    clock: HandClock,
) -> None:
    began = time.monotonic()
    tenants = (clinic.organization_id, other.organization_id)
    cookies = {id: await signed_in(database, id) for id in tenants}
    ways = itertools.cycle(["reads", "writes", "reads", "fails", "is cut off", "reads", "writes"])
    ended: Counter[str] = Counter()
    app = make_app(database, clock, extra=[Route("GET", "/forgetful", forgetful, Permission.SIGNED_IN)])
    async with TestServer(app) as server, aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        at_once = asyncio.Semaphore(2 * POOL_SIZE)

        async def ask(organization_id: UUID, how: str) -> None:
            headers = {"Cookie": f"rounds={cookies[organization_id]}"}
            async with at_once, session.get(server.make_url("/forgetful"), params={"how": how}, headers=headers) as got:
                if how in ("fails", "is cut off"):
                    assert got.status == 500
                else:
                    assert (got.status, await got.json()) == (200, [str(organization_id)])
            ended[how] += 1

        await asyncio.gather(*(ask(id, how) for _, id, how in zip(range(200), itertools.cycle(tenants), ways, strict=False)))
    assert sum(ended.values()) == 200
    assert await left_on_every_connection(database) == POOL_SIZE
    tell("fault 31, two tenants on one pool", dict(ended), began)


async def signed_in(database: Database, organization_id: UUID) -> str:
    """The cookie of a nurse of this organization."""
    token = new_token()
    nurse = select(staff.c.id).where(staff.c.organization_id == organization_id, staff.c.role == Role.NURSE).limit(1)
    async with database.transaction() as connection:
        id = (await connection.scalars(nurse)).one()
        await create_session(connection, token_hash(token), id, organization_id, Step.NONE, NOW)
    return token


async def test_31_the_feed_that_a_page_begins_works_on_for_its_organization(
    database: Database,
    clinic: Clinic,
    other: Theirs,  # noqa: F811
    clock: HandClock,
) -> None:
    """It is one task for all who see the same teams, made by the first page, which it outlives."""
    feed = make_app(database, clock)[FEED]
    pages: dict[UUID, Subscriber] = {}
    with contextlib.ExitStack() as open_pages:
        for id, team_id in ((clinic.organization_id, clinic.team_a), (other.organization_id, other.patient.team_id)):
            token = await signed_in(database, id)
            async with database.reading() as connection:
                nurse = (await connection.scalars(select(web_sessions.c.staff_id).where(web_sessions.c.id_hash == token_hash(token)))).one()
            pages[id] = Subscriber(Staff(nurse, id, "A nurse", Role.NURSE, (team_id,)), token, True, lambda: None)
            with on_behalf_of(id):
                open_pages.enter_context(feed.subscribe(pages[id]))
        item_id = await seed_item(database, clinic.chi, NOW, words="chest pain")
        wanted = {clinic.organization_id: item_id, other.organization_id: other.item_id}
        heard = {id: [row.item.id async for row in told(page, wanted[id])] for id, page in pages.items()}
    feed.wake_all()
    await feed.close()
    assert heard == {id: [item_id] for id, item_id in wanted.items()}


async def told(page: Subscriber, last: UUID) -> AsyncIterator[QueueRow]:
    """The rows that this page hears of until this one came."""
    while True:
        for row in (await asyncio.wait_for(page.news.get(), PATIENCE_SECONDS)).rows:
            yield row
            if row.item.id == last:
                return


def test_31_few_places_look_before_it_is_known_whose_page_it_is() -> None:
    found: Counter[str] = Counter()
    for path in modules("service"):
        if path.name not in ("keys.py", "setup.py"):
            uses = len(re.findall(r"\[UNCONFINED\]", path.read_text(encoding="utf-8")))
            if uses:
                found[where(path, 1).rsplit(":", 1)[0]] = uses
    assert dict(found) == BEFORE_SIGN_IN, "every other page asks request.app[DATABASE], which is its organization's"
