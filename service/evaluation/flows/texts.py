"""Every text of a flow with its place in the file, and what the loading of a file does not look at: how hard it is to read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from service.engine.flow import Flow
from service.engine.place import Path
from service.engine.steps import AskStep, EducateStep, HandOverStep, TellStep
from service.engine.written import Localized
from service.evaluation.flows.reading_level import HIGHEST_GRADE, HIGHEST_OF_A_TEXT, grade

_OFFERS_OPT_OUT = re.compile(
    r"\b(?:reply|text|send|answer|responda|mande|envíe|escriba|diga|say)\s+[\"“]?(stop|stopall|end|quit|cancel|unsubscribe|alto|baja|parar|cancelar|terminar)\b",
    re.IGNORECASE,
)


def offers_opt_out(text: str) -> str:
    """The words by which a text offers an answer that ends all messages, "" for none."""
    match = _OFFERS_OPT_OUT.search(text)
    return match[0] if match else ""


@dataclass(frozen=True, slots=True)
class Placed:
    """A text in one language and form, and where it stands; `path` without the language is what other languages share."""

    path: Path
    language: str
    form: str
    """plain or detail."""
    text: str

    @property
    def name(self) -> str:
        """The place as a list of exceptions names it: steps.weight.ask.en."""
        form = ".detail" if self.form == "detail" else ""
        return f"{'.'.join(str(part) for part in self.path)}.{self.language}{form}"


def texts(flow: Flow) -> Iterator[Placed]:
    """Every text that a patient reads or hears in this flow, its own answers to red flags included; shared texts are not."""
    yield from _forms(("greeting",), flow.greeting)
    yield from _forms(("silence", "remind"), flow.silence.remind)
    for step in flow.steps:
        here: Path = ("steps", step.key)
        match step:
            case AskStep():
                yield from _forms((*here, "ask"), step.ask)
                yield from _forms((*here, "ask_again"), step.ask_again)
                yield from _forms((*here, "say"), step.say)
                if step.confirm is not None:
                    yield from _forms((*here, "confirm", "ask"), step.confirm.ask)
                    yield from _forms((*here, "confirm", "say"), step.confirm.say)
                for number, flag in enumerate(step.red_flags):
                    yield from _answer(flow, (*here, "red_flags", number, "answer"), flag.answer)
            case TellStep():
                yield from _forms((*here, "tell"), step.tell)
                yield from _forms((*here, "say"), step.say)
            case EducateStep():
                yield from _forms((*here, "say"), step.say)
            case HandOverStep():
                yield from _answer(flow, (*here, "hand_over", "answer"), step.hand_over.answer)
            case _:
                pass
    for topic, lessons in flow.education.items():
        for lesson in lessons:
            yield from _forms(("education", topic, lesson.name), lesson.text)
            yield from _forms(("education", topic, lesson.name, "say"), lesson.say)


@dataclass(frozen=True, slots=True)
class ReadingLevel:
    """What counts in judging how hard texts are: familiar words by language, and exceptions by flow and place with their reason."""

    familiar: Mapping[str, frozenset[str]]
    exceptions: Mapping[str, Mapping[str, str]]

    def excepts(self, flow: str, place: str) -> bool:
        """True when this text may be harder; a place may be written with * for any part of it."""
        return any(fnmatchcase(place, pattern) for pattern in self.exceptions.get(flow, {}))


def text_problems(flow: Flow, level: ReadingLevel) -> Iterator[tuple[Path, str]]:
    """Texts that are too hard to read and are no listed exception, and texts that offer a word which ends all messages."""
    read: dict[str, list[str]] = {}
    for placed in texts(flow):
        if offer := offers_opt_out(placed.text):
            yield (*placed.path, placed.language), f'"{offer}" ends all messages; offer another word'
        if level.excepts(flow.key, placed.name):
            continue
        read.setdefault(placed.language, []).append(placed.text)
        found = grade(placed.text, placed.language, level.familiar.get(placed.language, frozenset()))
        if found > HIGHEST_OF_A_TEXT:
            yield (
                (*placed.path, placed.language),
                f"reads at grade {found:g}; write shorter words and sentences (at most {HIGHEST_OF_A_TEXT:g}): {placed.text[:70]}",
            )
    for language, together in read.items():
        found = grade("\n".join(together), language, level.familiar.get(language, frozenset()))
        if found > HIGHEST_GRADE:
            yield ("languages",), f"all texts in {language} together read at grade {found:g}; make them simpler (at most {HIGHEST_GRADE:g})"


def _forms(path: Path, written: Localized | None) -> Iterator[Placed]:
    for language, text in (written or {}).items():
        yield Placed(path, language, "plain", text.plain)
        if text.detail:
            yield Placed(path, language, "detail", text.detail)


def _answer(flow: Flow, path: Path, key: str) -> Iterator[Placed]:
    if "." in key:
        for language, text in flow.phrases[key].items():
            yield Placed(path, language, "plain", text)
