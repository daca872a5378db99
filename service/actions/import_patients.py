"""Registers a list of patients: all of them or none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.db import clinic, consents, inbound, registration
from service.db.changes import Changes
from service.db.consents import Wording
from service.db.database import Database
from service.domain.contact_hours import ContactHours, state_of
from service.domain.contact_law import ContactLaw
from service.domain.registration import NOT_RECORDED, NewPatient

AT_ONCE = 500
_ANY = time()


@dataclass(frozen=True, slots=True)
class LineProblem:
    """What is wrong on a line of the list; never the value itself."""

    line: int
    field: str
    what: str

    def __str__(self) -> str:
        return f"line {self.line}, {self.field}: {self.what}"


class ImportRefused(Exception):
    """Nothing was imported; `problems` says why, line by line."""

    def __init__(self, problems: Sequence[LineProblem]) -> None:
        super().__init__(f"{len(problems)} problems")
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Imported:
    """How many patients, and how many of them have no consent to texts (they get none)."""

    patients: int
    without_consent: int


Lines = Sequence[tuple[int, NewPatient]]


class _DryRun(Exception):
    """Rolls the transaction back once everything has been written."""


async def import_patients(
    database: Database,
    organization_id: UUID,
    lines: Lines,
    law: ContactLaw,
    *,
    zone: str,
    now: datetime,
    dry_run: bool = False,
    progress: Callable[[int], None] = lambda done: None,
) -> Imported:
    """Registers the patients of (line, patient) in one transaction; `zone` is the organization's, for rows without one.

    `progress` hears how many are written. A dry run writes and takes all back. Raises ImportRefused with every problem:
    a record number that is there twice or is registered already, an unknown team.
    """
    try:
        async with database.transaction() as connection:
            await register(connection, organization_id, lines, law, zone=zone, now=now, progress=progress)
            if dry_run:
                raise _DryRun
    except _DryRun:
        pass
    return Imported(len(lines), sum(patient.consent is None for _, patient in lines))


async def register(
    connection: AsyncConnection,
    organization_id: UUID,
    lines: Lines,
    law: ContactLaw,
    *,
    zone: str,
    now: datetime,
    staff_id: UUID | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> None:
    """Writes the patients in the caller's transaction; `staff_id`: who puts them on record. Raises as `import_patients`."""
    teams = await clinic.team_ids_by_name(connection, organization_id)
    wordings = await _wordings(connection, organization_id, lines, law, now)
    problems = [*_repeated(lines), *_teams(lines, teams), *_words(lines, wordings), *_hours(lines, law)]
    if problems := [*problems, *await _known(connection, organization_id, lines)]:
        raise ImportRefused(sorted(problems, key=lambda problem: problem.line))
    done = 0
    for part in _parts(lines):
        await _write(connection, organization_id, part, teams, wordings, zone, now, staff_id)
        done += len(part)
        progress(done)


def _parts(lines: Lines) -> Iterator[Lines]:
    for start in range(0, len(lines), AT_ONCE):
        yield lines[start : start + AT_ONCE]


def _repeated(lines: Lines) -> list[LineProblem]:
    first: dict[str, int] = {}
    problems = []
    for line, patient in lines:
        if (earlier := first.setdefault(patient.record_number, line)) != line:
            problems.append(LineProblem(line, "record_number", f"is the same as on line {earlier}"))
    return problems


def _teams(lines: Lines, teams: Mapping[str, UUID]) -> list[LineProblem]:
    known = ", ".join(teams) or "none yet, add one with `rounds team add`"
    if len(teams) == 1:
        return [LineProblem(n, "team", f"is not known. Teams: {known}") for n, one in lines if one.team and one.team not in teams]
    return [
        LineProblem(n, "team", f"is {'not known' if one.team else 'empty'}. Teams: {known}") for n, one in lines if one.team not in teams
    ]


async def _known(connection: AsyncConnection, organization_id: UUID, lines: Lines) -> list[LineProblem]:
    problems = []
    for part in _parts(lines):
        numbers = [patient.record_number for _, patient in part]
        registered = await registration.patients_by_record_number(connection, organization_id, numbers)
        problems += [LineProblem(n, "record_number", "is registered already") for n, one in part if one.record_number in registered]
    return problems


async def _wordings(
    connection: AsyncConnection, organization_id: UUID, lines: Lines, law: ContactLaw, now: datetime
) -> dict[tuple[str, str], Wording]:
    """The words on record by version and language, those of the shipped versions that the list names among them."""
    for version in {consent.wording_version for _, one in lines for consent in (one.consent, one.call_consent) if consent is not None}:
        if (words := law.words_of(version)) is not None:
            for language, text in words.says.items():
                await consents.keep_words(connection, organization_id, version, language, words.warning_version, text, now)
    return await consents.wordings_of(connection, organization_id)


def _words(lines: Lines, wordings: Mapping[tuple[str, str], Wording]) -> list[LineProblem]:
    problems = []
    for line, one in lines:
        versions = {consent.wording_version for consent in (one.consent, one.call_consent) if consent is not None} - {NOT_RECORDED}
        if any((version, one.language) not in wordings for version in versions):
            what = "is a version whose words are not on record in the patient's language: record them with rounds consents words"
            problems.append(LineProblem(line, "consent_wording", what))
    return problems


def _hours(lines: Lines, law: ContactLaw) -> list[LineProblem]:
    return [
        LineProblem(line, "contact_hours", "leave no hour in common with the law of the patient's state")
        for line, one in lines
        if not ContactHours("UTC", _ANY, _ANY, state_of(law.states, one.state), one.wish).ever_open()
    ]


async def _write(
    connection: AsyncConnection,
    organization_id: UUID,
    part: Lines,
    teams: Mapping[str, UUID],
    wordings: Mapping[tuple[str, str], Wording],
    zone: str,
    now: datetime,
    staff_id: UUID | None,
) -> None:
    numbers = {number for _, patient in part for number in (*patient.phones, patient.related_phone) if number}
    phones = await inbound.phones_of(connection, [(organization_id, number) for number in sorted(numbers)], now)
    changes = Changes(now)
    for _, patient in part:
        related = phones.get((organization_id, patient.related_phone))
        registration.add_patient(
            connection,
            changes,
            patient,
            organization_id=organization_id,
            team_id=teams[patient.team] if patient.team else next(iter(teams.values())),
            zone=patient.zone or zone,
            phone_ids=[phones[organization_id, number].id for number in patient.phones],
            related_phone_id=related.id if related else None,
            wordings=wordings,
            staff_id=staff_id,
        )
    await changes.write(connection)
