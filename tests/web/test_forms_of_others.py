"""A form that another site sends, or that lacks our token, changes nothing."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from service.db.database import Database
from service.db.escalation import escalations
from service.domain.staff import GRANTS, Permission, Role
from service.web import ROUTES
from service.web.routes import Route
from tests.seed import Clinic, seed_item
from tests.web.conftest import NOW, NewBrowser
from tests.web.test_route_permissions import concrete

UNSAFE = [route for route in ROUTES if route.method != "GET"]
OF_A_NURSE = GRANTS[Role.NURSE] | {Permission.PUBLIC}
OURS = {"Sec-Fetch-Site": "same-origin"}


def _refusal(route: Route) -> int:
    """404 where a nurse may not even know whether what the address names is there."""
    return 403 if route.permission in OF_A_NURSE or "{" not in route.path else 404


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"}, {}],
    ids=str,
)
async def test_a_form_from_elsewhere_is_refused_even_with_our_token(
    browse: NewBrowser, clinic: Clinic, database: Database, headers: dict[str, str]
) -> None:
    item_id = await seed_item(database, clinic.chi, NOW)
    nora = await browse(clinic.nora)
    for route in UNSAFE:
        status, _, _ = await nora.post(concrete(route, item_id), {"note": "x"}, page="/queue", headers=headers)
        assert status == _refusal(route), route
    assert await _untouched(database)


@pytest.mark.parametrize("token", ["", "0" * 64, "ü"])
async def test_a_form_without_our_token_is_refused(browse: NewBrowser, clinic: Clinic, database: Database, token: str) -> None:
    item_id = await seed_item(database, clinic.chi, NOW)
    nora = await browse(clinic.nora)
    for route in UNSAFE:
        status, _, _ = await nora.post(concrete(route, item_id), {"note": "x"}, token=token, headers=OURS)
        assert status == _refusal(route), route
    assert await _untouched(database)


async def test_another_session_s_token_is_refused(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    import re

    item_id = await seed_item(database, clinic.chi, NOW)
    nora, sol = await browse(clinic.nora), await browse(clinic.sol)
    _, text, _ = await sol.get("/queue")
    found = re.search(r'name="form_token" value="([0-9a-f]{64})"', text)
    assert found
    status, _, _ = await nora.post(f"/items/{item_id}/claim", token=found[1])
    assert status == 403
    assert await _untouched(database)


async def test_a_json_body_is_no_form(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    item_id = await seed_item(database, clinic.chi, NOW)
    nora = await browse(clinic.nora)
    async with nora.session.post(f"{nora.base}/items/{item_id}/claim", json={"form_token": "x"}, headers=OURS) as response:
        assert response.status == 403
    assert await _untouched(database)


async def test_an_origin_that_is_ours_will_do_where_the_browser_says_no_more(
    browse: NewBrowser, clinic: Clinic, database: Database
) -> None:
    item_id = await seed_item(database, clinic.chi, NOW)
    nora = await browse(clinic.nora)
    status, _, _ = await nora.post(f"/items/{item_id}/claim", page=f"/items/{item_id}", headers={"Origin": nora.base})
    assert status == 303
    assert not await _untouched(database)


async def _untouched(database: Database) -> bool:
    async with database.reading() as connection:
        return all(row.version == 1 and row.state == "open" for row in await connection.execute(select(escalations)))
