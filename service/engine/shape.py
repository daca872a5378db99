"""From the form of a flow file to that of the models: steps in a list, subflows in their place, used texts among the phrases."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from service.domain.wording import Wording
from service.engine.flow import MAX_STEPS, Education
from service.engine.languages import offered, translating_problem
from service.engine.place import Path, Place
from service.engine.steps import KINDS, MAX_FLAGS, NAME

MAX_RUN_DEPTH = 3
ALWAYS_PINNED = ("call_emergency", "out_of_hours", "out_of_hours_no_number", "not_understood", "thanks")
SHARED_KINDS = frozenset({"subflow", "recheck"})
"""What files in flows/shared/ are that hold steps."""
STEP_WORDS = (*KINDS, "run")
_RUN_WORDS = frozenset({"run", "only_if"})


@dataclass(frozen=True, slots=True)
class Library:
    """What flow files refer to: subflows as parsed YAML by key, and each programme's education."""

    subflows: Mapping[str, Any] = field(default_factory=dict)
    education: Mapping[str, Education | None] = field(default_factory=dict)
    """None for a file that has mistakes of its own."""
    rechecks: frozenset[str] = frozenset()
    """Keys of the safety re-checks."""


@dataclass(frozen=True, slots=True)
class Shaped:
    """The models' form of a file, and where in the file each of its steps comes from."""

    values: dict[str, Any]
    origins: tuple[tuple[str, Path], ...]
    """Step key and path, in the order of the steps."""
    detail_words: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class _Scope:
    """Whose steps are being shaped: the file's own, or those of a subflow that it runs."""

    prefix: str = ""
    conditions: tuple[Any, ...] = ()
    at: Path | None = None
    """The place of `run:` in the file that is read, None for the file's own steps."""
    depth: int = 0


class Shaper:
    """Shapes one file. Raises FlowError at a mistake that no model could explain."""

    def __init__(self, data: Mapping[str, Any], place: Place, wording: Wording, library: Library) -> None:
        self.place, self.wording, self.library = place, wording, library
        self.data = offered(data)
        self.steps: list[dict[str, Any]] = []
        self.origins: list[tuple[str, Path]] = []
        self.phrases: dict[str, dict[str, str]] = {key: dict(wording.texts[key]) for key in ALWAYS_PINNED}
        self.sources: dict[str, Any] = {}
        self.education: dict[str, Any] = {}
        self.programme = place.file.partition("/")[0]

    def shaped(self) -> Shaped:
        """The whole file."""
        if problem := translating_problem(self.data):
            raise self.place.error(("translating",), problem)
        values = {str(name): value for name, value in self.data.items() if name != "translating"}
        for name in ("key", "phrases", "education"):
            if name in values:
                raise self.place.error((name,), f"{name}: is filled in by itself; remove it")
        is_shared = values.get("kind") in SHARED_KINDS
        if is_shared != (self.programme == "shared"):
            raise self.place.error(("kind",), "kind: subflow (or recheck) and the folder flows/shared/ belong together")
        detail_words = _detail_words(values.pop("detail_words", {}), self.place)
        if isinstance(values.get("sources"), Mapping):
            self.sources = {str(name): text for name, text in values["sources"].items()}
            values["sources"] = self.sources
        self._shape_steps(values.get("steps"), ("steps",), _Scope())
        values |= {"key": self.place.file.removesuffix(".yaml"), "phrases": self.phrases, "steps": self.steps}
        if self.education:
            values["education"] = self.education
        return Shaped(values, tuple(self.origins), detail_words)

    def _shape_steps(self, steps: Any, path: Path, scope: _Scope) -> None:
        if not isinstance(steps, Mapping) or not steps:
            raise self.place.error(scope.at or path, "write at least one step, as name: followed by what it asks")
        for name, step in steps.items():
            at = scope.at or (*path, name)
            if not isinstance(name, str) or not re.fullmatch(NAME, name):
                raise self.place.error(at, f'"{name}" must look like {NAME}: lower case letters and _')
            if not isinstance(step, Mapping):
                raise self.place.error(at, f"write one of {', '.join(f'{word}:' for word in STEP_WORDS)} under the step's name")
            kinds = [word for word in STEP_WORDS if word in step]
            if len(kinds) != 1:
                told = f"is {' and '.join(kinds)} at once" if kinds else "does nothing"
                raise self.place.error(at, f"the step {told}; write exactly one of {', '.join(f'{word}:' for word in STEP_WORDS)}")
            own = (_prefixed(step["only_if"], scope.prefix),) if "only_if" in step else ()
            conditions = (*scope.conditions, *own)
            if kinds[0] == "run":
                self._run(name, step, at, replace(scope, conditions=conditions))
                continue
            self.steps.append(self._shape_step(f"{scope.prefix}{name}", kinds[0], step, at, scope, conditions))
            self.origins.append((f"{scope.prefix}{name}", at))
            if len(self.steps) > MAX_STEPS:
                raise self.place.error(at, f"more than {MAX_STEPS} steps, those of subflows counted; split the flow")

    def _run(self, name: str, step: Mapping[str, Any], at: Path, scope: _Scope) -> None:
        if odd := sorted(str(word) for word in step if word not in _RUN_WORDS):
            raise self.place.error((*at, odd[0]), f'"{odd[0]}" does not go with run:; only only_if: does')
        key = str(step["run"])
        subflow = self.library.subflows.get(key)
        if subflow is None:
            raise self.place.error((*at, "run"), f'there is no subflow "{key}"; {nearest(key, self.library.subflows)}')
        languages = self.data.get("languages")
        subflow = offered(subflow, languages if isinstance(languages, list) else ())
        if scope.depth >= MAX_RUN_DEPTH:
            raise self.place.error((*at, "run"), f"subflows run each other at most {MAX_RUN_DEPTH} deep; put these steps in one file")
        prefix = f"{scope.prefix}{name}."
        sources = subflow.get("sources")
        if isinstance(sources, Mapping):
            self.sources |= {f"{prefix}{source}": text for source, text in sources.items()}
        where = scope.at or (*at, "run")
        self._shape_steps(subflow.get("steps"), where, _Scope(prefix, scope.conditions, where, scope.depth + 1))

    def _shape_step(self, key: str, kind: str, step: Mapping[str, Any], at: Path, scope: _Scope, conditions: Any) -> dict[str, Any]:
        shaped = {str(name): value for name, value in step.items()}
        shaped |= {"key": key, "kind": kind, "only_if": list(conditions)}
        if kind == "ask" and "red_flags" in shaped:
            shaped["red_flags"] = self._flags(key, shaped["red_flags"], at, scope)
        elif kind == "hand_over" and isinstance(shaped["hand_over"], Mapping):
            shaped["hand_over"] = self._answered(key, shaped["hand_over"], (*at, "hand_over"), scope)
        elif kind == "record" and isinstance(shaped["record"], Mapping):
            shaped["record"] = _kept(shaped["record"], scope.prefix)
        elif kind == "pause" and isinstance(shaped["pause"], Mapping) and "days_from" in shaped["pause"]:
            shaped["pause"] = {**shaped["pause"], "days_from": f"{scope.prefix}{shaped['pause']['days_from']}"}
        elif kind == "educate":
            self._educate(str(shaped["educate"]), at)
        return shaped

    def _flags(self, key: str, flags: Any, at: Path, scope: _Scope) -> list[Any]:
        if not isinstance(flags, list) or len(flags) > MAX_FLAGS:
            raise self.place.error((*at, "red_flags"), f"write a list of at most {MAX_FLAGS} red flags, each begun with a dash")
        shaped = []
        for number, flag in enumerate(flags):
            path: Path = (*at, "red_flags", number)
            if not isinstance(flag, Mapping):
                raise self.place.error(path, "write name:, when:, urgency:, reason: and source:")
            one = self._answered(f"{key}.{flag.get('name', number)}", flag, path, scope)
            if (recheck := one.get("recheck")) and str(recheck) not in self.library.rechecks:
                told = nearest(str(recheck), self.library.rechecks)
                raise self.place.error((*path, "recheck"), f'there is no safety re-check "{recheck}"; {told}')
            shaped.append({**one, "when": _prefixed(one["when"], scope.prefix)} if "when" in one else one)
        return shaped

    def _answered(self, own: str, entry: Mapping[str, Any], path: Path, scope: _Scope) -> dict[str, Any]:
        """An entry with source: and answer: as the flow keeps them: the source by its name here, the answer's text pinned."""
        shaped = {str(name): value for name, value in entry.items()}
        if scope.prefix and "source" in shaped:
            shaped["source"] = f"{scope.prefix}{shaped['source']}"
        answer = shaped.get("answer")
        if isinstance(answer, Mapping):
            own = own if "." in own else f"{own}.answer"
            self.phrases[own] = {str(language): str(text) for language, text in answer.items()}
            shaped["answer"] = own
        elif answer:
            if str(answer) not in self.wording.texts:
                raise self.place.error((*path, "answer"), f'the wording has no text "{answer}"; {nearest(str(answer), self.wording.texts)}')
            self.phrases[str(answer)] = dict(self.wording.texts[str(answer)])
            if answer == "emergency":
                self.phrases["emergency_instructed"] = dict(self.wording.texts["emergency_instructed"])
        return shaped

    def _educate(self, topic: str, at: Path) -> None:
        book = self.library.education.get(self.programme)
        if self.programme == "shared":
            raise self.place.error((*at, "educate"), "a subflow teaches nothing by itself: write educate: in the check-in that runs it")
        if book is None and self.programme in self.library.education:
            raise self.place.error((*at, "educate"), f"{self.programme}/education.yaml has mistakes; mend those first")
        if book is None:
            raise self.place.error((*at, "educate"), f"there is no {self.programme}/education.yaml; write one with the topic {topic}")
        if topic not in book.messages:
            raise self.place.error((*at, "educate"), f'education.yaml has no topic "{topic}"; {nearest(topic, book.messages)}')
        self.education[topic] = [lesson.model_dump(mode="json") for lesson in book.messages[topic]]


def _detail_words(written: Any, place: Place) -> dict[str, tuple[str, ...]]:
    if not isinstance(written, Mapping) or not all(isinstance(words, list) for words in written.values()):
        raise place.error(("detail_words",), "write en: and es: with a list of words each")
    return {str(language): tuple(str(word).lower() for word in words) for language, words in written.items()}


def _kept(written: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """What a record of a subflow keeps: its steps stand behind the name of the step that runs it."""
    shaped = {str(name): value for name, value in written.items()}
    if "from" in shaped:
        shaped["from"] = f"{prefix}{shaped['from']}"
    if isinstance(shaped.get("total"), list):
        shaped["total"] = [f"{prefix}{step}" for step in shaped["total"]]
    return shaped


def _prefixed(written: Any, prefix: str) -> Any:
    """A condition of a subflow: the steps it names stand behind the name of the step that runs it."""
    if isinstance(written, list):
        return [_prefixed(each, prefix) for each in written]
    if not isinstance(written, Mapping):
        return written
    named: dict[str, Any] = {}
    for name, value in written.items():
        if name == "step":
            named["step"] = f"{prefix}{value}"
        elif name == "total" and isinstance(value, list):
            named["total"] = [f"{prefix}{each}" for each in value]
        else:
            named[str(name)] = _prefixed(value, prefix) if isinstance(value, Mapping | list) else value
    return named


def nearest(word: str, known: Iterable[Any]) -> str:
    """What somebody who wrote `word` may have meant, or may write."""
    names = sorted(str(name) for name in known)
    close = difflib.get_close_matches(word, names, n=1)
    return f"did you mean {close[0]}?" if close else f"write one of {', '.join(names[:30])}" if names else "there is none to name yet"
