"""Which symptom name yields to which more specific one told by the same words: vomiting to vomiting blood, rash to hives.

Only what is reported changes. A finding that gives way stays in the reading with the qualifier `gave_way`, so that every row of
the urgency table still judges it: no danger can be lost here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

GAVE_WAY = "gave_way"
"""The qualifier of a finding whose name is not reported, as a more specific one tells the same."""
KEYS = frozenset({"name", "to", "near", "with", "unless"})


class Near(StrEnum):
    """How close the more specific symptom must stand."""

    WORDS = "words"
    CLAUSE = "clause"
    SENTENCE = "sentence"
    REPLY = "reply"


@dataclass(frozen=True, slots=True)
class GivesWay:
    """`name` is not reported where one of `to` (with all of `needs`) stands as near as `near`, unless a word of `unless` is said."""

    name: str
    to: frozenset[str]
    near: Near
    needs: frozenset[str]
    unless: frozenset[str]


class GivesWayError(ValueError):
    """A line of the section is wrong; the message says what to write instead."""


def parse_gives_way(lines: object, symptoms: frozenset[str]) -> tuple[GivesWay, ...]:
    """The section as values. Raises GivesWayError for unknown names (not among `symptoms`) and for names that always
    yield to themselves; a line with `with` may stand against another, the earlier of the two decides."""
    if not isinstance(lines, list):
        raise GivesWayError("write a list of {name, to, near}")
    found = tuple(_line(line, place, symptoms) for place, line in enumerate(lines, 1))
    below: dict[str, set[str]] = {}
    for rule in found:
        if rule.needs:
            continue
        below.setdefault(rule.name, set()).update(rule.to)
    for name in below:
        if name in _reached(below, name):
            raise GivesWayError(f"{name} yields to itself by way of others")
    return found


def _line(line: Any, place: int, symptoms: frozenset[str]) -> GivesWay:
    if not isinstance(line, Mapping) or set(line) - KEYS or not {"name", "to"} <= set(line):
        raise GivesWayError(f"line {place}: write name, to and, if needed, near, with, unless")
    name, to = str(line["name"]), frozenset(str(line["to"]).split())
    if unknown := sorted(({name} | to) - symptoms):
        raise GivesWayError(f"line {place}: no entry of kind symptom is named {unknown[0]}")
    try:
        near = Near(str(line.get("near") or Near.WORDS))
    except ValueError as error:
        raise GivesWayError(f"line {place}: near is one of {', '.join(Near)}") from error
    needs, unless = (frozenset(str(line.get(key) or "").split()) for key in ("with", "unless"))
    return GivesWay(name, to, near, needs, unless)


def _reached(below: Mapping[str, Iterable[str]], name: str) -> set[str]:
    found: set[str] = set()
    waiting = list(below.get(name, ()))
    while waiting:
        each = waiting.pop()
        if each not in found:
            found.add(each)
            waiting += below.get(each, ())
    return found
