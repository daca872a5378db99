"""The rota's page and "who would be called?": read by a team's nurses, changed by its supervisor, in red what is missing."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from service.db.database import Database
from service.db.rota import rota_overrides
from tests.actions.crew import crew_of
from tests.seed import Clinic
from tests.web.conftest import NOW, NewBrowser

WEDNESDAY = "2026-11-18"


@pytest.fixture
async def crew(database: Database, clinic: Clinic) -> Clinic:
    await crew_of(database, clinic, NOW)
    return clinic


def form(clinic: Clinic, **more: object) -> dict[str, str]:
    blank = {"team": clinic.team_a, "week": "2026-11-16", "kind": "cover", "from": "", "to": "", "role": "on_call"}
    times = {"starts": f"{WEDNESDAY}T18:00", "ends": f"{WEDNESDAY}T22:00"}
    return {name: str(value) for name, value in {**blank, **times, **more}.items()}


async def overrides(database: Database) -> list[tuple[str, UUID | None, UUID | None]]:
    async with database.reading() as connection:
        rows = (await connection.execute(rota_overrides.select().order_by(rota_overrides.c.id))).all()
    return [(row.kind, row.from_staff_id, row.to_staff_id) for row in rows if row.cancelled_at is None]


async def test_a_nurse_sees_the_week_of_her_team_and_no_form(browse: NewBrowser, crew: Clinic) -> None:
    nora = await browse(crew.nora)
    status, text, _ = await nora.get("/rota")
    assert status == 200
    assert "Rota of Team A" in text
    assert text.count("12:00 am to midnight") == 14, "two roles, seven days"
    assert "Change who is on call" not in text
    assert (await nora.post("/rota", form(crew, to=crew.omar.id), page="/queue"))[0] == 403
    assert (await nora.get(f"/rota?team={crew.team_b}"))[0] == 404
    assert (await nora.get(f"/who?team={crew.team_b}"))[0] == 404


async def test_a_supervisor_sends_somebody_away_and_the_gap_stands_in_red_until_it_is_covered(
    browse: NewBrowser, crew: Clinic, database: Database
) -> None:
    sol = await browse(crew.sol)
    page = f"/rota?team={crew.team_a}"
    status, _, answer = await sol.post("/rota", form(crew, kind="sick", **{"from": crew.nora.id}), page=page)
    assert (status, answer.headers["Location"]) == (303, f"/rota?team={crew.team_a}&week=2026-11-16")
    _, text, _ = await sol.get(answer.headers["Location"])
    assert "Nobody is on the rota at these times" in text
    assert '<dd class="rota-gap"><span class="rota-hours">6:00 pm to 10:00 pm</span> Nobody</dd>' in text
    assert "<strong>Away:</strong>" in text
    await sol.post("/rota", form(crew, to=crew.omar.id), page=page)
    _, text, _ = await sol.get(page)
    assert "Nobody is on the rota" not in text
    assert "Omar takes on call" in text
    assert await overrides(database) == [("sick", crew.nora.id, None), ("cover", None, crew.omar.id)]


async def test_two_people_swap_and_it_is_taken_back(browse: NewBrowser, crew: Clinic, database: Database) -> None:
    sol = await browse(crew.sol)
    page = f"/rota?team={crew.team_a}"
    await sol.post("/rota", form(crew, kind="swap", to=crew.omar.id, **{"from": crew.nora.id}), page=page)
    _, text, _ = await sol.get(page)
    assert "Nora and Omar stand for each other" in text
    async with database.reading() as connection:
        change = (await connection.execute(rota_overrides.select())).one()
    status, _, _ = await sol.post("/rota/back", {"team": str(crew.team_a), "week": "", "change": str(change.id)}, page=page)
    assert status == 303
    assert await overrides(database) == []
    assert "It was taken back." in (await sol.get(page))[1]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"kind": ""}, "Choose what changes"),
        ({"starts": "soon"}, "from when and until when"),
        ({"starts": f"{WEDNESDAY}T23:00"}, "end lies before"),
        ({"kind": "swap"}, "two people"),
        ({"starts": "2026-11-01T08:00", "ends": "2026-11-01T09:00", "to": "omar"}, "This time is over"),
    ],
)
async def test_what_means_nothing_is_said_and_the_form_keeps_what_was_chosen(
    browse: NewBrowser, crew: Clinic, database: Database, more: dict[str, str], said: str
) -> None:
    sol = await browse(crew.sol)
    filled = {name: str(crew.omar.id) if value == "omar" else value for name, value in more.items()}
    status, text, _ = await sol.post("/rota", form(crew, **filled), page=f"/rota?team={crew.team_a}")
    assert status == 422
    assert said in text
    assert f'value="{WEDNESDAY}T22:00"' in text or "2026-11-01T09:00" in text
    assert await overrides(database) == []


async def test_a_team_without_a_rota_says_what_is_paged(browse: NewBrowser, clinic: Clinic) -> None:
    _, text, _ = await (await browse(clinic.omar)).get("/rota")
    assert "This team keeps no rota: its on-call number is paged at any hour." in text


async def test_who_would_be_called_shows_each_rung_with_the_end_of_the_number_only(browse: NewBrowser, crew: Clinic) -> None:
    ada = await browse(crew.ada)
    status, text, _ = await ada.get(f"/who?team={crew.team_a}&at=2026-12-25T03:00&urgency=emergency")
    assert status == 200
    words = " ".join(text.split())
    assert "Fri 25 Dec, 3:00 am" in words
    places = [
        words.index(part) for part in ("Nora: by text and call, number ends in 0171", "Omar: by text and call", "Sol: by text and call")
    ]
    assert places == sorted(places)
    assert "+12025550171" not in text
    status, text, _ = await ada.get(f"/who?team={crew.team_a}&at=whenever")
    assert (status, "The time cannot be read" in text) == (422, True)


async def test_who_would_be_called_warns_of_a_hole(browse: NewBrowser, crew: Clinic, database: Database) -> None:
    sol = await browse(crew.sol)
    local = NOW - timedelta(hours=5)
    now = {"starts": f"{local:%Y-%m-%dT%H:%M}", "ends": f"{local + timedelta(hours=4):%Y-%m-%dT%H:%M}"}
    await sol.post("/rota", form(crew, kind="sick", **{"from": crew.nora.id}, **now), page=f"/rota?team={crew.team_a}")
    _, text, _ = await sol.get(f"/who?team={crew.team_a}&urgency=emergency")
    assert "Warning: the rota has a gap: no nurse on call" in text
    assert "Sol (supervisor, stands in): by text and call" in " ".join(text.split())
