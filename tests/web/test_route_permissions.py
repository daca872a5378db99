"""Every route asks for a permission, and nobody gets past it."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from service.db.database import Database
from service.domain.staff import GRANTS, IN_A_TEAM, Permission, Role, Staff
from service.web import ROUTES, Route
from service.web.render import page
from tests.seed import Clinic, Member, seed_item
from tests.web.conftest import NOW, Browser, HandClock, NewBrowser, make_app

STREAMS = ("/queue/live", "/items/{id}/live")


PARTS = {"secret": "x" * 43, "programme": "weekly", "flow": "how_are_you", "digest": "0" * 12, "name": "rounds.css"}


def concrete(route: Route, item_id: object) -> str:
    """The route's path with something in every place of it: the id that is given, and what PARTS says."""
    return re.sub(r"\{(\w+)(?::(?:[^{}]|\{\d+\})*)?\}", lambda found: str((PARTS | {"id": item_id}).get(found[1], item_id)), route.path)


def test_the_router_and_the_table_are_the_same(database_url: str) -> None:
    app = make_app(Database.__new__(Database), HandClock())
    registered = {(route.method, route.resource.canonical) for route in app.router.routes() if route.resource}
    bare = web.Application()
    for route in ROUTES:
        bare.router.add_route(route.method, route.path, route.handler)
    assert registered == {(route.method, route.resource.canonical) for route in bare.router.routes() if route.resource}


def test_only_sign_in_help_invitations_and_static_files_are_public() -> None:
    assert {(r.method, r.path.partition("{secret")[0]) for r in ROUTES if r.permission is Permission.PUBLIC} == {
        ("GET", "/sign-in"),
        ("POST", "/sign-in"),
        ("GET", "/help"),
        ("GET", "/invitation/"),
        ("POST", "/invitation/"),
        ("GET", "/static/{digest}/{name}"),
    }


def test_whatever_shows_or_changes_an_item_or_patient_asks_for_a_permission_that_only_people_in_teams_have() -> None:
    clinical = {
        Permission.WORK_QUEUE,
        Permission.GATHER,
        Permission.ASSESS,
        Permission.BREAK_GLASS,
        Permission.SUPERVISE,
        Permission.EXPORT,
    }
    assert all(r.permission in clinical for r in ROUTES if r.path.startswith(("/items", "/queue", "/patients")))
    assert all(role in IN_A_TEAM for permission in clinical for role, granted in GRANTS.items() if permission in granted)


async def test_a_visitor_is_sent_to_sign_in_from_everywhere(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    item_id = await seed_item(database, clinic.chi, NOW)
    visitor = await browse()
    for route in ROUTES:
        if route.permission is Permission.PUBLIC:
            continue
        path = concrete(route, item_id)
        status, text, response = await (visitor.get(path) if route.method == "GET" else visitor.post(path))
        assert status == 303, route
        assert response.headers["Location"].startswith("/sign-in"), route
        assert "Chi" not in text


@pytest.mark.parametrize("role", list(Role))
async def test_each_role_reaches_what_its_permissions_say_and_nothing_else(
    browse: NewBrowser, clinic: Clinic, database: Database, role: Role
) -> None:
    member = {
        Role.NURSE: clinic.nora,
        Role.COORDINATOR: clinic.cora,
        Role.SUPERVISOR: clinic.sol,
        Role.ADMINISTRATOR: clinic.ada,
        Role.CLINICIAN: clinic.cleo,
        Role.AUDITOR: clinic.abe,
    }[role]
    known = Staff(member.id, clinic.organization_id, member.name, role, member.team_ids)
    browser, token = await _signed_in(browse, member)
    for route in ROUTES:
        if route.permission is Permission.PUBLIC or route.path == "/sign-out" or route.path.endswith("/live"):
            continue
        item_id = await _open(database)
        if item_id is None and route.path.startswith("/items"):
            item_id = await seed_item(database, clinic.chi, NOW)
        ids = {"/patients": clinic.chi.id, "/admin/staff": clinic.nora.id}
        path = concrete(route, next((id for start, id in ids.items() if route.path.startswith(start)), item_id or uuid4()))
        status, text, _ = await (browser.get(path) if route.method == "GET" else browser.post(path, token=token))
        if route.method == "POST" and (await browser.get("/me"))[0] != 200:
            browser, token = await _signed_in(browse, member)  # that form has ended the session
        if route.permission is Permission.SIGNING_IN:
            assert status == 303, route  # whoever is signed in whole has nothing to do there
        elif known.may(route.permission):
            # An empty form may well be about nothing; which role gets through the guard is told exactly by the matrix in tests/faults.
            assert status not in (401, 403), route
            assert status != 404 or route.method == "POST", route
            assert status < 500, route
        else:
            assert status in (403, 404), route
            assert "Chi" not in text


async def _signed_in(browse: NewBrowser, member: Member) -> tuple[Browser, str]:
    """Somebody who has signed in, and the token that their forms carry."""
    browser = await browse(member)
    status, text, _ = await browser.get("/me")
    assert status == 200
    return browser, re.findall(r'name="form_token" value="([0-9a-f]{64})"', text)[0]


async def _open(database: Database) -> object:
    from sqlalchemy import select

    from service.db.escalation import escalations

    async with database.reading() as connection:
        return await connection.scalar(select(escalations.c.id).where(escalations.c.state != "resolved").limit(1))


async def test_a_nurse_of_another_team_finds_nothing_at_all(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    item_id = await seed_item(database, clinic.chi, NOW)
    omar = await browse(clinic.omar)  # every route with an id: tests/faults/access/test_routes.py
    status, text, _ = await omar.get(f"/items/{item_id}")
    assert status == 404
    assert "ankles" not in text
    for tab in ("unclaimed", "mine", "team"):
        status, text, _ = await omar.get(f"/queue?tab={tab}")
        assert status == 200
        assert "Chi" not in text


async def test_a_supervisor_of_both_teams_sees_both(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    await seed_item(database, clinic.chi, NOW)
    await seed_item(database, clinic.eva, NOW, words="me duele", highlight="duele", reason="Pain")
    sol = await browse(clinic.sol)
    _, text, _ = await sol.get("/queue")
    assert "Chi Chen" in text
    assert "Eva Estrada" in text


async def test_an_item_of_another_organization_is_not_found(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    from dataclasses import replace

    from sqlalchemy import insert, select

    from service.db.organization import organizations, teams
    from service.db.schema import new_id

    other, team = new_id(NOW), new_id(NOW)
    async with database.transaction() as connection:
        row = dict((await connection.execute(select(organizations))).mappings().one())
        await connection.execute(insert(organizations).values(row | {"id": other}))
        await connection.execute(insert(teams).values(id=team, organization_id=other, name="Other", on_call_phone="+12025550193"))
    item_id = await seed_item(database, replace(clinic.chi, organization_id=other, team_id=team), NOW)
    sol = await browse(clinic.sol)
    status, text, _ = await sol.get(f"/items/{item_id}")
    assert status == 404
    assert "Chi" not in text


async def test_extra_pages_stand_behind_the_same_guard(database: Database, clinic: Clinic) -> None:
    async def phones(request: web.Request) -> web.Response:
        return await page(request, "error.html", {"title": "Phones", "text": "simulated", "status": 200})

    extra = [Route("GET", "/demo/phones", phones, Permission.PUBLIC), Route("GET", "/demo/secret", phones, Permission.ADMINISTER)]
    app = make_app(database, HandClock(), extra=extra)
    app.router.add_get("/forgotten", phones)
    async with TestServer(app) as server:
        import aiohttp

        async with aiohttp.ClientSession() as session:
            async with session.get(server.make_url("/demo/phones")) as response:
                assert response.status == 200
            async with session.get(server.make_url("/demo/secret"), allow_redirects=False) as response:
                assert response.status == 303
            async with session.get(server.make_url("/forgotten")) as response:
                assert response.status == 404
