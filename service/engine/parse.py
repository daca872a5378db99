"""Reads a flow file into a `Flow`, or says which file, which line, what is wrong and what to write instead."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from service.domain.wording import LANGUAGES, Wording
from service.engine.checks import Problem, education_problems, head_problems, step_problems
from service.engine.flow import Education, Flow, Lesson, Quicken, Recheck, Silence, Subflow, Written
from service.engine.languages import offered, translating_problem
from service.engine.lengths import length_problems
from service.engine.place import Path, Place
from service.engine.references import reference_problems
from service.engine.shape import Library, Shaped, Shaper, nearest
from service.engine.steps import KINDS, Confirm, FollowUp, HandOver, Option, Pause, Record, RedFlag, Unclear

_MODELS: dict[str, type[BaseModel]] = {
    "silence": Silence,
    "quicken": Quicken,
    "red_flags": RedFlag,
    "confirm": Confirm,
    "unclear": Unclear,
    "choices": Option,
    "hand_over": HandOver,
    "follow_up": FollowUp,
    "record": Record,
    "pause": Pause,
    "messages": Lesson,
}
_FILLED_IN = frozenset({"key", "phrases", "education", "kind"})
_PLAIN = {
    "too_short": "write at least one",
    "string_type": "write it as text, in quotes if need be",
    "int_type": "write a whole number",
    "dict_type": "write names and values, such as en: and es:",
    "tuple_type": "write a list, such as [a, b]",
    "date_type": "write a day, such as 2027-05-31",
    "date_parsing": "write a day, such as 2027-05-31",
    "date_from_datetime_parsing": "write a day, such as 2027-05-31",
}
_Written = TypeVar("_Written", Flow, Subflow, Recheck)


def parse_flow(data: Any, file: str, wording: Wording, library: Library | None = None) -> Flow:
    """The check-in in parsed YAML (plain values, best with their lines). `file` is its path under flows/.

    The shared texts, subflows and education messages it uses are copied in, so that its version is complete. Raises
    FlowError at the first mistake; where several can be told at once, the others are in its `others`.
    """
    return _parse(Flow, data, file, wording, library or Library())


def parse_subflow(data: Any, file: str, wording: Wording, library: Library | None = None) -> Subflow:
    """A subflow (flows/shared/*.yaml with kind: subflow), checked as a flow is. Raises FlowError."""
    return _parse(Subflow, data, file, wording, library or Library())


def parse_recheck(data: Any, file: str, wording: Wording, library: Library | None = None) -> Flow:
    """A safety re-check (flows/shared/*.yaml with kind: recheck) as the conversation it becomes. Raises FlowError."""
    return _parse(Recheck, data, file, wording, library or Library()).flow()


def parse_education(data: Any, file: str, wording: Wording) -> Education:
    """A programme's education.yaml. Raises FlowError."""
    place = Place(data, file)
    if not isinstance(data, Mapping):
        raise place.error((), "write title:, owner:, sources: and messages:")
    if problem := translating_problem({"languages": LANGUAGES, **data}):
        raise place.error(("translating",), problem)
    values = {str(name): value for name, value in offered(data).items() if name != "translating"}
    messages = values.get("messages")
    if isinstance(messages, Mapping):
        values["messages"] = {topic: [_lesson(each) for each in entries or ()] for topic, entries in messages.items()}
    try:
        book = Education.model_validate(values)
    except ValidationError as error:
        first = _first(error)
        raise place.error(first["loc"], explain(first, Education)) from None
    _raise(place, education_problems(book, wording))
    return book


def _lesson(entry: Any) -> Any:
    if not isinstance(entry, Mapping):
        return entry
    languages = {str(name): text for name, text in entry.items() if name in ("en", "es")}
    return {**{str(name): value for name, value in entry.items() if name not in languages}, "text": languages}


def _parse(model: type[_Written], data: Any, file: str, wording: Wording, library: Library) -> _Written:
    place = Place(data, file)
    if not isinstance(data, Mapping):
        raise place.error((), "write the flow's parts, such as title: and steps:")
    shaped = Shaper(data, place, wording, library).shaped()
    try:
        flow = model.model_validate(shaped.values)
    except ValidationError as error:
        _raise(place, [(_above(each, _path(each["loc"], shaped)), explain(each, model)) for each in _one_a_place(error)])
    origins = dict(shaped.origins)
    _raise(place, [_located(problem, origins) for problem in _problems(flow, shaped, wording)])
    return flow


def _problems(flow: Written, shaped: Shaped, wording: Wording) -> list[Problem]:
    found = list(head_problems(flow, shaped.detail_words, wording))
    found += step_problems(flow, shaped.detail_words, wording)
    found += reference_problems(flow)
    if not found and isinstance(flow, Flow):
        found += length_problems(flow, wording)  # only texts that are well by themselves can be measured together
    return found


def _raise(place: Place, problems: Iterable[Problem]) -> None:
    errors = [place.error(path, what) for path, what in problems]
    if errors:
        errors[0].others = tuple(errors[1:])
        raise errors[0]


def _located(problem: Problem, origins: Mapping[str, Path]) -> Problem:
    """The problem where it stands in the file: that of a subflow's step at the `run:` that brought it in."""
    path, what = problem
    if len(path) < 2 or path[0] != "steps" or (origin := origins.get(str(path[1]))) is None:
        return problem
    if "." in str(path[1]):
        return origin, f"{'.'.join(str(part) for part in path[1:])}: {what}"
    return (*origin, *path[2:]), what


def _first(error: ValidationError) -> Any:
    return min(error.errors(), key=_cause)


def _one_a_place(error: ValidationError) -> list[Any]:
    """One error for each step, or other word at the top: what else is wrong in the same place may only follow from it."""
    places: dict[tuple[str | int, ...], list[Any]] = {}
    for each in error.errors():
        places.setdefault(each["loc"][: 2 if each["loc"][:1] == ("steps",) else 1], []).append(each)
    if any(len(each) > 1 for each in places):
        places.pop(("steps",), None)  # none is left because each is wrong
    found = [min(each, key=_cause) for each in places.values()]
    mistyped = any(len(each["loc"]) == 1 and each["type"] == "extra_forbidden" for each in found)
    return sorted((each for each in found if not (mistyped and len(each["loc"]) == 1 and each["type"] == "missing")), key=_cause)


def _above(error: Any, path: Path) -> Path:
    """What is missing has no line; that of what should hold it helps."""
    return path[:-1] if error["type"] == "missing" else path


def _cause(error: Any) -> bool:
    # A mistyped word is the cause, what is then missing only follows from it.
    return bool(error["type"] != "extra_forbidden")


def _path(loc: tuple[str | int, ...], shaped: Shaped) -> Path:
    """A model's place as the file's: steps by name, without the kind that pydantic puts in between."""
    if len(loc) > 1 and loc[0] == "steps" and isinstance(loc[1], int):
        rest = loc[3:] if len(loc) > 2 and loc[2] in KINDS else loc[2:]
        key, origin = shaped.origins[loc[1]]
        rest = tuple(part for number, part in enumerate(rest) if not (number == 1 and rest[0] == "only_if"))
        return origin if "." in key else (*origin, *rest)
    return loc


def explain(error: Any, top: type[BaseModel], models: Mapping[str, type[BaseModel]] = _MODELS) -> str:
    """A pydantic error in the words of somebody who writes flows. `models` are those of the parts, by name."""
    kind, loc = error["type"], error["loc"]
    name = str(loc[-1]) if loc else ""
    match kind:
        case "missing":
            return f"{name}: is missing; add it"
        case "extra_forbidden":
            return f'"{name}" means nothing here; {nearest(name, _known(loc, top, models))}'
        case "enum" | "literal_error":
            return f"write one of {error['ctx']['expected']}"
        case "string_pattern_mismatch":
            pattern = error["ctx"]["pattern"]
            slash = ", such as heart_failure/daily" if "/" in pattern else ""
            return f'"{error["input"]}" must look like {pattern}: lower case letters and _{slash}'
        case "value_error":
            return str(error["ctx"]["error"])
        case _:
            told = _PLAIN.get(kind, "")
            message = f"{error['msg'][:1].lower()}{error['msg'][1:]}"
            return f"{message}; {told}" if told else message


def _known(loc: tuple[str | int, ...], top: type[BaseModel], models: Mapping[str, type[BaseModel]]) -> list[str]:
    """The words a file may use at the place of an error."""
    model = top
    for part in loc[:-1]:
        model = KINDS.get(str(part), model) if loc[0] == "steps" and model is top else models.get(str(part), model)
    own = {"detail_words", "kind", "translating"} if issubclass(top, Written) else {"translating"} if top is Education else set()
    own = own if model is top else set()
    known = {field.alias or name for name, field in model.model_fields.items()} - _FILLED_IN | own
    return [re.sub(r"^text$", "en", word) for word in known]
