"""How often check-ins come over the weeks of a programme: phases of date rules, or days counted from the start.

Written on one line, as an enrollment keeps it: "daily", "daily for 14 d, then weekly", "days 1, 2, 3, 5, 7", each with an
extra period and one extra day at its end: "weekly, plus daily from 2026-12-01 for 14 d, once on 2026-12-20".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from service.domain.schedule import MAX_DAYS, DateRule, parse_date_rule

MAX_PHASES = 6
MAX_COUNTED_DAYS = 60
MAX_LETTERS = 200
MAX_OWN_LETTERS = 120
"""Of a flow's own cadence: an extra period and an extra day must find room behind it."""
_FOR = re.compile(r"(.+) for (\d{1,4}) d")
_PLUS = re.compile(r"(.+), plus (.+) from (\d{4}-\d{2}-\d{2}) for (\d{1,4}) d")
_ONCE = re.compile(r"(?:(.+), )?once on (\d{4}-\d{2}-\d{2})")
_DAYS = re.compile(r"days (\d{1,4}(?:, \d{1,4})*)")
_FORMS = "daily; a list of phases such as {rule: daily, for: 14 d}, the last without for:; or {on_days: [1, 3, 7]}"


@dataclass(frozen=True, slots=True)
class Phase:
    """A date rule for a number of days; None is until the end."""

    rule: DateRule
    days: int | None = None


@dataclass(frozen=True, slots=True)
class Extra:
    """A period of more frequent check-ins, begun because somebody got worse."""

    rule: DateRule
    starts_on: date
    days: int


@dataclass(frozen=True, slots=True)
class Cadence:
    """On which local dates check-ins are due. Made by `parse_cadence`."""

    text: str
    phases: tuple[Phase, ...] = ()
    on_days: tuple[int, ...] = ()
    """Days counted from the start, which is day 1."""
    extra: Extra | None = None
    once_on: date | None = None
    """One extra check-in."""
    starts_on: date | None = None

    def anchored(self, starts_on: date) -> Cadence:
        """The same cadence counted from this date."""
        return replace(self, starts_on=starts_on)

    def dates(self, first_date: date, last_date: date) -> list[date]:
        """The dates from first to last, both included, ascending, each once. ValueError when not anchored or the span is too long."""
        if self.starts_on is None:
            raise ValueError("a cadence counts from a date: anchor it first")
        if (last_date - first_date).days >= MAX_DAYS:
            raise ValueError(f"plan at most {MAX_DAYS} days at once")
        found = {self.starts_on + timedelta(days=day - 1) for day in self.on_days}
        if self.once_on is not None:
            found.add(self.once_on)
        begin = self.starts_on
        for phase in self.phases:
            end = last_date if phase.days is None else begin + timedelta(days=phase.days - 1)
            found |= _between(phase.rule, begin, first_date, min(end, last_date))
            begin = end + timedelta(days=1)
        if self.extra is not None:
            end = self.extra.starts_on + timedelta(days=self.extra.days - 1)
            found |= _between(self.extra.rule, self.extra.starts_on, max(first_date, self.starts_on), min(end, last_date))
        return sorted(day for day in found if first_date <= day <= last_date)


def _between(rule: DateRule, anchor: date, first: date, last: date) -> set[date]:
    first = max(first, anchor)
    return set(rule.anchored(anchor).dates(first, last)) if first <= last else set()


def parse_cadence(text: str) -> Cadence:
    """Reads one line such as "daily for 14 d, then weekly" or "days 1, 2, 5". ValueError says what to write instead."""
    words = text.strip()
    if len(words) > MAX_LETTERS:
        raise ValueError(f"a cadence takes at most {MAX_LETTERS} letters; use fewer phases")
    if match := _ONCE.fullmatch(words):
        usual = parse_cadence(match[1]) if match[1] else Cadence(words)
        return replace(usual, text=words, once_on=date.fromisoformat(match[2]))
    if match := _PLUS.fullmatch(words):
        base = parse_cadence(match[1])
        return replace(base, text=words, extra=Extra(parse_date_rule(match[2]), date.fromisoformat(match[3]), int(match[4])))
    if match := _DAYS.fullmatch(words):
        days = tuple(int(day) for day in match[1].split(", "))
        if list(days) != sorted(set(days)) or days[0] < 1 or days[-1] >= MAX_DAYS or len(days) > MAX_COUNTED_DAYS:
            raise ValueError(f"on_days: at most {MAX_COUNTED_DAYS} days, ascending, each once, from 1 (the first day) to {MAX_DAYS - 1}")
        return Cadence(words, on_days=days)
    parts = words.split(", then ")
    if len(parts) > MAX_PHASES:
        raise ValueError(f"at most {MAX_PHASES} phases")
    phases = tuple(_phase(part, last=number == len(parts)) for number, part in enumerate(parts, 1))
    return Cadence(words, phases)


def _phase(text: str, *, last: bool) -> Phase:
    match = _FOR.fullmatch(text)
    if match is None:
        if not last:
            raise ValueError("every phase but the last says for how long, for: 14 d")
        return Phase(parse_date_rule(text))
    if last:
        raise ValueError("the last phase has no for: it goes on until the end (stop_after)")
    if not 1 <= int(match[2]) < MAX_DAYS:
        raise ValueError(f"for: 1 to {MAX_DAYS - 1} days")
    return Phase(parse_date_rule(match[1]), int(match[2]))


def cadence_text(written: Any) -> str:
    """What a flow file holds (a rule, a list of phases, or counted days) as one line. ValueError says what to write instead."""
    if isinstance(written, str):
        return _own(written)
    entries = list(written) if isinstance(written, Sequence) else [written]
    if len(entries) == 1 and isinstance(entries[0], Mapping) and set(entries[0]) == {"on_days"}:
        return _own(f"days {', '.join(str(day) for day in _list(entries[0]['on_days']))}")
    phases: list[str] = []
    for entry in entries:
        if not isinstance(entry, Mapping) or not {"rule"} <= set(entry) <= {"rule", "for"}:
            raise ValueError(f"write {_FORMS}")
        phases.append(f"{entry['rule']} for {entry['for']}" if "for" in entry else str(entry["rule"]))
    return _own(", then ".join(phases))


def _own(text: str) -> str:
    if len(text) > MAX_OWN_LETTERS:
        raise ValueError(f"on one line this cadence takes {len(text)} letters, at most {MAX_OWN_LETTERS}: use fewer phases or days")
    return parse_cadence(text).text


def _list(written: Any) -> Iterable[Any]:
    if not isinstance(written, list) or not written:
        raise ValueError("on_days: write a list of days such as [1, 3, 7]")
    return written


def quickened(cadence: Cadence, phase: int, starts_on: date, days: int) -> Cadence:
    """The cadence with that many days of an earlier phase (1 is the first) from this date on; replaces such a period before.

    ValueError when there is no such phase.
    """
    base = re.split(r", plus |, once on ", cadence.text)[0]
    if not 1 <= phase <= len(cadence.phases):
        raise ValueError(f"phase {phase}: this cadence has {len(cadence.phases)}")
    rule = base.split(", then ")[phase - 1].partition(" for ")[0]
    text = f"{base}, plus {rule} from {starts_on.isoformat()} for {days} d"
    return replace(parse_cadence(f"{text}, once on {cadence.once_on}" if cadence.once_on else text), starts_on=cadence.starts_on)


def daily_for_a_while(cadence: Cadence, starts_on: date, days: int) -> Cadence:
    """The cadence with a check-in every day for that many days from this date on; replaces such a period before."""
    base = re.split(r", plus |, once on ", cadence.text)[0]
    text = f"{base}, plus daily from {starts_on.isoformat()} for {days} d"
    return replace(parse_cadence(f"{text}, once on {cadence.once_on}" if cadence.once_on else text), starts_on=cadence.starts_on)


def once_more(cadence: Cadence | None, day: date) -> Cadence:
    """The cadence with one extra check-in on this day, in place of an earlier one; None: with nothing but that."""
    usual = re.sub(r"(, )?once on .+$", "", cadence.text) if cadence is not None else ""
    added = f"{usual}, once on {day.isoformat()}" if usual else f"once on {day.isoformat()}"
    return replace(parse_cadence(added), starts_on=cadence.starts_on if cadence is not None else None)
