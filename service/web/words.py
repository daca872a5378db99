"""What pages say: codes, times and spans in words for a nurse. All of it is given to templates as filters."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from markupsafe import Markup, escape

from service.domain.phone_number import written_phone_number
from service.domain.reading import Span
from service.domain.segments import count_segments
from service.evaluation.flows.plain import limit_in_words, name_in_words
from service.web.language import _, counted, later
from service.web.times import age, clock_time, day_of, duration, long_day, month_of, short_day, time_left, waiting, wall_clock, weekday

URGENCY = later({"emergency": "Emergency", "urgent": "Urgent", "same_day": "Same day", "routine": "Routine"})
REACHED = later(
    {
        "none_needed": "No automatic answer was needed.",
        "on_its_way": "An automatic answer is on its way. It has not reached the patient yet.",
        "delivered": "An automatic answer has reached the patient's phone.",
        "not_reached": "No answer has reached the patient: call.",
    }
)
DISPOSITION = later(
    {
        "emergency_services": "Emergency services called",
        "emergency_department": "Sent to the emergency department",
        "seen_today": "To be seen today",
        "seen_later": "To be seen later",
        "prescriber_informed": "Prescriber informed",
        "advice_given": "Advice given",
        "could_not_reach": "Could not reach the patient",
        "no_action_needed": "No action needed",
    }
)
SPOKE_TO = later(
    {
        "patient": "The patient",
        "caregiver": "A caregiver",
        "emergency_services": "Emergency services",
        "nobody": "Nobody could be reached",
    }
)
STATUS = later(
    {
        "held": "waits for quiet hours to end",
        "due": "waiting to be sent",
        "claimed": "being sent",
        "accepted": "handed to the carrier",
        "sent": "sent",
        "delivered": "delivered",
        "undelivered": "not delivered",
        "failed": "failed",
        "unknown": "not known whether it was sent",
        "expired": "too late, not sent",
        "cancelled": "not sent",
        "received": "received",
    }
)
PURPOSE = later(
    {
        "reply": "Reply",
        "check_in": "Check-in",
        "reminder": "Reminder",
        "answer": "Automatic answer",
        "safety": "Safety message",
        "recheck": "Safety re-check",
        "opt_out_confirmation": "Opt-out confirmed",
        "opt_in_confirmation": "Opt-in confirmed",
        "help": "Answer to HELP",
        "neutral": "Neutral answer",
        "relative": "To a relative or carer",
        "nurse": "Nurse",
        "opening": "First message",
    }
)
WHY_NOT_SENT = later(
    {
        "unsafe_to_contact": "the number is not safe to contact",
        "opted_out": "the patient has opted out",
        "no_consent": "there is no consent",
        "patient_stopped": "messages to this patient have been stopped",
        "paused": "check-ins are paused",
        "agreed_frequency_reached": "the agreed number of messages was reached",
        "too_late_to_be_useful": "it was too late to be useful",
        "quiet_hours_outlast_it": "quiet hours would have outlasted it",
        "quiet_hours": "quiet hours",
        "state_hours": "the calling hours of the patient's state",
        "own_hours": "the patient wants no messages at this hour",
        "own_days": "the patient wants no messages on this day",
        "holiday": "a holiday, on which the patient has not agreed to check-ins",
        "state_hours_outlast_it": "the calling hours of the patient's state would have outlasted it",
        "own_hours_outlast_it": "the patient wants no messages at this hour, and later it would be of no use",
        "own_days_outlast_it": "the patient wants no messages on this day, and later it would be of no use",
        "holiday_outlast_it": "a holiday, on which the patient has not agreed to check-ins",
        "agreed_week_reached": "the agreed number of messages in seven days was reached",
        "parents_phone": "the programme is the adolescent's own affair, and the number is a parent's",
        "number_not_confirmed": "nobody has confirmed that the number is the patient's",
        "enrollment_stopped": "the programme has been stopped",
        "programme_over": "the programme is over by then",
        "no_phone": "the patient has no telephone number",
        "flow_not_approved": "no clinician's approval of this check-in stands",
        "answered_meanwhile": "the patient has answered otherwise",
        "no_birth_date_or_code": "no birth date or code is on record to know the patient by",
        "no_clinic_number": "the clinic has no number to name",
        "no_telephone": "no line to call by is set up",
        "expired": "too late to be useful",
        "cancelled": "cancelled",
        "no_sender_number": "no sending number is set up",
        "attempts_exhausted": "the provider refused it again and again",
        "unreadable": "the text could not be read from the database",
    }
)
HAPPENED = later(
    {
        "opened": "Opened",
        "raised": "Urgency raised",
        "lowered": "Urgency lowered",
        "message": "New message from the patient",
        "patient_silent": "No answer to the safety message",
        "safety_call_unanswered": "The automatic call brought no answer",
        "claimed": "Claimed",
        "claim_renewed": "Claim renewed",
        "lease_expired": "Claim ran out",
        "released": "Given back",
        "snoozed": "Item snoozed",
        "woken": "No longer snoozed",
        "undone": "Taken back",
        "finding_accepted": "Finding accepted as known",
        "hand_over_offered": "Offered at the hand-over",
        "handed_over": "Handed over",
        "hand_over_declined": "Hand-over declined",
        "hand_over_withdrawn": "Hand-over taken back",
        "hand_over_overdue": "Hand-over not answered: the supervisor is told",
        "hand_over_void": "Hand-over no longer needed",
        "paged": "Paged",
        "page_delivered": "The page has arrived",
        "page_failed": "The page has not arrived",
        "page_call": "Call to the person on call",
        "ack_unclear": "ACK by text that may be about another item: paging goes on",
        "nobody_on_call": "Nobody stood there on the rota",
        "promise_breaking": "What the patient was told is about to break",
        "promise_broken": "What the patient was told was not kept",
        "acknowledged": "Page acknowledged",
        "not_taken": "Seen, but nobody took it: the next is paged",
        "answered": "Concern answered",
        "note_written": "Note written",
        "reply_written": "Reply written",
        "resolved": "Closed",
        "transferred": "Moved to another team with the patient",
        "merged": "Two records of one person became one",
        "check_ins_paused": "Check-ins paused",
        "check_ins_resumed": "Check-ins resumed",
        "attempt_due": "The next call is due",
        "call_attempt": "Call logged",
        "nurse_called": "Called through Rounds",
    }
)
PROMISE_STATE = later({"kept": "kept", "renewed": "renewed", "broken": "not kept", "void": "never arrived"})
PAGE_CALL = later(
    {
        "declined": "passed on to the next person",
        "pin_refused": "three wrong PINs, the PIN is locked for a while",
        "pin_locked": "the PIN is locked",
        "no_pin_set": "no PIN is set, so nothing was told",
        "no_pin": "no PIN was given",
        "voicemail": "a machine answered",
        "gone": "somebody had taken note already",
    }
)
PAGED_ROLE = later(
    {
        "on_call": "on call",
        "backup": "back-up",
        "supervisor": "supervisor",
        "number": "further number",
        "team": "the team's number",
    }
)
PAUSE_KIND = later({"hospital": "In the hospital", "away": "Away from home", "other": "Another reason"})
PATIENT_STATUS = later({"active": "Active", "paused": "Paused", "deceased": "Deceased", "hospice": "In hospice care", "left": "Left care"})
LANGUAGE = later({"en": "English", "es": "Spanish"})


def name_of(table: dict[str, str]) -> Callable[[str], str]:
    """A filter that reads from this table, in the language of the request; a code that is not in it is shown in plain words."""
    return lambda code: _(table[code]) if code in table else str(code).replace("_", " ").capitalize()


def in_words(name: str) -> str:
    """A name of the clinical content as the beginning of a line: "Heart failure", "COPD"."""
    words = name_in_words(name)
    return words[:1].upper() + words[1:]


def limit_word(name: str) -> str:
    """What a personal limit is of, as the beginning of a line: "Weight gained in a day"."""
    words = limit_in_words(name)
    return words[:1].upper() + words[1:]


def programme_word(key: str) -> str:
    """The programme of a flow in words: "heart_failure/daily" is "Heart failure"."""
    programme = key.partition("/")[0]
    return "Every programme" if programme == "shared" else in_words(programme)


def marked(words: str, spans: Iterable[Span]) -> Markup:
    """The patient's words, escaped, with these spans in <mark>; spans that overlap are joined, those outside are cut off."""
    joined: list[list[int]] = []
    for start, end in sorted((max(0, start), min(len(words), end)) for start, end in spans):
        if start >= end:
            continue
        if joined and start <= joined[-1][1]:
            joined[-1][1] = max(joined[-1][1], end)
        else:
            joined.append([start, end])
    parts, at = [], 0
    for start, end in joined:
        parts += [escape(words[at:start]), Markup("<mark>"), escape(words[start:end]), Markup("</mark>")]
        at = end
    return Markup("").join([*parts, escape(words[at:])])


def texts(body: str) -> str:
    """How many texts a message takes: "160 characters, 1 text"."""
    characters = counted("{num} character", "{num} characters", len(body))
    return f"{characters}, {counted('{num} text', '{num} texts', count_segments(body).count)}"


FILTERS: dict[str, Callable[..., Any]] = {
    "urgency_word": name_of(URGENCY),
    "reached_words": name_of(REACHED),
    "disposition_word": name_of(DISPOSITION),
    "spoke_to_word": name_of(SPOKE_TO),
    "status_word": name_of(STATUS),
    "purpose_word": name_of(PURPOSE),
    "why_not_sent": name_of(WHY_NOT_SENT),
    "happened": name_of(HAPPENED),
    "patient_status": name_of(PATIENT_STATUS),
    "pause_kind": name_of(PAUSE_KIND),
    "language_word": name_of(LANGUAGE),
    "in_words": in_words,
    "limit_word": limit_word,
    "programme_word": programme_word,
    "duration": duration,
    "time_left": time_left,
    "waiting": waiting,
    "age": age,
    "clock_time": clock_time,
    "promise_state": name_of(PROMISE_STATE),
    "paged_role": name_of(PAGED_ROLE),
    "page_call": name_of(PAGE_CALL),
    "day_of": day_of,
    "long_day": long_day,
    "short_day": short_day,
    "month_of": month_of,
    "weekday": weekday,
    "wall_clock": wall_clock,
    "phone_number": written_phone_number,
    "marked": marked,
    "texts": texts,
}
