"""Changes when a patient's check-ins come, as a flow asks for it: one more on a day, or more often for a while.

A step inside others' transactions: the enrollment's line of dates is changed, and the next planning plans it anew.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from service.db import check_in, registration
from service.db.changes import Changes
from service.domain.cadence import once_more, parse_cadence, quickened
from service.domain.event import CadenceQuickened, FollowUpPlanned
from service.domain.patient import Enrollment, PatientContext
from service.domain.schedule import to_local


def follow_up(changes: Changes, context: PatientContext, enrollment_id: UUID | None, event: FollowUpPlanned) -> None:
    """One more check-in on that day, at the hour of the enrollment that asks for it.

    In a flow that the patient is not in yet a place is made that lasts until that day.
    """
    day = to_local(changes.now, context.zone).date() + timedelta(days=event.after_days)
    programme, _, flow = event.flow.partition("/")
    asking = _enrollment(context, enrollment_id)
    if asking is None:
        return  # a conversation outside of any programme has no hour to come again at
    one = next((each for each in context.enrollments if (each.programme, each.flow) == (programme, flow)), None)
    if one is not None:
        rule = once_more(parse_cadence(one.rule), day).text
        check_in.plan_otherwise(changes, one.id, rule=rule, stops_on=max(day, one.stops_on or day))
        return
    registration.add_enrollment(
        changes,
        organization_id=context.organization.id,
        patient_id=context.id,
        programme=programme,
        flow=flow,
        rule=once_more(None, day).text,
        wall_time=asking.wall_time,
        high_risk=asking.high_risk,
        starts_on=to_local(changes.now, context.zone).date(),
        stops_on=day,
    )


def quicken(changes: Changes, context: PatientContext, enrollment_id: UUID | None, event: CadenceQuickened) -> None:
    """Check-ins of an earlier phase from tomorrow on, for some days; such a period before is replaced."""
    one = _enrollment(context, enrollment_id)
    if one is None or one.stops_on is None:
        return
    begin = to_local(changes.now, context.zone).date() + timedelta(days=1)
    rule = quickened(parse_cadence(one.rule), event.phase, begin, event.days).text
    check_in.plan_otherwise(changes, one.id, rule=rule, stops_on=one.stops_on)


def _enrollment(context: PatientContext, id: UUID | None) -> Enrollment | None:
    return next((each for each in context.enrollments if each.id == id), None)
