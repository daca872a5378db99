"""A nurse accepts what a rule has found in a patient, until a date: it stays in the record and comes back when it is worse."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from uuid import UUID

from service.actions.own_patient import own_patient
from service.actions.refusal import NotFound, Refused
from service.actions.trail import leave_trail
from service.db import accepted, audit, escalation_claims
from service.db.database import Database
from service.domain.known_finding import LONGEST_REASON, figure, known_until, level, longest_days, why_not_acceptable
from service.domain.schedule import to_local
from service.domain.staff import Permission, Staff
from service.engine import Flow
from service.triage import Tables


def rules_of(tables: Tables, flows: Iterable[Flow]) -> dict[str, bool]:
    """The rules that look up what a nurse has accepted: those of the urgency table and the red flags of the flows; True where the patient
    gets a safety answer, so that nothing hides what they find.
    """
    flags = ((flow.rule(step, flag).id, bool(flag.answer)) for flow in flows for step in flow.questions for flag in step.red_flags)
    return {rule.id: bool(rule.answer) for rule in tables.rules} | dict(flags)


async def accept_finding(
    database: Database,
    staff: Staff,
    item_id: UUID,
    concern_id: UUID,
    until: date,
    reason: str,
    now: datetime,
    rules: Mapping[str, bool],
) -> UUID:
    """Accepts the finding of this concern to the end of that day where the patient is; its id.

    From then on triage fires no item for the rule unless its class is higher or its figure worse (`domain.known_finding`). Raises
    NotFound for another team's item and for who may not judge, Refused for what may never be accepted or would be shown all the same
    (`rules`: as `rules_of` gives them), a date that is not within 90 days (3 for an urgent finding, and 72 hours), no reason.
    """
    if not staff.may(Permission.ASSESS):
        raise NotFound
    if not reason.strip() or len(reason) > LONGEST_REASON:
        raise Refused("Give a reason of at most {most} characters: why this is stable, and what would be worse.", most=LONGEST_REASON)
    async with database.transaction() as connection:
        item = await escalation_claims.lock_item(connection, staff, item_id)
        if item is None or item.patient_id is None:
            raise NotFound
        found = await accepted.found_by(connection, item_id, concern_id)
        if found is None:
            raise NotFound
        side, amount = figure(found.measured)
        if why := why_not_acceptable(found.rule, found.urgency, found.measured, rules.get(found.rule)):
            raise Refused(why)
        today = to_local(now, found.zone).date()
        most = longest_days(found.urgency)
        if not today <= until <= today + timedelta(days=most):
            raise Refused("Choose a day from today up to {most} days ahead.", most=most)
        id = await accepted.add(
            connection,
            staff,
            item.patient_id,
            rule=found.rule,
            urgency=found.urgency,
            measure=side,
            amount=amount,
            level=level(found.measured),
            reason=reason.strip(),
            until=known_until(found.urgency, until, found.zone, now),
            now=now,
        )
        detail = {"rule": found.rule, "until": until.isoformat()}
        await escalation_claims.record(connection, item, "finding_accepted", staff, now, detail)
        await leave_trail(connection, "finding_accepted", staff, item, now, detail)
    return id


async def end_acceptance(database: Database, staff: Staff, patient_id: UUID, id: UUID, now: datetime) -> bool:
    """Takes an acceptance back before its day; whether one stood. Raises NotFound for other teams' patients."""
    if not staff.may(Permission.ASSESS):
        raise NotFound
    async with database.transaction() as connection:
        await own_patient(connection, staff, patient_id, now)
        ended = await accepted.end(connection, staff, patient_id, id, now)
        if ended:
            await audit.leave(
                connection,
                staff.organization_id,
                now,
                "acceptance_ended",
                staff_id=staff.id,
                patient_id=patient_id,
                object_kind="finding",
                object_id=id,
            )
    return ended
