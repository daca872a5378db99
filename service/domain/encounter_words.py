"""An encounter note in words: what each code says, and the whole note as a nurse would read it to a prescriber (SBAR)."""

from __future__ import annotations

from collections.abc import Mapping

from service.domain.encounter import Encounter

PHRASES: Mapping[str, Mapping[str, str]] = {
    "spoke_to": {
        "patient": "The patient",
        "caregiver": "A caregiver",
        "emergency_services": "Emergency services",
        "nobody": "Nobody could be reached",
    },
    "identifiers": {
        "name": "Full name",
        "birth_date": "Date of birth",
        "address": "Address",
        "record_number": "Record number",
        "call_code": "Call code",
    },
    "place": {"home": "At home", "other": "Elsewhere", "unknown": "Could not be found out"},
    "interpreter": {
        "not_needed": "Not needed",
        "staff": "Staff who speak the language",
        "by_phone": "Interpreter by phone",
        "relative": "A relative, as the patient wished",
    },
    "denied": {
        "chest_pain": "chest pain",
        "breathless_at_rest": "breathlessness at rest",
        "fainting": "fainting",
        "confusion": "confusion",
        "stroke_signs": "signs of a stroke",
        "bleeding": "bleeding",
        "fever": "fever or chills",
        "self_harm": "thoughts of self-harm",
    },
    "finding": {
        "stable": "Stable, no danger sign now",
        "worse": "Worse than usual",
        "improved": "Better than when it was reported",
        "missed_medicine": "Medicine missed or not at hand",
        "known": "Known and unchanged",
        "unclear": "Not clear by phone: must be seen",
    },
    "disposition": {
        "emergency_services": "Emergency services called",
        "emergency_department": "Sent to the emergency department",
        "seen_today": "To be seen today",
        "seen_later": "To be seen later",
        "prescriber_informed": "Prescriber informed",
        "advice_given": "Advice given",
        "could_not_reach": "Could not reach the patient",
        "no_action_needed": "No action needed",
    },
    "override": {
        "improved": "Signs are gone or values are back in range",
        "known_and_planned": "Known, and the care plan covers it",
        "treated_already": "Treated elsewhere already",
        "patient_refused": "The patient refuses",
        "not_what_it_seemed": "The words meant something else",
    },
    "advice": {
        "call_911_if_worse": "Call 911 if it gets worse",
        "call_us_if_worse": "Call us if it gets worse",
        "take_as_prescribed": "Take medicines as prescribed",
        "measure_again": "Measure again and send the value",
        "rest_legs_up": "Rest, legs up",
        "salt_and_fluids": "Keep to the salt and fluid plan",
        "come_in": "Come in as arranged",
    },
    "teach_back": {
        "correct": "Said it back correctly",
        "correct_second_time": "Said it back after a second explanation",
        "not_yet": "Could not say it back: needs another way",
        "not_done": "Not done",
    },
    "agreement": {"agrees": "Agrees", "refuses": "Refuses", "undecided": "Undecided", "not_asked": "Not asked"},
    "notified": {
        "nobody_needed": "Nobody else needed",
        "prescriber": "The prescriber",
        "on_call_clinician": "The clinician on call",
        "emergency_contact": "The emergency contact",
        "emergency_services": "Emergency services",
    },
}
"""Field -> code -> words; the pages translate them, a signed note keeps them in English."""


def as_text(note: Encounter) -> str:
    """The note in lines, in the order Situation, Background, Assessment, Recommendation; what is empty is left out."""
    spoke = _with(_phrase("spoke_to", note.spoke_to), note.who)
    verified = ", ".join(_phrase("identifiers", code).lower() for code in note.identifiers)
    denied = ", ".join(_phrase("denied", code) for code in note.denied)
    advice = ". ".join(filter(None, (*(_phrase("advice", code) for code in note.advice), note.advice_words)))
    lines = (
        ("Situation", note.situation),
        ("Spoken to", spoke),
        ("Identity verified by", verified),
        ("Patient is", _with(_phrase("place", note.place), note.place_words)),
        (
            "Interpreter",
            "" if note.interpreter == "not_needed" else _with(_phrase("interpreter", note.interpreter), note.interpreter_words),
        ),
        ("Background", note.background),
        ("Assessment", ". ".join(filter(None, (_phrase("finding", note.finding), note.assessment)))),
        ("Denies", denied),
        ("Protocol", note.protocol),
        ("Recommendation", _phrase("disposition", note.disposition)),
        ("Decided otherwise because", _with(_phrase("override", note.override), note.override_words)),
        ("Advice", advice),
        ("Teach-back", _phrase("teach_back", note.teach_back)),
        ("Patient", "" if note.agreement == "not_asked" else _phrase("agreement", note.agreement)),
        ("Told", _with(_phrase("notified", note.notified), note.notified_words)),
        ("Minutes", str(note.minutes) if note.minutes else ""),
    )
    return "\n".join(f"{name}: {words}" for name, words in lines if words)


def _phrase(field: str, code: str) -> str:
    return PHRASES[field].get(code, "")


def _with(phrase: str, words: str) -> str:
    return f"{phrase}: {words}" if phrase and words else phrase or words
