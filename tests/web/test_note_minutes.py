"""The minutes of a signed note: what was measured stays as it was measured, what the nurse says beyond it counts to the second."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from service.actions.claim_escalation import claim_escalation
from service.actions.resolve_escalation import resolve_escalation
from service.actions.view_time import view_time
from service.db import time_log
from service.db.database import Database
from service.db.time_log import time_entries
from service.domain.staff import Role, Staff
from service.domain.time_log import Month
from tests.encounters import complete_encounter
from tests.seed import Clinic, seed_item
from tests.web.conftest import NOW, NewBrowser
from tests.web.test_item_page import claimed, part_of
from tests.web.test_work_on_an_item import all_of, as_staff, closing

LATER = NOW + timedelta(minutes=5)


@pytest.fixture
def nora(clinic: Clinic) -> Staff:
    return as_staff(clinic, clinic.nora)


async def measured(database: Database, clinic: Clinic, nora: Staff, item_id: UUID, seconds: int) -> None:
    """The page's timer has counted so many seconds."""
    async with database.transaction() as connection:
        await time_log.add(connection, nora, clinic.chi.id, item_id, source="timer", seconds=seconds, started_at=NOW, now=NOW)


async def signed(database: Database, clinic: Clinic, nora: Staff, seconds: int, minutes: int) -> int:
    """How many seconds of work a note counts in all: measured for `seconds`, signed with `minutes`."""
    item_id = await seed_item(database, clinic.chi, NOW)
    await claim_escalation(database, nora, item_id, NOW)
    if seconds:
        await measured(database, clinic, nora, item_id, seconds)
    note = replace(complete_encounter(), minutes=minutes)
    await resolve_escalation(database, nora, item_id, await closing(database, item_id, encounter=note), LATER)
    return sum(one.seconds for one in await all_of(database, time_entries, time_entries.c.escalation_id == item_id))


@pytest.mark.parametrize(
    ("seconds", "minutes", "counts"),
    [
        (0, 1, 60),  # no timer ran: what she says is all there is
        (20, 1, 20),  # as proposed: what was measured, and no whole minute made of it
        (95, 1, 95),
        (95, 2, 120),  # said beyond what was measured: all of it, not only from a whole minute on
        (130, 3, 180),
        (600, 8, 600),  # less is never taken off what was measured
    ],
)
async def test_a_note_counts_what_was_measured_and_what_the_nurse_says_beyond_it(
    database: Database, clinic: Clinic, nora: Staff, seconds: int, minutes: int, counts: int
) -> None:
    assert await signed(database, clinic, nora, seconds, minutes) == counts


async def test_short_notes_add_up_over_the_month(database: Database, clinic: Clinic, nora: Staff) -> None:
    assert [await signed(database, clinic, nora, 40, 1) for _ in range(3)] == [40, 40, 40]
    supervisor = as_staff(clinic, clinic.sol, Role.SUPERVISOR)
    found = await view_time(database, supervisor, clinic.chi.id, Month(NOW.year, NOW.month), "America/New_York", LATER)
    assert found.total.minutes == 2


async def test_the_note_proposes_the_whole_minutes_that_were_measured_and_one_at_least(
    browse: NewBrowser, clinic: Clinic, database: Database, nora: Staff
) -> None:
    browser, item_id, path = await claimed(browse, clinic, database)

    async def proposed() -> str:
        field = re.search(r'<input id="minutes"[^>]* value="(\d*)"', part_of((await browser.get(path))[1], "close"))
        assert field is not None
        return field[1]

    assert await proposed() == "1", "a page without script measures nothing, and its note is signed without typing too"
    await measured(database, clinic, nora, item_id, 20)
    assert await proposed() == "1"
    await measured(database, clinic, nora, item_id, 95)
    assert await proposed() == "1", "a minute and fifty-five seconds are no two minutes"
    await measured(database, clinic, nora, item_id, 5)
    assert await proposed() == "2"
