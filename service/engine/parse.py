"""Reads a flow file into a `Flow`, or says which file, which line, what is wrong and what to write instead."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from service.domain.reading import Expects, FindingKind
from service.domain.segments import MAX_SEGMENTS, count_segments
from service.domain.texts import fill
from service.domain.urgency import Urgency
from service.domain.wording import LANGUAGES, Wording, text_problem
from service.engine.flow import MAX_FLAGS, MAX_STEPS, AskIf, Confirm, Flow, Localized, Option, RedFlag, Silence, Step
from service.triage import TablesError

Path = tuple[str | int, ...]

ALWAYS_PINNED = ("call_emergency", "out_of_hours", "out_of_hours_no_number", "not_understood", "thanks")
OPT_OUT_WORDS = frozenset(
    {"stop", "stopall", "end", "quit", "cancel", "unsubscribe", "revoke", "optout", "alto", "parar", "cancelar", "terminar", "baja"}
)
_MODELS: dict[str | int, type[BaseModel]] = {
    "silence": Silence,
    "steps": Step,
    "red_flags": RedFlag,
    "confirm": Confirm,
    "ask_if": AskIf,
    "choices": Option,
}


class FlowError(Exception):
    """A flow file is wrong: `file`, `where` (line and place) and `what` (with what to write instead)."""

    def __init__(self, file: str, where: str, what: str) -> None:
        super().__init__(file, where, what)
        self.file, self.where, self.what = file, where, what

    def __str__(self) -> str:
        return f"{self.file}: {self.where}: {self.what}"


def parse_flow(data: Any, file: str, wording: Wording) -> Flow:
    """The flow in parsed YAML (plain values, or ruamel's with line numbers). `file` is its path under flows/.

    The shared texts it uses are copied in, so that its version is complete. Raises FlowError at the first mistake.
    """
    place = _Place(data, file)
    if not isinstance(data, Mapping):
        raise place.error((), "write the flow's parts, such as title: and steps:")
    shaped, flow_paths = _shape(data, place, wording)
    try:
        flow = Flow.model_validate(shaped)
    except ValidationError as error:
        # A mistyped word is the cause, what is then missing only follows from it.
        first = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
        raise place.error(flow_paths(first["loc"]), _explain(first)) from None
    for path, problem in _problems(flow, wording, data):
        raise place.error(path, problem)
    return flow


class _Place:
    """Where something stands in the file."""

    def __init__(self, data: Any, file: str) -> None:
        self.data, self.file = data, file

    def error(self, path: Path, what: str) -> FlowError:
        line, node = 0, self.data
        for part in path:
            marks = getattr(node, "lc", None)
            try:
                if marks is not None:
                    line = (marks.key(part) if isinstance(node, Mapping) else marks.item(part))[0] + 1
                node = node[part]
            except (KeyError, IndexError, TypeError):
                break
        words = ".".join(str(part + 1 if isinstance(part, int) else part) for part in path) or "top"
        return FlowError(self.file, f"line {line}, {words}" if line else words, what)


def _shape(data: Mapping[str, Any], place: _Place, wording: Wording) -> tuple[dict[str, Any], Any]:
    """The file's form as the model's: steps in a list, inline answers and used texts among the phrases."""
    shaped = {str(name): value for name, value in data.items()}
    for name in ("key", "phrases"):
        if name in shaped:
            raise place.error((name,), f"{name}: is filled in by itself; remove it")
    shaped["key"] = place.file.removesuffix(".yaml")
    shaped["phrases"] = phrases = {key: dict(wording.texts[key]) for key in ALWAYS_PINNED}
    detail_words = shaped.pop("detail_words", {})
    if not isinstance(detail_words, Mapping):
        raise place.error(("detail_words",), "write en: and es: with a list of words each")
    steps = data.get("steps")
    if not isinstance(steps, Mapping) or not steps:
        raise place.error(("steps",), "write at least one step, as name: followed by what it asks")
    if len(steps) > MAX_STEPS:
        raise place.error(("steps",), f"at most {MAX_STEPS} steps; split the flow")
    names = [str(name) for name in steps]
    shaped["steps"] = [_shape_step(str(key), step, place, wording, phrases) for key, step in steps.items()]

    def path_of(loc: tuple[str | int, ...]) -> Path:
        if len(loc) > 1 and loc[0] == "steps" and isinstance(loc[1], int):
            return ("steps", names[loc[1]], *loc[2:])
        return loc

    return shaped, path_of


def _shape_step(key: str, step: Any, place: _Place, wording: Wording, phrases: dict[str, dict[str, str]]) -> dict[str, Any]:
    if not isinstance(step, Mapping):
        raise place.error(("steps", key), "write ask:, ask_again: and expects: under the step's name")
    flags = step.get("red_flags", [])
    if not isinstance(flags, list) or len(flags) > MAX_FLAGS:
        raise place.error(("steps", key, "red_flags"), f"write a list of at most {MAX_FLAGS} red flags, each begun with a dash")
    shaped_flags = []
    for number, flag in enumerate(flags):
        path: Path = ("steps", key, "red_flags", number)
        if not isinstance(flag, Mapping):
            raise place.error(path, "write name:, when:, urgency:, reason: and source:")
        shaped = {str(name): value for name, value in flag.items()}
        answer = shaped.get("answer")
        if isinstance(answer, Mapping):
            own = f"{key}.{shaped.get('name', number)}"
            phrases[own] = {str(language): str(text) for language, text in answer.items()}
            shaped["answer"] = own
        elif answer:
            if answer not in wording.texts:
                raise place.error((*path, "answer"), f'the wording has no text "{answer}"; {_nearest(str(answer), wording.texts)}')
            phrases[str(answer)] = dict(wording.texts[answer])
            if answer == "emergency":
                phrases["emergency_instructed"] = dict(wording.texts["emergency_instructed"])
        shaped_flags.append(shaped)
    return {**{str(name): value for name, value in step.items()}, "key": key, "red_flags": shaped_flags}


def _problems(flow: Flow, wording: Wording, data: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """Everything wrong with a well-formed flow: (place, what and what to write instead)."""
    if flow.approver is None and not flow.status.startswith("draft"):
        yield ("status",), 'without an approver the status begins with "draft"'
    if flow.approver is not None and not flow.approved_on:
        yield ("approved_on",), "an approver needs the date, approved_on: 2026-11-30"
    for language in flow.languages:
        if language not in LANGUAGES:
            yield ("languages",), f'the shared wording has no "{language}"; write en or es'
    yield from _texts(flow, ("greeting",), flow.greeting, wording, data)
    yield from _silence(flow, wording, data)
    earlier: set[str] = set()
    names: set[str] = set()
    for step in flow.steps:
        yield from _step(flow, step, wording, data, earlier, names)
        earlier.add(step.key)
    yield from _joined(flow, wording)


def _silence(flow: Flow, wording: Wording, data: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    silence = flow.silence
    if silence.source not in flow.sources:
        yield ("silence", "source"), f'"{silence.source}" is not among sources:; {_nearest(silence.source, flow.sources)}'
    if not silence.remind_after < silence.silent_after_high_risk <= silence.silent_after:
        yield ("silence",), "remind_after must be shorter than silent_after_high_risk, and that no longer than silent_after"
    if silence.urgency_high_risk.rank > silence.urgency.rank:
        yield ("silence", "urgency_high_risk"), "silence of a high-risk patient cannot be less urgent than of others"
    yield from _texts(flow, ("silence", "remind"), silence.remind, wording, data)


def _step(
    flow: Flow, step: Step, wording: Wording, data: Mapping[str, Any], earlier: set[str], names: set[str]
) -> Iterator[tuple[Path, str]]:
    here: Path = ("steps", step.key)
    yield from _texts(flow, (*here, "ask"), step.ask, wording, data)
    yield from _texts(flow, (*here, "ask_again"), step.ask_again, wording, data)
    if step.confirm is not None:
        yield from _texts(flow, (*here, "confirm", "ask"), step.confirm.ask, wording, data)
    if step.ask_if is not None and step.ask_if.step not in earlier:
        yield (*here, "ask_if", "step"), f'"{step.ask_if.step}" is no earlier step; {_nearest(step.ask_if.step, earlier)}'
    if (step.expects is Expects.CHOICE) != bool(step.choices):
        yield (*here, "choices"), "expects: choice and a list of choices: belong together"
    if (step.expects is Expects.SYMPTOMS) != bool(step.about):
        yield (*here, "about"), "expects: symptoms and the symptoms named, about: [leg_swelling], belong together"
    if step.also_answered_by and step.also_answered_by not in set(FindingKind):
        yield (*here, "also_answered_by"), f"no finding is called so; {_nearest(step.also_answered_by, list(FindingKind))}"
    for number, option in enumerate(step.choices, 1):
        for language, text in step.ask.items():
            if not re.search(rf"(?<!\d){number}(?!\d)", text.plain):
                yield (*here, "ask", language), f"the question does not offer choice {number} ({option.value})"
        offered = {word.lower() for words in option.words.values() for word in words} & OPT_OUT_WORDS
        if offered:
            yield (*here, "choices", number - 1), f'"{min(offered)}" ends all messages; offer another word'
    for number, flag in enumerate(step.red_flags):
        place: Path = (*here, "red_flags", number)
        if flag.name in names:
            yield (*place, "name"), f'"{flag.name}" is used twice in this flow; give each red flag its own name'
        names.add(flag.name)
        if flag.urgency in (Urgency.EMERGENCY, Urgency.URGENT) and not flag.answer:
            yield place, f"an {flag.urgency} red flag needs an answer: to the patient"
        for language in flow.languages if flag.answer else ():
            said = flow.phrases[flag.answer].get(language, "")
            if not said:
                yield (*place, "answer"), f"the answer in {language} is missing; add {language}:"
            elif problem := text_problem(said, wording, language):
                yield (*place, "answer", language), problem
        if flag.source not in flow.sources:
            yield (*place, "source"), f'"{flag.source}" is not among sources:; {_nearest(flag.source, flow.sources)}'
        try:
            flow.rule(step, flag)
        except TablesError as error:
            yield (*place, "when"), error.what


def _texts(flow: Flow, path: Path, texts: Localized, wording: Wording, data: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    for language in flow.languages:
        if language not in texts:
            yield path, f"the text in {language} is missing; add {language}:"
    for language, text in texts.items():
        if language not in flow.languages:
            yield (*path, language), f'"{language}" is none of the flow\'s languages; remove it or add it to languages:'
            continue
        for form in (text.plain, text.detail):
            if form and (problem := text_problem(form, wording, language)):
                yield (*path, language), problem
        for word in (data.get("detail_words") or {}).get(language, ()):
            if str(word).lower() in text.plain.lower():
                yield (*path, language), f'"{word}" needs consent to detail; write plain: without it and detail: with it'


def _joined(flow: Flow, wording: Wording) -> Iterator[tuple[Path, str]]:
    """What stands before a question goes out with it: the greeting, a reminder, the answer to a red flag."""
    flags = [flag for step in flow.steps for flag in step.red_flags]
    answers = dict.fromkeys(flag.answer for flag in flags if flag.answer and flag.urgency is not Urgency.EMERGENCY)
    for language in flow.languages:
        first, asks = _asks(flow.steps[0], language, again=False), [a for step in flow.steps for a in _asks(step, language, again=False)]
        every = [ask for step in flow.steps for ask in _asks(step, language, again=True)]
        pairs = [("greeting", flow.greeting[language].plain, first), ("remind", flow.silence.remind[language].plain, asks)]
        pairs += [(name, flow.phrases[name][language], every) for name in (*answers, "not_understood", "out_of_hours")]
        longest = wording.longest_values(language)
        for name, before, questions in pairs:
            for path, ask in questions:
                counted = count_segments(fill(f"{before} {ask}", longest))
                if counted.count > MAX_SEGMENTS:
                    yield (
                        path,
                        f'with the text "{name}" before it this takes {counted.count} segments ({counted.units} units, '
                        f"{counted.encoding}); shorten one of them to {MAX_SEGMENTS} together",
                    )


def _asks(step: Step, language: str, *, again: bool) -> list[tuple[Path, str]]:
    """Every form in which a step is asked, with its place; `again` adds those of a second try."""
    texts: list[tuple[Path, Localized]] = [(("ask",), step.ask)]
    if again:
        texts += [(("ask_again",), step.ask_again), *([(("confirm", "ask"), step.confirm.ask)] if step.confirm else [])]
    return [
        (("steps", step.key, *path, language), form)
        for path, text in texts
        for form in (text[language].plain, text[language].detail)
        if form
    ]


def _explain(error: Any) -> str:
    """A pydantic error in the words of somebody who writes flows."""
    kind, loc = error["type"], error["loc"]
    name = str(loc[-1]) if loc else ""
    match kind:
        case "missing":
            return f"{name}: is missing; add it"
        case "extra_forbidden":
            return f'"{name}" means nothing here; {_nearest(name, _known(loc))}'
        case "enum":
            return f"write one of {error['ctx']['expected']}"
        case "string_pattern_mismatch":
            return f'"{error["input"]}" must look like {error["ctx"]["pattern"]}: lower case letters and _'
        case "value_error":
            return str(error["ctx"]["error"])
        case _:
            return f"{error['msg'][:1].lower()}{error['msg'][1:]}"


def _known(loc: tuple[str | int, ...]) -> list[str]:
    """The words a file may use at the place of an error."""
    model: type[BaseModel] = Flow
    for part in loc[:-1]:
        model = _MODELS.get(part, model)
    return [*(set(model.model_fields) - {"key", "phrases"})]


def _nearest(word: str, known: Any) -> str:
    names = sorted(str(name) for name in known)
    close = difflib.get_close_matches(word, names, n=1)
    return f"did you mean {close[0]}?" if close else f"write one of {', '.join(names[:30])}" if names else "there is none to name yet"
