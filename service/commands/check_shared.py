"""The part of `rounds flows check` that plays the cases of shared/follow_through.yaml."""

from __future__ import annotations

from datetime import date

from service.content import CASES, FOLLOW_THROUGH, SHARED, ContentError, load_follow_through, load_safety_cases
from service.engine.cases import Ears
from service.engine.follow_through_cases import not_shown, play_safety_case

KEY = f"{SHARED}/{FOLLOW_THROUGH.stem}"


def check_follow_through(ears: Ears, today: date) -> tuple[int, int]:
    """Prints what is wrong and a line as a flow gets one; how many cases were played, and how many problems there are."""
    after, file = load_follow_through(), f"{KEY}{CASES}"
    try:
        cases = load_safety_cases(after, ears.wording)
    except ContentError as error:
        print(error)
        return 0, 1
    problems = [
        ContentError(file, f"line {case.line}", f'"{case.name}": {failure}')
        for case in cases
        for failure in play_safety_case(after, case, ears)
    ]
    problems += [ContentError(file, "", what) for what in not_shown(after, cases)]
    if after.review_by < today:
        problems.append(
            ContentError(f"{KEY}.yaml", "review_by", f"the review was due on {after.review_by}; review it and write the next date")
        )
    for problem in problems:
        print(problem)
    print(
        f"{KEY}  {after.version.partition('+')[2]}  {len(after.choices)} answers, {len(cases)} cases, {len(problems)} problems", flush=True
    )
    return len(cases), len(problems)
