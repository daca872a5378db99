"""What follows a safety text: the question at its end, what each answer raises and is told, what silence means. Reviewed content.

`flows/shared/follow_through.yaml` is read into this model; actions ask it, and hold no text and no number of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import cached_property
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.domain.decision import Fired
from service.domain.escalation import SAFETY_ANSWER
from service.domain.facts import Facts
from service.domain.reading import Choice, Expects, FindingKind, Question, Reading
from service.domain.urgency import Urgency
from service.domain.wording import Wording
from service.engine.checks import OPT_OUT_WORDS, Problem
from service.engine.flow import Head, content_hash
from service.engine.place import Place
from service.engine.shape import nearest
from service.engine.shared_file import missing_languages, plain, tell, validated
from service.engine.steps import MAX_CHOICES, NAME
from service.engine.written import Localized, Minutes, Model

STEP = "safety"
"""The step of the question: rules of its answers are safety.called and so on."""
FLOW_TEXT = "flow"
"""Key of a safety text that a flow has worded itself; it asks what the text of an emergency asks."""
EMERGENCY = "emergency"
SPOKEN_QUESTION, CALL = "safety_keys", "safety_call"
"""Keys of the script: the question by keys, and what an automatic call says first."""


class SafetyQuestion(Model):
    """The question, as it ends safety texts and as it is asked on the telephone."""

    after: dict[str, Localized] = Field(min_length=1)
    """By the key of a safety text in shared/wording.yaml: the words that end it, each answer with its number."""
    say: Localized
    """The same, spoken, with its keys."""


class SafetyAnswer(Model):
    """One answer; its number is its place in the list."""

    value: str = Field(pattern=NAME, max_length=24)
    """The name under which it is kept."""
    words: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Other words for it, by language."""
    urgency: Urgency
    """Of the concern that it adds to the nurse's item."""
    reason: str = Field(min_length=3)
    """What the nurse reads."""
    source: str = Field(min_length=3)
    """A key of the file's `sources:`."""
    answer: Localized
    """What the patient hears."""
    say: Localized | None = None
    """The same, spoken; without it the text is."""


class SafetySilence(Model):
    """What no answer to a safety text means."""

    after: Minutes
    """How long after the text the item says that the patient is silent."""
    source: str = Field(min_length=3)
    """A key of the file's `sources:`."""
    call_after: tuple[str, ...] = ()
    """Safety texts after which the machine calls once; never where that is not agreed to, or not safe."""
    say: Localized
    """What the call says first, before the question; no word about health, since anybody may pick up."""


class FollowThrough(Head):
    """shared/follow_through.yaml: what follows a safety text."""

    model_config = ConfigDict(ignored_types=(cached_property,))

    kind: Literal["follow_through"]
    """Says what the file is."""
    answers_within: Minutes
    """How long after the safety text a bare number is the answer to it."""
    question: SafetyQuestion
    """What is asked."""
    choices: tuple[SafetyAnswer, ...] = Field(min_length=2, max_length=MAX_CHOICES)
    """The answers, in the order of their numbers."""
    silence: SafetySilence
    """What no answer means."""

    @cached_property
    def asked(self) -> Question:
        """The question in whose light an answer is read; always the same object."""
        choices = tuple(
            Choice(number, one.value, tuple(word for words in one.words.values() for word in words))
            for number, one in enumerate(self.choices, 1)
        )
        return Question(Expects.CHOICE, step=STEP, choices=choices)

    @cached_property
    def version(self) -> str:
        """Names the content on an item: its hash."""
        return f"follow_through+{content_hash(self.model_dump(mode='json'))[:8]}"

    @property
    def within(self) -> timedelta:
        """How long an answer counts."""
        return timedelta(minutes=self.answers_within)

    @property
    def silent_after(self) -> timedelta:
        """How long after the safety text the patient counts as silent."""
        return timedelta(minutes=self.silence.after)

    def asks(self, key: str) -> bool:
        """Whether the safety text of this key ends in the question."""
        return key in self.question.after or key == FLOW_TEXT

    def calls(self, key: str, waited: timedelta) -> bool:
        """Whether silence of that length after the safety text of this key is called by the machine."""
        wanted = EMERGENCY if key in (FLOW_TEXT, f"{EMERGENCY}_instructed") else key
        return wanted in self.silence.call_after and waited >= self.silent_after

    def answered(self, reading: Reading) -> Fired | None:
        """What an answer means for the nurse; None for words that are none."""
        found = reading.first(FindingKind.CHOICE)
        one = next((each for each in self.choices if found is not None and each.value == found.name), None)
        if found is None or one is None:
            return None
        return Fired(f"{SAFETY_ANSWER}{one.value}", self.version, one.urgency, one.reason, self.sources[one.source], (found.span,))

    def reply(self, wording: Wording, answer: Fired, facts: Facts) -> tuple[str, str]:
        """(key, text) of what somebody hears who has answered."""
        key = told_key(answer)
        return key, wording.for_patient(key, facts, Urgency.URGENT)

    def completed(self, texts: Mapping[str, Any]) -> dict[str, Any]:
        """Raw texts of the wording with the question at the end of each safety text that asks it, and with the answers' own."""
        found = {str(key): text for key, text in texts.items()}
        for key, question in self.question.after.items():
            own = found.get(key)
            if isinstance(own, Mapping):
                found[key] = {language: f"{text} {question[language].plain}" for language, text in own.items() if language in question}
        return found | {f"{EMERGENCY}_{one.value}": plain(one.answer) for one in self.choices}

    def spoken(self) -> dict[str, dict[str, str]]:
        """Raw texts that belong to the script."""
        own = {SPOKEN_QUESTION: plain(self.question.say), CALL: plain(self.silence.say)}
        return own | {f"{EMERGENCY}_{one.value}": plain(one.say) for one in self.choices if one.say is not None}

    def place_of(self, key: str) -> tuple[str | int, ...]:
        """Where in the file the text of this key stands; () when it is not of this file."""
        if key in self.question.after:
            return "question", "after", key
        if key in (SPOKEN_QUESTION, CALL):
            return ("question", "say") if key == SPOKEN_QUESTION else ("silence", "say")
        values = [f"{EMERGENCY}_{one.value}" for one in self.choices]
        return ("choices", values.index(key), "answer") if key in values else ()


_PARTS: dict[str, type[BaseModel]] = {"question": SafetyQuestion, "choices": SafetyAnswer, "silence": SafetySilence}


def told_key(answer: Fired) -> str:
    """Key of the text, or of the spoken words, for an answer that was understood."""
    return f"{EMERGENCY}_{answer.rule.partition('.')[2]}"


def parse_follow_through(data: Any, file: str, texts: Mapping[str, Any]) -> FollowThrough:
    """The content of the parsed file; `texts` are those of the wording. FlowError names the line and what to write instead."""
    place = Place(data, file)
    found = validated(FollowThrough, data, place, _PARTS)
    tell(place, found, _problems(found, texts))
    return found


def _problems(one: FollowThrough, texts: Mapping[str, Any]) -> Iterator[Problem]:
    """What the model cannot say: names that must be there, numbers that must be offered, words that must not be."""
    for place, key in (*((("question", "after", key), key) for key in one.question.after), *_called(one)):
        if key not in texts:
            yield place, f'shared/wording.yaml has no text "{key}"; {nearest(key, texts)}'
    for place, source in (*((("choices", n, "source"), each.source) for n, each in enumerate(one.choices)), _silence_source(one)):
        if source not in one.sources:
            yield place, f'"{source}" is not among sources:; {nearest(source, one.sources)}'
    asked = [(("question", "after", key), text) for key, text in one.question.after.items()] + [(("question", "say"), one.question.say)]
    said = [(("choices", n, "answer"), each.answer) for n, each in enumerate(one.choices)]
    said += [(("choices", n, "say"), each.say) for n, each in enumerate(one.choices) if each.say is not None]
    for path, text in (*asked, *said, (("silence", "say"), one.silence.say)):
        yield from missing_languages(path, text)
    for path, text in asked:
        for language, form in text.items():
            for number, each in enumerate(one.choices, 1):
                if not re.search(rf"(?<!\d){number}(?!\d)", form.plain):
                    yield (*path, language), f"the question does not offer choice {number} ({each.value})"
    values = [each.value for each in one.choices]
    for number, each in enumerate(one.choices):
        if values.index(each.value) != number:
            yield ("choices", number, "value"), f'"{each.value}" is offered twice; give each choice its own value'
        if offered := {word.lower() for words in each.words.values() for word in words} & OPT_OUT_WORDS:
            yield ("choices", number, "words"), f'"{min(offered)}" ends all messages; offer another word'
    if not any(each.urgency is Urgency.EMERGENCY for each in one.choices):
        yield ("choices",), "no answer is an emergency; whoever cannot call for help is one"


def _called(one: FollowThrough) -> list[tuple[tuple[str | int, ...], str]]:
    return [(("silence", "call_after", number), key) for number, key in enumerate(one.silence.call_after)]


def _silence_source(one: FollowThrough) -> tuple[tuple[str | int, ...], str]:
    return ("silence", "source"), one.silence.source
