"""Structured logs, one JSON object a line: codes, ids and counts only (law 10).

A processor replaces everything else: text is kept only under the keys for codes, and only when it looks like one. So a
name, a telephone number or a patient's words cannot reach a log by accident, and a traceback never does.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

import structlog

REMOVED = "[removed]"
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.:/-]{0,79}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\d{1,6}")
_OWN = frozenset({"event", "level", "timestamp"})
_CODES = frozenset(
    "at attempt code communication_id error event_id item job kind lane line method node page_id problem provider source".split()
    + "state status why".split()
)
"""Keys under which a short code or an id may stand; under any other only numbers, flags and instants do."""


def only_codes(_logger: Any, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Keeps numbers, flags, ids, instants, and short codes under the keys for codes; replaces every other value."""
    for key, value in entry.items():
        if key in _OWN or value is None or isinstance(value, bool | float | UUID | datetime | Enum):
            continue
        if isinstance(value, int):
            entry[key] = value if abs(value) < 10_000_000 else REMOVED
        elif not (key in _CODES and isinstance(value, str) and _CODE.fullmatch(value)):
            entry[key] = REMOVED
    return entry


def _no_traceback(_logger: Any, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The kind of an exception and where it was raised, never its text: a text may quote a row."""
    found = entry.pop("exc_info", None)
    error = sys.exc_info()[1] if found is True else found[1] if isinstance(found, tuple) else found
    if isinstance(error, BaseException):
        entry["error"] = type(error).__name__
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        if trace is not None:
            entry["at"] = f"{trace.tb_frame.f_globals.get('__name__', '')}:{trace.tb_lineno}"
    return entry


class _Foreign(logging.Handler):
    """Other libraries' records: whose, from which line, how bad. Never their text, which may quote anything."""

    def emit(self, record: logging.LogRecord) -> None:
        """Passes the record on as a structured entry."""
        log = structlog.get_logger()
        log.log(record.levelno, "library_message", exc_info=record.exc_info, source=record.name, line=record.lineno)


def configure(level: str) -> None:
    """Sets up logging for the process; entries go to standard error."""
    number = logging.getLevelName(level.upper())
    structlog.configure(
        processors=[
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _no_traceback,
            only_codes,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers[:] = [_Foreign()]
    root.setLevel(max(number, logging.WARNING))
