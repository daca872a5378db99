"""rounds consents words|record|withdraw|list, rounds patients care|place: what staff record about contacting a patient."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

from service.actions.change_care import STOPS, Where, change_care, change_place
from service.actions.own_patient import patient_of_number
from service.actions.record_consent import LONGEST_WORDS, Given, record_consent, record_words, withdraw_consent
from service.actions.refusal import NotFound
from service.commands.surroundings import CLOCK, UserError, add_organization_option, opened, settings
from service.commands.surroundings import member as member_of
from service.content import load_contact_law
from service.db import audit, consents
from service.db.database import Database
from service.domain.consent import Method
from service.domain.patient import PatientStatus
from service.domain.reading import Channel
from service.domain.staff import Staff
from service.domain.wording import LANGUAGES


def add_parsers(commands: Any) -> None:
    """Declares the commands."""
    group = commands.add_parser("consents", help="record what patients agreed to", description="Records what patients agreed to.")
    inner = group.add_subparsers(dest="command", required=True, metavar="COMMAND")
    words = inner.add_parser(
        "words",
        help="put the words of your own form on record",
        description="Puts the words of a clinic's own consent form on record, word for word, under a version that is never used again.",
    )
    words.add_argument("file", type=Path, metavar="FILE.txt", help="the words, as UTF-8 text")
    words.add_argument("--version", required=True, metavar="NAME", help="such as form-2026")
    words.add_argument("--language", required=True, choices=LANGUAGES)
    words.add_argument("--warning", default="", metavar="NAME", help="version of its warning on encryption; default: the same")
    _by(words)
    words.set_defaults(run=run_words)

    record = inner.add_parser("record", help="record a consent", description="Records a consent, in place of the one for the same.")
    _whose(record)
    record.add_argument("--for", dest="channel", required=True, choices=list(Channel), help="texts or calls")
    record.add_argument("--how", required=True, choices=[one for one in Method if one is not Method.IMPORT])
    record.add_argument("--version", required=True, metavar="NAME", help="of the words that were agreed to; Rounds' own is 1")
    record.add_argument("--programme", default="", metavar="NAME", help="such as heart_failure; default: every programme")
    record.add_argument("--per-day", default="", metavar="N", help="check-ins a day; default: 1, and 3 in seven days")
    record.add_argument("--per-week", default="", metavar="N", help="in seven days; default: every day, where --per-day is given")
    record.add_argument("--detail", action="store_true", help="drug and disease names may be written")
    record.add_argument("--on", dest="given_on", default="", metavar="DATE", help="default: today")
    record.add_argument("--given-by", default="", metavar="NAME", help="who gave it for the patient: needed for a minor")
    record.add_argument("--relation", default="", help="as what: parent, guardian, health care proxy")
    record.add_argument("--until", default="", metavar="DATE", help="until when that person may; for a minor at most the 18th birthday")
    record.set_defaults(run=run_record)

    withdraw = inner.add_parser("withdraw", help="record that a consent was withdrawn", description="Ends a consent from now on.")
    _whose(withdraw)
    withdraw.add_argument("--consent", required=True, type=UUID, metavar="ID", help="as rounds consents list shows it")
    withdraw.add_argument("--why", required=True, metavar="TEXT", help="how the patient withdrew it")
    withdraw.set_defaults(run=run_withdraw)

    shown = inner.add_parser("list", help="show a patient's consents", description="Shows a patient's consents, newest first.")
    _whose(shown)
    shown.set_defaults(run=run_list)


def add_care_parsers(inner: Any) -> None:
    """Declares the commands below `rounds patients`."""
    care = inner.add_parser(
        "care",
        help="a patient has died, is in hospice, has left care or is back",
        description="Stops everything automatic for a patient at once, or lets it run again. Nothing is sent about it.",
    )
    _whose(care)
    care.add_argument("--status", required=True, choices=[*STOPS, PatientStatus.ACTIVE])
    care.set_defaults(run=run_care)
    place = inner.add_parser(
        "place",
        help="where a patient lives and when they want messages",
        description="Records where a patient lives and when they want messages; what is not said is taken off the record.",
    )
    _whose(place)
    place.add_argument("--zone", required=True, help="such as America/New_York")
    place.add_argument("--state", default="", metavar="XX", help="two letters, of the address and never of the number")
    place.add_argument("--hours", default="", metavar="HH:MM-HH:MM", help="the patient's own")
    place.add_argument("--days", default="", metavar="DAYS", help='such as "mon; tue; wed"')
    place.add_argument("--on-holidays", action="store_true", help="agreed to check-ins on holidays")
    place.set_defaults(run=run_place)


def _by(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--by", required=True, metavar="NAME", help="name or address of the member of staff who records this")
    add_organization_option(parser)


def _whose(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--record-number", required=True, metavar="N", help="as it was imported")
    _by(parser)


async def run_words(arguments: argparse.Namespace) -> None:
    """Puts the words on record."""
    try:
        if arguments.file.stat().st_size > 4 * LONGEST_WORDS:
            raise UserError(f"the words are at most {LONGEST_WORDS} characters long")
        words = arguments.file.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{arguments.file} cannot be read as text ({error.strerror})") from None
    except UnicodeDecodeError:
        raise UserError(f"{arguments.file} cannot be read as text: save it as UTF-8") from None
    async with opened(settings()) as database:
        member = await member_of(database, arguments)
        warning = arguments.warning or arguments.version
        await record_words(
            database, member, version=arguments.version, language=arguments.language, warning_version=warning, words=words, now=CLOCK.now()
        )
    print(f"The words of version {arguments.version} are on record.")


async def run_record(arguments: argparse.Namespace) -> None:
    """Records the consent."""
    given = Given(
        channel=arguments.channel,
        programme=arguments.programme,
        detail=arguments.detail,
        per_day=arguments.per_day,
        per_week=arguments.per_week,
        method=arguments.how,
        version=arguments.version,
        given_on=arguments.given_on,
        representative=arguments.given_by,
        relation=arguments.relation,
        ends_on=arguments.until,
    )
    async with opened(settings()) as database:
        member = await member_of(database, arguments)
        patient_id = await _patient(database, member, arguments)
        await record_consent(database, load_contact_law(), member, patient_id, given, CLOCK.now())
    print("The consent is on record, with the words that were agreed to.")


async def run_withdraw(arguments: argparse.Namespace) -> None:
    """Records the withdrawal."""
    async with opened(settings()) as database:
        member = await member_of(database, arguments)
        patient_id = await _patient(database, member, arguments)
        try:
            await withdraw_consent(database, member, patient_id, arguments.consent, arguments.why, CLOCK.now())
        except NotFound:
            raise UserError("--consent: this patient has no such consent; rounds consents list shows them") from None
    print("The consent is withdrawn. What waits for it will not be sent.")


async def run_list(arguments: argparse.Namespace) -> None:
    """Prints the consents."""
    async with opened(settings()) as database:
        member = await member_of(database, arguments)
        async with database.transaction() as connection:
            context = await patient_of_number(connection, member, arguments.record_number.strip(), CLOCK.now())
            found = await consents.shown(connection, context.id)
            await audit.leave(
                connection,
                member.organization_id,
                CLOCK.now(),
                "patient_viewed",
                staff_id=member.id,
                patient_id=context.id,
                object_kind="consents",
            )
    now = CLOCK.now()
    for row in found:
        over = row.revoked_at or (row.ends_at if row.ends_at is not None and row.ends_at <= now else None)
        until = f"ended {over:%Y-%m-%d}" if over else "holds"
        often = f"{row.per_day} a day, {row.per_week or row.per_day * 7} in seven days"
        what = "calls" if row.channel == Channel.VOICE else "texts"
        where = f"to the number that ends in {row.number[-4:]}, {row.programme or 'every programme'}"
        print(f"{row.id}  {until}  {what} {where}; {often}; {row.method} on {row.given_at:%Y-%m-%d}, words {row.wording_version}")
    if not found:
        print("None is on record: nothing may be sent.", file=sys.stderr)


async def run_care(arguments: argparse.Namespace) -> None:
    """Records what has changed."""
    async with opened(settings()) as database:
        member = await member_of(database, arguments)
        await change_care(database, member, await _patient(database, member, arguments), arguments.status, CLOCK.now())
    back = arguments.status == PatientStatus.ACTIVE
    print("Check-ins run again." if back else "Everything automatic has stopped. Nothing was sent about it.")


async def run_place(arguments: argparse.Namespace) -> None:
    """Records where the patient lives."""
    where = Where(arguments.zone, arguments.state, arguments.hours, arguments.days, arguments.on_holidays)
    async with opened(settings()) as database:
        member = await member_of(database, arguments)
        patient_id = await _patient(database, member, arguments)
        await change_place(database, load_contact_law(), member, patient_id, where, CLOCK.now())
    print("Recorded. Planned check-ins move within a minute.")


async def _patient(database: Database, member: Staff, arguments: argparse.Namespace) -> UUID:
    async with database.reading() as connection:
        return (await patient_of_number(connection, member, arguments.record_number.strip(), CLOCK.now())).id
