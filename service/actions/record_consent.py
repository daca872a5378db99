"""Staff record a consent, or its withdrawal, with the words that were agreed to, who gave it, how, and how often it lets us ask."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.own_patient import own_patient
from service.actions.refusal import NotFound, Refused
from service.actions.stop_contact import end_conversation
from service.db import consents, contact, registration
from service.db.changes import Changes
from service.db.consents import NewConsentRow, OtherWords, Wording
from service.db.database import Database
from service.db.patient import consent_of, related_persons
from service.db.schema import new_id
from service.domain.consent import MOST_PER_DAY, PER_DAY, PER_WEEK, Method, of_age_on
from service.domain.contact_law import ContactLaw
from service.domain.patient import PatientContext, Phone
from service.domain.reading import Channel
from service.domain.schedule import to_local, to_utc
from service.domain.staff import Permission, Staff

LONGEST_AUTHORITY = timedelta(days=366)
"""Somebody speaks for an adult for a year at most, then it is asked anew. Own default: incapacity may end (FCC 2015)."""
LONGEST_WORDS = 5_000
_Kind = TypeVar("_Kind", Channel, Method)
_PROGRAMME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_VERSION = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class Given:
    """A consent as a form or a command tells it, in the words that were typed; "" is: not said."""

    phone_id: str = ""
    """"": the first number."""
    channel: str = Channel.SMS
    programme: str = ""
    detail: bool = False
    per_day: str = ""
    per_week: str = ""
    method: str = ""
    source: str = ""
    version: str = ""
    given_on: str = ""
    representative: str = ""
    """Who gave it for the patient."""
    relation: str = ""
    ends_on: str = ""
    """Until when the representative may."""


async def record_consent(database: Database, law: ContactLaw, staff: Staff, patient_id: UUID, given: Given, now: datetime) -> UUID:
    """Records a consent in place of the one that held for the same number, channel and programme; its id.

    Raises NotFound for other teams' patients, Refused saying what to write instead.
    """
    async with database.transaction() as connection:
        context = await own_patient(connection, staff, patient_id, now)
        changes = Changes(now)
        today = to_local(now, context.zone).date()
        born = await registration.birth_date_of(connection, context.id)
        phone = _phone(context, given)
        given_on = _day(given.given_on, "on which it was given") or today
        if not (born or date(1900, 1, 1)) <= given_on <= today:
            raise Refused("A consent was given on some day up to today.")
        per_day, per_week = _often(given)
        programme = given.programme.strip()
        if programme and not _PROGRAMME.fullmatch(programme):
            raise Refused("Write the programme as it is called among the flows, such as heart_failure; empty means all of them.")
        ends_on = _authority(given, programme, born, law, today)
        if programme in law.confidential and (context.id, phone.id) in await contact.phones_of_related(connection, [context.id]):
            raise Refused("This programme is the adolescent's own affair, and the number is one of somebody who speaks for them.")
        row = NewConsentRow(
            phone_id=phone.id,
            channel=_one_of(Channel, given.channel, "the channel"),
            programme=programme,
            detail=given.detail,
            per_day=per_day,
            per_week=per_week,
            method=_method(given),
            source=given.source.strip() or given.method,
            wording_version=given.version.strip(),
            wording=await _wording(connection, law, context, given.version.strip(), now),
            given_at=now if given_on == today else to_utc(given_on, time(), context.zone),
            ends_at=to_utc(ends_on, time(), context.zone) if ends_on is not None else None,
            representative_id=await _representative(connection, changes, context, given),
        )
        id = consents.add(changes, context.organization.id, context.id, staff.id, row)
        await changes.write(connection)
    return id


async def withdraw_consent(database: Database, staff: Staff, patient_id: UUID, consent_id: UUID, why: str, now: datetime) -> None:
    """Ends a consent from now on. A conversation on its number that nothing else allows ends without a word.

    Raises NotFound for other teams' patients and for none of theirs, Refused when it has been withdrawn already or without a reason.
    """
    if not why.strip():
        raise Refused("Say in a few words how the patient withdrew it.")
    async with database.transaction() as connection:
        context = await own_patient(connection, staff, patient_id, now)
        shown = {row.id: row for row in await consents.shown(connection, context.id)}
        row = shown.get(consent_id)
        if row is None:
            raise NotFound
        if row.revoked_at is not None:
            raise Refused("This consent has been withdrawn already.")
        changes = Changes(now)
        consents.withdraw(changes, context.organization.id, context.id, staff.id, consent_id, why.strip())
        left = [consent_of(other) for id, other in shown.items() if id != consent_id]
        session = context.session
        if session is not None and session.phone_id == row.phone_id:
            covered = any(one.covers(session.phone_id, channel, session.programme, now) for one in left for channel in Channel)
            if not covered:
                end_conversation(changes, context)
        await changes.write(connection)


async def record_words(
    database: Database, staff: Staff, *, version: str, language: str, warning_version: str, words: str, now: datetime
) -> None:
    """Puts the words of a clinic's own form on record under a version. Raises Refused when that version stands for other words."""
    if not staff.may(Permission.WORK_QUEUE) and not staff.may(Permission.ADMINISTER):
        raise NotFound("only a nurse, a supervisor or an administrator records words")
    if not (_VERSION.fullmatch(version) and _VERSION.fullmatch(warning_version)):
        raise Refused("A version is named with letters, digits, dots and dashes, such as form-2026.")
    words = words.strip()
    if not words or len(words) > LONGEST_WORDS:
        raise Refused("The words are 1 to {longest_words} characters long, as they stand on the form.", longest_words=LONGEST_WORDS)
    async with database.transaction() as connection:
        try:
            await consents.keep_words(connection, staff.organization_id, version, language, warning_version, words, now)
        except OtherWords:
            raise Refused(_CHANGED) from None


_CHANGED = "This version is on record with other words, which people may have agreed to: give the changed words a version of their own."


def _phone(context: PatientContext, given: Given) -> Phone:
    wanted = [one for one in context.phones if not given.phone_id or str(one.id) == given.phone_id]
    if not wanted:
        raise Refused("Choose one of the patient's numbers.")
    if wanted[0].opted_out_at is not None:
        raise Refused("The patient has opted out on this number: only START from that phone lifts it.")
    if wanted[0].unsafe_since is not None:
        raise Refused("The patient said that this number is not safe to be contacted on: no consent is recorded for it.")
    return wanted[0]


def _often(given: Given) -> tuple[int, int | None]:
    try:
        per_day = int(given.per_day) if given.per_day.strip() else PER_DAY
        per_week = int(given.per_week) if given.per_week.strip() else None if given.per_day.strip() else PER_WEEK
    except ValueError:
        raise Refused("How often: write numbers.") from None
    if not 1 <= per_day <= MOST_PER_DAY or not (per_week is None or 1 <= per_week <= 7 * per_day):
        raise Refused("At most {most_per_day} check-ins a day, and in a week no more than that makes.", most_per_day=MOST_PER_DAY)
    return per_day, per_week


def _method(given: Given) -> Method:
    found = _one_of(Method, given.method, "how it was given")
    if found is Method.IMPORT:
        raise Refused("Say how it was given: paper, verbal, text or web.")
    return found


def _one_of(kind: type[_Kind], written: str, what: str) -> _Kind:
    try:
        return kind(written)
    except ValueError:
        raise Refused("Say {what}: {choices}.", what=what, choices=", ".join(kind)) from None


def _day(written: str, what: str) -> date | None:
    try:
        return date.fromisoformat(written.strip()) if written.strip() else None
    except ValueError:
        raise Refused("The day {what} is none: write it as 2026-03-31.", what=what) from None


def _authority(given: Given, programme: str, born: date | None, law: ContactLaw, today: date) -> date | None:
    """Until when somebody else's consent holds, None for the patient's own (safety rule 4)."""
    minor = born is not None and of_age_on(born) > today
    by_another, ends_on = bool(given.representative.strip()), _day(given.ends_on, "until which it holds")
    if programme in law.confidential:
        if by_another:
            raise Refused("This programme is the adolescent's own affair: they agree to it themselves.")
        return ends_on
    if not by_another:
        if minor:
            raise Refused("The patient is a minor: write who agreed for them, and as what (parent, guardian).")
        return ends_on
    if not given.relation.strip():
        raise Refused("Write as what they speak for the patient: parent, guardian, health care proxy.")
    latest = of_age_on(born) if minor and born is not None else today + LONGEST_AUTHORITY
    if ends_on is None and not minor:
        raise Refused("Write until when they speak for the patient, a year from now at most.")
    ends_on = ends_on or latest
    if not today < ends_on <= latest:
        raise Refused("Their consent can hold until {latest} at the latest, and must not be over already.", latest=latest)
    return ends_on


async def _wording(connection: AsyncConnection, law: ContactLaw, context: PatientContext, version: str, now: datetime) -> Wording:
    organization_id, language = context.organization.id, context.language
    shipped = law.words_of(version)
    try:
        if shipped is not None and language in shipped.says:
            return await consents.keep_words(
                connection, organization_id, version, language, shipped.warning_version, shipped.says[language], now
            )
    except OtherWords:
        raise Refused(_CHANGED) from None
    found = (await consents.wordings_of(connection, organization_id)).get((version, language))
    if found is None:
        raise Refused("Say which version of the words the patient agreed to; its words have to be on record in their language.")
    return found


async def _representative(connection: AsyncConnection, changes: Changes, context: PatientContext, given: Given) -> UUID | None:
    """The related person who gave it, put on record when they are not yet."""
    name = " ".join(given.representative.split())[:200]
    if not name:
        return None
    for row in await consents.related_of(connection, [context.id]):
        if row.name.casefold() == name.casefold():
            return UUID(str(row.id))
    id = new_id(changes.now)
    own = {"id": id, "organization_id": context.organization.id, "patient_id": context.id}
    changes.insert(related_persons, {**own, "phone_id": None, "name": name, "relation": given.relation.strip()[:40], "scope": []})
    return id
