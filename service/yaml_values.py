"""YAML 1.2 as plain values that know their lines.

The parser is libyaml's, in C: vocabulary and flows are a megabyte and a half, and every process reads them. What a word means is
YAML 1.2 here (`yes` and `no` are words, only true and false are not), a name that stands twice is an error, and what can make a small
file large or strange (merge keys, tags) is not read at all.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Any, Protocol

from yaml import CSafeLoader
from yaml.error import MarkedYAMLError, YAMLError
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

MOST_DEPTH = 40
MOST_VALUES = 500_000
"""Of one document, where a value that is used again counts again: named in each other, few lines would be millions."""
_PLAIN = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NUMERIC = re.compile(r"[-+.0-9]")
_INT = re.compile(r"[-+]?[0-9]{1,400}")
_OTHER_BASE = re.compile(r"0o[0-7]{1,15}|0x[0-9a-fA-F]{1,12}")
_FLOAT = re.compile(r"[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


class YamlError(ValueError):
    """Text that is not read as YAML: what is wrong, and the line (counted from 1), None where it is not known."""

    def __init__(self, what: str, line: int | None) -> None:
        super().__init__(what)
        self.line = line


class Mapped(dict[Any, Any]):
    """A mapping; `lines` holds the line of each name, counted from 1."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: dict[Any, int] = {}


class Listed(list[Any]):
    """A list; `lines` holds the line of each entry, counted from 1."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[int] = []


def read_yaml(text: str) -> Any:
    """The value of one document: Mapped, Listed, text, number, true, false, null or a day (datetime.date).

    Raises YamlError for what is not YAML 1.2, a name that stands twice in a mapping, nesting deeper than MOST_DEPTH, tags, merge
    keys, and a second document.
    """
    try:
        return _Reader(text).document()
    except MarkedYAMLError as error:
        raise YamlError(_told(error), _line(error.problem_mark)) from error
    except (YAMLError, UnicodeEncodeError) as error:  # a sign that YAML has not, half of a sign
        raise YamlError(" ".join(str(error).split())[:200], None) from error


class _Mark(Protocol):
    line: int


class _Reader:
    """One document, event by event: depth is bounded here, since the nodes of the parser in C would overflow its stack."""

    def __init__(self, text: str) -> None:
        self._parser = CSafeLoader(text)
        self._anchored: dict[str, tuple[Any, int]] = {}
        self._values = 0

    def document(self) -> Any:
        self._next()  # the stream
        if isinstance(self._next(), StreamEndEvent):
            return None
        value = self._value(self._next(), 0)
        if not isinstance(self._next(), DocumentEndEvent) or not isinstance(event := self._next(), StreamEndEvent):
            raise YamlError("a second document begins here; write one file for each", _line(event.start_mark))
        return value

    def _next(self) -> Event:
        event = self._parser.get_event()
        if event is None:
            raise YamlError("ends too early", None)
        return event

    def _value(self, event: Event, depth: int) -> Any:
        self._values += 1
        if isinstance(event, ScalarEvent):
            return self._kept(event, _scalar(event), self._values)
        if isinstance(event, AliasEvent):
            if event.anchor not in self._anchored:
                raise YamlError(f"*{event.anchor} is not known here; name it with &{event.anchor} further up", _line(event.start_mark))
            value, size = self._anchored[event.anchor]
            self._values += size
            if self._values > MOST_VALUES:
                raise YamlError(f"more than {MOST_VALUES:,} values with those that are used again", _line(event.start_mark))
            return value
        if depth == MOST_DEPTH:
            raise YamlError(f"nested deeper than {MOST_DEPTH}", _line(event.start_mark))
        if isinstance(event, MappingStartEvent):
            return self._mapping(event, depth + 1)
        if isinstance(event, SequenceStartEvent):
            return self._sequence(event, depth + 1)
        raise YamlError("a value is missing here", _line(event.start_mark))

    def _mapping(self, start: MappingStartEvent, depth: int) -> Mapped:
        found, first = Mapped(), self._values
        while not isinstance(event := self._next(), MappingEndEvent):
            name, line = self._value(event, depth), _line(event.start_mark)
            if isinstance(name, dict | list) or name == "<<":
                raise YamlError("write a word before the colon; merge keys are not read", line)
            if name in found:
                raise YamlError(f'"{name}" stands here a second time; write it once', line)
            found[name] = self._value(self._next(), depth)
            found.lines[name] = line
        self._kept(start, found, first)
        return found

    def _sequence(self, start: SequenceStartEvent, depth: int) -> Listed:
        found, first = Listed(), self._values
        while not isinstance(event := self._next(), SequenceEndEvent):
            found.append(self._value(event, depth))
            found.lines.append(_line(event.start_mark))
        self._kept(start, found, first)
        return found

    def _kept(self, event: ScalarEvent | MappingStartEvent | SequenceStartEvent, value: Any, first: int) -> Any:
        """The value, remembered where it has a name, with how many values are in it; `first` were read when it began."""
        if event.tag is not None:
            raise YamlError(f"the tag {event.tag} is not read; leave it out", _line(event.start_mark))
        if event.anchor is not None:
            self._anchored[event.anchor] = value, self._values - first + 1
        return value


def _scalar(event: ScalarEvent) -> Any:
    text: str = event.value
    if not event.implicit[0]:  # in quotes, or a block of text
        return text
    if text in _PLAIN:
        return _PLAIN[text]
    if not _NUMERIC.match(text):
        return text
    if _INT.fullmatch(text):
        return int(text)
    if _OTHER_BASE.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    if _DAY.fullmatch(text):
        try:
            return date.fromisoformat(text)
        except ValueError as error:
            raise YamlError(f"{text} is no day of the calendar ({error})", _line(event.start_mark)) from error
    return text


def _told(error: MarkedYAMLError) -> str:
    """What is wrong, and where that began which has no end: a quote left open is noticed at the end of the file."""
    begun, noticed = error.context_mark, error.problem_mark
    what = str(error.problem or error.context)
    if begun is None or noticed is None or begun.line == noticed.line or not error.context:
        return what
    return f"{what}, {error.context} that begins in line {_line(begun)}"


def _line(mark: _Mark | None) -> int:
    return mark.line + 1 if mark is not None else 1
