"""Obeys at once what ends or freezes automatic contact: opt-out and its reversal, an unsafe or wrong number, a death.

Steps inside receive_reply's transaction.
"""

from __future__ import annotations

from dataclasses import replace

from service.db import audit, check_in, patient, pauses
from service.db.changes import Changes
from service.domain.patient import PatientContext, PatientStatus, Phone
from service.domain.pause import PauseEnd


def opt_out(changes: Changes, context: PatientContext) -> PatientContext:
    """Ends automated contact on every channel and number of the patient (decisions 12, strict)."""
    patient.revoke_consents(changes, context.id, "opt_out")
    for phone in context.phones:
        patient.set_phone(changes, phone.id, opted_out_at=changes.now)
    check_in.pause_enrollments(changes, context.id, "opted_out")
    audit.record(changes, context.organization.id, "opted_out", actor="patient", patient_id=context.id)
    phones = tuple(replace(phone, opted_out_at=changes.now) for phone in context.phones)
    return replace(end_conversation(changes, context), phones=phones)


def opt_in(changes: Changes, context: PatientContext) -> PatientContext:
    """START restores what an opt-out took away: the consents it revoked and the enrollments it paused."""
    if not any(phone.opted_out_at for phone in context.phones):
        return context
    patient.restore_consents(changes, context.id)
    for phone in context.phones:
        patient.set_phone(changes, phone.id, opted_out_at=None)
    check_in.resume_enrollments(changes, context.id)
    audit.record(changes, context.organization.id, "opted_in", actor="patient", patient_id=context.id)
    return replace(context, phones=tuple(replace(phone, opted_out_at=None) for phone in context.phones))


def freeze_number(changes: Changes, context: PatientContext, phone: Phone) -> PatientContext:
    """No automatic text or call leaves for this number any more (decisions 4); somebody else may read it."""
    patient.set_phone(changes, phone.id, unsafe_since=changes.now)
    audit.record(
        changes, context.organization.id, "number_frozen", actor="patient", patient_id=context.id, object_kind="phone", object_id=phone.id
    )
    phones = tuple(replace(one, unsafe_since=changes.now) if one.id == phone.id else one for one in context.phones)
    return replace(end_conversation(changes, context), phones=phones)


def forget_number(changes: Changes, context: PatientContext, phone: Phone) -> PatientContext:
    """The number is somebody else's: consents for it end in the same transaction (safety rule 3)."""
    patient.revoke_consents(changes, context.id, "wrong_number", phone_id=phone.id)
    audit.record(
        changes, context.organization.id, "wrong_number", actor="patient", patient_id=context.id, object_kind="phone", object_id=phone.id
    )
    there = context.session is not None and context.session.phone_id == phone.id
    return end_conversation(changes, context) if there else context


def stop_patient(changes: Changes, context: PatientContext, status: PatientStatus) -> PatientContext:
    """Check-ins stop for good or until a nurse resumes them (safety rule 43); nothing is sent about it."""
    patient.set_status(changes, context.id, status)
    pauses.end(changes, context.id, PauseEnd.REPLACED)
    check_in.pause_enrollments(changes, context.id, "paused")
    audit.record(changes, context.organization.id, f"patient_{status}", actor="patient", patient_id=context.id)
    return replace(end_conversation(changes, context), status=status, pause=None)


def end_conversation(changes: Changes, context: PatientContext) -> PatientContext:
    """Ends the conversation under way without another word."""
    session = context.session
    if session is not None:
        check_in.stop_session(changes, session.id)
        if session.check_in_id is not None:
            check_in.end_check_in(changes, session.check_in_id, "stopped")
    return replace(context, session=None)
