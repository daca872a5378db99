"""A patient of the member's own teams, locked, with everything a decision needs: how every act of staff on a patient begins."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.refusal import NotFound, Refused
from service.db import registration
from service.db.contexts import load_contexts
from service.domain.patient import PatientContext, PatientStatus
from service.domain.staff import Permission, Staff


async def own_patient(connection: AsyncConnection, staff: Staff, patient_id: UUID, now: datetime) -> PatientContext:
    """The patient, locked. Raises NotFound for those of other teams and organizations, when the member works with none, and for a record
    that has become part of another: what is written there would be seen by nobody.
    """
    if not staff.may(Permission.WORK_QUEUE):
        raise NotFound("only a nurse or a supervisor does this")
    context = (await load_contexts(connection, [patient_id], now)).get(patient_id)
    if context is None or context.organization.id != staff.organization_id or not staff.sees(context.team.id, context.id):
        raise NotFound("no such patient among those of this member's teams")
    if context.status is PatientStatus.LEFT and await registration.is_merged(connection, patient_id):
        raise NotFound("this record has become part of another")
    return context


def of_own_team(staff: Staff, context: PatientContext) -> None:
    """Raises Refused for a record that is open to this member for an hour only: nothing done in that hour takes it from its team."""
    if context.team.id not in staff.team_ids:
        raise Refused("This patient belongs to another team, whose record you have opened: that team transfers and merges it.")


async def patient_of_number(connection: AsyncConnection, staff: Staff, record_number: str, now: datetime) -> PatientContext:
    """The same by record number."""
    found = await registration.patients_by_record_number(connection, staff.organization_id, [record_number])
    if not found:
        raise NotFound("no patient of this member's teams has this record number")
    return await own_patient(connection, staff, next(iter(found.values())), now)
