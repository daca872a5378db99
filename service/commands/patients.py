"""rounds patients import|pause|resume, rounds enroll: who gets check-ins."""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Callable, Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from service.actions.enroll_patient import Place, enroll_patient
from service.actions.import_patients import ImportRefused, LineProblem, import_patients
from service.actions.refusal import NotFound
from service.commands.consents import add_care_parsers
from service.commands.pauses import add_pause_parsers
from service.commands.surroundings import CLOCK, UserError, add_organization_option, opened, organization, settings, value
from service.content import load_contact_law, load_content, load_opening, load_wording
from service.db.consents import OtherWords
from service.domain.registration import COLUMNS, NEEDED, KnownWords, NewPatient, RowProblems, parse_wall_time, read_row
from service.domain.schedule import to_local
from service.evaluation.flows.terms import terms_of

MOST_LINES = 100_000
MOST_PROBLEMS = 100
TELL_EVERY = 5_000
TOO_MANY = "fields beyond the last column"


def add_parsers(commands: Any) -> None:
    """Declares the commands."""
    group = commands.add_parser("patients", help="register patients", description="Registers patients.")
    inner = group.add_subparsers(dest="command", required=True, metavar="COMMAND")
    columns = "\n".join(f"  {name:<17} {meaning}" for name, meaning in COLUMNS.items())
    load = inner.add_parser(
        "import",
        help="register a list of patients, all or none",
        description="Registers the patients of a CSV file (UTF-8, its first line names the columns): all of them or none.",
        epilog=f"columns:\n{columns}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    load.add_argument("file", type=Path, metavar="FILE.csv")
    load.add_argument("--dry-run", action="store_true", help="check everything, register nobody")
    add_organization_option(load)
    load.set_defaults(run=run_import)

    add_pause_parsers(inner)
    add_care_parsers(inner)

    enroll = commands.add_parser(
        "enroll",
        help="start a patient's check-ins",
        description="Enrols a patient, who gets the opening texts at once and check-ins from then on.",
    )
    enroll.add_argument("--record-number", required=True, metavar="N", help="as it was imported")
    enroll.add_argument("--flow", required=True, help="such as heart_failure/daily")
    enroll.add_argument("--at", required=True, type=value(parse_wall_time), metavar="HH:MM", help="time of day where the patient is")
    enroll.add_argument("--starts-on", type=value(_day), metavar="DATE", help="first day (2026-03-31); default: the next time it is --at")
    enroll.add_argument("--stops-on", type=value(_day), metavar="DATE", help="last day; default: 30 days in all")
    enroll.add_argument("--high-risk", action="store_true", help="silence counts sooner and is more urgent")
    add_organization_option(enroll)
    enroll.set_defaults(run=run_enroll)


async def run_import(arguments: argparse.Namespace) -> None:
    """Imports the file, or prints every problem and raises UserError."""
    config = settings()
    async with opened(config) as database:
        owner = await organization(database, arguments.organization)
        now = CLOCK.now()
        try:
            lines = read_file(arguments.file, to_local(now, owner.zone).date())
            _check_words(lines)
            dry_run, tell = arguments.dry_run, _tell(len(lines))
            law = load_contact_law()
            done = await import_patients(database, owner.id, lines, law, zone=owner.zone, now=now, dry_run=dry_run, progress=tell)
        except OtherWords:
            raise UserError(
                "a version of the consent is on record with other words: give the changed ones a version of their own"
            ) from None
        except ImportRefused as refusal:
            for problem in refusal.problems[:MOST_PROBLEMS]:
                print(problem, file=sys.stderr)
            count = len(refusal.problems)
            more = f" (the first {MOST_PROBLEMS} are shown)" if count > MOST_PROBLEMS else ""
            raise UserError(f"nobody was registered: {count} problem{'s' if count > 1 else ''}{more}") from None
    print(f"{done.patients} patients {'could be' if arguments.dry_run else 'were'} registered.")
    if done.without_consent:
        print(f"{done.without_consent} of them have no consent to texts: they get none until it is recorded.")


def read_file(path: Path, today: date) -> list[tuple[int, NewPatient]]:
    """(line, patient) of every row. Raises ImportRefused with every problem, UserError when it is no such list at all."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _read_rows(csv.DictReader(file, restkey=TOO_MANY, restval="", strict=True), today)
    except OSError as error:
        raise UserError(f"the file cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise UserError("the file is not UTF-8: save it as CSV UTF-8") from None


def _read_rows(rows: csv.DictReader[str], today: date) -> list[tuple[int, NewPatient]]:
    lines: list[tuple[int, NewPatient]] = []
    problems: list[LineProblem] = []
    try:
        _check_columns(rows.fieldnames)
        for row in rows:
            line = rows.line_num
            if line > MOST_LINES:
                raise UserError(f"the file has more than {MOST_LINES} lines: split it")
            if TOO_MANY in row:
                problems.append(
                    LineProblem(line, "columns", "there are more fields than columns: put a text with commas in quotation marks")
                )
            elif any(value.strip() for value in row.values()):
                try:
                    lines.append((line, read_row(row, today)))
                except RowProblems as found:
                    problems += [LineProblem(line, problem.field, problem.what) for problem in found.problems]
    except csv.Error as error:
        raise UserError(f"the file cannot be read as CSV after line {rows.line_num}: {error}") from None
    if problems:
        raise ImportRefused(problems)
    if not lines:
        raise UserError("the file has no patient in it")
    return lines


@cache
def _known_words() -> KnownWords:
    content = load_content()
    terms = terms_of(content.flows.values(), content.tables, content.lexicon)
    return KnownWords(terms.conditions, terms.medicines)


def _check_words(lines: Sequence[tuple[int, NewPatient]]) -> None:
    """Raises ImportRefused with every condition and kind of medicine that no rule knows."""
    problems = [
        LineProblem(line, problem.field, problem.what)
        for line, patient in lines
        if patient.conditions or patient.medications
        for problem in _known_words().problems(patient)
    ]
    if problems:
        raise ImportRefused(problems)


def _check_columns(fields: Sequence[str] | None) -> None:
    names = list(fields or ())
    if len(names) == 1 and set(names[0].replace("\t", ";").split(";")) >= set(NEEDED):
        raise UserError("line 1: the columns are not separated by commas: save the file as CSV with commas")
    if len(set(names)) != len(names):
        raise UserError("line 1 names a column twice")
    if unknown := [name for name in names if name not in COLUMNS]:
        place = names.index(unknown[0]) + 1
        raise UserError(f"line 1: column {place} is not known; there are: {', '.join(COLUMNS)}")
    if missing := [name for name in NEEDED if name not in names]:
        raise UserError(f"line 1 lacks the columns {', '.join(missing)}")


def _tell(total: int) -> Callable[[int], None]:
    def tell(done: int) -> None:
        if total > TELL_EVERY and (done % TELL_EVERY == 0 or done == total):
            print(f"{done} of {total} written ...", file=sys.stderr)

    return tell


async def run_enroll(arguments: argparse.Namespace) -> None:
    """Enrols the patient."""
    config, wording, opening, law = settings(), load_wording(), load_opening(), load_contact_law()
    place = Place(arguments.flow, arguments.at, arguments.starts_on, arguments.stops_on, arguments.high_risk)
    async with opened(config) as database:
        owner = await organization(database, arguments.organization)
        try:
            enrolled = await enroll_patient(database, wording, opening, law, owner.id, arguments.record_number.strip(), place, CLOCK.now())
        except NotFound:
            raise UserError("no patient of this organization has this record number") from None
    days = f"from {enrolled.starts_on} to {enrolled.stops_on}"
    opening_texts = "the opening texts leave now" if enrolled.by_text else "it is a call, which says who calls and why"
    print(f"Enrolled {days}. The first check-in is due at {enrolled.first_at:%Y-%m-%d %H:%M} UTC; {opening_texts}.")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError("is no date: write it as 2026-03-31") from None
