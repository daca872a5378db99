"""What pages say: codes, times and spans in words for a nurse. All of it is given to templates as filters."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from typing import Any

from markupsafe import Markup, escape

from service.domain.phone_number import written_phone_number
from service.domain.reading import Span
from service.domain.schedule import to_local
from service.domain.segments import count_segments
from service.evaluation.flows.plain import limit_in_words, name_in_words

URGENCY = {"emergency": "Emergency", "urgent": "Urgent", "same_day": "Same day", "routine": "Routine"}
REACHED = {
    "none_needed": "No automatic answer was needed.",
    "on_its_way": "An automatic answer is on its way. It has not reached the patient yet.",
    "delivered": "An automatic answer has reached the patient's phone.",
    "not_reached": "No answer has reached the patient: call.",
}
DISPOSITION = {
    "emergency_services": "Emergency services called",
    "emergency_department": "Sent to the emergency department",
    "seen_today": "To be seen today",
    "seen_later": "To be seen later",
    "prescriber_informed": "Prescriber informed",
    "advice_given": "Advice given",
    "could_not_reach": "Could not reach the patient",
    "no_action_needed": "No action needed",
}
SPOKE_TO = {
    "patient": "The patient",
    "caregiver": "A caregiver",
    "emergency_services": "Emergency services",
    "nobody": "Nobody could be reached",
}
STATUS = {
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
PURPOSE = {
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
    "nurse": "Nurse",
    "opening": "First message",
}
WHY_NOT_SENT = {
    "unsafe_to_contact": "the number is not safe to contact",
    "opted_out": "the patient has opted out",
    "no_consent": "there is no consent",
    "patient_stopped": "messages to this patient have been stopped",
    "paused": "check-ins are paused",
    "agreed_frequency_reached": "the agreed number of messages was reached",
    "too_late_to_be_useful": "it was too late to be useful",
    "quiet_hours_outlast_it": "quiet hours would have outlasted it",
    "quiet_hours": "quiet hours",
    "no_sender_number": "no sending number is set up",
    "attempts_exhausted": "the provider refused it again and again",
    "unreadable": "the text could not be read from the database",
}
HAPPENED = {
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
    "paged": "On-call number texted",
    "page_delivered": "On-call number has the text",
    "page_failed": "Text to the on-call number failed",
    "acknowledged": "Page acknowledged",
    "not_taken": "Seen, but nobody took it: paged again",
    "answered": "Concern answered",
    "note_written": "Note written",
    "reply_written": "Reply written",
    "resolved": "Closed",
    "check_ins_paused": "Check-ins paused",
    "check_ins_resumed": "Check-ins resumed",
}
PAUSE_KIND = {"hospital": "In the hospital", "away": "Away from home", "other": "Another reason"}
PATIENT_STATUS = {"active": "Active", "paused": "Paused", "deceased": "Deceased", "hospice": "In hospice care", "left": "Left care"}
LANGUAGE = {"en": "English", "es": "Spanish"}


def name_of(table: dict[str, str]) -> Callable[[str], str]:
    """A filter that reads from this table; a code that is not in it is shown in plain words."""
    return lambda code: table.get(code) or str(code).replace("_", " ").capitalize()


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


def duration(span: timedelta) -> str:
    """A length of time in one or two units: "under 1 min", "12 min", "3 h 5 min", "2 days 4 h"."""
    minutes = int(span.total_seconds() // 60)
    if minutes < 1:
        return "under 1 min"
    if minutes < 60:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {rest} min" if rest and hours < 6 else f"{hours} h"
    days, rest_hours = divmod(hours, 24)
    return f"{days} day{'s' if days > 1 else ''}" + (f" {rest_hours} h" if rest_hours and days < 3 else "")


def time_left(due_at: datetime, now: datetime) -> str:
    """ "12 min left" or "overdue by 3 min"."""
    return f"{duration(due_at - now)} left" if due_at > now else f"overdue by {duration(now - due_at)}"


def waiting(since: datetime, now: datetime) -> str:
    """How long something has waited: "12 min"."""
    return duration(max(now - since, timedelta(0)))


def age(birth_date: str, now: datetime, zone: str) -> int | None:
    """Age in whole years today; None when the birth date is not known."""
    try:
        born = date.fromisoformat(birth_date)
    except ValueError:
        return None
    today = to_local(now, zone).date()
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def clock_time(instant: datetime, zone: str, now: datetime) -> str:
    """A moment on the clock of a zone: "10:04 am" today, "Mon 16 Nov, 10:04 am" on other days."""
    local, today = to_local(instant, zone), to_local(now, zone)
    clock = f"{local:%I:%M} {local:%p}".lstrip("0").lower()
    if local.date() == today.date():
        return clock
    year = f" {local.year}" if local.year != today.year else ""
    return f"{local:%a} {local.day} {local:%b}{year}, {clock}"


def day_of(text: str) -> str:
    """An ISO date as "1 March 1950"; "" when it is none."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return ""
    return f"{day.day} {day:%B %Y}"


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
    count = count_segments(body).count
    return f"{len(body)} character{'' if len(body) == 1 else 's'}, {count} text{'' if count == 1 else 's'}"


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
    "day_of": day_of,
    "phone_number": written_phone_number,
    "marked": marked,
    "texts": texts,
}
