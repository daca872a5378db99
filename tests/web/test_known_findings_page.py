"""An item's page offers to accept a finding only where that has an effect, and says why not to whoever asks all the same."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update

from service.actions.accept_finding import rules_of
from service.db.accepted import accepted_findings
from service.db.database import Database
from service.db.escalation import concerns
from service.domain.urgency import Urgency
from tests.actions.house import content
from tests.seed import Clinic, seed_item
from tests.web.conftest import NOW, Browser, NewBrowser
from tests.web.test_work_on_an_item import all_of

OFFER = 'name="concern"'
GLUCOSE = {"side": "above", "value": "310"}


def one_rule(*, answered: bool) -> str:
    rules = rules_of(content().tables, ())
    return next(rule for rule, answers in sorted(rules.items()) if answers is answered and "weight" in rule)


async def found(database: Database, clinic: Clinic, urgency: Urgency, rule: str, measured: dict[str, str] | None) -> tuple[UUID, UUID]:
    """An item and its concern, of that rule."""
    item_id = await seed_item(database, clinic.chi, NOW, urgency=urgency)
    async with database.transaction() as connection:
        of_it = update(concerns).where(concerns.c.escalation_id == item_id)
        await connection.execute(of_it.values(rule=rule, measured=measured))
    (concern,) = await all_of(database, concerns, concerns.c.escalation_id == item_id)
    return item_id, concern.id


async def accepting(nora: Browser, item_id: UUID, concern_id: UUID) -> str:
    path: str = f"/items/{item_id}"
    form: dict[str, Any] = {"concern": str(concern_id), "known_until": NOW.date().isoformat(), "known_reason": "Stable for years"}
    await nora.post(f"{path}/accept", form, page=path)
    return (await nora.get(path))[1]


@pytest.mark.parametrize("urgency", [Urgency.URGENT, Urgency.SAME_DAY])
async def test_a_finding_that_is_answered_each_time_is_not_offered_and_refused(
    browse: NewBrowser, clinic: Clinic, database: Database, urgency: Urgency
) -> None:
    item_id, concern_id = await found(database, clinic, urgency, one_rule(answered=True), GLUCOSE)
    nora = await browse(clinic.nora)
    _, text, _ = await nora.get(f"/items/{item_id}")
    assert OFFER not in text
    assert "Known findings" not in text, "no empty card"
    assert "The patient gets a safety answer to this, so it is shown each time" in await accepting(nora, item_id, concern_id)
    assert await all_of(database, accepted_findings) == []


async def test_a_finding_that_accepting_hides_is_offered_and_accepted(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    item_id, concern_id = await found(database, clinic, Urgency.SAME_DAY, one_rule(answered=False), GLUCOSE)
    nora = await browse(clinic.nora)
    assert OFFER in (await nora.get(f"/items/{item_id}"))[1]
    assert "Stable for years" in await accepting(nora, item_id, concern_id)
    (row,) = await all_of(database, accepted_findings)
    assert row.amount == 310
