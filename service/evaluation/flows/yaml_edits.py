"""Texts of one language changed in a YAML file where they stand; every other letter of the file stays as it is.

The nodes are those that a YAML library composes, with marks of where they begin and end in the text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from service.domain.wording import LANGUAGES
from service.engine.languages import is_language
from service.engine.place import Path

_PLAIN = re.compile(r"[A-Za-zÀ-ÿ¿¡][^:#{}\[\]&*|>%@`\"'\\]*[^\s:#{}\[\]&*|>%@`\"',\\-]")
"""Letters that YAML takes for a text without quotes wherever they stand, and at least one blank among them."""

_WORD = re.compile(r"(?!(?:true|false|null|yes|no|on|off)$)[a-zà-ÿ][a-zà-ÿ ]*[a-zà-ÿ]")
"""Words that need no quotes in a list."""

Forms = Mapping[str, str] | list[str]
"""A text as its forms (plain, and detail or not), or a list of words."""


@dataclass(frozen=True, slots=True)
class _Edit:
    begin: int
    end: int
    text: str


def edited(text: str, root: Any, changes: Mapping[Path, Forms], language: str) -> str:
    """The file `text` with these texts in `language`; `root` is its composed document.

    `changes` are by the path of the mapping that holds the languages. A language that is not there yet is added after those that
    are; a file that does not declare it yet gets it under `translating:`. Raises KeyError for a path that is not there.
    """
    edits = [edit for path, forms in changes.items() for edit in _of_text(text, _at(root, path), forms, language)]
    if changes and not _declares(root, language):
        edits.append(_declare(text, root, language))
    for edit in sorted(edits, key=lambda each: each.begin, reverse=True):
        text = text[: edit.begin] + edit.text + text[edit.end :]
    return text


def _of_text(text: str, holder: Any, forms: Forms, language: str) -> Iterator[_Edit]:
    value = _child(holder, language)
    if value is None:
        yield _added(text, holder, forms, language)
    elif isinstance(forms, list):
        if value.id != "sequence" or [" ".join(str(each.value).split()) for each in value.value] != forms:
            yield _Edit(value.start_mark.index, _end(text, value), _inline(forms))
    elif value.id == "scalar" and set(forms) == {"plain"}:
        yield _scalar(text, value, forms["plain"], in_flow=holder.flow_style)
    elif value.id == "mapping" and all(_child(value, form) is not None for form in forms):
        for form, words in forms.items():
            yield _scalar(text, _child(value, form), words, in_flow=value.flow_style)
    else:
        yield _Edit(value.start_mark.index, _end(text, value), _inline(forms))


def _scalar(text: str, node: Any, words: str, *, in_flow: bool) -> _Edit:
    begin, end = node.start_mark.index, _end(text, node)
    if " ".join(str(node.value).split()) == words:
        return _Edit(begin, end, text[begin:end])
    return _Edit(
        begin, end, _quoted(words) if node.style is not None or in_flow or not _PLAIN.fullmatch(words) or " " not in words else words
    )


def _added(text: str, holder: Any, forms: Forms, language: str) -> _Edit:
    """The language behind those that stand there: on a line of its own, or in the same braces."""
    end = max(_end(text, each) for key, each in holder.value if is_language(key.value))
    if holder.flow_style:
        return _Edit(end, end, f", {language}: {_inline(forms)}")
    indent = " " * holder.value[0][0].start_mark.column
    end = text.index("\n", end) if "\n" in text[end:] else len(text)
    if isinstance(forms, list) or set(forms) == {"plain"}:
        return _Edit(end, end, f"\n{indent}{language}: {_inline(forms)}")
    lines = "".join(f"\n{indent}  {form}: {_quoted(words)}" for form, words in forms.items())
    return _Edit(end, end, f"\n{indent}{language}:{lines}")


def _inline(forms: Forms) -> str:
    if isinstance(forms, list):
        return f"[{', '.join(word if _WORD.fullmatch(word) else _quoted(word) for word in forms)}]"
    if set(forms) == {"plain"}:
        return _quoted(forms["plain"])
    return f"{{{', '.join(f'{form}: {_quoted(words)}' for form, words in forms.items())}}}"


def _quoted(words: str) -> str:
    return json.dumps(words, ensure_ascii=False)


def _end(text: str, node: Any) -> int:
    """Where the node's own letters end: YAML counts what stands between a block and the next one too."""
    if node.id != "scalar" and not node.flow_style and node.value:
        return _end(text, node.value[-1][1] if node.id == "mapping" else node.value[-1])
    begin, end = int(node.start_mark.index), int(node.end_mark.index)
    return begin + len(text[begin:end].rstrip())


def _at(root: Any, path: Path) -> Any:
    node = root
    for part in path:
        node = node.value[part] if isinstance(part, int) else _child(node, part)
        if node is None:
            raise KeyError(part)
    return node


def _child(node: Any, name: str) -> Any:
    return next((value for key, value in node.value if key.value == name), None)


def _declares(root: Any, language: str) -> bool:
    lists = [_child(root, name) for name in ("languages", "translating")]
    listed = any(node is not None and any(each.value == language for each in node.value) for node in lists)
    return listed or (lists[0] is None and language in LANGUAGES)  # lessons are in every language that is offered


def _declare(text: str, root: Any, language: str) -> _Edit:
    """`translating:` with this language: in the list that is there, else on a line behind languages: or owner:."""
    there = _child(root, "translating")
    if there is not None and there.value:
        last = there.value[-1]
        between = ", " if there.flow_style else f"\n{' ' * (there.start_mark.column)}- "
        return _Edit(last.end_mark.index, last.end_mark.index, f"{between}{language}")
    if there is not None:
        return _Edit(there.start_mark.index, _end(text, there), f"[{language}]")
    anchor = _child(root, "languages") or _child(root, "owner")
    end = _end(text, anchor)
    end = text.index("\n", end) if "\n" in text[end:] else len(text)
    return _Edit(end, end, f"\ntranslating: [{language}]")
