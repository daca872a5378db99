"""The part of `rounds flows check` that plays the cases of the shared files that are no flows."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from service.content import (
    CASES,
    FOLLOW_THROUGH,
    OPENING,
    SHARED,
    ContentError,
    load_follow_through,
    load_opening,
    load_opening_cases,
    load_safety_cases,
)
from service.engine import follow_through_cases, opening_cases
from service.engine.cases import Ears
from service.engine.flow import Head

SAFETY, FIRST = f"{SHARED}/{FOLLOW_THROUGH.stem}", f"{SHARED}/{OPENING.stem}"
KEYS = frozenset({SAFETY, FIRST})


def check_shared(ears: Ears, today: date, wanted: Collection[str]) -> tuple[int, int]:
    """Plays the cases of those wanted (all, when none is named), prints what is wrong and a line for each; (cases, problems)."""
    found = [_check(key, ears, today) for key in sorted(KEYS) if not wanted or key in wanted]
    return sum(cases for cases, _ in found), sum(problems for _, problems in found)


def _check(key: str, ears: Ears, today: date) -> tuple[int, int]:
    try:
        one, count, wrong, missing = _safety(ears) if key == SAFETY else _opening(ears)
    except ContentError as error:
        print(error)
        return 0, 1
    file = f"{key}{CASES}"
    problems = [ContentError(file, f"line {line}", what) for line, what in wrong]
    problems += [ContentError(file, "", what) for what in missing]
    if one.review_by < today:
        what = f"the review was due on {one.review_by}; review it and write the next date"
        problems.append(ContentError(f"{key}.yaml", "review_by", what))
    for problem in problems:
        print(problem)
    print(f"{key}  {count} cases, {len(problems)} problems", flush=True)
    return count, len(problems)


_Found = tuple[Head, int, list[tuple[int, str]], list[str]]
"""The content, how many cases it has, what did not come out (line, what), and what no case shows."""


def _safety(ears: Ears) -> _Found:
    after = load_follow_through()
    cases = load_safety_cases(after, ears.wording)
    wrong = [(c.line, f'"{c.name}": {what}') for c in cases for what in follow_through_cases.play_safety_case(after, c, ears)]
    return after, len(cases), wrong, follow_through_cases.not_shown(after, cases)


def _opening(ears: Ears) -> _Found:
    opening, cases = load_opening(), load_opening_cases()
    wrong = [(c.line, f'"{c.name}": {what}') for c in cases for what in opening_cases.play_opening_case(opening, c, ears)]
    return opening, len(cases), wrong, opening_cases.not_shown(opening, cases)
