"""A time in the words a patient reads: "within 1 hour", "by 6 pm today", "Monday morning", in English and Spanish; and what becomes of it.

The Spanish avoids the letters á, í, ó, ú where it can: they are outside GSM-7 and would more than halve what fits in a
text (so a Saturday is named by its date).
"""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta
from enum import StrEnum

_DAYS_EN = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DAYS_ES = ("lunes", "martes", "miércoles", "jueves", "viernes", "", "domingo")
_MONTHS_EN = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_MONTHS_ES = (
    "enero",
    "febrero",
    "marzo",
    "abril",
    "mayo",
    "junio",
    "julio",
    "agosto",
    "septiembre",
    "octubre",
    "noviembre",
    "diciembre",
)
_PARTS_EN = ("morning", "afternoon", "evening")
_PARTS_ES = ("por la mañana", "por la tarde", "por la noche")


class PromiseKind(StrEnum):
    """How a promise is put."""

    MINUTES = "minutes"
    HOUR = "hour"
    BY_HOUR = "by_hour"
    PART_OF_DAY = "part_of_day"
    UNKNOWN = "unknown"


class PromiseState(StrEnum):
    """What has become of a promise."""

    OPEN = "open"
    KEPT = "kept"  # a nurse has answered in time
    RENEWED = "renewed"  # the patient was told of a new time before it broke
    BROKEN = "broken"
    VOID = "void"  # it never reached the patient


WARN_BEFORE = timedelta(minutes=15)
"""So long before it breaks (or a quarter of its time, when that is shorter) a promise is renewed and the lead is paged."""


def warned_at(made_at: datetime, due_at: datetime) -> datetime:
    """When somebody has to be told that a promise is about to break."""
    return due_at - min(WARN_BEFORE, (due_at - made_at) / 4)


_SENTENCES = re.compile(r"[^.?!]*[.?!]?")
_SOMEBODY = re.compile(r"\b(nurse|enfermeras?)\b", re.IGNORECASE)


def promised(text: str, words: str) -> bool:
    """True when a sentence of this text says that a nurse will do something by these words; a question promises nothing.

    The words may hold periods themselves ("a. m."), so they are looked for as a whole first.
    """
    if not words or words not in text:
        return False
    for sentence in _SENTENCES.findall(text.replace(words, "\x00")):
        before, found, _ = sentence.partition("\x00")
        if found and _SOMEBODY.search(before) and not sentence.rstrip().endswith("?"):
            return True
    return False


def last_moment(kind: PromiseKind, due: datetime) -> datetime:
    """The last wall clock moment that still keeps words for `due` (naive, of the same zone): the half hour, or the part's end."""
    if kind is not PromiseKind.PART_OF_DAY:
        return _half_hour_up(due)
    part = _part(due)
    midnight = datetime.combine(due.date() + timedelta(days=1), time())
    return midnight if part == 2 else datetime.combine(due.date(), (time(12), time(17))[part])


_FIXED = {
    (PromiseKind.MINUTES, "en"): "within 15 minutes",
    (PromiseKind.MINUTES, "es"): "en 15 minutos",
    (PromiseKind.HOUR, "en"): "within 1 hour",
    (PromiseKind.HOUR, "es"): "en 1 hora",
    (PromiseKind.UNKNOWN, "en"): "when the clinic opens again",
    (PromiseKind.UNKNOWN, "es"): "cuando abra de nuevo el consultorio",
}


def promise_words(kind: PromiseKind, language: str, now: datetime | None = None, due: datetime | None = None) -> str:
    """The promise in words. `now` and `due` are naive wall clocks of the same zone, needed unless the words are fixed.

    A clock time is rounded up to the next half hour, so that the words never promise more than the item's clock.
    Languages other than Spanish read English. ValueError when the times are missing.
    """
    spanish = language == "es"
    fixed = _FIXED.get((kind, "es" if spanish else "en"))
    if fixed is not None:
        return fixed
    if now is None or due is None:
        raise ValueError("a promise by hour or day needs the wall clock now and when the answer is due")
    if kind is PromiseKind.PART_OF_DAY:
        return _part_es(now, due) if spanish else _part_en(now, due)
    due = _half_hour_up(due)
    if (due.hour, due.minute) == (0, 0):
        due -= timedelta(minutes=1)
        return f"{_day_es(now, due)} antes de la medianoche" if spanish else f"by midnight {_day_en(now, due)}"
    if spanish:
        article = "la" if due.hour % 12 == 1 else "las"
        return f"{_day_es(now, due)} antes de {article} {_clock(due)} {'a. m.' if due.hour < 12 else 'p. m.'}"
    clock = "noon" if (due.hour, due.minute) == (12, 0) else f"{_clock(due)} {'am' if due.hour < 12 else 'pm'}"
    return f"by {clock} {_day_en(now, due)}"


def _part_en(now: datetime, due: datetime) -> str:
    part = _PARTS_EN[_part(due)]
    if (due.date() - now.date()).days >= 7:
        return f"on the {part} of {_MONTHS_EN[due.month - 1]} {due.day}"
    return f"this {part}" if due.date() == now.date() else f"{_day_en(now, due)} {part}"


def _part_es(now: datetime, due: datetime) -> str:
    return f"{_day_es(now, due)} {_PARTS_ES[_part(due)]}"


def _day_en(now: datetime, due: datetime) -> str:
    days = (due.date() - now.date()).days
    if days <= 1:
        return ("today", "tomorrow")[max(days, 0)]
    return _DAYS_EN[due.weekday()] if days < 7 else f"on {_MONTHS_EN[due.month - 1]} {due.day}"


def _day_es(now: datetime, due: datetime) -> str:
    days = (due.date() - now.date()).days
    if days <= 1:
        return ("hoy", "mañana")[max(days, 0)]
    name = _DAYS_ES[due.weekday()]
    return f"el {name}" if days < 7 and name else f"el {due.day} de {_MONTHS_ES[due.month - 1]}"


def _part(due: datetime) -> int:
    return 0 if due.hour < 12 else 1 if due.hour < 17 else 2


def _half_hour_up(due: datetime) -> datetime:
    past = timedelta(minutes=due.minute % 30, seconds=due.second, microseconds=due.microsecond)
    return due if not past else due - past + timedelta(minutes=30)


def _clock(due: datetime) -> str:
    hour = due.hour % 12 or 12
    return f"{hour}:{due.minute:02d}" if due.minute else f"{hour}"
