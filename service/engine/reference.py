"""The flow language as its models say it: a JSON Schema for editors, and a reference page for people."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any

from pydantic import BaseModel, TypeAdapter

from service.domain.reading import Expects
from service.engine.cases import EXPECTED, HAPPENINGS
from service.engine.flow import Education, Flow, Head, Lesson, Quicken, Recheck, Silence, Subflow
from service.engine.follow_through import FollowThrough, SafetyAnswer, SafetyQuestion, SafetySilence
from service.engine.given import WORDS
from service.engine.opening import Confirmation, Frequency, Opening, OpeningText, Unconfirmed
from service.engine.steps import KINDS, Confirm, FollowUp, HandOver, Option, Pause, Record, RedFlag, Run, Unclear
from service.engine.written import Text
from service.triage import conditions

NOT_WRITTEN = frozenset({"key", "phrases", "education"})
"""Fields that are filled in when a file is read."""
_CADENCE = {
    "description": "How often: a rule, phases in order (the last without for:), or days counted from the start.",
    "anyOf": [
        {"type": "string", "examples": ["daily", "weekdays", "weekly", "every 3 days", "FREQ=WEEKLY;BYDAY=MO,WE,FR"]},
        {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "rule": {"type": "string"},
                    "for": {"type": "string", "pattern": r"^\d{1,4} d$"},
                    "on_days": {"type": "array", "items": {"type": "integer", "minimum": 1}},
                },
                "additionalProperties": False,
            },
        },
    ],
}
_DETAIL_WORDS = {
    "description": "Words that need the patient's consent to detail, a list by language.",
    "type": "object",
    "additionalProperties": {"type": "array", "items": {"type": "string"}},
}
_TRANSLATING = {
    "description": "Languages that are being translated: their texts may be missing, and no patient gets them yet.",
    "type": "array",
    "items": {"type": "string", "pattern": "^[a-z]{2,3}$"},
}
_ANSWER = {
    "description": "What the patient hears: the key of a text in shared/wording.yaml, or the words in each language.",
    "anyOf": [{"type": "string"}, {"type": "object", "additionalProperties": {"type": "string"}}],
}


def flow_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a check-in or a subflow as it stands in its file."""
    whole = TypeAdapter(Flow | Subflow | Recheck | Run).json_schema(mode="validation")
    definitions = {name: _as_written(name, entry) for name, entry in whole["$defs"].items()}
    models: list[type[BaseModel]] = [*KINDS.values(), Run]
    step = {"oneOf": [{"$ref": f"#/$defs/{model.__name__}"} for model in models]}
    for name in ("Flow", "Subflow", "Recheck"):
        entry = definitions[name]
        entry["properties"]["steps"] = {
            "description": "The steps, read from the top, each under its name.",
            "type": "object",
            "propertyNames": {"pattern": "^[a-z][a-z0-9_]*$"},
            "additionalProperties": step,
        }
        entry["properties"]["detail_words"] = _DETAIL_WORDS
        entry["properties"]["translating"] = _TRANSLATING
    definitions["Flow"]["properties"]["cadence"] = _CADENCE
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A flow of Rounds",
        "if": {"properties": {"kind": {"const": "subflow"}}, "required": ["kind"]},
        "then": {"$ref": "#/$defs/Subflow"},
        "else": {
            "if": {"properties": {"kind": {"const": "recheck"}}, "required": ["kind"]},
            "then": {"$ref": "#/$defs/Recheck"},
            "else": {"$ref": "#/$defs/Flow"},
        },
        "$defs": definitions,
    }


def education_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a programme's education.yaml."""
    schema = Education.model_json_schema(mode="validation")
    lesson = schema["$defs"]["Lesson"]
    text = lesson["properties"].pop("text")["additionalProperties"]
    lesson["properties"] |= {"en": text, "es": text}
    lesson["required"] = ["name", "en", "es", "source"]
    lesson["patternProperties"] = {"^(?!say$)[a-z]{2,3}$": text}
    schema["properties"]["translating"] = _TRANSLATING
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "Education messages of a programme"}


def shared_schema(model: type[Head]) -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a shared file that is no flow."""
    schema = model.model_json_schema(mode="validation")
    del schema["properties"]["key"]
    schema["required"].remove("key")
    title = inspect.cleandoc(model.__doc__ or "").splitlines()[0]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": title}


def _as_written(name: str, entry: dict[str, Any]) -> dict[str, Any]:
    """A model's schema without what is filled in by itself, and with the forms that only files have."""
    if "properties" not in entry:
        return entry
    steps = {model.__name__ for model in KINDS.values()}
    hidden = NOT_WRITTEN | ({"kind"} if name in steps else frozenset())
    properties = {field: value for field, value in entry["properties"].items() if field not in hidden}
    if name in steps:
        properties["only_if"] = {"description": properties["only_if"]["description"], "type": "object", "minProperties": 1}
    if "answer" in properties:
        properties["answer"] = _ANSWER
    required = [field for field in entry.get("required", []) if field not in hidden]
    return {**entry, "properties": properties, "required": required}


def reference() -> str:
    """The reference page (Markdown): every word of the language, from the models' own descriptions."""
    parts = [
        "# Reference of the flow language",
        "Generated by `rounds flows reference` from the program's own descriptions; do not edit it here.",
        "## A check-in",
        _table(Flow, extra={"detail_words": _DETAIL_WORDS["description"], "translating": _TRANSLATING["description"]}),
        *_part("`silence:`", Silence),
        *_part("`quicken:`", Quicken),
        "## A subflow",
        "A file in `flows/shared/` with `kind: subflow` has title, owner, approver, status, review_by, sources, languages, steps only.",
        "## A safety re-check",
        "A file in `flows/shared/` with `kind: recheck` has the same parts. A red flag (`recheck:`, here or in shared/urgency.yaml) names "
        "it. It begins when the reply leaves no check-in under way, with a `wait:`; every question in it has `recheck: true`.",
        "## Steps",
        "Each step stands under its name and is exactly one of these.",
        *(part for kind, model in KINDS.items() for part in _part(f"`{kind}:`", model)),
        *_part("`run:`", Run),
        "## Parts of steps",
        *_part("A text in one language", Text),
        *_part("`choices:`", Option),
        *_part("`confirm:`", Confirm),
        *_part("`unclear:`", Unclear),
        *_part("`red_flags:`", RedFlag),
        *_part("`hand_over:`", HandOver),
        *_part("`follow_up:`", FollowUp),
        *_part("`record:`", Record),
        *_part("`pause:`", Pause),
        "## What a question may expect",
        ", ".join(f"`{expects}`" for expects in Expects),
        "## Conditions",
        "In `when`, `only_if` and `quicken`:",
        _block(conditions),
        "## education.yaml",
        _table(Education, extra={"translating": _TRANSLATING["description"]}),
        *_part("A message", Lesson),
        "## shared/follow_through.yaml",
        _table(FollowThrough),
        *_part("`question:` there", SafetyQuestion),
        *_part("`choices:` there", SafetyAnswer),
        *_part("`silence:` there", SafetySilence),
        "A turn of its cases is `{patient: ..., chooses: ..., urgency: ..., says: ...}` (or `voice`, `keys`), "
        "or `{silence: 2 min, calls: true}`.",
        "## shared/opening.yaml",
        _table(Opening),
        *_part("`frequency:` there", Frequency),
        *_part("`texts:` there", OpeningText),
        *_part("`confirmation:` there", Confirmation),
        *_part("`unconfirmed:` there", Unconfirmed),
        "A turn of its cases is `{starts: 2, says: [parts of texts]}` (check-ins a day), `{patient: YES, confirms: true}`, "
        "or `{silence: 24 h, raises: same_day}`.",
        "## Cases",
        f"`given:` may hold {_words(sorted(WORDS))}. Times are how long ago: `15 min`, `24 h`, `7 d`.",
        f"A turn of `talk:` is one of {_words(HAPPENINGS)}, and may expect {_words(EXPECTED)}.",
        "`starts:` beside `given:` expects the same of what happens before the patient has said a word.",
    ]
    return "\n\n".join(parts) + "\n"


def _part(title: str, model: type[BaseModel]) -> Iterable[str]:
    return f"### {title}", inspect.cleandoc(model.__doc__ or ""), _table(model)


def _table(model: type[BaseModel], extra: Mapping[str, Any] | None = None) -> str:
    rows = ["| word | needed | meaning |", "|---|---|---|"]
    for name, field in model.model_fields.items():
        hidden = name in NOT_WRITTEN or (name == "kind" and model in KINDS.values())
        if not hidden:
            rows.append(f"| `{field.alias or name}` | {'yes' if field.is_required() else ''} | {_line(field.description)} |")
    return "\n".join([*rows, *(f"| `{name}` |  | {_line(str(meaning))} |" for name, meaning in (extra or {}).items())])


def _line(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")


def _block(module: ModuleType) -> str:
    return f"```\n{inspect.cleandoc(module.__doc__ or '')}\n```"


def _words(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)
