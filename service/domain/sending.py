"""May this text leave now? One pure decision, made at the moment of sending (law 4, decisions 8, 10 and 11)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from service.domain.communication import Purpose
from service.domain.consent import Consent
from service.domain.contact_hours import Closed
from service.domain.reading import Channel


class Verdict(StrEnum):
    """What happens to a due communication."""

    SEND = "send"
    HOLD = "hold"  # until `until`
    CANCEL = "cancel"
    EXPIRE = "expire"


@dataclass(frozen=True, slots=True)
class Ruling:
    """A verdict, why, and until when it is held."""

    verdict: Verdict
    why: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Cap:
    """How many scheduled prompts were agreed to in a time, and how many others have left in it."""

    why: str
    agreed: int
    others: int


@dataclass(frozen=True, slots=True)
class Circumstances:
    """All that the ruling needs; loaded by the sending action in few statements for a batch."""

    purpose: Purpose
    phone_id: UUID
    channel: Channel
    programme: str
    created_at: datetime
    useful_until: datetime | None
    consents: Sequence[Consent]
    unsafe_to_contact: bool
    opted_out_at: datetime | None
    patient_stopped: bool
    """Deceased, in hospice or gone: scheduled and automatic texts stop."""
    closed: Closed | None
    """What closes the hours now where the patient is, None while they are open."""
    caps: Sequence[Cap] = ()
    """What a new scheduled prompt is measured against: by programme and in all, by day and week, whatever the channel."""
    paused: bool = False
    """In the hospital or away: nothing scheduled leaves; what the patient writes is answered."""
    answers_recent_reply: bool = False
    """True when it answers a message of the patient that is at most 60 minutes old."""
    own_consent: bool = False
    """Its programme needs a consent of its own: one to everything does not cover it."""
    by_the_patient: bool = False
    """Its programme is an adolescent's own affair: a parent's consent does not cover it."""
    parents_phone: bool = False
    """The number is one of somebody who speaks for the patient, and the programme must not reach them."""


WITHOUT_CONSENT = frozenset({Purpose.OPT_OUT_CONFIRMATION, Purpose.HELP, Purpose.SAFETY, Purpose.NEUTRAL})
"""The closed list of exceptions to law 4 (decisions 10)."""

AT_ANY_HOUR = WITHOUT_CONSENT | {Purpose.RECHECK, Purpose.NURSE, Purpose.OPT_IN_CONFIRMATION}
"""Not held by quiet hours (decisions 8, 10, 11); a nurse's message at night carries its reason."""

SCHEDULED = frozenset({Purpose.CHECK_IN, Purpose.REMINDER})
"""What rests while check-ins are paused. A safety re-check does not: it follows what the patient has just told."""

WHEN_STOPPED = frozenset({Purpose.NURSE, Purpose.SAFETY, Purpose.OPT_OUT_CONFIRMATION, Purpose.HELP, Purpose.NEUTRAL})


def may_send(facts: Circumstances, now: datetime) -> Ruling:
    """Whether this text may leave now, with the reason; the strictest rule that applies wins.

    A reminder counts within the check-in it belongs to: only CHECK_IN is measured against the agreed frequency.
    """
    if facts.unsafe_to_contact:
        return Ruling(Verdict.CANCEL, "unsafe_to_contact")
    if facts.useful_until is not None and now >= facts.useful_until:
        return Ruling(Verdict.EXPIRE, "too_late_to_be_useful")
    if facts.patient_stopped and facts.purpose not in WHEN_STOPPED:
        return Ruling(Verdict.CANCEL, "patient_stopped")
    if facts.paused and facts.purpose in SCHEDULED:
        return Ruling(Verdict.CANCEL, "paused")
    if facts.purpose not in WITHOUT_CONSENT:
        if facts.opted_out_at is not None:
            return Ruling(Verdict.CANCEL, "opted_out")
        if facts.parents_phone:
            return Ruling(Verdict.CANCEL, "parents_phone")
        if not any(_covers(consent, facts, now) for consent in facts.consents):
            return Ruling(Verdict.CANCEL, "no_consent")
    if facts.closed is not None and facts.purpose not in AT_ANY_HOUR and not facts.answers_recent_reply:
        if facts.useful_until is not None and facts.closed.until >= facts.useful_until:
            return Ruling(Verdict.EXPIRE, f"{facts.closed.why}_outlast_it")
        return Ruling(Verdict.HOLD, facts.closed.why, facts.closed.until)
    if facts.purpose is Purpose.CHECK_IN:
        for cap in facts.caps:
            if cap.others >= cap.agreed:
                return Ruling(Verdict.CANCEL, cap.why)
    return Ruling(Verdict.SEND, "allowed")


def _covers(consent: Consent, facts: Circumstances, now: datetime) -> bool:
    """Whether this consent allows the message, with what its programme asks for besides."""
    if facts.own_consent and consent.programme != facts.programme:
        return False
    if facts.by_the_patient and consent.by_representative:
        return False
    return consent.covers(facts.phone_id, facts.channel, facts.programme, now)
