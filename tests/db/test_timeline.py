"""The time line: pages continued by their key hold every entry once, newest first, whatever table it stands in; by indexes alone."""

from __future__ import annotations

from datetime import date, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.audit import audit_events
from service.db.calls import calls
from service.db.check_in import check_ins, enrollments
from service.db.communication import communications
from service.db.database import Database
from service.db.escalation import notes
from service.db.nurse_calls import call_attempts
from service.db.observation import observations
from service.db.pauses import pauses
from service.db.record_changes import limit_changes, medication_changes
from service.db.schema import new_id
from service.db.timeline import _SOURCES, CONTEXTS, Entry, Key, Line, _statement, load
from tests.actions.house import MONDAY
from tests.seed import KEYRING, Clinic, seed_clinic, seed_item

NOW = MONDAY


async def fill(connection: AsyncConnection, clinic: Clinic, each: int) -> int:
    """`each` rows in every source (consents and items aside), many at the same instants; how many."""
    chi, nora = clinic.chi, clinic.nora
    own = {"organization_id": clinic.organization_id, "patient_id": chi.id}
    place, medicine = new_id(NOW), (await connection.execute(text("SELECT id FROM medications"))).scalar_one()
    run = {"programme": "heart_failure", "flow": "daily", "rule": "daily", "wall_time": time(9), "high_risk": False, "status": "active"}
    dates = {"starts_on": date(2026, 1, 1), "stops_on": date(2027, 1, 1), "created_at": NOW}
    await connection.execute(insert(enrollments).values(id=place, **own, **run, **dates))
    item = (await connection.execute(text("SELECT id FROM escalations"))).scalar_one()
    medicine, item = (UUID(str(one)) for one in (medicine, item))

    def rows(at: str, /, **values: Any) -> list[dict[str, Any]]:
        return [{"id": new_id(NOW), **own, **values, at: NOW - timedelta(hours=n // 3)} for n in range(each)]

    message = {"phone_id": chi.phone_id, "direction": "in", "purpose": "reply", "lane": "routine", "status": "received", "status_at": NOW}
    await connection.execute(insert(communications), rows("created_at", **message, channel="sms", body="by text"))
    await connection.execute(insert(communications), rows("created_at", **message, channel="voice", body="by phone"))
    call = {"phone_id": chi.phone_id, "purpose": "check_in", "number": 1, "status": "ended", "status_at": NOW, "due_at": NOW}
    await connection.execute(insert(calls), rows("created_at", **call))
    told = {"name": "weight", "rule": "r", "span_start": 0, "span_end": 1}
    await connection.execute(insert(observations), rows("taken_at", kind="value", **told))
    await connection.execute(insert(observations), rows("taken_at", kind="medication", **told))
    asked = [
        row | {"local_date": date(2026, 1, 1) + timedelta(days=n)}
        for n, row in enumerate(rows("due_at", enrollment_id=place, slot=0, useful_until=NOW, status="answered"))
    ]
    await connection.execute(insert(check_ins), asked)
    by = {"staff_id": nora.id, "reason": "because"}
    await connection.execute(insert(call_attempts), rows("at", escalation_id=item, staff_id=nora.id, outcome="no_answer"))
    await connection.execute(insert(notes), rows("created_at", author_id=nora.id, body="a note", kind="note"))
    await connection.execute(insert(pauses), rows("created_at", kind="away", state="over", begins_at=NOW, reason="away"))
    await connection.execute(insert(medication_changes), rows("at", what="changed", medication_id=medicine, words="less", **by))
    limit = {"name": "pulse_high", "amount": 1.0, "unit": "/min", "loosens": False, "author": "Nora"}
    await connection.execute(insert(limit_changes), rows("at", what="set", **limit, **by))
    await connection.execute(insert(audit_events), rows("at", actor="staff", action="patient_left", object_kind="", detail={}))
    await connection.execute(insert(audit_events), rows("at", actor="staff", action="patient_viewed", object_kind="", detail={}))
    return 12 * each


async def test_every_entry_of_every_source_comes_once_and_newest_first(database_url: str) -> None:
    database = Database.open(database_url, KEYRING)
    clinic = await seed_clinic(database, NOW)
    await seed_item(database, clinic.chi, NOW)
    async with database.transaction() as connection:
        expected = await fill(connection, clinic, 25) + 3  # the item, its text, the consent
        seen: list[Line] = []
        key: Key | None = None
        for _ in range(20):
            page = await load(connection, clinic.chi.id, (), key, NOW + timedelta(minutes=1), most=37)
            seen += page.lines
            key = page.older
            if key is None:
                break
        assert len(seen) == expected
        assert len({(line.source, line.id) for line in seen}) == expected
        order = [(line.at, line.id.hex) for line in seen]
        assert order == sorted(order, reverse=True)
        assert {line.words for line in seen if line.source == "note"} == {"a note"}
        assert {line.author for line in seen if line.source == "note"} == {"Nora"}
        for kind in Entry:
            page = await load(connection, clinic.chi.id, [kind], Key(NOW - timedelta(hours=2), new_id(NOW)), NOW, most=5)
            assert all(line.at <= NOW - timedelta(hours=2) for line in page.lines)
            assert page.lines or kind in (Entry.ITEM, Entry.FAILURE), kind
        assert (await load(connection, clinic.ana.id, (), None, NOW + timedelta(minutes=1))).older is None
    await database.close()


async def test_no_source_reads_a_long_record_to_its_end(postgres_url: str) -> None:
    database = Database.open(postgres_url, KEYRING)
    clinic = await seed_clinic(database, NOW)
    await seed_item(database, clinic.chi, NOW)
    async with database.transaction() as connection:
        await fill(connection, clinic, 1_500)
    async with database.transaction() as connection:
        await connection.execute(text("ANALYZE"))
        statement = _statement(frozenset({Entry.TEXT, Entry.CHECK_IN, Entry.READING, Entry.DOSE}))
        bound = statement.params(patient=clinic.chi.id, at=NOW, key=clinic.chi.id, most=51)
        sql = str(bound.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})).replace(":", "\\:")
        plan = [row[0] for row in (await connection.execute(text(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {sql}"))).all()]
    for table in ("communications", "check_ins", "observations"):
        scans = [line for line in plan if f" on {table}" in line]
        assert scans
        assert all("Index Scan" in line for line in scans), scans
        rows = [int(line.partition("actual rows=")[2].split(" ")[0].split(".")[0]) for line in scans]
        assert max(rows) < 200, scans
    await database.close()


def test_every_kind_of_entry_has_its_source_and_every_hidden_word_its_key() -> None:
    assert _SOURCES.keys() == set(Entry)
    assert set(CONTEXTS.values()) <= {
        "communications.body",
        "notes.body",
        "pauses.reason",
        "medication_changes.words",
        "limit_changes.reason",
    }
