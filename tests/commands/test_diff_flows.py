"""rounds flows diff: two versions in words, and what a change would have changed in check-ins of the past; by ids alone."""

from __future__ import annotations

import asyncio
import re
from base64 import b64encode
from collections.abc import Callable
from datetime import timedelta

import pytest

from service.actions.knowledge import Knowledge
from service.clock import SystemClock
from service.db import flows
from service.db.database import Database
from service.engine import Flow
from tests.actions.house import House, StoppedClock, content
from tests.commands.conftest import Ended, settings_for
from tests.seed import KEYRING, seed_clinic

Run = Callable[..., Ended]
KEY = "heart_failure/daily"
RULE = f"{KEY}.weight.gained_in_a_day"


def stricter() -> Flow:
    """As in the file, but a gain of 1 lb in a day calls a nurse, and the question has other words."""
    data = content().flows[KEY].to_json()
    weight = next(step for step in data["steps"] if step["key"] == "weight")
    weight["ask"]["en"]["plain"] = "How heavy are you today?"
    [flag] = [flag for flag in weight["red_flags"] if flag["name"] == "gained_in_a_day"]
    flag["when"] = {"value": "weight", "gain_over": {"amount": "1 lb", "within": "24 h"}}
    return Flow.from_json(data)


async def _two_days(environment: dict[str, str]) -> None:
    database = Database.open(environment["DATABASE_URL"], KEYRING)
    begin = SystemClock().now() - timedelta(days=5)
    house = House(
        database,
        await seed_clinic(database, begin - timedelta(days=30)),
        Knowledge(
            content().lexicon,
            content().tables,
            content().wording,
            "http://localhost:8080",
            content().follow_through,
            content().opening,
            content().law,
        ),
        StoppedClock(begin),
    )
    async with database.transaction() as connection:
        old = stricter()
        await flows.publish(
            connection,
            house.clinic.organization_id,
            programme="heart_failure",
            flow="daily",
            content_hash=old.version,
            content=old.to_json(),
            now=begin,
        )
    for weight in ("180", "182"):
        await house.start_flow(house.clinic.chi)
        for words in (weight, "no", "yes"):
            house.clock.time += timedelta(minutes=1)
            await house.text(house.clinic.chi.number, words)
        for _ in range(10):
            await house.silence(hours=2)
    await database.close()


@pytest.fixture
def environment(database_url: str) -> dict[str, str]:
    """Settings with the keys that the cast of the tests is written with."""
    [(name, key)] = KEYRING.keys.items()
    keys = {"ENCRYPTION_KEYS": f"{name}:{b64encode(key).decode()}", "BLIND_INDEX_KEY": b64encode(KEYRING.index_key).decode()}
    return settings_for(database_url) | keys


@pytest.fixture
def clinic(run: Run, environment: dict[str, str]) -> Run:
    """`run`, in a clinic whose patient Chi has weighed 180 lb and, 20 h later, 182 lb, on the flow as it stands in the file."""
    asyncio.run(_two_days(environment))
    return run


def test_what_two_versions_say_otherwise(clinic: Run) -> None:
    old = stricter()
    printed = clinic("flows", "diff", KEY, old.version[:12], "file")
    assert (printed.code, printed.err) == (0, "")
    assert printed.out.startswith(f"{KEY}: {old.version[:12]} -> {content().flows[KEY].version[:12]} (file)\n")
    assert "- How heavy are you today?" in printed.out
    assert "weight up 1 lb or more within 24 h" in printed.out
    same = clinic("flows", "diff", KEY, "file", content().flows[KEY].version)
    assert same.out.endswith("0 parts of what is asked, told and judged differ\n")


def test_what_a_change_would_have_changed_is_told_by_rule_and_by_check_in_without_names(clinic: Run) -> None:
    old = stricter()
    printed = clinic("flows", "diff", old.version[:12], "file", "--history")
    assert printed.code == 0
    assert "2 check-ins of 1 patient since" in printed.out
    assert "1 the same." in printed.out
    assert re.search(rf"^{re.escape(RULE)} +0 +1 +0 +0$", printed.out, re.MULTILINE)
    [line] = [line for line in printed.out.splitlines() if "would vanish  " in line]
    assert re.match(r"^\d{4}-\d\d-\d\d  [0-9a-f-]{36}  would vanish  urgent -> none, heart_failure/daily.weight.gained_in_a_day: ", line)
    assert "2 of 2 check-ins replayed" in printed.err
    for secret in ("Chi", "Chen", "202555", "no\n"):
        assert secret not in printed.out.replace("no longer", "")
    back = clinic("flows", "diff", KEY, "file", old.version[:12], "--history", "--limit", "1")
    assert "1 check-in of 1 patient" in back.out
    assert "(the newest of 2; --limit up to" in back.out
    assert "would appear  none -> urgent" in back.out


def test_what_was_stored_against_what_todays_program_would_raise(clinic: Run) -> None:
    printed = clinic("flows", "diff", KEY, "--against", "stored")
    assert printed.code == 0
    assert "2 the same. 0 would newly call a nurse, 0 would no longer" in printed.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("published", "file"), "name the flow first"),
        ((KEY, "published"), "name two versions"),
        ((KEY, "0000", "file"), "at least 8 letters"),
        ((KEY, "0" * 12, "file"), "no published version of this name"),
        (("weekly/nothing", "file", "published"), "There is no file of weekly/nothing"),
        ((KEY, "file", "published", "--against", "stored"), "takes a flow alone"),
        ((KEY, "--history", "--limit", "0"), "Between 1 and 50,000"),
        ((KEY, "--history", "--since", "yesterday"), "--since"),
        ((KEY, "--against", "memory"), "invalid choice"),
    ],
)
def test_what_cannot_be_compared_says_why(clinic: Run, arguments: tuple[str, ...], said: str) -> None:
    ended = clinic("flows", "diff", *arguments)
    assert ended.code == 2
    assert said in ended.err
