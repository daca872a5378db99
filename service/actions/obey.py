"""Wishes and facts in a patient's words that bind the machine at once, before any next send."""

from __future__ import annotations

from datetime import timedelta

from service.actions.heard import MACHINE, Heard
from service.actions.stop_contact import doubt_number, forget_number, freeze_number, has_stopped, opt_in, opt_out, opted_out, stop_patient
from service.db import numbers, patient
from service.db.changes import Changes
from service.domain.decision import Fired
from service.domain.patient import PatientContext, PatientStatus
from service.domain.reading import FindingKind, Reading
from service.domain.related_person import Scope
from service.domain.schedule import to_local
from service.domain.urgency import Urgency
from service.triage import amount_of

LONG_SILENCE = timedelta(days=45)
"""A number that was given back goes to somebody else after 45 days at the earliest (FCC 18-177; 47 CFR 52.15(f)(1)(ii), aging numbers)."""
LIMIT_NOT_READ = "limit_not_read"
"""Told once on an item, not at every text: a personal limit that the rules had to leave out."""
_TOLD_TO_A_NURSE = "Rounds safety rules 3, 10, 13 and 43: what a patient decides or tells binds the machine at once, and a nurse looks"


def obey(changes: Changes, context: PatientContext, heard: Heard, reading: Reading, stranger: bool) -> tuple[PatientContext, list[Fired]]:
    """Wishes and facts that bind the machine at once, before any next send; each asks a nurse to look."""
    fired: list[Fired] = []

    def flag(rule: str, reason: str, kind: FindingKind | None = None) -> None:
        spans = tuple(finding.span for finding in reading.findings if finding.kind is kind)
        fired.append(Fired(f"machine.{rule}", MACHINE, Urgency.SAME_DAY, reason, _TOLD_TO_A_NURSE, spans))

    known_to_be = {rule for rule, _ in context.item.concerns} if context.item else set()
    odd = [limit.name for limit in context.limits if amount_of(limit) is None]
    if odd and f"machine.{LIMIT_NOT_READ}" not in known_to_be:
        flag(LIMIT_NOT_READ, f"A personal limit has a unit that is not known and does not count: {', '.join(odd)}. Write it anew")
    if heard.media_count:
        flag("media", "Sent a picture or recording, which is not shown here: ask what it shows", FindingKind.UNCLEAR)
    if reading.has(FindingKind.UNSAFE_TO_CONTACT):
        context = freeze_number(changes, context, heard.phone)
        for phone in context.phones if heard.by_related_person else ():  # theirs or the patient's: which one is meant is not known
            context = freeze_number(changes, context, phone)
        flag("unsafe_to_contact", "Not safe to contact on this number: do not call or text it", FindingKind.UNSAFE_TO_CONTACT)
    stops, starts = asked_to_stop(reading, heard), reading.has(FindingKind.OPT_IN)
    before = opted_out(context, heard.phone)
    if stops and not stranger and not _may_stop(context, heard):
        patient.set_phone(changes, heard.phone.id, opted_out_at=changes.now)  # their own number; the patient has not asked for it
        flag("related_opt_out", "A relative or carer wants no more texts on their number", FindingKind.OPT_OUT)
    elif stops and stranger:
        patient.set_phone(changes, heard.phone.id, opted_out_at=changes.now)  # the stranger's own wish: the patient's care goes on
    elif stops:
        if heard.by_related_person:
            patient.set_phone(changes, heard.phone.id, opted_out_at=changes.now)  # for the patient, and for their own number too
            before = has_stopped(context)
        context = opt_out(changes, context, None if heard.by_related_person else heard.phone.id)
        if not before:
            flag("opt_out", "Asked to stop the messages: monitoring has ended, clarify what is wanted", FindingKind.OPT_OUT)
    if starts and not heard.by_related_person:
        context = opt_in(changes, context, heard.phone.id if heard.phone.id in context.shared_phones else None)
    elif starts:
        patient.set_phone(changes, heard.phone.id, opted_out_at=None)
        if has_stopped(context):
            flag(
                "related_opt_in",
                "A relative or carer wrote START, the patient's messages stay ended: ask what is wanted",
                FindingKind.OPT_IN,
            )
    elif before and heard.unblocked:
        flag("not_opted_in", "Wrote again after opting out, but not START: the messages stay ended. Ask what is wanted")
    for kind, status in ((FindingKind.DECEASED, PatientStatus.DECEASED), (FindingKind.HOSPICE, PatientStatus.HOSPICE)):
        if reading.has(kind):
            context = stop_patient(changes, context, status)
            flag(status.value, f"Reported: {status.value}. Check-ins have stopped", kind)
    if stranger and heard.related is not None:
        numbers.end_related(changes, heard.related.id)
        patient.revoke_consents(changes, context.id, "wrong_number", phone_id=heard.phone.id)
        flag("related_wrong_number", f"The number of {heard.related.called} belongs to somebody else", FindingKind.WRONG_NUMBER)
    elif stranger:
        context = forget_number(changes, context, heard.phone)
        flag("wrong_number", "The number belongs to somebody else and gets nothing more: find the right one", FindingKind.WRONG_NUMBER)
    elif _may_have_changed_hands(context, heard, reading):
        context = doubt_number(changes, context, heard.phone)
        what = "START came" if starts else "somebody else writes"
        reason = f"After a long silence {what} from this number: ask whose it is, and confirm it before check-ins go on"
        flag("number_in_doubt", reason, FindingKind.OPT_IN if starts else FindingKind.THIRD_PARTY)
    return context, fired


def asked_to_stop(reading: Reading, heard: Heard) -> bool:
    """Whether these words, or the provider's own reading of them, end the messages."""
    return reading.has(FindingKind.OPT_OUT) or heard.keyword == "STOP"


def _may_stop(context: PatientContext, heard: Heard) -> bool:
    """The patient for themself; a relative or carer only where that was agreed to."""
    on = to_local(heard.received_at, context.zone).date()
    return heard.related is None or heard.related.may(Scope.MAY_STOP, on=on)


def _may_have_changed_hands(context: PatientContext, heard: Heard, reading: Reading) -> bool:
    """Somebody else speaks, or START comes, from the patient's number after it was silent for as long as carriers keep a number back."""
    speaks = reading.has(FindingKind.THIRD_PARTY) or reading.has(FindingKind.OPT_IN)
    if heard.by_related_person or heard.stranger or heard.shared or not speaks:
        return False
    silent = context.last_heard_at is not None and heard.received_at - context.last_heard_at >= LONG_SILENCE
    return silent and heard.phone.id not in context.doubted_phones
