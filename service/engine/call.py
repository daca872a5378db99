"""A check-in as a telephone call, between two steps: where it stands, and what keys and words mean there. Pure.

What is asked and what an answer leads to is the flow's (`run.py`); here is what only a voice has: the identity check, the keys
for repeating, for a person and for no more calls, silence, and what is read back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from typing import Any

from service.domain.call import CallInput
from service.domain.prompt import Gather, Prompt, Say
from service.domain.reading import Channel, Expects, Question
from service.domain.script import Script
from service.replies import Lexicon
from service.replies.normalise import normalise
from service.replies.numerals import numbers

MOST_IDENTITY_TRIES = 2
MOST_TRIES = 2
"""Times that one thing is asked on the telephone (silence and "that is not right" count) before the flow's own path goes on."""
MOST_SILENCES = 4
"""In a row: then nobody is there, and the call ends."""
MOST_TURNS = 150
SURE = 0.6
"""Confidence of a transcript from which on it is taken as said; below it, or without one, the words are read back first.
Own choice, to be set anew from field data: providers' scores are not calibrated."""


class Stage(StrEnum):
    """What the open prompt asks for."""

    IDENTITY = "identity"
    QUESTION = "question"
    HEARD = "heard"  # words of which we are not sure, read back before they count
    VALUE = "value"  # a value that has called a nurse, read back after it did
    CORRECT = "correct"  # that value once more
    STOP = "stop"  # really no more calls?
    SAFETY = "safety"  # 911 called, cannot, no emergency
    PERSON = "person"  # the caller is being put through
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Call:
    """One call between two steps; plain JSON when it is stored."""

    language: str
    stage: Stage = Stage.IDENTITY
    turn: int = 0
    """Number of the open prompt; an input to an earlier one has been applied already."""
    identified: bool = False
    misses: int = 0
    """Identity tries that failed."""
    silences: int = 0
    tries: int = 0
    """Of the open question, on the telephone."""
    step: str = ""
    """The flow's step whose question is open or was the last."""
    back: str = ""
    """The stage to return to from STOP and PERSON."""
    pending: str = ""
    """Words that wait for "is that right?"."""
    flagged: str = ""
    """The step whose value is read back."""
    promised: int | None = None
    """Rank of the most urgent red flag for which it has been said when a nurse answers; not said again for a lesser one."""
    answered: bool = False
    """Anything of the check-in has been answered in this call."""
    spoken: str = ""
    """Id of the row that keeps what was said last; the next step proves that the line stood."""
    owed: str = ""
    """Key of a safety answer that was said last and is not known to be heard."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; `from_json` gives an equal call."""
        return {**asdict(self), "stage": self.stage.value}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Call:
        """The call that `to_json` wrote. KeyError or ValueError when it is something else."""
        return cls(**{**{field.name: data[field.name] for field in fields(cls)}, "stage": Stage(data["stage"])})


class Key(StrEnum):
    """Keys that mean the same all through a call."""

    REPEAT = "repeat"
    PERSON = "person"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Words:
    """An answer in words; `sure` is False where a transcript may be wrong."""

    text: str
    sure: bool


def meant(call: Call, heard: CallInput, question: Question | None, script: Script) -> Key | Words | None:
    """What an input means where the call stands; None is silence.

    * alone or 8 repeats, 0 asks for a person, 9 for no more calls; where 0, 8 or 9 may be the answer itself, it is, and
    *0 and *9 are the keys. A question of one key takes * at once: there a person is asked for by words.
    """
    if heard.pressed:
        if heard.pressed in _ALWAYS:
            return _ALWAYS[heard.pressed]
        if heard.pressed in _ALONE and not _may_answer(heard.pressed, call.stage, question):
            return _ALONE[heard.pressed]
        return Words(_typed(heard.pressed, call, question, script), True)
    if not heard.spoken:
        return None
    if script.asks_to_repeat(heard.spoken, call.language):
        return Key.REPEAT
    sure = heard.confidence is not None and heard.confidence >= SURE
    key = _SAID_KEYS.get(heard.spoken.strip(" .,!?").lower(), "")
    return Words(_typed(key, call, question, script) if key and call.stage is not Stage.IDENTITY else heard.spoken, sure)


_ALWAYS = {"*": Key.REPEAT, "**": Key.REPEAT, "*8": Key.REPEAT, "*0": Key.PERSON, "*9": Key.STOP}
_ALONE = {"8": Key.REPEAT, "0": Key.PERSON, "9": Key.STOP}
_SAID_KEYS = {
    **dict.fromkeys(("1", "one", "number one", "press one", "uno", "el uno", "número uno"), "1"),
    **dict.fromkeys(("2", "two", "number two", "press two", "dos", "el dos", "número dos"), "2"),
}
"""A caller who is told "press 1 for yes" may say "one" as well."""
_ANY_DIGIT = frozenset({"scale_0_10", "count", "inr"})
_YES_OR_NO = frozenset({Expects.YES_NO, Expects.MEDICATION_TAKEN, Expects.SYMPTOMS})
_ASKS_YES_OR_NO = frozenset({Stage.HEARD, Stage.VALUE, Stage.STOP})


def _may_answer(key: str, stage: Stage, question: Question | None) -> bool:
    if stage is Stage.STOP:
        return key == "9"
    if stage not in (Stage.QUESTION, Stage.CORRECT) or question is None:
        return False
    if question.expects is Expects.CHOICE:
        return any(choice.number == int(key) for choice in question.choices)
    return question.expects.value in _ANY_DIGIT or (question.expects is Expects.PHQ_ITEM and key == "0")


def _typed(keys: str, call: Call, question: Question | None, script: Script) -> str:
    said = {name: script.words[name][call.language] for name in ("yes", "no")}
    expects = question.expects if question is not None else None
    if call.stage in _ASKS_YES_OR_NO:
        return typed("1" if keys == "9" and call.stage is Stage.STOP else keys, Expects.YES_NO, said)
    return typed(keys, None if call.stage is Stage.SAFETY and expects in _YES_OR_NO else expects, said)


def typed(keys: str, expects: Expects | None, said: Mapping[str, str]) -> str:
    """Keys as the words they stand for: 1 and 2 are yes and no, * is the point, or the stroke of a blood pressure.

    `said`: "yes" and "no" in the patient's language.
    """
    if expects in _YES_OR_NO:
        return said.get({"1": "yes", "2": "no"}.get(keys, ""), keys)
    return keys.replace("*", "/" if expects is Expects.BLOOD_PRESSURE else ".")


def digits_of(heard: CallInput, lexicon: Lexicon, language: str) -> str:
    """The digits of a code or a year, typed or said: "nineteen fifty" and "one nine five zero" are both 1950."""
    if heard.pressed:
        return "".join(key for key in heard.pressed if key.isdigit())
    line = normalise(lexicon, heard.spoken)
    found = numbers(lexicon, line, language, Channel.VOICE, asked=True)
    thousand = next((place for place, token in enumerate(line.tokens) if token.text in _THOUSAND), None)
    if thousand is None:
        return "".join(f"{number.value:.0f}" for number in found)
    before = [number for number in found if number.last <= thousand]
    whole = [number.value for number in found if number.first <= thousand < number.last and number.last - number.first > 1]
    thousands = whole[0] if whole else 1000 * (before[-1].value if before else 1)
    return f"{thousands + sum(number.value for number in found if number.first > thousand):.0f}"


_THOUSAND = frozenset({"mil", "thousand"})


def proves_identity(digits: str, *, birth_year: str, pin: str) -> bool:
    """Whether these are the patient's code, or the birth year of one who has no code."""
    return bool(digits) and digits == (pin or birth_year)


def slower(prompt: Prompt) -> Prompt:
    """The same prompt once more, spoken slowly."""
    return Prompt(tuple(_slower(part) for part in prompt.parts))


def _slower(part: Any) -> Any:
    if isinstance(part, Say):
        return replace(part, slow=True)
    if isinstance(part, Gather):
        return replace(part, says=tuple(replace(say, slow=True) for say in part.says))
    return part
