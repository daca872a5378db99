"""What the page of an item says for codes of its own: values against limits, calls, notes, follow-ups, time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from service.domain.encounter_words import PHRASES
from service.web.language import _, later
from service.web.words import name_of

ATTEMPT = later(
    {
        "reached_patient": "Reached the patient",
        "reached_caregiver": "Reached a caregiver",
        "voicemail_left": "Voicemail left",
        "no_answer": "No answer",
        "busy": "Busy",
        "wrong_number": "Wrong number",
        "refused": "Does not want to talk",
    }
)
LAST = later(
    {
        "welfare_check": "Nobody was reached by three calls. Call the emergency contact, then decide about a welfare check.",
        "emergency_contact": "Nobody was reached by three calls. Call the emergency contact or decide with the prescriber.",
        "tell_prescriber": "Nobody was reached by three calls. Tell the prescriber.",
        "letter": "Nobody was reached by three calls. Send a letter.",
    }
)
FOLLOW_UP = later(
    {
        "call": "Call the patient",
        "check_value": "Look at a value again",
        "check_symptom": "Ask about a symptom again",
        "prescriber_answer": "See what the prescriber answered",
        "appointment_kept": "See whether the appointment was kept",
        "medicine_started": "See whether the medicine was started",
        "other": "Something else",
    }
)
WHEN = later(
    {
        "this_afternoon": "This afternoon",
        "tomorrow_morning": "Tomorrow morning",
        "in_two_days": "In two days",
        "in_a_week": "In a week",
    }
)
FOLLOW_UP_STATE = later({"planned": "planned", "due": "due now", "done": "done", "cancelled": "taken back"})
NURSE_CALL = later(
    {
        "": "under way",
        "joined": "spoken",
        "not_taken": "the nurse did not pick up",
        "not_confirmed": "the nurse did not press 1",
        "no_answer": "the patient did not answer",
        "busy": "the patient's line was busy",
        "failed": "could not be placed",
        "unknown": "not known what became of it",
    }
)
CALL_STATUS = later(
    {
        "due": "planned",
        "claimed": "being placed",
        "placed": "ringing",
        "talking": "under way",
        "ended": "answered",
        "unanswered": "not answered",
        "engaged": "busy",
        "failed": "failed",
        "unknown": "not known what became of it",
        "expired": "too late, not placed",
        "cancelled": "not placed",
    }
)
CHECK_IN = later(
    {"silent": "Check-in not answered", "partly": "Check-in answered in part", "expired": "Check-in came too late and was not sent"}
)
ACTIVITY = later(
    {
        "item": "Working on an item",
        "call": "Calls",
        "review": "Looking through values",
        "coordination": "Arranging care",
        "education": "Education",
        "medicines": "Medicines",
        "other": "Other",
    }
)
CODE = later(
    {
        "none": "Not billed",
        "rpm": "Remote monitoring (RPM)",
        "rtm": "Therapeutic monitoring (RTM)",
        "ccm": "Chronic care (CCM)",
        "pcm": "Principal care (PCM)",
        "tcm": "Transitional care (TCM)",
    }
)
QUICK = later(
    {
        "seen": "Read, nothing to do",
        "known": "Known and unchanged",
        "answered": "Answered the patient",
        "passed_on": "Passed on to the prescriber",
        "next_visit": "For the next visit",
    }
)
"""What closes a routine item with one touch."""
FIELDS = later(
    {
        "spoke_to": "Spoken to",
        "who": "Who it was, and the relation",
        "identifiers": "Identity verified by (two)",
        "place": "Where the patient is now",
        "place_words": "Address or place",
        "interpreter": "Interpreter",
        "situation": "Situation",
        "background": "Background",
        "denied": "Asked about and denied",
        "finding": "Assessment",
        "assessment": "More on the assessment",
        "protocol": "Protocol used",
        "disposition": "Decision",
        "override": "Why less than the urgency suggests",
        "advice": "Advice given",
        "teach_back": "Teach-back",
        "agreement": "The patient",
        "notified": "Who else was told",
        "minutes": "Minutes",
        "answered": "Concerns you have answered",
        "follow_up_when": "When the follow-up is due",
    }
)
_IF = later(
    {
        "who": "Fill this in if a caregiver was spoken to",
        "spoken": "Fill this in if the patient or a caregiver was spoken to",
        "place_words": "Fill this in if the patient is elsewhere",
        "override": "Fill this in if less is decided than the urgency suggests",
    }
)
PERHAPS = {**_IF, **dict.fromkeys(("identifiers", "place", "interpreter", "advice", "teach_back", "agreement"), _IF["spoken"])}
"""What stands at a field that the answer to a missing one may ask for."""
_SIDES = later(
    {
        "at_least": "limit {threshold} {unit} or more",
        "above": "limit: above {threshold} {unit}",
        "below": "limit: below {threshold} {unit}",
        "at_most": "limit {threshold} {unit} or less",
        "gain_over": "limit +{threshold} {unit}",
        "loss_over": "limit -{threshold} {unit}",
        "worse_by": "limit {threshold} {unit} away from the usual",
        "percent_of_best": "limit {threshold} % of the best",
        "percent_over": "limit {threshold} % above",
    }
)


def measured(figures: Mapping[str, str]) -> str:
    """Value, change and limit of a rule that compared them: "204.5 lb, +5.1 lb in 7 days; limit +5 lb"; "" for a rule about words."""
    side = figures.get("side", "")
    if side not in _SIDES:
        return ""
    unit = figures.get("unit", "")
    value = figures.get("value", "")
    if "value_2" in figures:
        value += "/" + figures["value_2"]
    parts = [" ".join(filter(None, (value, unit)))]
    if "change" in figures:
        parts.append(_change(figures["change"], unit, figures.get("hours", ""), down=side == "loss_over"))
    if "mean" in figures:
        parts.append(_("mean {mean} {unit} of {count} values", mean=figures["mean"], unit=unit, count=figures.get("count", "?")))
    elif "count" in figures:
        parts.append(_("{count} times", count=figures["count"]))
    parts += [_(words, value=figures[name], unit=unit) for name, words in _OWN.items() if name in figures]
    limit = _(_SIDES[side], threshold=figures.get("threshold", "?"), unit=unit)
    return f"{', '.join(parts)}; {' '.join(limit.split())}"


_OWN = later({"baseline": "usual {value} {unit}", "best": "best {value} {unit}"})


def _change(change: str, unit: str, hours: str, *, down: bool) -> str:
    sign = "-" if down else "" if change.startswith("-") else "+"
    if not hours:
        return _("{change} {unit} from the usual", change=sign + change, unit=unit)
    amount = float(hours)
    if amount < 48:
        return _("{change} {unit} in {num} hours", change=sign + change, unit=unit, num=f"{amount:g}")
    return _("{change} {unit} in {num} days", change=sign + change, unit=unit, num=f"{amount / 24:g}")


def phrases(field: str) -> dict[str, str]:
    """What can be chosen in a field of an encounter note: code -> words, in the language of the request."""
    return {code: _(words) for code, words in PHRASES[field].items()}


def choices(table: Mapping[str, str]) -> dict[str, str]:
    """A table in the language of the request."""
    return {code: _(words) for code, words in table.items()}


FILTERS: dict[str, Callable[..., Any]] = {
    "measured": measured,
    "attempt_word": name_of(ATTEMPT),
    "attempts_over": name_of(LAST),
    "follow_up_word": name_of(FOLLOW_UP),
    "follow_up_state": name_of(FOLLOW_UP_STATE),
    "nurse_call_word": name_of(NURSE_CALL),
    "call_status": name_of(CALL_STATUS),
    "check_in_word": name_of(CHECK_IN),
    "activity_word": name_of(ACTIVITY),
    "time_code": name_of(CODE),
    "note_field": name_of(FIELDS),
    "perhaps_word": name_of(PERHAPS),
}
