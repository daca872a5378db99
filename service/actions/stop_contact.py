"""Obeys at once what ends or freezes automatic contact: opt-out and its reversal, an unsafe or wrong number, a death.

Steps inside receive_reply's transaction.
"""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from service.db import audit, check_in, numbers, patient, pauses
from service.db.changes import Changes
from service.domain.patient import PatientContext, PatientStatus, Phone
from service.domain.pause import PauseEnd


def opt_out(changes: Changes, context: PatientContext, phone_id: UUID | None = None, *, staff_id: UUID | None = None) -> PatientContext:
    """Ends automated contact on every channel and number of the patient (decisions 12, strict); an earlier opt-out keeps its time.

    A phone that they share with others stays open to those, unless the wish came from it (`phone_id`).
    """
    patient.revoke_consents(changes, context.id, "opt_out")
    phones = tuple(_stopped(changes, context, phone, phone_id) for phone in context.phones)
    check_in.pause_enrollments(changes, context.id, "opted_out")
    audit.record(changes, context.organization.id, "opted_out", actor="patient", staff_id=staff_id, patient_id=context.id)
    return replace(end_conversation(changes, context), phones=phones)


def _stopped(changes: Changes, context: PatientContext, phone: Phone, phone_id: UUID | None) -> Phone:
    if phone.opted_out_at is not None or (phone.id in context.shared_phones and phone.id != phone_id):
        return phone
    patient.set_phone(changes, phone.id, opted_out_at=changes.now)
    return replace(phone, opted_out_at=changes.now)


def opt_in(changes: Changes, context: PatientContext, phone_id: UUID | None = None) -> PatientContext:
    """START restores what an opt-out took away: the consents it revoked and the enrollments it paused.

    On a shared phone (`phone_id`), where only a word says who it is, for that number alone.
    """
    patient.restore_consents(changes, context.id, phone_id=phone_id)
    lifted = [phone.id for phone in context.phones if phone_id in (None, phone.id)]
    for id in lifted:
        patient.set_phone(changes, id, opted_out_at=None)
    check_in.resume_enrollments(changes, context.id)
    audit.record(changes, context.organization.id, "opted_in", actor="patient", patient_id=context.id)
    return replace(context, phones=tuple(replace(phone, opted_out_at=None) if phone.id in lifted else phone for phone in context.phones))


def opted_out(context: PatientContext, phone: Phone) -> bool:
    """Whether this number stands as opted out, as the patient's record has it now."""
    kept = next((one for one in context.phones if one.id == phone.id), phone)
    return kept.opted_out_at is not None


def has_stopped(context: PatientContext) -> bool:
    """Whether the patient's messages have ended on any of their numbers."""
    return any(phone.opted_out_at is not None for phone in context.phones)


def freeze_number(changes: Changes, context: PatientContext, phone: Phone) -> PatientContext:
    """No automatic text or call leaves for this number any more (decisions 4); somebody else may read it."""
    patient.set_phone(changes, phone.id, unsafe_since=changes.now)
    audit.record(
        changes, context.organization.id, "number_frozen", actor="patient", patient_id=context.id, object_kind="phone", object_id=phone.id
    )
    phones = tuple(replace(one, unsafe_since=changes.now) if one.id == phone.id else one for one in context.phones)
    return replace(end_conversation(changes, context), phones=phones)


def forget_number(changes: Changes, context: PatientContext, phone: Phone, *, staff_id: UUID | None = None) -> PatientContext:
    """The number is somebody else's: taken off the record with its consents, in the same transaction (safety rule 3).

    The patient keeps their other numbers. What comes from this one later is a stranger's, and a STOP from it the stranger's own.
    """
    patient.revoke_consents(changes, context.id, "wrong_number", phone_id=phone.id)
    numbers.end_number(changes, context.id, phone.id, "staff" if staff_id else "wrong_number")
    audit.record(
        changes,
        context.organization.id,
        "wrong_number",
        actor="patient",
        staff_id=staff_id,
        patient_id=context.id,
        object_kind="phone",
        object_id=phone.id,
    )
    there = context.session is not None and context.session.phone_id == phone.id
    context = end_conversation(changes, context) if there else context
    return replace(
        context,
        phones=tuple(one for one in context.phones if one.id != phone.id),
        former_phones=(*context.former_phones, phone),
        unconfirmed_phones=context.unconfirmed_phones - {phone.id},
    )


def doubt_number(changes: Changes, context: PatientContext, phone: Phone) -> PatientContext:
    """Somebody else may have the number by now: no health question goes to it until staff has confirmed it again."""
    numbers.doubt_number(changes, phone.id, context.id)
    audit.record(
        changes, context.organization.id, "number_doubted", actor="patient", patient_id=context.id, object_kind="phone", object_id=phone.id
    )
    there = context.session is not None and context.session.phone_id == phone.id
    context = end_conversation(changes, context) if there else context
    return replace(context, unconfirmed_phones=context.unconfirmed_phones | {phone.id}, doubted_phones=context.doubted_phones | {phone.id})


def stop_patient(changes: Changes, context: PatientContext, status: PatientStatus, *, staff_id: UUID | None = None) -> PatientContext:
    """Check-ins stop for good or until a nurse resumes them (safety rule 43); nothing is sent about it."""
    patient.set_status(changes, context.id, status)
    pauses.end(changes, context.id, PauseEnd.REPLACED)
    check_in.pause_enrollments(changes, context.id, "paused")
    audit.record(changes, context.organization.id, f"patient_{status}", actor="patient", staff_id=staff_id, patient_id=context.id)
    return replace(end_conversation(changes, context), status=status, pause=None)


def end_conversation(changes: Changes, context: PatientContext) -> PatientContext:
    """Ends the conversation under way without another word."""
    session = context.session
    if session is not None:
        check_in.stop_session(changes, session.id)
        if session.check_in_id is not None:
            check_in.end_check_in(changes, session.check_in_id, "stopped")
    return replace(context, session=None)
