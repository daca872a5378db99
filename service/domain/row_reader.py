"""Reads the fields of one row one by one and gathers everything that is wrong with it, each with what to write instead."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, time
from typing import TypeVar

from service.domain.phone_number import parse_phone_number
from service.domain.schedule import to_utc

LONGEST = 200
MOST_IN_A_FIELD = 40

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one field of a row, and what to write instead."""

    field: str
    what: str


class RowReader:
    """Reads fields one by one and gathers what is wrong."""

    def __init__(self, row: Mapping[str, str], today: date) -> None:
        self._row = {key: " ".join(value.split()) for key, value in row.items()}
        self._today = today
        self.problems: list[Problem] = []

    def problem(self, field: str, what: str) -> None:
        """Notes what is wrong with a field."""
        self.problems.append(Problem(field, what))

    def has(self, field: str) -> bool:
        """Whether the field is filled in."""
        return bool(self._row.get(field))

    def text(self, field: str, *, needed: bool = False) -> str:
        """A text of one line."""
        value = self._row.get(field, "")
        if needed and not value:
            self.problem(field, "is empty")
        if len(value) > LONGEST:
            self.problem(field, f"is longer than {LONGEST} letters")
        if not value.isprintable():
            self.problem(field, "has letters that cannot be shown")
        return value

    def date(self, field: str, *, needed: bool = False) -> date | None:
        """A date from 1900 up to today, None when it is empty or wrong."""
        value = self._row.get(field, "")
        if not value:
            if needed:
                self.problem(field, "is empty")
            return None
        try:
            if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
                raise ValueError
            found = date.fromisoformat(value)
        except ValueError:
            self.problem(field, "is no date: write it as 2026-03-31")
            return None
        if not date(1900, 1, 1) <= found <= self._today:
            self.problem(field, "lies in the future" if found > self._today else "is before 1900")
            return None
        return found

    def phone(self, field: str, *, needed: bool = False) -> str:
        """A number in E.164, "" when it is empty or wrong."""
        value = self.text(field, needed=needed)
        if not value:
            return ""
        try:
            return parse_phone_number(value)
        except ValueError as error:
            self.problem(field, str(error))
            return ""

    def zone(self, field: str) -> str:
        """A time zone's name, "" when it is empty."""
        value = self._row.get(field, "")
        try:
            if value:
                to_utc(date(2026, 1, 1), time(12), value)
        except ValueError:
            self.problem(field, "is no time zone: write one such as America/New_York")
        return value

    def one_of(self, field: str, allowed: tuple[str, ...], default: str) -> str:
        """One of these words, in small letters."""
        value = self._row.get(field, "").lower() or default
        if value not in allowed:
            self.problem(field, f"must be one of {', '.join(allowed)}")
        return value

    def yes_no(self, field: str) -> bool:
        """True for yes; empty is no."""
        return self.one_of(field, ("yes", "no"), "no") == "yes"

    def number(self, field: str, least: int, most: int) -> int:
        """A whole number from `least`, which empty means, to `most`."""
        value = self._row.get(field, "") or str(least)
        if not (value.isascii() and value.isdigit() and len(value) < 6 and least <= int(value) <= most):
            self.problem(field, f"must be a number from {least} to {most}")
            return least
        return int(value)

    def listed(self, field: str, read: Callable[[str], T]) -> list[T]:
        """The values between semicolons; none when one of them is wrong."""
        parts = [part.strip() for part in self._row.get(field, "").split(";") if part.strip()]
        if len(parts) > MOST_IN_A_FIELD:
            self.problem(field, f"lists more than {MOST_IN_A_FIELD}")
            return []
        found = []
        for part in parts:
            try:
                found.append(read(part))
            except ValueError as error:
                self.problem(field, str(error))
                return []
        return found
