"""Reports over time: doses missed in a row or within a period, a symptom told again, the sum of a questionnaire."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import groupby, takewhile

from service.domain.reading import Finding, FindingKind, Measure
from service.triage.condition import Condition
from service.triage.readings import COMPARE, UPWARD, kept
from service.triage.told import Told
from service.triage.verdict import NO, UNKNOWN, Verdict, number, plain_name

MISSED = frozenset({"missed", "partly"})
WEEK = timedelta(days=7)


def judge_missed_in_a_row(condition: Condition, told: Told) -> Verdict:
    """Missed or partly taken so often without a dose between; a dose that was not sure, or no more reports, leaves it unknown."""
    now = _doses_now(condition, told)
    status = _status(finding.name for finding in now)
    if status not in ("missed", "unsure"):
        return NO
    row = (*reversed(_doses_before(condition, told, None)), "unknown")
    others = list(takewhile(lambda each: each == "missed", row))[: condition.times - 1]
    if len(others) < condition.times - 1:
        return NO if row[len(others)] == "taken" else UNKNOWN
    return UNKNOWN if status == "unsure" else Verdict(True, now, _of_doses(1 + len(others)))


def judge_missed_doses_in(condition: Condition, told: Told) -> Verdict:
    """Missed or partly taken so often within the period, this reply included; unknown while too few doses of it were told."""
    now = _doses_now(condition, told)
    status = _status(finding.name for finding in now)
    if status not in ("missed", "unsure") or condition.within is None:
        return NO
    reports = [*_doses_before(condition, told, told.since(condition.within)), status]
    count = reports.count("missed")
    if count >= condition.times:
        return Verdict(True, now, _of_doses(count)) if status == "missed" else UNKNOWN
    return UNKNOWN if count + reports.count("unsure") >= condition.times or len(reports) < condition.times else NO


def missed_in_a_week(told: Told) -> int | None:
    """Doses missed or partly taken in 7 days, this reply included; None when nothing was told of doses in that time."""
    every = Condition("missed_doses_in")
    now = _status(finding.name for finding in _doses_now(every, told))
    before = _doses_before(every, told, told.since(WEEK))
    return None if not now and not before else before.count("missed") + (now == "missed")


def judge_symptom_again(condition: Condition, hits: tuple[Finding, ...], told: Told) -> Verdict:
    """A symptom told so often within the period, now (`hits`) included; earlier ones count by their name.

    Not told then is false; unknown when the patient was not heard at all in that time.
    """
    if condition.within is None:
        return NO
    since = told.since(condition.within)
    facts = told.facts
    told_at = {past.at for past in facts.symptoms if since <= past.at < told.now and (condition.any_name or past.name in condition.names)}
    count = 1 + len(told_at)
    if count >= condition.times:
        return Verdict(True, hits, {"name": plain_name(hits[0].name), "count": str(count)})
    instants = (*(v.taken_at for v in facts.history), *(d.taken_at for d in facts.doses), *(s.at for s in facts.symptoms))
    return NO if any(since <= instant < told.now for instant in instants) else UNKNOWN


def judge_total(condition: Condition, told: Told) -> Verdict:
    """The sum of the scores of the steps; with some of them open it is unknown, unless those that are there decide.

    With `above_recorded` it is how far the sum lies above the one that was last kept under that name.
    """
    if told.by_step is None:
        return UNKNOWN
    before = kept(condition, told) if condition.compared_with else 0.0
    if before is None:
        return NO if condition.if_known else UNKNOWN
    scores = [score for step in condition.steps if (score := score_of(told.by_step.get(step, ()))) is not None]
    sum_now = sum(finding.quantity.value for finding in scores if finding.quantity is not None)
    total = sum_now - before
    complete = len(scores) == len(condition.steps)
    held: list[bool | None] = []
    for comparison, amount in condition.comparisons:
        holds = COMPARE[comparison](total, amount)
        decided = complete or holds is (comparison in UPWARD)  # the rest can only add to the sum
        held.append(holds if decided else None)
    if False in held:
        return NO
    figures = {"total": number(sum_now), "value": number(sum_now), "threshold": number(condition.comparisons[0][1])}
    if condition.compared_with:
        figures |= {"change": number(total), "baseline": number(before)}
    return UNKNOWN if None in held else Verdict(True, tuple(scores), figures)


def score_of(findings: Sequence[Finding]) -> Finding | None:
    """The newest score or count of one step."""
    scores = (Measure.SCALE, Measure.COUNT)
    return next((f for f in reversed(findings) if f.kind is FindingKind.VALUE and f.name in scores and f.quantity and f.present), None)


def _doses_now(condition: Condition, told: Told) -> tuple[Finding, ...]:
    kind = FindingKind.MEDICATION
    return tuple(f for f in told.findings if f.kind is kind and f.present and condition.wanted <= frozenset(f.qualifiers))


def _doses_before(condition: Condition, told: Told, since: datetime | None) -> list[str]:
    """Earlier reports of doses as missed, unsure or taken, oldest first; what was told at one time is one report."""
    doses = [
        dose
        for dose in told.facts.doses
        if dose.taken_at < told.now and (since is None or dose.taken_at >= since) and condition.wanted <= dose.drugs
    ]
    return [_status(dose.status for dose in at_once) for _, at_once in groupby(doses, key=lambda dose: dose.taken_at)]


def _status(told: Iterable[str]) -> str:
    """The worst of what was told at one time: missed (partly counts as missed), unsure, taken; "" for nothing."""
    names = set(told)
    return "missed" if names & MISSED else "unsure" if "unsure" in names else "taken" if names else ""


def _of_doses(count: int) -> dict[str, str]:
    return {"name": "doses missed", "count": str(count)}
