"""The languages of a content file: those it offers to patients, and those that are still being translated.

A text in a language under `translating:` may stand in the file or be missing. It is left out when the file is read: no patient
gets it, no version holds it, and nobody has to approve it. A language is offered once it stands under `languages:`, and then
every text must be there.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

SOURCE_LANGUAGE = "en"
_CODE = re.compile(r"[a-z]{2,3}")
_OTHER_WORDS = frozenset({"say"})
"""Words that stand beside languages and look like the code of one."""


def is_language(code: Any) -> bool:
    """True for what may be the code of a language (ISO 639): es, vi, hmn."""
    return isinstance(code, str) and _CODE.fullmatch(code) is not None and code not in _OTHER_WORDS


def offered(data: Mapping[str, Any], languages: Collection[str] | None = None) -> Mapping[str, Any]:
    """The file without its texts in other languages than `languages`; without that, other than it offers itself.

    Only languages that the file declares are left out: one that it does not declare stays, and is told as a mistake.
    """
    own, under_way = _codes(data.get("languages")), _codes(data.get("translating"))
    out = (own | under_way) - set(languages) if languages is not None else under_way - own
    if not out:
        return data
    left: Mapping[str, Any] = _without(data, frozenset(out))
    return left


def translating_problem(data: Mapping[str, Any]) -> str:
    """What is wrong with `translating:` and what to write instead, "" when it is well or not there."""
    written = data.get("translating", [])
    if not isinstance(written, list) or not all(is_language(code) for code in written):
        return "write a list of codes of languages, such as [fr]"
    if both := sorted(_codes(written) & _codes(data.get("languages"))):
        return f'"{both[0]}" is offered already; a language stands under languages: or under translating:, not under both'
    return f'"{SOURCE_LANGUAGE}" is what is translated from; remove it' if SOURCE_LANGUAGE in written else ""


def _codes(written: Any) -> set[str]:
    return {code for code in written if isinstance(code, str)} if isinstance(written, list | tuple) else set()


def _without(node: Any, languages: frozenset[str]) -> Any:
    if isinstance(node, Mapping):
        texts = SOURCE_LANGUAGE in node
        return {name: _without(each, languages) for name, each in node.items() if not (texts and name in languages)}
    return [_without(each, languages) for each in node] if isinstance(node, list) else node
