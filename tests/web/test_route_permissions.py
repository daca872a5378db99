"""Every route asks for a permission, and nobody gets past it."""

from __future__ import annotations

from uuid import uuid4

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from service.db.database import Database
from service.domain.staff import Permission, Role, Staff
from service.web import ROUTES, Route
from service.web.render import page
from service.web.routes import FLOW
from tests.seed import Clinic, seed_item
from tests.web.conftest import NOW, HandClock, NewBrowser, make_app

STREAMS = ("/queue/live", "/items/{id}/live")


def concrete(route: Route, item_id: object) -> str:
    path = (
        route.path.replace(route.path[route.path.find("{id:") : route.path.rfind("}") + 1], str(item_id))
        if "{id:" in route.path
        else route.path
    )
    path = path.replace(FLOW, "weekly/how_are_you")
    return path.replace("{digest}", "0" * 12).replace("{name}", "rounds.css")


def test_the_router_and_the_table_are_the_same(database_url: str) -> None:
    app = make_app(Database.__new__(Database), HandClock())
    registered = {(route.method, route.resource.canonical) for route in app.router.routes() if route.resource}
    bare = web.Application()
    for route in ROUTES:
        bare.router.add_route(route.method, route.path, route.handler)
    assert registered == {(route.method, route.resource.canonical) for route in bare.router.routes() if route.resource}


def test_only_sign_in_and_static_files_are_public() -> None:
    assert {(r.method, r.path) for r in ROUTES if r.permission is Permission.PUBLIC} == {
        ("GET", "/sign-in"),
        ("POST", "/sign-in"),
        ("GET", "/static/{digest}/{name}"),
    }


def test_whatever_shows_or_changes_an_item_asks_for_the_queue_permission() -> None:
    assert all(r.permission is Permission.WORK_QUEUE for r in ROUTES if r.path.startswith(("/items", "/queue")))


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
    member = {Role.NURSE: clinic.nora, Role.SUPERVISOR: clinic.sol, Role.ADMINISTRATOR: clinic.ada, Role.CLINICIAN: clinic.cleo}[role]
    known = Staff(member.id, clinic.organization_id, member.name, role, member.team_ids)
    for route in ROUTES:
        if route.path == "/sign-out" or route.path.endswith("/live") or route.path.startswith("/static"):
            continue
        item_id = (
            await seed_item(database, clinic.chi, NOW)
            if route.path.startswith("/items") and not await _open(database)
            else await _open(database)
        )
        browser = await browse(member)
        path = concrete(route, item_id or uuid4())
        status, text, _ = await (browser.get(path) if route.method == "GET" else browser.post(path))
        if known.may(route.permission):
            assert status not in (401, 403, 404) or (route.path.endswith("/resolve") and status == 404), route
        else:
            assert status in (403, 404), route
            assert "Chi" not in text


async def _open(database: Database) -> object:
    from sqlalchemy import select

    from service.db.escalation import escalations

    async with database.reading() as connection:
        return await connection.scalar(select(escalations.c.id).where(escalations.c.state != "resolved").limit(1))


async def test_a_nurse_of_another_team_finds_nothing_at_all(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    item_id = await seed_item(database, clinic.chi, NOW)
    omar = await browse(clinic.omar)
    for route in ROUTES:
        if "{id:" not in route.path:
            continue
        path = concrete(route, item_id)
        form = {"note": "x", "text": "x", "version": "1", "disposition": "advice_given", "closing_note": "x"}
        status, text, _ = await (omar.get(path) if route.method == "GET" else omar.post(path, form, page="/queue"))
        assert status == 404, route
        assert "Chi" not in text
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
