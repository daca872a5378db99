"""Enrols a patient in a programme and introduces it: who writes, how often, and what these texts are not for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.judge_contacts import Contact, Judge, to_first_phone
from service.actions.own_patient import own_patient
from service.actions.refusal import NotFound, Refused
from service.db import communication, flows, patient, registration
from service.db.changes import Changes
from service.db.contexts import load_contexts
from service.db.database import Database
from service.domain.cadence import parse_cadence
from service.domain.communication import Purpose
from service.domain.consent import Agreed, Consent, agreed_for, agreed_in_all, of_age_on
from service.domain.contact_hours import Why
from service.domain.contact_law import ContactLaw
from service.domain.patient import PatientContext, PatientStatus
from service.domain.reading import Channel
from service.domain.schedule import plain_time, to_local, to_utc
from service.domain.sending import Verdict
from service.domain.staff import Permission, Staff
from service.domain.wording import Wording
from service.engine import Flow
from service.engine.opening import Opening

DEFAULT_DAYS = 30
"""How long a programme runs unless said otherwise: it is time-boxed, never open-ended (safety rule 40)."""
MOST_DAYS = 366
LOOKED_AT_DAYS = 28
"""So many of its days show how often a check-in comes and whether its hours are open."""


@dataclass(frozen=True, slots=True)
class Place:
    """What to enrol into: flow key such as heart_failure/daily, wall time where the patient is, first and last local date."""

    flow_key: str
    wall_time: time
    starts_on: date | None = None
    """None: the first date whose wall time is still ahead."""
    stops_on: date | None = None
    """None: 30 days in all."""
    high_risk: bool = False


@dataclass(frozen=True, slots=True)
class Enrolled:
    """The new enrollment, its dates, and when the first check-in is due."""

    enrollment_id: UUID
    starts_on: date
    stops_on: date
    first_at: datetime
    by_text: bool = True
    """False: the patient agreed to calls alone, which introduce themselves; no opening texts were written."""


async def enroll_patient(
    database: Database,
    wording: Wording,
    opening: Opening,
    law: ContactLaw,
    organization_id: UUID,
    record_number: str,
    place: Place,
    now: datetime,
) -> Enrolled:
    """Enrols, and puts the opening texts into the outbox, in one transaction; who agreed to calls alone hears them in the calls.

    Raises NotFound for an unknown record number, and Refused when the patient is not active, when the ruling on texts and calls would
    not let the first one leave (no consent, a minor without a representative's, a programme without its own), when the check-in comes
    more often than the patient agreed to, when they are in the programme already, when no version of the flow may run, or when the
    time or the dates make no sense.
    """
    async with database.transaction() as connection:
        found = await registration.patients_by_record_number(connection, organization_id, [record_number])
        contexts = await load_contexts(connection, list(found.values()), now)
        if not contexts:
            raise NotFound
        return await _enroll(connection, wording, opening, law, contexts[found[record_number]], place, now)


async def enroll_own_patient(
    wording: Wording, opening: Opening, database: Database, law: ContactLaw, staff: Staff, patient_id: UUID, place: Place, now: datetime
) -> Enrolled:
    """The same by a member of staff, of a patient of their teams; NotFound for others, Refused when their role may not."""
    if not staff.may(Permission.GATHER):
        raise Refused("Your role reads records and does not change them.")
    async with database.transaction() as connection:
        context = await own_patient(connection, staff, patient_id, now)
        return await _enroll(connection, wording, opening, law, context, place, now, staff.id)


async def _enroll(
    connection: AsyncConnection,
    wording: Wording,
    opening: Opening,
    law: ContactLaw,
    context: PatientContext,
    place: Place,
    now: datetime,
    staff_id: UUID | None = None,
) -> Enrolled:
    programme, _, flow_name = place.flow_key.partition("/")
    organization_id = context.organization.id
    if context.status is not PatientStatus.ACTIVE:
        raise Refused("The patient is {status}: check-ins do not run.", status=context.status)
    if not context.phones:
        raise Refused("The patient has no telephone number.")
    first = replace(to_first_phone(context, Purpose.OPENING, now), programme=programme)
    judge = await Judge.load(connection, law, [first], now)
    consents = judge.consents.get(context.id, [])
    by_text = _may_be_asked(judge, first, now)
    _of_age(await registration.birth_date_of(connection, context.id), consents, law, programme, context, now)
    if any((one.programme, one.flow) == (programme, flow_name) for one in context.enrollments):
        raise Refused("The patient is in this programme already.")
    drafts_too = frozenset({organization_id} if context.organization.is_demo else ())
    runnable = await flows.newest_runnable(connection, [organization_id], drafts_too=drafts_too)
    version_id = runnable.get((organization_id, programme, flow_name))
    if version_id is None:
        raise Refused("No version of {key} is approved: run `rounds flows publish`, then `rounds flows approve`.", key=place.flow_key)
    flow = Flow.from_json((await flows.contents_of(connection, [version_id]))[version_id])
    if flow.kind == "recheck":
        raise Refused("{key} is a safety re-check: it begins by itself after a red flag, nobody is enrolled in it.", key=place.flow_key)
    starts_on, stops_on, due = _dates(context, flow, place, now)
    _open_then(judge, first, flow, due)
    agreed = agreed_for(consents, programme, now) or Agreed()
    _as_often_as_agreed(context, agreed, agreed_in_all(consents, now), flow.date_rule.anchored(starts_on).dates(starts_on, stops_on))
    changes = Changes(now)
    enrollment_id = registration.add_enrollment(
        changes,
        organization_id=organization_id,
        patient_id=context.id,
        programme=programme,
        flow=flow_name,
        rule=flow.cadence,
        wall_time=place.wall_time,
        high_risk=place.high_risk,
        starts_on=starts_on,
        stops_on=stops_on,
        staff_id=staff_id,
    )
    if by_text:
        unconfirmed = context.phones[0].id in context.unconfirmed_phones
        for text in opening.filled(wording, context.facts(now), agreed, unconfirmed=unconfirmed):
            communication.outbound(
                changes,
                organization_id=organization_id,
                patient_id=context.id,
                phone_id=context.phones[0].id,
                body=text,
                language=context.language,
                purpose=Purpose.OPENING,
                programme=programme,
                useful_until=now + opening.useful,
            )
        changes.update(patient.patients, context.id, disclaimed_at=now)
    await changes.write(connection)
    return Enrolled(enrollment_id, starts_on, stops_on, due[0], by_text)


_REFUSALS = {
    "unsafe_to_contact": "The patient's number is not safe to contact.",
    "opted_out": "The patient has opted out of texts on this number: only START from that phone lifts it.",
    "parents_phone": "This programme is the adolescent's own affair, and the first number is one of somebody who speaks for them.",
    "no_consent": "The patient has not agreed to texts on their first number: record the consent first.",
}
_OWN_CONSENT = "This programme needs a consent of its own, which names it: one to everything does not cover it. Record it first."


def _may_be_asked(judge: Judge, first: Contact, now: datetime) -> bool:
    """True when texts may go to the first number, False when calls alone may; Refused with the reason when neither (safety rule 1)."""
    text, call = judge.ruling(first, now), judge.ruling(replace(first, channel=Channel.VOICE), now)
    for ruling in (text, call):
        if ruling.verdict in (Verdict.SEND, Verdict.HOLD):
            return ruling is text
    needs_its_own = first.programme in judge.law.own_consent | judge.law.confidential
    raise Refused(
        _OWN_CONSENT if text.why == "no_consent" and needs_its_own else _REFUSALS.get(text.why, "No message may go to this patient.")
    )


def _of_age(
    born: date | None, consents: Sequence[Consent], law: ContactLaw, programme: str, context: PatientContext, now: datetime
) -> None:
    """Refused for a minor for whom nobody agreed who may (safety rule 4). In an adolescent's own programme their own consent counts."""
    if born is None or of_age_on(born) <= to_local(now, context.zone).date() or programme in law.confidential:
        return
    phone_id = context.phones[0].id
    if not any(one.by_representative and any(one.covers(phone_id, channel, programme, now) for channel in Channel) for one in consents):
        raise Refused("The patient is a minor: record the consent of a parent or guardian first (who, relation, and until when it holds).")


def _dates(context: PatientContext, flow: Flow, place: Place, now: datetime) -> tuple[date, date, list[datetime]]:
    """First and last date, and when the check-ins are due (aware UTC)."""
    today = to_local(now, context.zone).date()
    starts_on = place.starts_on or (today if to_utc(today, place.wall_time, context.zone) > now else today + timedelta(days=1))
    stops_on = place.stops_on or starts_on + timedelta(days=min(DEFAULT_DAYS, flow.stop_after) - 1)
    if starts_on < today:
        raise Refused("The first day lies in the past.")
    if not starts_on <= stops_on < starts_on + timedelta(days=MOST_DAYS):
        raise Refused("The last day comes after the first, at most {most_days} days in all.", most_days=MOST_DAYS)
    if (stops_on - starts_on).days >= flow.stop_after:
        raise Refused("This check-in ends after {days} days at the latest: choose an earlier last day.", days=flow.stop_after)
    days = flow.date_rule.anchored(starts_on).dates(starts_on, stops_on)
    due = [at for at in (to_utc(day, place.wall_time, context.zone) for day in days) if at > now]
    if not due:
        raise Refused("No check-in would ever be due between these days.")
    return starts_on, stops_on, due


def _open_then(judge: Judge, first: Contact, flow: Flow, due: Sequence[datetime]) -> None:
    """Refused when check-ins at this time would wait for open hours every time, or so long that one would be of no use. Holidays aside."""
    hours = judge.hours(first)
    found = [(at, hours.closed(at, scheduled=False)) for at in due[:LOOKED_AT_DAYS]]
    shut = [(at, closed) for at, closed in found if closed is not None]
    lost = [(at, closed) for at, closed in shut if closed.until >= at + flow.useful]
    for at, closed in lost or (shut if len(shut) == len(found) else []):
        local = to_local(at, first.zone)
        if closed.why is Why.QUIET:
            raise Refused(
                "This time lies in quiet hours ({start} to {end} where the patient is).",
                start=plain_time(first.quiet_start),
                end=plain_time(first.quiet_end),
            )
        whose = f"the law of {hours.state.name}" if closed.why is Why.STATE and hours.state is not None else "the patient's own wish"
        opens = to_local(closed.until, first.zone)
        raise Refused(
            "On {day}s at {time} nothing may be sent by {whose}; the next time is {opens}.",
            day=f"{local:%A}",
            time=plain_time(local),
            whose=whose,
            opens=f"{opens:%A}, {plain_time(opens)}",
        )


def _as_often_as_agreed(context: PatientContext, own: Agreed, in_all: Agreed, days: Sequence[date]) -> None:
    """Refused when the check-in, or all of the patient's together, come more often than was agreed: they would be held back one by one."""
    mine = Counter(days[:LOOKED_AT_DAYS])
    all_of_them = mine.copy()
    for one in context.enrollments:
        if one.rule and one.starts_on is not None and one.stops_on is not None and one.stops_on >= days[0]:
            last = min(one.stops_on, days[0] + timedelta(days=LOOKED_AT_DAYS))
            all_of_them.update(parse_cadence(one.rule).anchored(one.starts_on).dates(max(days[0], one.starts_on), last))
    for counted, agreed, whose in ((mine, own, "This check-in comes"), (all_of_them, in_all, "With the other check-ins it comes")):
        daily = max(counted.values())
        weekly = max(sum(counted[day - timedelta(days=n)] for n in range(7)) for day in counted)
        if daily > agreed.per_day or weekly > agreed.per_week:
            raise Refused(
                "{whose} up to {daily} times a day and {weekly} times in seven days, and the patient agreed to {per_day} and {per_week}: "
                "record a consent to more (rounds consents record --per-day), or choose another check-in.",
                whose=whose,
                daily=daily,
                weekly=weekly,
                per_day=agreed.per_day,
                per_week=agreed.per_week,
            )
