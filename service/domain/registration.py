"""Registering patients from a list: one row as people write it becomes a checked value, or a problem for each field.

Problems name the field and what to write, and never repeat what was written (it may be a name or a number).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, time
from typing import TypeVar

from service.domain.phone_number import parse_phone_number
from service.domain.schedule import to_utc
from service.domain.wording import LANGUAGES

COLUMNS: dict[str, str] = {
    "name": "First and last name. Needed.",
    "birth_date": "As 1950-03-31. Needed; patients under 18 cannot be imported.",
    "record_number": "The patient's number in your own records; each once. Needed.",
    "phone": "The number that check-ins go to, as +12025550101. Needed; several patients may share one.",
    "phone_2": "A second number of the patient.",
    "language": "en or es. Default: en.",
    "zone": "The patient's time zone, such as America/New_York. Default: the organization's.",
    "team": "The team's name. May be left out where there is only one.",
    "conditions": "The problem list: heart_failure; copd",
    "medications": "name:kind or name:kind:high_alert; semicolons between: Furosemide:water_pill; Warfarin:anticoagulant:high_alert",
    "consent_sms": "The date on which the patient agreed to texts on `phone`. Without it no check-in text is sent.",
    "consent_voice": "The date on which the patient agreed to automatic calls on `phone`. Without it nobody is called.",
    "call_pin": "4 to 8 digits that the patient is asked for on the telephone. Default: the year of birth is.",
    "consent_detail": "yes when the patient agreed to drug and disease names in texts and calls. Default: no.",
    "per_day": "How many check-ins a day the patient agreed to, 1 to 10. Default: 1.",
    "consent_source": "How the consent was given, such as paper form. Default: import.",
    "consent_wording": "Version of the wording that the patient agreed to, with its warning that texts are not encrypted.",
    "number_confirmed": "The date on which staff heard from the patient that `phone` is theirs.",
    "related_name": "A relative or carer.",
    "related_phone": "Their number.",
    "relation": "daughter, carer, spouse ...",
}
"""Every column of the list and what to write in it."""

NEEDED = ("name", "birth_date", "record_number", "phone")
LONGEST = 200
MOST_IN_A_FIELD = 40
MOST_PER_DAY = 10
ADULT_AT = 18

_CODE = re.compile(r"[a-z][a-z0-9_]{1,39}")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class NewMedication:
    """A medicine on the list; `kind` is what rules know (water_pill, anticoagulant, insulin ...)."""

    name: str
    kind: str
    high_alert: bool


@dataclass(frozen=True, slots=True)
class NewConsent:
    """A consent to texts, or to calls, on the first number."""

    given_on: date
    detail: bool
    per_day: int
    source: str
    wording_version: str


@dataclass(frozen=True, slots=True)
class NewPatient:
    """A patient to register; "" and None mean: not said."""

    name: str
    birth_date: date
    record_number: str
    phones: tuple[str, ...]
    language: str = "en"
    zone: str = ""
    team: str = ""
    conditions: tuple[str, ...] = ()
    medications: tuple[NewMedication, ...] = ()
    consent: NewConsent | None = None
    """To texts."""
    call_consent: NewConsent | None = None
    call_pin: str = ""
    number_confirmed_on: date | None = None
    related_name: str = ""
    related_phone: str = ""
    relation: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one field of a row, and what to write instead."""

    field: str
    what: str


class RowProblems(Exception):
    """A row cannot be taken; `problems` holds everything that is wrong with it."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(f"{len(problems)} problems")
        self.problems = problems


def read_row(row: Mapping[str, str], today: date) -> NewPatient:
    """The patient that a row describes; columns that are left out count as empty. RowProblems names every wrong field."""
    reader = _Reader(row, today)
    phones = tuple(dict.fromkeys(filter(None, (reader.phone("phone", needed=True), reader.phone("phone_2")))))
    born = reader.date("birth_date", needed=True)
    if born is not None and _years(born, today) < ADULT_AT:
        reader.problem("birth_date", f"is of a person under {ADULT_AT}: consent of a parent or guardian cannot be imported from a list")
    consent, call_consent = _consents(reader)
    related_name, related_phone = reader.text("related_name"), reader.phone("related_phone")
    if related_phone and not related_name:
        reader.problem("related_name", "is empty although related_phone is not: write whose number it is")
    patient = NewPatient(
        name=reader.text("name", needed=True),
        birth_date=born or today,
        record_number=reader.text("record_number", needed=True),
        phones=phones,
        language=reader.one_of("language", LANGUAGES, "en"),
        zone=reader.zone("zone"),
        team=reader.text("team"),
        conditions=tuple(dict.fromkeys(reader.listed("conditions", _condition))),
        medications=tuple(reader.listed("medications", _medication)),
        consent=consent,
        call_consent=call_consent,
        call_pin=_pin(reader),
        number_confirmed_on=reader.date("number_confirmed"),
        related_name=related_name,
        related_phone=related_phone,
        relation=reader.text("relation")[:40],
    )
    if reader.problems:
        raise RowProblems(tuple(reader.problems))
    return patient


def parse_wall_time(text: str) -> time:
    """A time of day from "09:00". ValueError says what to write."""
    match = re.fullmatch(r"(\d{1,2}):(\d{2})", text.strip())
    if match is None or int(match[1]) > 23 or int(match[2]) > 59:
        raise ValueError("is no time of day: write it as 09:00, from 00:00 to 23:59")
    return time(int(match[1]), int(match[2]))


def _consents(reader: _Reader) -> tuple[NewConsent | None, NewConsent | None]:
    """To texts, and to calls."""
    texts_on, calls_on = reader.date("consent_sms"), reader.date("consent_voice")
    detail = reader.yes_no("consent_detail")
    per_day = reader.number("per_day", 1, MOST_PER_DAY)
    source, version = reader.text("consent_source") or "import", reader.text("consent_wording") or "not recorded"
    if detail and not reader.has("consent_sms") and not reader.has("consent_voice"):
        reader.problem("consent_sms", "is empty although consent_detail is yes: write the date of the consent")
    given = [NewConsent(on, detail, per_day, source[:64], version[:64]) if on is not None else None for on in (texts_on, calls_on)]
    return given[0], given[1]


def _pin(reader: _Reader) -> str:
    pin = reader.text("call_pin")
    if pin and not re.fullmatch(r"[0-9]{4,8}", pin):
        reader.problem("call_pin", "is no code for a telephone's keys: write 4 to 8 digits")
    return pin


def _condition(text: str) -> str:
    code = text.lower().replace(" ", "_")
    if not _CODE.fullmatch(code):
        raise ValueError("lists codes of letters, separated by semicolons, such as heart_failure; copd")
    return code


def _medication(text: str) -> NewMedication:
    parts = [part.strip() for part in text.split(":")]
    if len(parts) not in (2, 3) or not parts[0] or not _CODE.fullmatch(parts[1]) or len(parts[0]) > LONGEST:
        raise ValueError("lists medicines as name:kind or name:kind:high_alert, separated by semicolons")
    if len(parts) == 3 and parts[2] not in ("", "high_alert", "yes", "no"):
        raise ValueError("says high_alert (or yes, no) after the second colon, nothing else")
    return NewMedication(parts[0], parts[1], len(parts) == 3 and parts[2] in ("high_alert", "yes"))


def _years(born: date, today: date) -> int:
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


class _Reader:
    """Reads fields one by one and gathers what is wrong."""

    def __init__(self, row: Mapping[str, str], today: date) -> None:
        self._row = {key: " ".join(value.split()) for key, value in row.items()}
        self._today = today
        self.problems: list[Problem] = []

    def problem(self, field: str, what: str) -> None:
        self.problems.append(Problem(field, what))

    def has(self, field: str) -> bool:
        return bool(self._row.get(field))

    def text(self, field: str, *, needed: bool = False) -> str:
        value = self._row.get(field, "")
        if needed and not value:
            self.problem(field, "is empty")
        if len(value) > LONGEST:
            self.problem(field, f"is longer than {LONGEST} letters")
        if not value.isprintable():
            self.problem(field, "has letters that cannot be shown")
        return value

    def date(self, field: str, *, needed: bool = False) -> date | None:
        value = self._row.get(field, "")
        if not value:
            if needed:
                self.problem(field, "is empty")
            return None
        try:
            if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
                raise ValueError
            found = date.fromisoformat(value)
        except ValueError:
            self.problem(field, "is no date: write it as 2026-03-31")
            return None
        if not date(1900, 1, 1) <= found <= self._today:
            self.problem(field, "lies in the future" if found > self._today else "is before 1900")
            return None
        return found

    def phone(self, field: str, *, needed: bool = False) -> str:
        value = self.text(field, needed=needed)
        if not value:
            return ""
        try:
            return parse_phone_number(value)
        except ValueError as error:
            self.problem(field, str(error))
            return ""

    def zone(self, field: str) -> str:
        value = self._row.get(field, "")
        try:
            if value:
                to_utc(date(2026, 1, 1), time(12), value)
        except ValueError:
            self.problem(field, "is no time zone: write one such as America/New_York")
        return value

    def one_of(self, field: str, allowed: tuple[str, ...], default: str) -> str:
        value = self._row.get(field, "").lower() or default
        if value not in allowed:
            self.problem(field, f"must be one of {', '.join(allowed)}")
        return value

    def yes_no(self, field: str) -> bool:
        return self.one_of(field, ("yes", "no"), "no") == "yes"

    def number(self, field: str, least: int, most: int) -> int:
        value = self._row.get(field, "") or str(least)
        if not (value.isascii() and value.isdigit() and len(value) < 6 and least <= int(value) <= most):
            self.problem(field, f"must be a number from {least} to {most}")
            return least
        return int(value)

    def listed(self, field: str, read: Callable[[str], T]) -> list[T]:
        parts = [part.strip() for part in self._row.get(field, "").split(";") if part.strip()]
        if len(parts) > MOST_IN_A_FIELD:
            self.problem(field, f"lists more than {MOST_IN_A_FIELD}")
            return []
        found = []
        for part in parts:
            try:
                found.append(read(part))
            except ValueError as error:
                self.problem(field, str(error))
                return []
        return found
