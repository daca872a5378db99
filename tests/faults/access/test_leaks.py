"""Fault 37: names, numbers and words of patients stand in no log, error page, address, metric or trail (law 10)."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import random
import re
from collections.abc import Iterable, Iterator
from uuid import uuid4

import pytest
import structlog
from sqlalchemy import select, text

from service import logs
from service.db.audit import audit_events
from service.db.database import Database
from service.domain.staff import GRANTS, Role
from service.web import ROUTES
from service.web.sessions import form_token
from tests.faults import SECONDS_A_TEST
from tests.faults.access.test_routes import address
from tests.seed import Clinic, seed_item, seed_patient
from tests.web.conftest import NOW, NewBrowser

pytestmark = [pytest.mark.faults, pytest.mark.timeout(SECONDS_A_TEST)]
SYLLABLES = "ba ce di fo gu hy ja ke li mo nu py qa re si to vu wy xa ze".split()


def invented(chance: random.Random, number: int) -> list[tuple[str, str, str]]:
    """Names, numbers and words that occur nowhere else: (name, number, body)."""
    found = []
    for n in range(number):
        word = "".join(chance.choice(SYLLABLES) for _ in range(5))
        found.append((f"{word.title()} Q{n:05d}", f"+1202555{110 + n % 50:04d}", f"my {word}{n:05d} hurts badly"))
    return found


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything that the service logs, as it would leave the process."""
    written, before, root = io.StringIO(), structlog.get_config(), logging.getLogger()
    kept = root.handlers[:], root.level
    with contextlib.redirect_stderr(written):
        logs.configure("debug")
        yield written
    structlog.configure(**before)
    root.handlers[:], root.level = kept


def marks(seeded: Iterable[tuple[str, str, str]]) -> re.Pattern[str]:
    """One expression for all of it: the first names, the numbers' digits, the words of the bodies."""
    words = {part for name, _number, body in seeded for part in (name.split()[0].lower(), body.split()[1])}
    return re.compile("|".join(sorted(words)))


@pytest.mark.law(10)
async def test_37_no_name_number_or_word_leaves_by_a_log_an_error_page_an_address_or_the_trail(
    database: Database,
    clinic: Clinic,
    browse: NewBrowser,
    chance: random.Random,
    full_faults: bool,
    log: io.StringIO,
) -> None:
    seeded = invented(chance, 10_000 if full_faults else 150)
    async with database.transaction() as connection:
        people = [
            await seed_patient(connection, clinic.organization_id, clinic.team_a, NOW, name, number)
            for name, number, _body in seeded[: 50 if full_faults else 20]
        ]
    items = [await seed_item(database, person, NOW, words=body) for person, (_n, _p, body) in zip(people, seeded, strict=False)]
    wanted, shown = marks(seeded), 0
    sol, addresses, errors = await browse(clinic.sol), [], []
    (cookie,) = [cookie.value for cookie in sol.session.cookie_jar]
    for route in ROUTES:
        if route.permission not in GRANTS[Role.SUPERVISOR] or route.path.endswith("/live") or route.path in ("/sign-out", "/again"):
            continue
        for index in range(3):
            id = chance.choice([items[index], people[index].id, uuid4()])
            path, (name, number, body) = address(route, {"id": id}), seeded[chance.randrange(len(seeded))]
            form = {"note": body, "text": body, "name": name, "number": number, "words": body, "q": name, "whose": number, "reason": body}
            if route.method == "GET":
                status, page, response = await sol.get(path)
            else:
                status, page, response = await sol.post(path, form, token=form_token(cookie))
            shown += bool(wanted.search(page.lower()))
            addresses.append(response.headers.get("Location", ""))
            if status in (403, 404) or status >= 500:
                errors.append(page)
    assert shown > 10  # pages do show them: the search finds what it looks for
    written = log.getvalue()
    assert not wanted.search(written.lower())
    for line in written.splitlines():
        assert isinstance(json.loads(line), dict)
    assert not wanted.search("\n".join(addresses).lower())
    assert not any("2025550" in place or "%2B1202" in place for place in addresses)
    assert not any(wanted.search(page.lower()) for page in errors)
    async with database.reading() as connection:
        trail = repr((await connection.execute(select(audit_events))).all()).lower()
    assert not wanted.search(trail)
    assert not re.search(r"\+1202555\d{4}", trail)


@pytest.mark.law(10)
async def test_37_a_page_that_breaks_tells_neither_the_log_nor_the_reader_what_it_was_about(
    database: Database,
    clinic: Clinic,
    browse: NewBrowser,
    log: io.StringIO,
) -> None:
    sol = await browse(clinic.sol)
    await seed_item(database, clinic.chi, NOW, words="zebras in my chest")
    async with database.transaction() as connection:  # a row that cannot be decrypted breaks every page that shows it
        await connection.execute(text("UPDATE patients SET name = :broken"), {"broken": b"\x04test" + b"Chi Chen zebras" * 3})
    status, page, _ = await sol.get(f"/patients/{clinic.chi.id}")
    assert status == 500
    assert "zebras" not in page
    assert "zebras" not in log.getvalue()
    assert "page_failed" in log.getvalue()
