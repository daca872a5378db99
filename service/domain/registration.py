"""Registering patients from a list: one row as people write it becomes a checked value, or a problem for each field.

Problems name the field and what to write, and never repeat what was written (it may be a name or a number).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time
from difflib import get_close_matches

from service.domain.consent import MOST_PER_DAY, PER_WEEK, Method, of_age_on
from service.domain.contact_hours import EVERY_DAY, NO_WISH, Wish
from service.domain.contact_law import STATES
from service.domain.row_reader import LONGEST, Problem, RowReader
from service.domain.wording import LANGUAGES

COLUMNS: dict[str, str] = {
    "name": "First and last name. Needed.",
    "birth_date": "As 1950-03-31. Needed; under 18 leave the consents empty and record a guardian's: rounds consents record.",
    "record_number": "The patient's number in your own records; each once. Needed.",
    "phone": "The number that check-ins go to, as +12025550101. Needed; several patients may share one.",
    "phone_2": "A second number of the patient.",
    "language": "en or es. Default: en.",
    "zone": "The patient's time zone, such as America/New_York. Default: the organization's.",
    "address": "Where the patient lives.",
    "state": "The state of that address, two letters such as TX: the hours of its law hold. Never to be guessed from the number.",
    "contact_hours": "When the patient wants messages, where it is less than the usual hours, such as 10:00-18:00.",
    "contact_days": "On which days, where it is not all of them: mon; tue; wed; thu; fri",
    "on_holidays": "yes when the patient agreed to check-ins on your holidays. Default: no.",
    "team": "The team's name. May be left out where there is only one.",
    "conditions": "The problem list: heart_failure; copd",
    "medications": "name:kind or name:kind:high_alert; semicolons between: Furosemide:water_pill; Warfarin:anticoagulant:high_alert",
    "consent_sms": "The date on which the patient agreed to texts on `phone`. Without it no check-in text is sent.",
    "consent_voice": "The date on which the patient agreed to automatic calls on `phone`. Without it nobody is called.",
    "call_pin": "4 to 8 digits that the patient is asked for on the telephone. Default: the year of birth is.",
    "consent_detail": "yes when the patient agreed to drug and disease names in texts and calls. Default: no.",
    "per_day": "How many check-ins a day the patient agreed to, 1 to 10. Default: 1.",
    "per_week": "How many in seven days, 1 to 70. Default: 3 where per_day is empty, else every day.",
    "consent_method": "How the consent was given: paper, verbal, text or web. Default: import.",
    "consent_source": "The same in your own words, such as paper form. Default: import.",
    "consent_wording": "Version of the words that the patient agreed to: one of Rounds', or one recorded with rounds consents words.",
    "number_confirmed": "The date on which staff heard from the patient that `phone` is theirs.",
    "related_name": "A relative or carer.",
    "related_phone": "Their number.",
    "relation": "daughter, carer, spouse ...",
}
"""Every column of the list and what to write in it."""

NEEDED = ("name", "birth_date", "record_number", "phone")
NOT_RECORDED = "not recorded"
"""Instead of a version: nobody has said which words were agreed to."""

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

_CODE = re.compile(r"[a-z][a-z0-9_]{1,39}")


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
    per_week: int | None = None
    """None: every day."""
    method: Method = Method.IMPORT


@dataclass(frozen=True, slots=True)
class NewPatient:
    """A patient to register; "" and None mean: not said."""

    name: str
    birth_date: date
    record_number: str
    phones: tuple[str, ...]
    language: str = "en"
    zone: str = ""
    address: str = ""
    state: str = ""
    wish: Wish = NO_WISH
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


class RowProblems(Exception):
    """A row cannot be taken; `problems` holds everything that is wrong with it."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(f"{len(problems)} problems")
        self.problems = problems


def read_row(row: Mapping[str, str], today: date) -> NewPatient:
    """The patient that a row describes; columns that are left out count as empty. RowProblems names every wrong field."""
    reader = RowReader(row, today)
    phones = tuple(dict.fromkeys(filter(None, (reader.phone("phone", needed=True), reader.phone("phone_2")))))
    born = reader.date("birth_date", needed=True)
    consent, call_consent = _consents(reader)
    if born is not None and of_age_on(born) > today:
        for field in ("consent_sms", "consent_voice"):
            if reader.has(field):
                what = "is of a person under 18: leave it empty and record the consent of a parent or guardian with rounds consents record"
                reader.problem(field, what)
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
        address=reader.text("address"),
        state=_state(reader),
        wish=_wish(reader),
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


@dataclass(frozen=True, slots=True)
class KnownWords:
    """The conditions and the kinds of medicines that rules know: any other word would be a slip that silently switches rules off."""

    conditions: frozenset[str]
    medicines: frozenset[str]

    def problems(self, patient: NewPatient) -> list[Problem]:
        """What no rule knows, with the nearest word that one does."""
        wrong = [("conditions", one, self.conditions) for one in patient.conditions if one not in self.conditions]
        wrong += [("medications", one.kind, self.medicines) for one in patient.medications if one.kind not in self.medicines]
        return [Problem(field, _no_rule_knows(word, known)) for field, word, known in wrong]


def _no_rule_knows(word: str, known: frozenset[str]) -> str:
    near = get_close_matches(word, sorted(known), n=1, cutoff=0.6)
    meant = f"did you mean {near[0]}? Known" if near else "known"
    return f"lists a word that no rule knows; {meant} are {', '.join(sorted(known))}; leave out what is none of these"


def parse_wall_time(text: str) -> time:
    """A time of day from "09:00". ValueError says what to write."""
    match = re.fullmatch(r"(\d{1,2}):(\d{2})", text.strip())
    if match is None or int(match[1]) > 23 or int(match[2]) > 59:
        raise ValueError("is no time of day: write it as 09:00, from 00:00 to 23:59")
    return time(int(match[1]), int(match[2]))


def parse_hours(text: str) -> tuple[time, time]:
    """Hours of a day from "10:00-18:00". ValueError says what to write."""
    first, dash, last = text.partition("-")
    if not dash:
        raise ValueError("are no hours: write them as 10:00-18:00")
    opens, closes = parse_wall_time(first), parse_wall_time(last)
    if opens >= closes:
        raise ValueError("end before they begin: write them as 10:00-18:00")
    return opens, closes


def parse_weekday(text: str) -> int:
    """0 for mon or Monday. ValueError says what to write."""
    for number, day in enumerate(WEEKDAYS):
        if text.lower() in (day, day[:3]):
            return number
    raise ValueError("lists days of the week such as mon; tue; wed, separated by semicolons")


def _consents(reader: RowReader) -> tuple[NewConsent | None, NewConsent | None]:
    """To texts, and to calls."""
    texts_on, calls_on = reader.date("consent_sms"), reader.date("consent_voice")
    detail = reader.yes_no("consent_detail")
    per_day = reader.number("per_day", 1, MOST_PER_DAY)
    weekly = reader.number("per_week", 1, 7 * MOST_PER_DAY)
    per_week = weekly if reader.has("per_week") else None if reader.has("per_day") else PER_WEEK
    method = reader.one_of("consent_method", tuple(Method), Method.IMPORT)
    source, version = reader.text("consent_source") or "import", reader.text("consent_wording") or NOT_RECORDED
    if detail and not reader.has("consent_sms") and not reader.has("consent_voice"):
        reader.problem("consent_sms", "is empty although consent_detail is yes: write the date of the consent")
    how = (detail, per_day, source[:64], version[:64], per_week, Method(method) if method in set(Method) else Method.IMPORT)
    return NewConsent(texts_on, *how) if texts_on is not None else None, NewConsent(calls_on, *how) if calls_on is not None else None


def _state(reader: RowReader) -> str:
    code = reader.text("state").upper()
    if code and code not in STATES:
        reader.problem("state", "is no state: write its two letters, such as TX")
    return code


def _wish(reader: RowReader) -> Wish:
    opens, closes, days = None, None, EVERY_DAY
    try:
        if reader.has("contact_hours"):
            opens, closes = parse_hours(reader.text("contact_hours"))
    except ValueError as error:
        reader.problem("contact_hours", str(error))
    if reader.has("contact_days"):
        days = frozenset(reader.listed("contact_days", parse_weekday))
    return Wish(opens, closes, days, reader.yes_no("on_holidays"))


def _pin(reader: RowReader) -> str:
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
