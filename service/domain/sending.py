"""May this text leave now? One pure decision, made at the moment of sending (law 4, decisions 8, 10 and 11)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from service.domain.communication import Purpose
from service.domain.consent import Consent
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
class Circumstances:
    """All that the ruling needs; loaded by the sending action in one statement for a batch."""

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
    quiet_until: datetime | None
    """End of the quiet hours that hold now, None outside them."""
    sent_in_last_day: int = 0
    agreed_per_day: int = 1
    paused: bool = False
    """In the hospital or away: nothing scheduled leaves; what the patient writes is answered."""
    answers_recent_reply: bool = False
    """True when it answers a message of the patient that is at most 60 minutes old."""


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
        if not any(c.covers(facts.phone_id, facts.channel, facts.programme, now) for c in facts.consents):
            return Ruling(Verdict.CANCEL, "no_consent")
    if facts.quiet_until is not None and facts.purpose not in AT_ANY_HOUR and not facts.answers_recent_reply:
        if facts.useful_until is not None and facts.quiet_until >= facts.useful_until:
            return Ruling(Verdict.EXPIRE, "quiet_hours_outlast_it")
        return Ruling(Verdict.HOLD, "quiet_hours", facts.quiet_until)
    if facts.purpose is Purpose.CHECK_IN and facts.sent_in_last_day >= facts.agreed_per_day:
        return Ruling(Verdict.CANCEL, "agreed_frequency_reached")
    return Ruling(Verdict.SEND, "allowed")
