"""Every route against every role, every id against whoever must not see it, every view of a record against the trail.

All of it is generated from the router, so that a new route is covered on the day it comes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from sqlalchemy import func, insert, select

from service.db.audit import audit_events
from service.db.database import Database
from service.db.escalation import escalations
from service.db.organization import organizations, teams
from service.db.schema import new_id
from service.db.staff import staff, staff_teams
from service.db.tables import metadata
from service.domain.staff import GRANTS, IN_A_TEAM, Permission, Role
from service.web import ROUTES, Route
from service.web.guard import guard
from service.web.keys import CLOCK, LANGUAGES, SESSIONS, STATIC
from service.web.navigation import NAVIGATION
from service.web.sessions import form_token
from tests.faults import SECONDS_A_TEST
from tests.seed import Clinic, Member, Person, seed_item, seed_patient
from tests.web.conftest import NOW, Browser, HandClock, NewBrowser, make_app

pytestmark = [pytest.mark.faults, pytest.mark.timeout(SECONDS_A_TEST)]
PARTS = {"secret": "x" * 43, "programme": "weekly", "flow": "how_are_you", "digest": "0" * 12, "name": "rounds.css"}
PART = re.compile(r"\{(\w+)(?::(?:[^{}]|\{\d+\})*)?\}")


def address(route: Route, ids: Mapping[str, object]) -> str:
    return PART.sub(lambda found: str((PARTS | dict(ids)).get(found[1], ids["id"])), route.path)


def with_ids(method: str = "") -> list[Route]:
    return [route for route in ROUTES if "{id:" in route.path and method in ("", route.method)]


def member_of(clinic: Clinic, role: Role) -> Member:
    return {
        Role.NURSE: clinic.nora,
        Role.COORDINATOR: clinic.cora,
        Role.SUPERVISOR: clinic.sol,
        Role.CLINICIAN: clinic.cleo,
        Role.ADMINISTRATOR: clinic.ada,
        Role.AUDITOR: clinic.abe,
    }[role]


async def reached(request: web.Request) -> web.Response:
    return web.Response(text="reached")


def markers(app: web.Application, forgotten: str) -> web.Application:
    """The real guard and the real sessions before handlers that only say that they were reached; one route is in no table."""
    table = {}
    bare = web.Application(middlewares=[guard(table, (), "127.0.0.1")])
    for key in (SESSIONS, CLOCK, LANGUAGES, STATIC, NAVIGATION):
        bare[key] = app[key]
    for name in ("aiohttp_jinja2_environment",):
        for key, value in app.items():
            if str(key).endswith(name) or "jinja2" in str(key):
                bare[key] = value
    for route in ROUTES:
        table[bare.router.add_route(route.method, route.path, reached)] = route
    bare.router.add_get(forgotten, reached)
    return bare


@pytest.mark.parametrize("role", list(Role))
async def test_32_every_route_lets_in_the_roles_that_its_permission_grants_and_no_other(
    database: Database,
    clinic: Clinic,
    browse: NewBrowser,
    role: Role,
) -> None:
    browser = await browse(member_of(clinic, role))
    (cookie,) = [cookie.value for cookie in browser.session.cookie_jar]
    form = {"form_token": form_token(cookie)}
    async with (
        TestServer(markers(make_app(database, HandClock()), "/forgotten")) as bare,
        aiohttp.ClientSession(cookies={"rounds": cookie}, headers={"Sec-Fetch-Site": "same-origin"}) as session,
    ):
        for route in ROUTES:
            path = address(route, {"id": uuid4()})
            async with session.request(
                route.method, bare.make_url(path), data=form if route.method == "POST" else None, allow_redirects=False
            ) as got:
                text = await got.text()
            if route.permission is Permission.SIGNING_IN:
                assert (got.status, got.headers["Location"]) == (303, "/"), route
            elif route.permission is Permission.PUBLIC or route.permission in GRANTS[role]:
                assert (got.status, text) == (200, "reached"), (role, route)
            else:
                assert got.status in (403, 404), (role, route)
                assert "reached" not in text
        async with session.get(bare.make_url("/forgotten"), allow_redirects=False) as got:
            assert got.status == 404


@dataclass(frozen=True)
class Theirs:
    """What another organization has, and words of it that must not be seen."""

    organization_id: UUID
    patient: Person
    item_id: UUID
    words: tuple[str, ...] = ("Zelda", "Imaginary", "zebras", "Second Clinic", "+12025550163")


@pytest.fixture
async def other(database: Database, clinic: Clinic) -> Theirs:
    """A second organization with a team, a nurse, a patient and an item."""
    organization_id, team_id, staff_id = new_id(NOW), new_id(NOW), new_id(NOW)
    async with database.transaction() as connection:
        row = dict((await connection.execute(select(organizations))).mappings().one())
        await connection.execute(insert(organizations).values(row | {"id": organization_id, "name": "Second Clinic"}))
        team = {"id": team_id, "organization_id": organization_id, "name": "Zebra team", "on_call_phone": "+12025550164"}
        await connection.execute(insert(teams).values(team))
        account = (await connection.execute(select(staff).where(staff.c.id == clinic.nora.id))).mappings().one()
        named = {
            "id": staff_id,
            "organization_id": organization_id,
            "name": "Zelda Zane",
            "email": "zelda@second.example",
            "email_index": b"z" * 32,
        }
        await connection.execute(insert(staff).values(dict(account) | named))
        await connection.execute(insert(staff_teams).values(organization_id=organization_id, staff_id=staff_id, team_id=team_id))
        patient = await seed_patient(connection, organization_id, team_id, NOW, "Zelda Imaginary", "+12025550163")
    item_id = await seed_item(database, patient, NOW, words="zebras in my chest", highlight="zebras", reason="Chest pain")
    return Theirs(organization_id, patient, item_id)


async def counts(database: Database, organization_id: UUID) -> dict[str, Any]:
    """Rows of an organization by table, and the state of its items and accounts."""
    async with database.reading() as connection:
        by_table: dict[str, Any] = {}
        for table in metadata.sorted_tables:
            if "organization_id" in table.c and table.name not in ("audit_events", "web_sessions"):
                mine = table.c.organization_id == organization_id
                by_table[table.name] = await connection.scalar(select(func.count()).select_from(table).where(mine))
        for table, columns in ((escalations, ("state", "claimed_by", "version")), (staff, ("role", "disabled_at", "password_hash"))):
            wanted = select(table.c.id, *(table.c[name] for name in columns)).where(table.c.organization_id == organization_id)
            by_table[f"{table.name} rows"] = sorted(str(row) for row in (await connection.execute(wanted)).all())
        return by_table


FORM = {
    "note": "x",
    "text": "x",
    "version": "1",
    "disposition": "advice_given",
    "closing_note": "x",
    "reason": "a reason of enough letters",
    "words": "holds",
    "name": "Renamed",
    "role": "nurse",
    "answer": "accept",
    "kind": "x",
    "minutes": "5",
    "why": "x",
    "outcome": "no_answer",
}


async def answer(browser: Browser, route: Route, id: UUID) -> tuple[int, str]:
    """Status and text of the answer to a route with this id; of a stream the status alone."""
    path = address(route, {"id": id})
    if route.method == "POST":
        (cookie,) = [cookie.value for cookie in browser.session.cookie_jar]
        status, text, _ = await browser.post(path, FORM, token=form_token(cookie))
        return status, text
    async with browser.session.get(browser.base + path, allow_redirects=False) as response:
        return response.status, "" if response.headers.get("Content-Type", "").startswith("text/event-stream") else await response.text()


async def says_nothing(browser: Browser, route: Route, id: UUID, words: Iterable[str]) -> None:
    """The answer to an id that is another's is that to an id that nobody has, and shows nothing of theirs."""
    status, text = await answer(browser, route, id)
    nobody, _ = await answer(browser, route, uuid4())
    assert status == nobody, (route.method, route.path, status, nobody)
    assert status not in (200, 500), (route.method, route.path)
    assert not any(word in text for word in words), (route.method, route.path)


@pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.COORDINATOR, Role.ADMINISTRATOR, Role.AUDITOR])
async def test_31_no_id_of_another_organization_opens_anything(
    database: Database,
    browse: NewBrowser,
    clinic: Clinic,
    other: Theirs,
    role: Role,
    full_faults: bool,
) -> None:
    browser, before = await browse(member_of(clinic, role)), await counts(database, other.organization_id)
    kinds, tried = await one_of_each(database, other.organization_id), 0
    if not full_faults:
        kinds = {name: kinds[name] for name in ("escalations", "patients", "staff")}
    for route in with_ids():
        if route.permission not in GRANTS[role]:
            continue  # the matrix above
        for id in kinds.values():
            await says_nothing(browser, route, id, other.words)
            tried += 1
    assert tried >= 100 or role not in IN_A_TEAM
    assert await counts(database, other.organization_id) == before


async def one_of_each(database: Database, organization_id: UUID) -> dict[str, UUID]:
    """One id of every table that has rows of this organization."""
    found: dict[str, UUID] = {}
    async with database.reading() as connection:
        for table in (escalations, *metadata.sorted_tables):
            if "organization_id" in table.c and "id" in table.c and table.name not in ("audit_events",):
                wanted = select(table.c.id).where(table.c.organization_id == organization_id).limit(1)
                if (id := await connection.scalar(wanted)) is not None:
                    found[table.name] = id
    keep = ("escalations", "patients", "staff", "teams", "communications", "phones", "notes", "consents")
    return {name: id for name, id in found.items() if name in keep}


async def test_31_pages_without_an_id_show_nothing_of_another_organization(
    database: Database,
    clinic: Clinic,
    browse: NewBrowser,
    other: Theirs,
) -> None:
    for role in Role:
        browser = await browse(member_of(clinic, role))
        for route in ROUTES:
            if route.method != "GET" or "{" in route.path or route.path.endswith("/live") or route.permission not in GRANTS[role]:
                continue
            for query in ("", "?q=Zelda", "?search=Zelda", "?whom=" + str(other.patient.id), "?team=" + str(other.patient.team_id)):
                _, text, _ = await browser.get(route.path + query)
                words = [word for word in other.words if word not in query]
                assert not any(word in text for word in words), (role, route.path + query)


async def test_31_no_id_of_another_team_opens_anything(
    database: Database,
    clinic: Clinic,
    browse: NewBrowser,
) -> None:
    item_id = await seed_item(database, clinic.chi, NOW, words="zebras in my chest", highlight="zebras", reason="Chest pain")
    omar = await browse(clinic.omar)
    for route in with_ids():
        if route.permission in GRANTS[Role.NURSE] and not route.path.startswith("/answers"):
            for id in (item_id, clinic.chi.id, clinic.team_a):
                await says_nothing(omar, route, id, ("Chi Chen", "zebras"))


async def views_of(database: Database, patient: Person) -> int:
    async with database.reading() as connection:
        mine = audit_events.c.patient_id == patient.id
        return await connection.scalar(select(func.count()).select_from(audit_events).where(mine)) or 0


@pytest.mark.law(10)
async def test_every_page_that_shows_a_patient_leaves_an_entry_in_the_trail(
    database: Database,
    clinic: Clinic,
    browse: NewBrowser,
) -> None:
    item_id = await seed_item(database, clinic.chi, NOW)
    sol, seen = await browse(clinic.sol), []
    for route in with_ids("GET"):
        if route.path.endswith("/live"):
            continue
        for id in (item_id, clinic.chi.id):
            before = await views_of(database, clinic.chi)
            status, text, _ = await sol.get(address(route, {"id": id}))
            if status == 200 and ("Chi Chen" in text or "ankles" in text or route.path.endswith(".csv")):
                assert await views_of(database, clinic.chi) > before, route
                seen.append(route.path)
    assert len(seen) >= 8, seen
