"""How the shared files that are no flows are read: a model with a head, and mistakes told with their line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from service.domain.wording import LANGUAGES
from service.engine.checks import Problem
from service.engine.flow import Head
from service.engine.parse import explain
from service.engine.place import Place
from service.engine.written import Localized

_Shared = TypeVar("_Shared", bound=Head)


def validated(model: type[_Shared], data: Any, place: Place, parts: Mapping[str, type[BaseModel]]) -> _Shared:
    """The content of a parsed file; `parts` are the models of its parts by name. FlowError names the line and what to write instead."""
    if not isinstance(data, Mapping):
        needed = ", ".join(f"{name}:" for name, field in model.model_fields.items() if field.is_required() and name != "key")
        raise place.error((), f"write {needed}")
    values = {str(name): value for name, value in data.items()}
    if "key" in values:
        raise place.error(("key",), "key: is filled in by itself; remove it")
    try:
        return model.model_validate({**values, "key": place.file.removesuffix(".yaml")})
    except ValidationError as error:
        first = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
        raise place.error(first["loc"], explain(first, model, parts)) from None


def tell(place: Place, one: Head, problems: Iterable[Problem]) -> None:
    """Raises the problems, those of the head first, as one FlowError that holds the others."""
    head: list[Problem] = []
    if one.approver is None and not one.status.startswith("draft"):
        head.append((("status",), 'without an approver the status begins with "draft"'))
    errors = [place.error(path, what) for path, what in (*head, *problems)]
    if errors:
        errors[0].others = tuple(errors[1:])
        raise errors[0]


def missing_languages(path: tuple[str | int, ...], text: Localized) -> Iterable[Problem]:
    """Languages in which a text is not written."""
    for language in LANGUAGES:
        if language not in text:
            yield path, f"the text in {language} is missing; add {language}:"


def plain(text: Localized) -> dict[str, str]:
    """A text by language, as it is sent to everybody."""
    return {language: form.plain for language, form in text.items()}
