"""Wishes and facts in a patient's words that bind the machine at once, before any next send."""

from __future__ import annotations

from service.actions.heard import MACHINE, Heard
from service.actions.stop_contact import forget_number, freeze_number, opt_in, opt_out, stop_patient
from service.db import patient
from service.db.changes import Changes
from service.domain.decision import Fired
from service.domain.patient import PatientContext, PatientStatus
from service.domain.reading import FindingKind, Reading
from service.domain.urgency import Urgency
from service.triage import amount_of

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
        flag("unsafe_to_contact", "Not safe to contact on this number: do not call or text it", FindingKind.UNSAFE_TO_CONTACT)
    stops, starts = reading.has(FindingKind.OPT_OUT) or heard.keyword == "STOP", reading.has(FindingKind.OPT_IN) or heard.keyword == "START"
    if stops and heard.by_related_person:
        patient.set_phone(changes, heard.phone.id, opted_out_at=changes.now)  # their own number; the patient has not asked for it
        flag("related_opt_out", "A relative or carer wants no more texts on their number", FindingKind.OPT_OUT)
    elif stops:
        context = opt_out(changes, context)
        flag("opt_out", "Asked to stop the messages: monitoring has ended, clarify what is wanted", FindingKind.OPT_OUT)
    if starts and heard.by_related_person:
        patient.set_phone(changes, heard.phone.id, opted_out_at=None)
    elif starts:
        context = opt_in(changes, context)
    for kind, status in ((FindingKind.DECEASED, PatientStatus.DECEASED), (FindingKind.HOSPICE, PatientStatus.HOSPICE)):
        if reading.has(kind):
            context = stop_patient(changes, context, status)
            flag(status.value, f"Reported: {status.value}. Check-ins have stopped", kind)
    if stranger and not heard.by_related_person:
        context = forget_number(changes, context, heard.phone)
        flag("wrong_number", "The number belongs to somebody else: find the right one", FindingKind.WRONG_NUMBER)
    return context, fired
