"""The first texts of a programme and the question whether the number is the patient's: reviewed content.

`flows/shared/opening.yaml` is read into this model; actions hold no text and no number of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Literal

from pydantic import BaseModel, Field

from service.domain.consent import Agreed
from service.domain.decision import Fired
from service.domain.facts import Facts
from service.domain.reading import Expects, FindingKind, Question, Reading
from service.domain.texts import placeholders
from service.domain.urgency import Urgency
from service.domain.wording import Wording
from service.engine.checks import Problem
from service.engine.flow import Head
from service.engine.place import Path, Place
from service.engine.shape import nearest
from service.engine.shared_file import missing_languages, plain, tell, validated
from service.engine.steps import NAME
from service.engine.written import Days, Localized, Minutes, Model

QUESTION = "number_confirmation"
"""Key among the texts of the question whether the number is the patient's."""
NUMBER_QUESTION = Question(Expects.YES_NO, step="number")
"""Open while nobody has confirmed that the number is the patient's."""
UNCONFIRMED = "machine.number_unconfirmed"
MUST_BE_TOLD = ("frequency", "emergency_number", "crisis_line")
"""Placeholders that one of the first texts names."""
MOST_DAYS_UNSAID = 36_500
"""Where nothing is said again."""
_WORDS_TO_TELL = {"en": ("HELP", "STOP"), "es": ("AYUDA", "ALTO")}
_ANSWERS = {"en": ("YES", "NO"), "es": ("SI", "NO")}


class Frequency(Model):
    """How often check-ins come at most, in words; {n} is the number that the patient agreed to."""

    once: Localized
    """Once a day."""
    more: Localized
    """More often."""
    weekly: Localized
    """Less than every day: {n} is the number in seven days."""


class OpeningText(Model):
    """One of the first texts."""

    name: str = Field(pattern=NAME, max_length=24)
    """Unique among the texts."""
    source: str = Field(min_length=3)
    """A key of the file's `sources:`."""
    again: Days | None = None
    """It is said again, before a check-in, when it was not said for so many days."""
    says: Localized
    """The text."""


class Unconfirmed(Model):
    """What it means that nobody has confirmed the number."""

    after: Minutes
    """How long after the enrollment a nurse is told."""
    urgency: Urgency
    """Of the item."""
    reason: str = Field(min_length=3)
    """What the nurse reads."""
    source: str = Field(min_length=3)
    """A key of the file's `sources:`."""


class Confirmation(Model):
    """The question whether the number is the patient's."""

    ask: Localized
    """The question."""
    source: str = Field(min_length=3)
    """A key of the file's `sources:`."""
    unconfirmed: Unconfirmed
    """What no answer means."""


class Opening(Head):
    """shared/opening.yaml: the first texts of a programme."""

    kind: Literal["opening"]
    """Says what the file is."""
    useful_for: Minutes
    """How long after the enrollment the texts are worth sending."""
    frequency: Frequency
    """What {frequency} says."""
    texts: tuple[OpeningText, ...] = Field(min_length=1, max_length=4)
    """In this order, before any question."""
    confirmation: Confirmation
    """Whose number is it?"""

    @property
    def useful(self) -> timedelta:
        """How long after the enrollment the texts are worth sending."""
        return timedelta(minutes=self.useful_for)

    @property
    def noticed_after(self) -> timedelta:
        """How long after the enrollment an unconfirmed number becomes an item."""
        return timedelta(minutes=self.confirmation.unconfirmed.after)

    def filled(self, wording: Wording, facts: Facts, agreed: Agreed, *, unconfirmed: bool) -> list[str]:
        """The first texts for a patient who agreed to so many check-ins; the question too while the number is `unconfirmed`."""
        weekly = agreed.per_week < 7 * agreed.per_day
        words = self.frequency.weekly if weekly else self.frequency.once if agreed.per_day == 1 else self.frequency.more
        often = agreed.per_week if weekly else agreed.per_day
        frequency = words.get(facts.language, words["en"]).plain.replace("{n}", str(often))
        keys = [*(each.name for each in self.texts), *([QUESTION] if unconfirmed else [])]
        return [wording.for_patient(key, facts, frequency=frequency) for key in keys]

    @property
    def again_after(self) -> timedelta:
        """After how long the first texts that are said again are due; the soonest of them."""
        return timedelta(days=min((each.again for each in self.texts if each.again is not None), default=MOST_DAYS_UNSAID))

    def repeated(self, wording: Wording, facts: Facts) -> list[str]:
        """What is said again."""
        return [wording.for_patient(each.name, facts) for each in self.texts if each.again is not None]

    def unconfirmed(self, waited: timedelta) -> Fired | None:
        """What a nurse is told of a number that nobody has confirmed for so long; None while it is too early."""
        rule = self.confirmation.unconfirmed
        return Fired(UNCONFIRMED, "machine", rule.urgency, rule.reason, self.sources[rule.source]) if waited >= self.noticed_after else None

    def completed(self, texts: Mapping[str, Any]) -> dict[str, Any]:
        """Raw texts of the wording with those of this file."""
        own = {each.name: plain(each.says) for each in self.texts}
        return {**{str(key): text for key, text in texts.items()}, **own, QUESTION: plain(self.confirmation.ask)}

    def place_of(self, key: str) -> Path:
        """Where in the file the text of this key stands; () when it is not of this file."""
        names = [each.name for each in self.texts]
        if key in names:
            return "texts", names.index(key), "says"
        return ("confirmation", "ask") if key == QUESTION else ()


def is_a_stranger(reading: Reading, *, asked: bool) -> bool:
    """Whether a reply says that the number is somebody else's; `asked`: it answers the question whose number it is."""
    return reading.has(FindingKind.WRONG_NUMBER) or (asked and reading.has(FindingKind.ANSWER, "no"))


_PARTS: dict[str, type[BaseModel]] = {
    "frequency": Frequency,
    "texts": OpeningText,
    "confirmation": Confirmation,
    "unconfirmed": Unconfirmed,
}


def parse_opening(data: Any, file: str, texts: Mapping[str, Any]) -> Opening:
    """The content of the parsed file; `texts` are those of the wording. FlowError names the line and what to write instead."""
    place = Place(data, file)
    found = validated(Opening, data, place, _PARTS)
    tell(place, found, _problems(found, texts))
    return found


def _problems(one: Opening, texts: Mapping[str, Any]) -> Iterator[Problem]:
    said: list[tuple[Path, Localized]] = [(("texts", n, "says"), each.says) for n, each in enumerate(one.texts)]
    asked: tuple[Path, Localized] = (("confirmation", "ask"), one.confirmation.ask)
    often: list[tuple[Path, Localized]] = [(("frequency", "once"), one.frequency.once), (("frequency", "more"), one.frequency.more)]
    often.append((("frequency", "weekly"), one.frequency.weekly))
    for path, text in (*said, asked, *often):
        yield from missing_languages(path, text)
    if all(each.again is None for each in one.texts):
        yield ("texts",), "none of the texts is said again; give the one on emergencies again: 30 d"
    names = [each.name for each in one.texts]
    for number, each in enumerate(one.texts):
        if each.name in texts or each.name == QUESTION or names.index(each.name) != number:
            yield ("texts", number, "name"), f'there is a text "{each.name}" already; give each its own name'
    confirmation = one.confirmation
    unconfirmed = confirmation.unconfirmed
    sources: list[tuple[Path, str]] = [(("texts", n, "source"), each.source) for n, each in enumerate(one.texts)]
    sources.append((("confirmation", "source"), confirmation.source))
    sources.append((("confirmation", "unconfirmed", "source"), unconfirmed.source))
    for path, source in sources:
        if source not in one.sources:
            yield path, f'"{source}" is not among sources:; {nearest(source, one.sources)}'
    for name, forms in (("more", one.frequency.more), ("weekly", one.frequency.weekly)):
        for language, form in forms.items():
            if "{n}" not in form.plain:
                yield ("frequency", name, language), "say how often with {n}"
    for path, text in (*said, asked):
        for language, form in text.items():
            if "clinic" not in placeholders(form.plain):
                yield (*path, language), "say who writes with {clinic}"
    for language, words in _WORDS_TO_TELL.items():
        together = " ".join(each.says[language].plain for each in one.texts if language in each.says)
        if missing := [name for name in MUST_BE_TOLD if name not in placeholders(together)]:
            yield ("texts",), f"none of the texts in {language} names {{{missing[0]}}}; it has to be told before the first question"
        if unsaid := [word for word in words if word not in together]:
            yield ("texts",), f"none of the texts in {language} says {unsaid[0]}; it has to be told before the first question"
    for language, answers in _ANSWERS.items():
        if language in asked[1] and not all(word in asked[1][language].plain for word in answers):
            yield ("confirmation", "ask", language), f"offer the answers {' and '.join(answers)}"
