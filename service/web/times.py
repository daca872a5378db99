"""Moments, days and lengths of time in words, in the language of the request.

Both languages keep the twelve-hour clock and write numbers as the United States do (1,234.5), whose nurses read these pages.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from service.domain.schedule import to_local
from service.web.language import _, counted, spoken

WEEKDAYS = {
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "es": ("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"),
}
MONTHS = {
    "en": ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"),
    "es": ("enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre"),
}
HALVES = {"en": ("am", "pm"), "es": ("a. m.", "p. m.")}
SHORT = 3
"""Letters of a shortened weekday or month: "Mon", "nov"."""


def weekday(day: date) -> str:
    """The day of the week: "Monday", "lunes"."""
    return WEEKDAYS[spoken()][day.weekday()]


def short_day(day: date) -> str:
    """A day without its year: "Mon 16 Nov", "lun 16 nov"."""
    return f"{weekday(day)[:SHORT]} {day.day} {MONTHS[spoken()][day.month - 1][:SHORT]}"


def long_day(day: date) -> str:
    """A whole date: "1 March 1950", "1 de marzo de 1950"."""
    month = MONTHS[spoken()][day.month - 1]
    return f"{day.day} de {month} de {day.year}" if spoken() == "es" else f"{day.day} {month} {day.year}"


def day_of(text: str) -> str:
    """An ISO date as `long_day` writes it; "" when it is none."""
    try:
        return long_day(date.fromisoformat(text))
    except ValueError:
        return ""


def month_of(day: date) -> str:
    """The month of a day: "November 2026", "noviembre de 2026"."""
    month = MONTHS[spoken()][day.month - 1]
    return f"{month} de {day.year}" if spoken() == "es" else f"{month} {day.year}"


def wall_clock(local: datetime | time) -> str:
    """The time of a local moment: "10:04 am", "10:04 a. m."."""
    return f"{local:%I:%M}".lstrip("0") + f" {HALVES[spoken()][local.hour >= 12]}"


def day_end(local: datetime) -> str:
    """The time at which a stretch of a day ends, where 12:00 am would read as its beginning: "midnight"."""
    return _("midnight") if local.time() == time() else wall_clock(local)


def clock_time(instant: datetime, zone: str, now: datetime) -> str:
    """A moment on the clock of a zone: "10:04 am" today, "Mon 16 Nov, 10:04 am" on other days, with the year where it is another."""
    local, today = to_local(instant, zone), to_local(now, zone)
    if local.date() == today.date():
        return wall_clock(local)
    year = f" {local.year}" if local.year != today.year else ""
    return f"{short_day(local.date())}{year}, {wall_clock(local)}"


def duration(span: timedelta) -> str:
    """A length of time in one or two units: "under 1 min", "12 min", "3 h 5 min", "2 days 4 h"."""
    minutes = int(span.total_seconds() // 60)
    if minutes < 1:
        return _("under 1 min")
    if minutes < 60:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {rest} min" if rest and hours < 6 else f"{hours} h"
    days, rest_hours = divmod(hours, 24)
    return counted("{num} day", "{num} days", days) + (f" {rest_hours} h" if rest_hours and days < 3 else "")


def time_left(due_at: datetime, now: datetime) -> str:
    """ "12 min left" or "overdue by 3 min"."""
    if due_at > now:
        return _("{span} left", span=duration(due_at - now))
    return _("overdue by {span}", span=duration(now - due_at))


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
