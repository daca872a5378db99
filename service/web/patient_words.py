"""What the pages of a patient say for codes of the record: check-ins, calls, doses, changes, units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from service.db.timeline import Entry
from service.domain.attempts import Outcome
from service.domain.call import CallStatus
from service.web.language import _, later

ENTRIES: Mapping[Entry, str] = later(
    {
        Entry.CHECK_IN: "Check-ins",
        Entry.TEXT: "Texts",
        Entry.CALL: "Calls",
        Entry.READING: "Readings and symptoms",
        Entry.DOSE: "Doses",
        Entry.ITEM: "Items",
        Entry.NOTE: "Notes",
        Entry.CONSENT: "Consents",
        Entry.PAUSE: "Pauses",
        Entry.MEDICINE: "Medicines",
        Entry.LIMIT: "Limits",
        Entry.RECORD: "Record",
        Entry.FAILURE: "Not delivered",
    }
)
"""The filters of the time line."""


SYMBOLS = {
    "lb": "lb",
    "kg": "kg",
    "mmHg": "mmHg",
    "mg/dL": "mg/dL",
    "mmol/L": "mmol/L",
    "%": "%",
    "degF": "°F",
    "Cel": "°C",
    "L/min": "L/min",
    "{INR}": "",
    "{count}": "",
}
"""Stored units (UCUM) as they are read, in every language."""
UNITS = later({"/min": "per minute", "{score}": "points"})


def unit_word(code: str) -> str:
    """A stored unit as it is read, "" for none."""
    return _(UNITS[code]) if code in UNITS else SYMBOLS.get(code, code)


CHECK_INS = later(
    {
        "started": "Check-in sent, no answer yet",
        "answered": "Check-in answered",
        "partly": "Check-in answered in part",
        "silent": "Check-in missed: no answer",
        "stopped": "Check-in stopped",
        "expired": "Check-in not sent: too late",
        "cancelled": "Check-in not sent",
        "paused": "Check-in not sent: paused",
    }
)
CALLS = later(
    {
        CallStatus.DUE: "waits to be placed",
        CallStatus.CLAIMED: "being placed",
        CallStatus.PLACED: "ringing",
        CallStatus.TALKING: "under way",
        CallStatus.ENDED: "picked up",
        CallStatus.UNANSWERED: "not answered",
        CallStatus.ENGAGED: "engaged",
        CallStatus.FAILED: "failed",
        CallStatus.UNKNOWN: "not known whether it was placed",
        CallStatus.EXPIRED: "too late, not placed",
        CallStatus.CANCELLED: "not placed",
    }
)
ATTEMPTS = later(
    {
        Outcome.REACHED_PATIENT: "reached the patient",
        Outcome.REACHED_CAREGIVER: "reached a caregiver",
        Outcome.VOICEMAIL_LEFT: "left a voice message",
        Outcome.NO_ANSWER: "no answer",
        Outcome.BUSY: "line was engaged",
        Outcome.WRONG_NUMBER: "wrong number",
        Outcome.REFUSED: "did not want to talk",
    }
)
DOSES = later(
    {"taken": "Dose taken", "missed": "Dose missed", "partly": "Dose taken in part", "unsure": "Not sure whether the dose was taken"}
)
ASSERTIONS = later(
    {
        "present": "reports",
        "denied": "has no",
        "ended": "no longer has",
        "past": "had earlier",
        "other_person": "speaks of somebody else's",
        "hypothetical": "speaks of possible",
    }
)
CHANGES = later(
    {"added": "Medicine added", "changed": "Medicine changed", "stopped": "Medicine stopped", "set": "Limit set", "ended": "Limit ended"}
)
RECORD = later(
    {
        "patient_registered": "Put on the record",
        "patient_enrolled": "Enrolled in a programme",
        "enrollment_ended": "Programme ended",
        "patient_transferred": "Transferred to another team",
        "patient_merged": "A second record became part of this one",
        "patient_active": "Back in care",
        "patient_deceased": "Recorded as deceased",
        "patient_hospice": "In hospice care",
        "patient_left": "Left care",
        "contact_hours_changed": "Place or hours of contact changed",
        "patient_details_changed": "Language, allergies or instructions changed",
        "opted_out": "Messages ended (opt-out)",
        "opted_in": "Messages begun again (START)",
        "wrong_number": "A number taken off the record",
        "number_frozen": "A number is not safe to contact",
        "number_safe": "A number is safe again",
    }
)


def words() -> dict[str, Any]:
    """What the templates of a patient say for codes, in the language of the request."""
    return {
        "check_in_words": {code: _(said) for code, said in CHECK_INS.items()},
        "call_words": {code: _(said) for code, said in CALLS.items()},
        "attempt_words": {code: _(said) for code, said in ATTEMPTS.items()},
        "dose_words": {code: _(said) for code, said in DOSES.items()},
        "record_words": {code: _(said) for code, said in RECORD.items()},
        "said_words": {code: _(said) for code, said in ASSERTIONS.items()},
        "change_words": {code: _(said) for code, said in CHANGES.items()},
        "unit_words": {code: unit_word(code) for code in (*SYMBOLS, *UNITS)},
        "ranks": ("emergency", "urgent", "same_day", "routine"),
    }
