"""Calling hours by state and what patients agree to: reviewed content, read into plain values.

`flows/shared/calling_hours.yaml` and `flows/shared/consent.yaml` are read into these models; nothing else holds an hour of a law.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field

from service.domain.contact_hours import DAY, StateHours, Window
from service.domain.contact_law import STATES, ConsentWords, ContactLaw
from service.domain.texts import placeholders
from service.engine.checks import Problem
from service.engine.flow import Head
from service.engine.place import Place
from service.engine.shape import nearest
from service.engine.shared_file import missing_languages, plain, tell, validated
from service.engine.written import Localized, Model

_HOURS = re.compile(r"([01]\d|2[0-4]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MUST_BE_TOLD = ("clinic", "emergency_number", "crisis_line")
"""Placeholders that the words of a consent name."""


def _window(value: Any) -> Any:
    """ "09:00-20:00" -> a window in minutes."""
    if not isinstance(value, str):
        return value
    match = _HOURS.fullmatch(value)
    if match is None:
        raise ValueError('write hours such as "09:00-20:00"')
    opens, closes = int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])
    if not opens < closes <= DAY:
        raise ValueError('the hours end after they begin, at "24:00" at the latest')
    return Window(opens, closes)


Hours = Annotated[Window, BeforeValidator(_window)]


class State(Model):
    """The hours of one state."""

    name: str = Field(min_length=3)
    """In full."""
    source: str
    """A key of the file's `sources:`."""
    every_day: Hours
    """From when to when; a weekday that is named has its own hours instead."""
    monday: Hours | None = None
    tuesday: Hours | None = None
    wednesday: Hours | None = None
    thursday: Hours | None = None
    friday: Hours | None = None
    saturday: Hours | None = None
    sunday: Hours | None = None

    def days(self) -> tuple[Window, ...]:
        """Monday first."""
        return tuple(getattr(self, day) or self.every_day for day in _WEEKDAYS)


class CallingHours(Head):
    """shared/calling_hours.yaml: the hours of the states that are stricter than the federal ones."""

    kind: Literal["calling_hours"]
    """Says what the file is."""
    states: dict[str, State] = Field(min_length=1)
    """By two letters."""

    def values(self) -> dict[str, StateHours]:
        """By two letters, as the ruling takes them."""
        return {code: StateHours(code, one.name, one.days(), self.sources[one.source]) for code, one in self.states.items()}


class Version(Model):
    """A version of the words."""

    version: str = Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")
    """Its name, never used again for other words."""
    warning: str = Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")
    """The version of its warning that texts are not encrypted."""
    source: str
    """A key of the file's `sources:`."""
    says: Localized
    """The words."""


class Programmes(Model):
    """Programmes to which one rule applies."""

    source: str
    """A key of the file's `sources:`."""
    names: tuple[str, ...] = ()
    """Programmes by name."""


class ProgrammeRules(Model):
    """Which programmes need more than a consent to everything."""

    own_consent: Programmes
    """They need a consent that names them."""
    confidential: Programmes
    """Adolescents agree to them alone."""


class ConsentFile(Head):
    """shared/consent.yaml: what people agree to."""

    kind: Literal["consent"]
    """Says what the file is."""
    versions: tuple[Version, ...] = Field(min_length=1, max_length=100)
    """The words, the current version first."""
    programmes: ProgrammeRules
    """Programmes with rules of their own."""

    def words(self) -> tuple[ConsentWords, ...]:
        """The versions as plain values."""
        return tuple(ConsentWords(one.version, one.warning, plain(one.says)) for one in self.versions)


_PARTS: dict[str, type[BaseModel]] = {
    "states": State,
    "versions": Version,
    "programmes": ProgrammeRules,
    "own_consent": Programmes,
    "confidential": Programmes,
}


def parse_calling_hours(data: Any, file: str, texts: Mapping[str, Any]) -> CallingHours:
    """The content of the parsed file. FlowError names the line and what to write instead."""
    place = Place(data, file)
    found = validated(CallingHours, data, place, _PARTS)
    tell(place, found, _of_hours(found))
    return found


def parse_consent(data: Any, file: str, texts: Mapping[str, Any]) -> ConsentFile:
    """The content of the parsed file. FlowError names the line and what to write instead."""
    place = Place(data, file)
    found = validated(ConsentFile, data, place, _PARTS)
    tell(place, found, _of_consent(found))
    return found


def contact_law(hours: CallingHours, consent: ConsentFile) -> ContactLaw:
    """Both files as one value."""
    rules = consent.programmes
    return ContactLaw(hours.values(), frozenset(rules.own_consent.names), frozenset(rules.confidential.names), consent.words())


def _of_hours(one: CallingHours) -> Iterator[Problem]:
    for code, state in one.states.items():
        if code not in STATES:
            yield ("states", code), f'"{code}" is no state; {nearest(code, STATES)}'
        if state.source not in one.sources:
            yield ("states", code, "source"), f'"{state.source}" is not among sources:; {nearest(state.source, one.sources)}'


def _of_consent(one: ConsentFile) -> Iterator[Problem]:
    names = [each.version for each in one.versions]
    for number, each in enumerate(one.versions):
        if names.index(each.version) != number:
            yield ("versions", number, "version"), f'there is a version "{each.version}" already; give each its own name'
        if each.source not in one.sources:
            yield ("versions", number, "source"), f'"{each.source}" is not among sources:; {nearest(each.source, one.sources)}'
        yield from missing_languages(("versions", number, "says"), each.says)
        for language, form in each.says.items():
            missing = [name for name in _MUST_BE_TOLD if name not in placeholders(form.plain)]
            if missing:
                yield ("versions", number, "says", language), f"the words do not name {{{missing[0]}}}; they have to"
    for rule in ("own_consent", "confidential"):
        source = getattr(one.programmes, rule).source
        if source not in one.sources:
            yield ("programmes", rule, "source"), f'"{source}" is not among sources:; {nearest(source, one.sources)}'
