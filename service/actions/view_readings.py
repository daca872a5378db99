"""A patient's readings in the units that they use, and their doses day by day: what charts and calendars are drawn from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.view_patient import see
from service.db import readings, record_changes
from service.db.database import Database
from service.db.observation import drugs_in
from service.db.patient_card import PatientCard
from service.domain.adherence import EVERY_MEDICINE, DoseReport, Month, month_of
from service.domain.facts import PersonalLimit
from service.domain.schedule import to_local, to_utc
from service.domain.staff import Staff
from service.replies.measures import MG_DL_A_MMOL_L, POUNDS_A_KILOGRAM, UNITS
from service.triage import amount_of

CONVERTED: dict[str, frozenset[str | None]] = {
    "weight": frozenset({"kg"}),
    "glucose": frozenset({"mmol/L"}),
    "temperature": frozenset({"Cel"}),
}
"""What is stored in another unit (lb, mg/dL, degF) than some people write."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A reading in the unit in which it is shown; `value_2` is the diastolic of a blood pressure."""

    at: datetime
    value: float
    value_2: float | None
    programme: str
    """Of the check-in that asked, "" when nobody did."""


@dataclass(frozen=True, slots=True)
class Readings:
    """What charts are drawn from: readings by measure oldest first, units by measure, and personal limits in the stored unit."""

    card: PatientCard
    first: date
    last: date
    """Local dates of the patient, both included."""
    measured: Mapping[str, Sequence[Measured]]
    units: Mapping[str, str]
    limits: Mapping[str, float]
    """Those that hold on the last day, by name."""
    changes: Sequence[Any]
    """Changed medicines in this time, oldest first."""

    def shown(self, measure: str, stored: float) -> float:
        """A stored value of this measure in the unit in which it is shown."""
        return _convert(stored, self.units.get(measure, ""))


@dataclass(frozen=True, slots=True)
class Doses:
    """The calendars of a month: all medicines together, and each kind that was named."""

    card: PatientCard
    year: int
    month: int
    today: date
    calendars: tuple[Month, ...]


async def view_readings(database: Database, staff: Staff, patient_id: UUID, days: int, now: datetime) -> Readings:
    """The readings of the last `days` days, today included, where the patient lives. Raises NotFound for other teams' patients."""
    async with database.transaction() as connection:
        card = await see(connection, staff, patient_id, "charts", now)
        last = to_local(now, card.zone).date()
        first = last - timedelta(days=days - 1)
        since = to_utc(first, time(), card.zone)
        rows = await readings.readings(connection, patient_id, since)
        changes = list(reversed(await record_changes.of_medicines(connection, patient_id, since)))
        units = {row.name: row.unit for row in rows} | await _own_units(connection, rows)
    measured: dict[str, list[Measured]] = defaultdict(list)
    for row in rows:
        values = [None if one is None else _convert(one, units[row.name]) for one in (row.value, row.value_2)]
        measured[row.name].append(Measured(row.taken_at, values[0] or 0.0, values[1], row.programme or ""))
    return Readings(card, first, last, measured, units, _limits(card, last), changes)


async def view_doses(database: Database, staff: Staff, patient_id: UUID, year: int, month: int, now: datetime) -> Doses:
    """The calendars of a month of the years 1 to 9998. Raises NotFound for other teams' patients."""
    async with database.transaction() as connection:
        card = await see(connection, staff, patient_id, "doses", now)
        first, after = date(year, month, 1), date(year + month // 12, month % 12 + 1, 1)
        begin, end = (to_utc(day, time(), card.zone) for day in (first, after))
        kinds = {one.kind for one in card.medications}
        told = [
            DoseReport(to_local(row.taken_at, card.zone).date(), row.name, drugs_in(row.detail) & kinds)
            for row in await readings.doses(connection, patient_id, begin, end)
        ]
        begun = await readings.asked(connection, patient_id, first, after - timedelta(days=1))
        asking = await readings.asks_for_doses(connection, card.organization_id, {(one.programme, one.flow) for one in begun})
    asked = {one.day for one in begun if (one.programme, one.flow) in asking}
    today = to_local(now, card.zone).date()
    named = sorted({kind for report in told for kind in report.medicines})
    return Doses(card, year, month, today, tuple(month_of(one, told, asked, year, month, today) for one in (EVERY_MEDICINE, *named)))


def _limits(card: PatientCard, day: date) -> dict[str, float]:
    """The absolute amounts of the limits that hold on this day, in the stored unit; an odd unit's limit is left out."""
    found = {}
    for one in card.limits:
        amount = amount_of(PersonalLimit(one.name, one.amount, one.unit, one.author, bool(one.loosens)))
        if amount is not None and (one.starts_on is None or one.starts_on <= day):
            found[one.name] = amount
    return found


async def _own_units(connection: AsyncConnection, rows: Sequence[Any]) -> dict[str, str]:
    """The unit in the words of the newest reading of each measure, where it is one of those that are converted."""
    newest = {row.name: row for row in rows if row.communication_id is not None and row.name in CONVERTED}
    words = await readings.words_of(connection, [row.communication_id for row in newest.values()]) if newest else {}
    found: dict[str, str] = {}
    for name, row in newest.items():
        said = words.get(row.communication_id, "")[row.span_start : row.span_end].lower()
        letters = "".join(letter if letter.isalpha() or letter == "'" else " " for letter in said)
        units = {UNITS.get(word) for word in letters.split()} & CONVERTED[name]
        if units:
            found[name] = str(next(iter(units)))
    return found


def _convert(stored: float, unit: str) -> float:
    match unit:
        case "kg":
            return stored / POUNDS_A_KILOGRAM
        case "mmol/L":
            return stored / MG_DL_A_MMOL_L
        case "Cel":
            return (stored - 32) / 1.8
    return stored
