"""Rota, ladders and "who would be paged now?" by commands, and the start that is refused."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from service.commands.serve import check
from service.commands.surroundings import UserError
from service.db.database import Database
from service.db.organization import teams
from service.db.staff import staff
from service.settings import Settings
from tests.commands.conftest import Ended
from tests.postgres import run_to_end

Run = Callable[..., Ended]
PASSWORD = "seven green bicycles"
TODAY = datetime.now(UTC).date()
FRIDAY = TODAY + timedelta(days=28 + (4 - TODAY.weekday()) % 7)
"""After the rota of these tests has begun, which is today."""


@pytest.fixture
def team(run: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Riverside Clinic with team A, its nurse Nora (on call by night) and its supervisor Sol."""

    def must(*command: str, says: str = "") -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{says}\n"))
        ended = run(*command)
        assert ended.code == 0, ended.err

    numbers = ("--clinic-phone", "2025550190", "--after-hours", "2025550199")
    must("organization", "add", "--name", "Riverside Clinic", "--zone", "America/New_York", *numbers)
    must("team", "add", "--name", "Team A", "--on-call", "2025550191", "--hours", "mon-fri 08:00-18:00")
    for name, role, number in (("nora", "nurse", "2025550171"), ("sol", "supervisor", "2025550173")):
        email = f"{name}@example.org"
        person = ("--email", email, "--name", name.title(), "--role", role, "--team", "Team A")
        must("staff", "add", *person, "--password-stdin", says=PASSWORD)
        must("staff", "paging", "--who", email, "--number", number, "--pin-stdin", says="4071")
    must("rota", "add", "--team", "Team A", "--role", "on_call", "--who", "nora@example.org", "--hours", "sun-sat 19:00-07:00")
    return run


def test_who_shows_minute_person_role_channel_and_the_end_of_the_number(team: Run) -> None:
    ended = team("who", "--team", "Team A", "--at", f"{FRIDAY} 03:00", "--urgency", "emergency")
    assert ended.code == 0, ended.err
    assert ended.out.splitlines()[:4] == [
        f"Team A, emergency, opened {FRIDAY} 03:00",
        "    +0 min  Fri 03:00  on call     Nora (on call), text + call, ends in 0171",
        "    +5 min  Fri 03:05  backup      Sol (supervisor), text + call, ends in 0173",
        "            WARNING: the team has no back-up",
    ]
    assert "+12025550171" not in ended.out


def test_who_warns_of_a_gap_at_that_time_of_the_clinics_wall_clock(team: Run) -> None:
    ended = team("who", "--at", f"{FRIDAY} 12:00", "--urgency", "emergency")
    assert "+0 min  Fri 12:00  on call     Sol (supervisor), text + call" in ended.out
    assert "WARNING: the rota has a gap: no nurse on call" in ended.out


def test_a_ladder_is_set_in_words_and_shown(team: Run) -> None:
    assert team("ladder", "number", "--team", "Team A", "--name", "Night Service", "--number", "2025550198").code == 0
    rungs = ("--rung", "0 on_call text+call", "--rung", "5 staff:sol@example.org call", "--rung", "9 number:Night Service text")
    assert team("ladder", "set", "--team", "Team A", "--urgency", "emergency", *rungs).code == 0
    out = team("who", "--at", f"{FRIDAY} 03:00", "--urgency", "emergency").out
    assert "+5 min  Fri 03:05  staff       Sol (staff), call, ends in 0173" in out
    assert "+9 min  Fri 03:09  number      Night Service (number), text, ends in 0198" in out


def test_who_leaves_is_taken_off_the_rota_after_a_day_also_when_disabled(team: Run, environment: dict[str, str]) -> None:
    settings = Settings.from_environment(environment)

    async def disabled() -> None:
        database = Database.open(settings.database_url, settings.keyring)
        async with database.transaction() as connection:
            await connection.execute(update(staff).where(staff.c.role == "nurse").values(disabled_at=datetime(2026, 11, 1, tzinfo=UTC)))
        await database.close()

    run_to_end(disabled)
    end = ("rota", "end", "--team", "Team A", "--who", "nora@example.org", "--until", "2999-12-23")
    assert "no telephone number or is no longer in the team" in team("who", "--at", "2999-12-25 03:00", "--urgency", "emergency").out
    refused = team(*end, "--role", "backup")
    assert (refused.code, "no weekly duty that goes on" in refused.err) == (2, True)
    ended = team(*end)
    assert (ended.code, ended.out[:42]) == (0, "Nora: no such duty begins after 2999-12-23"), ended.err
    assert "the rota has a gap: no nurse on call" in team("who", "--at", "2999-12-25 03:00", "--urgency", "emergency").out
    last_night = team("who", "--at", "2999-12-24 03:00", "--urgency", "emergency").out
    assert "no telephone number or is no longer in the team" in last_night, "the night that began on the last day is still hers"
    assert "They have no weekly duty that goes on after this day" in team(*end).err
    past = team("rota", "end", "--team", "Team A", "--who", "Nora", "--until", "2020-01-01")
    assert (past.code, "yesterday at the earliest" in past.err) == (2, True)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["who", "--at", "tomorrow"], 'write it as "2026-12-25 03:00"'),
        (["who", "--team", "Team Z"], "there is no team of this name; teams: Team A"),
        (
            ["rota", "add", "--team", "Team A", "--role", "on_call", "--who", "zoe@example.org", "--hours", "always"],
            "nobody, or more than one",
        ),
        (
            ["rota", "add", "--team", "Team A", "--role", "on_call", "--who", "Nora", "--hours", "always", "--from", "soon"],
            "write it as 2026",
        ),
        (["ladder", "set", "--team", "Team A", "--urgency", "emergency", "--rung", "on_call"], "is no rung: write minutes"),
        (["ladder", "set", "--team", "Team A", "--urgency", "emergency", "--rung", "0 doctor call"], "is nobody: write on_call"),
        (
            ["ladder", "set", "--team", "Team A", "--urgency", "emergency", "--rung", "0 number:Service call"],
            "none yet (rounds ladder number)",
        ),
        (
            ["ladder", "set", "--team", "Team A", "--urgency", "emergency", "--rung", "0 on_call text", "--repeat", "20"],
            "at most 5 minutes",
        ),
        (["staff", "paging", "--who", "Nora", "--number", "12"], "--number"),
        (["promises", "--weeks", "0"], "write 1 to 520"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(team: Run, command: list[str], said: str) -> None:
    ended = team(*command)
    assert ended.code == 2
    assert said in ended.err
    assert "Traceback" not in ended.err


def test_promises_are_counted_or_it_is_said_that_there_are_none(team: Run) -> None:
    assert team("promises").out == "No promise was made in this time.\n"


def test_whether_there_is_a_new_pin_is_said(team: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a terminal nobody is asked for one: that must not look as if there were one now."""
    paging = ("staff", "paging", "--who", "nora@example.org", "--number", "+12025550171")
    for given, said in (((), "The PIN is as it was"), (("--pin-stdin",), "The PIN is new")):
        monkeypatch.setattr("sys.stdin", io.StringIO("4071\n"))
        ended = team(*paging, *given)
        assert (ended.code, said in ended.out) == (0, True), ended
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    ended = team(*paging, "--pin-stdin")
    assert (ended.code, "no PIN on standard input" in ended.err) == (2, True)


def test_rounds_does_not_start_while_a_ladder_could_end_with_nobody(team: Run, environment: dict[str, str]) -> None:
    settings = Settings.from_environment(environment)
    run_to_end(lambda: check(settings))

    async def nobody() -> None:
        database = Database.open(settings.database_url, settings.keyring)
        async with database.transaction() as connection:
            await connection.execute(update(teams).values(on_call_phone=""))
        await database.close()

    run_to_end(nobody)
    run_to_end(lambda: check(settings))  # Sol can be paged
    refused = team("staff", "paging", "--who", "sol@example.org")
    assert (refused.code, "could end with nobody" in refused.err) == (2, True)

    async def no_lead() -> None:

        database = Database.open(settings.database_url, settings.keyring)
        async with database.transaction() as connection:
            await connection.execute(update(staff).values(phone=None))
        await database.close()

    run_to_end(no_lead)
    with pytest.raises(UserError, match=r'does not start: the emergency ladder of team "Team A" could end with nobody'):
        run_to_end(lambda: check(settings))
