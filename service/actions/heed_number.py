"""What words from a shared or unknown number decide about the number itself, and so for everybody who is reached on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

from service.actions.heard import MACHINE
from service.actions.nobody import Nobody
from service.actions.raise_escalation import Whose, raise_escalation
from service.actions.stop_contact import forget_number, freeze_number, opt_in, opt_out
from service.db import numbers, patient
from service.db.changes import Changes
from service.domain.decision import Fired
from service.domain.patient import PatientContext, Phone
from service.domain.reading import FindingKind, Reading
from service.domain.related_person import Scope
from service.domain.schedule import to_local
from service.domain.urgency import Urgency

_SOURCE = "Rounds safety rules 3 and 13: what is told of a number binds it at once for all who are reached on it, and a nurse looks"


def heed_number(changes: Changes, nobody: Nobody, reading: Reading, communication_id: UUID, *, stops: bool) -> Nobody:
    """The phone after STOP, START, "wrong number" or "not safe": an item for each patient whom it concerns."""
    phone, now = nobody.phone, changes.now
    if reading.has(FindingKind.UNSAFE_TO_CONTACT):
        phone = replace(phone, unsafe_since=now)
        patient.set_phone(changes, phone.id, unsafe_since=now)
        nobody = _each(changes, nobody, communication_id, "unsafe_to_contact")
    if reading.has(FindingKind.WRONG_NUMBER):
        nobody = _each(changes, nobody, communication_id, "wrong_number")
    elif stops:
        nobody = _each(changes, nobody, communication_id, "opt_out")
    elif reading.has(FindingKind.OPT_IN):
        nobody = _started(changes, nobody)
        phone = replace(phone, opted_out_at=None)
        patient.set_phone(changes, phone.id, opted_out_at=None)
    if stops and phone.opted_out_at is None:
        phone = replace(phone, opted_out_at=now)
        patient.set_phone(changes, phone.id, opted_out_at=now)
    return replace(nobody, phone=phone)


_REASONS = {
    "unsafe_to_contact": "Not safe to contact on the phone that they share: do not call or text it",
    "wrong_number": "The number belongs to somebody else and gets nothing more: find the right one",
    "opt_out": "Somebody on the phone that they share asked to stop the messages: monitoring has ended, clarify what is wanted",
}


def _each(changes: Changes, nobody: Nobody, communication_id: UUID, what: str) -> Nobody:
    """Does it for each patient on the phone (decisions 12, strict), with an item of their own.

    A relative's or carer's phone is their own to stop: it ends the patients' messages only where that was agreed to.
    """
    people = []
    for context in nobody.candidates:
        person = next((one for one in nobody.related if one.patient_id == context.id), None)
        if person is not None:
            on = to_local(changes.now, context.zone).date()
            if what == "wrong_number":
                numbers.end_related(changes, person.id)
                patient.revoke_consents(changes, context.id, "wrong_number", phone_id=nobody.phone.id)
            if what != "opt_out" or not person.may(Scope.MAY_STOP, on=on):
                people.append(context)
                continue
        if what == "opt_out" and nobody.phone.opted_out_at is not None:
            people.append(context)
            continue
        context = _DONE[what](changes, context, nobody.phone)
        fired = Fired(f"machine.{what}", MACHINE, Urgency.SAME_DAY, _REASONS[what], _SOURCE)
        item = raise_escalation(changes, Whose.patient(context), [fired], communication_id=communication_id)
        people.append(replace(context, item=item))
    return replace(nobody, candidates=tuple(people))


def _stop_all(changes: Changes, context: PatientContext, phone: Phone) -> PatientContext:
    return opt_out(changes, context, phone.id)


_DONE: dict[str, Callable[[Changes, PatientContext, Phone], PatientContext]] = {
    "unsafe_to_contact": freeze_number,
    "wrong_number": forget_number,
    "opt_out": _stop_all,
}


def _started(changes: Changes, nobody: Nobody) -> Nobody:
    """START takes back what a STOP from this phone ended, and nothing that a patient has stopped elsewhere."""
    people = tuple(opt_in(changes, one) if _stopped_here(one, nobody.phone) and not nobody.related else one for one in nobody.candidates)
    return replace(nobody, candidates=people)


def _stopped_here(context: PatientContext, phone: Phone) -> bool:
    return phone.opted_out_at is not None and all(one.opted_out_at == phone.opted_out_at for one in context.phones)
