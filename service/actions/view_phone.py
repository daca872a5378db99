"""The number that a member of staff is paged on, and what became of the last tests of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from service.actions.refusal import NotFound
from service.db import phone_tests
from service.db.database import Database
from service.db.phone_tests import PhoneTest
from service.domain.staff import PAGED, Staff

MOST_SHOWN = 10


@dataclass(frozen=True, slots=True)
class OwnPhone:
    """`number` is "" for none; `running`: a test is under way."""

    number: str
    tests: Sequence[PhoneTest]

    @property
    def running(self) -> bool:
        """Whether the newest test has not ended."""
        return bool(self.tests) and self.tests[0].ended_at is None


async def view_phone(database: Database, staff: Staff) -> OwnPhone:
    """One's own. Raises NotFound for roles that are never paged."""
    if staff.role not in PAGED:
        raise NotFound
    async with database.reading() as connection:
        return OwnPhone(await phone_tests.own_number(connection, staff.id), await phone_tests.lately(connection, staff.id, MOST_SHOWN))
