"""The note of an encounter: what a nurse must have written down before an urgent item is closed, as one value that can be signed.

The fields are those that telephone nursing, utilization review and case management ask for together (docs: required fields of an
encounter note): identity verified twice, who spoke, where the patient is, situation, background, assessment with what was denied,
what was decided and why otherwise, advice with its teach-back, agreement, interpreter, who was told, minutes. What triggered the item
(words, rule, version, values) stands on the item itself and is never copied by hand.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from itertools import product
from typing import Any

from service.domain.escalation import Disposition, SpokeTo
from service.domain.urgency import Urgency

LONGEST = 2000
"""Characters of one field."""
MOST_MINUTES = 240


class Identifier(StrEnum):
    """By what the person on the line was known; two of them are asked for."""

    NAME = "name"
    BIRTH_DATE = "birth_date"
    ADDRESS = "address"
    RECORD_NUMBER = "record_number"
    CALL_CODE = "call_code"


class Place(StrEnum):
    """Where the patient is now."""

    HOME = "home"
    OTHER = "other"
    UNKNOWN = "unknown"


class Denied(StrEnum):
    """Danger signs that were asked about and are not there."""

    CHEST_PAIN = "chest_pain"
    BREATHLESS_AT_REST = "breathless_at_rest"
    FAINTING = "fainting"
    CONFUSION = "confusion"
    STROKE_SIGNS = "stroke_signs"
    BLEEDING = "bleeding"
    FEVER = "fever"
    SELF_HARM = "self_harm"


class Finding(StrEnum):
    """The assessment in one phrase."""

    STABLE = "stable"
    WORSE = "worse"
    IMPROVED = "improved"
    MISSED_MEDICINE = "missed_medicine"
    KNOWN = "known"
    UNCLEAR = "unclear"


class Advice(StrEnum):
    """What was advised, in one phrase each."""

    CALL_911_IF_WORSE = "call_911_if_worse"
    CALL_US_IF_WORSE = "call_us_if_worse"
    TAKE_AS_PRESCRIBED = "take_as_prescribed"
    MEASURE_AGAIN = "measure_again"
    REST_LEGS_UP = "rest_legs_up"
    SALT_AND_FLUIDS = "salt_and_fluids"
    COME_IN = "come_in"


class TeachBack(StrEnum):
    """What the patient could say back."""

    CORRECT = "correct"
    CORRECT_SECOND_TIME = "correct_second_time"
    NOT_YET = "not_yet"
    NOT_DONE = "not_done"  # nobody was spoken to


class Agreement(StrEnum):
    """Whether the patient will do it."""

    AGREES = "agrees"
    REFUSES = "refuses"
    UNDECIDED = "undecided"
    NOT_ASKED = "not_asked"


class Interpreter(StrEnum):
    """How the two understood each other."""

    NOT_NEEDED = "not_needed"
    STAFF = "staff"
    BY_PHONE = "by_phone"
    RELATIVE = "relative"  # chosen by the patient


class Notified(StrEnum):
    """Who else was told."""

    NOBODY_NEEDED = "nobody_needed"
    PRESCRIBER = "prescriber"
    ON_CALL_CLINICIAN = "on_call_clinician"
    EMERGENCY_CONTACT = "emergency_contact"
    EMERGENCY_SERVICES = "emergency_services"


class Override(StrEnum):
    """Why less was decided than the item's urgency suggests."""

    IMPROVED = "improved"
    KNOWN_AND_PLANNED = "known_and_planned"
    TREATED_ALREADY = "treated_already"
    PATIENT_REFUSED = "patient_refused"
    NOT_WHAT_IT_SEEMED = "not_what_it_seemed"


SUGGESTED = {
    Urgency.EMERGENCY: frozenset({Disposition.EMERGENCY_SERVICES, Disposition.EMERGENCY_DEPARTMENT}),
    Urgency.URGENT: frozenset(
        {Disposition.EMERGENCY_SERVICES, Disposition.EMERGENCY_DEPARTMENT, Disposition.SEEN_TODAY, Disposition.PRESCRIBER_INFORMED}
    ),
}
"""What an urgency suggests; anything else asks why (and COULD_NOT_REACH does not when calls are logged)."""


@dataclass(frozen=True, slots=True)
class Encounter:
    """What the nurse filled in; codes of the enums above, or "" while it is a draft."""

    spoke_to: str = ""
    who: str = ""
    """Name and relation of who spoke, when it was not the patient."""
    identifiers: tuple[str, ...] = ()
    place: str = ""
    place_words: str = ""
    interpreter: str = ""
    interpreter_words: str = ""
    situation: str = ""
    background: str = ""
    denied: tuple[str, ...] = ()
    finding: str = ""
    assessment: str = ""
    protocol: str = ""
    disposition: str = ""
    override: str = ""
    override_words: str = ""
    advice: tuple[str, ...] = ()
    advice_words: str = ""
    teach_back: str = ""
    agreement: str = ""
    notified: str = ""
    notified_words: str = ""
    """Whom exactly, when and how, and what they answered."""
    minutes: int = 0

    @classmethod
    def from_json(cls, text: str) -> Encounter:
        """The value that `to_json` wrote."""
        return cls.of(json.loads(text))

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Encounter:
        """From fields by name: what is not known is left out, what is too long is cut, codes that do not exist count as not chosen."""
        clean: dict[str, Any] = {}
        for name, codes in MANY.items():
            clean[name] = tuple(code for code in codes if code in set(values.get(name) or ()))
        for name, codes in CHOICES.items():
            clean[name] = str(values.get(name) or "") if values.get(name) in set(codes) else ""
        for name in WORDS:
            clean[name] = str(values.get(name) or "").strip()[:LONGEST]
        minutes = str(values.get("minutes") or 0)
        clean["minutes"] = min(int(minutes), MOST_MINUTES) if minutes.isascii() and minutes.isdigit() and len(minutes) < 6 else 0
        return cls(**clean)

    def to_json(self) -> str:
        """For the database, which encrypts it."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @property
    def spoken(self) -> bool:
        """Somebody was spoken to about the patient."""
        return self.spoke_to in (SpokeTo.PATIENT, SpokeTo.CAREGIVER)


CHOICES: Mapping[str, type[StrEnum]] = {
    "spoke_to": SpokeTo,
    "place": Place,
    "interpreter": Interpreter,
    "finding": Finding,
    "disposition": Disposition,
    "override": Override,
    "teach_back": TeachBack,
    "agreement": Agreement,
    "notified": Notified,
}
MANY: Mapping[str, type[StrEnum]] = {"identifiers": Identifier, "denied": Denied, "advice": Advice}
WORDS = tuple(field.name for field in fields(Encounter) if field.name not in {*CHOICES, *MANY, "minutes"})


def missing(note: Encounter, urgency: Urgency, *, called: bool = True) -> Iterator[str]:
    """The fields that stand empty and must not, in the order of the form, for an item of this urgency.

    With nobody spoken to, what only a talk can give is not asked for. `called`: a call is logged on the item.
    """
    if not note.spoke_to:
        yield "spoke_to"
    if note.spoke_to == SpokeTo.CAREGIVER and not note.who:
        yield "who"
    if note.spoken:
        if len(note.identifiers) < 2:
            yield "identifiers"
        if not note.place:
            yield "place"
        if note.place == Place.OTHER and not note.place_words:
            yield "place_words"
        if not note.interpreter:
            yield "interpreter"
    if not note.situation:
        yield "situation"
    if not note.finding and not note.assessment:
        yield "finding"
    if not note.disposition:
        yield "disposition"
    elif needs_override(note.disposition, urgency, called=called) and not note.override and not note.override_words:
        yield "override"
    if note.spoken:
        if not note.advice and not note.advice_words:
            yield "advice"
        if note.teach_back in ("", TeachBack.NOT_DONE):
            yield "teach_back"
        if note.agreement in ("", Agreement.NOT_ASKED):
            yield "agreement"
    if not note.notified:
        yield "notified"
    if note.disposition == Disposition.PRESCRIBER_INFORMED and note.notified not in (Notified.PRESCRIBER, Notified.ON_CALL_CLINICIAN):
        yield "notified"
    if note.minutes < 1:
        yield "minutes"


def perhaps_missing(note: Encounter, urgency: Urgency, *, called: bool = True) -> list[str]:
    """The fields that the answer to a missing one may ask for and that could not be signed as they are, in the order of the form.

    So that all is told at once: who was spoken to, where the patient is and what was decided each ask for more.
    """
    # Whoever was told is an answer, also where the decision may ask for another.
    lacks = {*missing(note, urgency, called=called), "notified"}
    answers = product(*((getattr(note, name),) if getattr(note, name) else ("", *CHOICES[name]) for name in _ASK_FOR_MORE))
    possible = (replace(note, **dict(zip(_ASK_FOR_MORE, each, strict=True))) for each in answers)
    may_lack = {name for one in possible for name in missing(one, urgency, called=called)} - lacks
    return [field.name for field in fields(Encounter) if field.name in may_lack]


_ASK_FOR_MORE = ("spoke_to", "place", "disposition")


def needs_override(disposition: str, urgency: Urgency, *, called: bool = True) -> bool:
    """True when less was decided than the urgency suggests, or nobody could be reached whom nobody has called: the note then says why."""
    suggested = SUGGESTED.get(urgency)
    if suggested is None or disposition in suggested:
        return False
    return not (disposition == Disposition.COULD_NOT_REACH and called)
