"""Changes when a patient's check-ins come, as a flow asks for it: one more on a day, or more often for a while.

A step inside others' transactions: the enrollment's line of dates is changed, and the next planning plans it anew. The patient comes back
with their enrollments as they are then, so that a second change in the same transaction builds on the first.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

from service.db import check_in, registration
from service.db.changes import Changes
from service.domain.cadence import once_more, parse_cadence, quickened
from service.domain.decision import Fired
from service.domain.event import CadenceQuickened, FollowUpPlanned
from service.domain.patient import Enrollment, PatientContext
from service.domain.schedule import to_local
from service.domain.urgency import Urgency

NOT_PLANNED = Fired(
    "machine.check_ins_not_planned",
    "machine",
    Urgency.SAME_DAY,
    "More check-ins are wanted, which the patient's plan of dates cannot take: plan them by hand",
    "Rounds safety rule 8: what fails loses nothing, and a nurse is told",
)
"""Raised where `change_cadence` fails: a patient enrolled under an earlier version of the flow may have another line of dates."""


def change_cadence(
    changes: Changes, context: PatientContext, enrollment_id: UUID | None, event: FollowUpPlanned | CadenceQuickened
) -> PatientContext:
    """The patient with the check-ins that the event asks for. ValueError when the enrollment's line of dates cannot say them."""
    if isinstance(event, FollowUpPlanned):
        return _follow_up(changes, context, enrollment_id, event)
    return _quicken(changes, context, enrollment_id, event)


def _follow_up(changes: Changes, context: PatientContext, enrollment_id: UUID | None, event: FollowUpPlanned) -> PatientContext:
    """The patient with one more check-in on that day, at the hour of the enrollment that asks for it.

    In a flow that the patient is not in yet a place is made that lasts until that day.
    """
    day = to_local(changes.now, context.zone).date() + timedelta(days=event.after_days)
    programme, _, flow = event.flow.partition("/")
    asking = _enrollment(context, enrollment_id)
    if asking is None:
        return context  # a conversation outside of any programme has no hour to come again at
    one = next((each for each in context.enrollments if (each.programme, each.flow) == (programme, flow)), None)
    if one is not None:
        return _planned(changes, context, replace(one, rule=once_more(parse_cadence(one.rule), day).text), max(day, one.stops_on or day))
    rule, starts_on = once_more(None, day).text, to_local(changes.now, context.zone).date()
    id = registration.add_enrollment(
        changes,
        organization_id=context.organization.id,
        patient_id=context.id,
        programme=programme,
        flow=flow,
        rule=rule,
        wall_time=asking.wall_time,
        high_risk=asking.high_risk,
        starts_on=starts_on,
        stops_on=day,
    )
    place = Enrollment(id, programme, flow, asking.high_risk, starts_on, rule=rule, wall_time=asking.wall_time, stops_on=day)
    return replace(context, enrollments=(*context.enrollments, place))


def _quicken(changes: Changes, context: PatientContext, enrollment_id: UUID | None, event: CadenceQuickened) -> PatientContext:
    """The patient with check-ins of an earlier phase from tomorrow on, for some days; such a period before is replaced."""
    one = _enrollment(context, enrollment_id)
    if one is None or one.stops_on is None:
        return context
    begin = to_local(changes.now, context.zone).date() + timedelta(days=1)
    rule = quickened(parse_cadence(one.rule), event.phase, begin, event.days).text
    return _planned(changes, context, replace(one, rule=rule), one.stops_on)


def _planned(changes: Changes, context: PatientContext, one: Enrollment, stops_on: date) -> PatientContext:
    check_in.plan_otherwise(changes, one.id, rule=one.rule, stops_on=stops_on)
    one = replace(one, stops_on=stops_on)
    return replace(context, enrollments=tuple(one if each.id == one.id else each for each in context.enrollments))


def _enrollment(context: PatientContext, id: UUID | None) -> Enrollment | None:
    return next((each for each in context.enrollments if each.id == id), None)
