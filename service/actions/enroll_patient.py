"""Enrols a patient in a programme and introduces it: who writes, how often, and what these texts are not for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID

from service.actions.refusal import NotFound, Refused
from service.db import communication, flows, registration
from service.db.changes import Changes
from service.db.contexts import load_contexts
from service.db.database import Database
from service.domain.communication import Purpose
from service.domain.consent import Consent
from service.domain.patient import PatientContext, PatientStatus
from service.domain.reading import Channel
from service.domain.schedule import quiet, to_local, to_utc
from service.domain.wording import Wording
from service.engine import Flow
from service.engine.opening import Opening

DEFAULT_DAYS = 30
"""How long a programme runs unless said otherwise: it is time-boxed, never open-ended (safety rule 40)."""
MOST_DAYS = 366


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


async def enroll_patient(
    database: Database, wording: Wording, opening: Opening, organization_id: UUID, record_number: str, place: Place, now: datetime
) -> Enrolled:
    """Enrols, and puts the opening texts into the outbox, in one transaction.

    Raises NotFound for an unknown record number, and Refused when the patient is not active, has not agreed to texts, is
    in the programme already, when no version of the flow may run, or when the time or the dates make no sense.
    """
    programme, _, flow_name = place.flow_key.partition("/")
    async with database.transaction() as connection:
        found = await registration.patients_by_record_number(connection, organization_id, [record_number])
        contexts = await load_contexts(connection, list(found.values()), now)
        if not contexts:
            raise NotFound
        context = contexts[found[record_number]]
        consents = await registration.consents_to_text(connection, context.id)
        per_day = _agreed_per_day(context, consents, programme, now)
        if any((one.programme, one.flow) == (programme, flow_name) for one in context.enrollments):
            raise Refused("The patient is in this programme already.")
        drafts_too = frozenset({organization_id} if context.organization.is_demo else ())
        runnable = await flows.newest_runnable(connection, [organization_id], drafts_too=drafts_too)
        version_id = runnable.get((organization_id, programme, flow_name))
        if version_id is None:
            raise Refused(f"No version of {place.flow_key} is approved: run `rounds flows publish`, then `rounds flows approve`.")
        flow = Flow.from_json((await flows.contents_of(connection, [version_id]))[version_id])
        if flow.kind == "recheck":
            raise Refused(f"{place.flow_key} is a safety re-check: it begins by itself after a red flag, nobody is enrolled in it.")
        starts_on, stops_on, first_at = _dates(context, flow, place, now)
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
        )
        unconfirmed = context.phones[0].id in context.unconfirmed_phones
        for text in opening.filled(wording, context.facts(now), per_day, unconfirmed=unconfirmed):
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
        await changes.write(connection)
    return Enrolled(enrollment_id, starts_on, stops_on, first_at)


def _agreed_per_day(context: PatientContext, consents: list[tuple[Consent, int]], programme: str, now: datetime) -> int:
    """How many check-ins a day the patient agreed to; Refused when no text may go to them (law 4, safety rule 1)."""
    if context.status is not PatientStatus.ACTIVE:
        raise Refused(f"The patient is {context.status}: check-ins do not run.")
    if not context.phones:
        raise Refused("The patient has no telephone number.")
    phone = context.phones[0]
    if phone.unsafe_since is not None:
        raise Refused("The patient's number is not safe to contact.")
    if phone.opted_out_at is not None:
        raise Refused("The patient has opted out of texts on this number: only START from that phone lifts it.")
    covering = [per_day for consent, per_day in consents if consent.covers(phone.id, Channel.SMS, programme, now)]
    if not covering:
        raise Refused("The patient has not agreed to texts on their first number: record the consent first.")
    return max(covering)


def _dates(context: PatientContext, flow: Flow, place: Place, now: datetime) -> tuple[date, date, datetime]:
    """First and last date, and when the first check-in is due (aware UTC)."""
    today = to_local(now, context.zone).date()
    starts_on = place.starts_on or (today if to_utc(today, place.wall_time, context.zone) > now else today + timedelta(days=1))
    stops_on = place.stops_on or starts_on + timedelta(days=min(DEFAULT_DAYS, flow.stop_after) - 1)
    if starts_on < today:
        raise Refused("The first day lies in the past.")
    if not starts_on <= stops_on < starts_on + timedelta(days=MOST_DAYS):
        raise Refused(f"The last day comes after the first, at most {MOST_DAYS} days in all.")
    if (stops_on - starts_on).days >= flow.stop_after:
        raise Refused(f"This check-in ends after {flow.stop_after} days at the latest: choose an earlier last day.")
    days = flow.date_rule.anchored(starts_on).dates(starts_on, stops_on)
    due = [at for at in (to_utc(day, place.wall_time, context.zone) for day in days) if at > now]
    if not due:
        raise Refused("No check-in would ever be due between these days.")
    organization = context.organization
    if quiet(due[0], context.zone, organization.quiet_start, organization.quiet_end):
        between = f"{organization.quiet_start:%H:%M} to {organization.quiet_end:%H:%M}"
        raise Refused(f"This time lies in quiet hours ({between} where the patient is).")
    return starts_on, stops_on, due[0]
