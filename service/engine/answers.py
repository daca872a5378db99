"""Which findings answer which question, and what a reply is when it answers none."""

from __future__ import annotations

from collections.abc import Iterable

from service.domain.reading import Assertion, Expects, Finding, FindingKind
from service.engine.flow import Flow
from service.engine.steps import AskStep

VALUE_OF = {
    Expects.WEIGHT_LB: "weight",
    Expects.BLOOD_PRESSURE: "blood_pressure",
    Expects.GLUCOSE_MG_DL: "glucose",
    Expects.SPO2_PCT: "spo2",
    Expects.TEMP_F: "temperature",
    Expects.PULSE: "pulse",
    Expects.PEAK_FLOW: "peak_flow",
    Expects.INR: "inr",
}
"""Questions whose answer is known by its measure, also when another question was open."""

RECORDED = frozenset(
    {
        FindingKind.ANSWER,
        FindingKind.CHOICE,
        FindingKind.MEDICATION,
        FindingKind.MISSED_REASON,
        FindingKind.SYMPTOM,
        FindingKind.VALUE,
    }
)
"""Kinds that belong in the patient's record."""

_CURRENT = frozenset({Assertion.PRESENT, Assertion.DENIED, Assertion.ENDED})

NOT_AN_ANSWER = frozenset({FindingKind.TAPBACK, FindingKind.AUTO_REPLY, FindingKind.HELP, FindingKind.OPT_IN})
"""A reply of nothing but these leaves the question open and counts as no try."""

NO_MORE_QUESTIONS = frozenset(
    {
        FindingKind.OPT_OUT,
        FindingKind.WRONG_NUMBER,
        FindingKind.DECEASED,
        FindingKind.HOSPICE,
        FindingKind.UNSAFE_TO_CONTACT,
    }
)
"""After these nothing is asked again by itself: the action that knows them ends or freezes the conversation."""

_UNREAD = frozenset({FindingKind.UNCLEAR, FindingKind.UNEXPLAINED, FindingKind.OTHER_LANGUAGE})

_ANSWER_KINDS = {
    Expects.YES_NO: frozenset({FindingKind.ANSWER}),
    Expects.CHOICE: frozenset({FindingKind.CHOICE}),
    Expects.MEDICATION_TAKEN: frozenset({FindingKind.MEDICATION}),
    Expects.SYMPTOMS: frozenset({FindingKind.SYMPTOM, FindingKind.ANSWER}),
    Expects.SCALE_0_10: frozenset({FindingKind.VALUE}),
    Expects.COUNT: frozenset({FindingKind.VALUE}),
    Expects.PHQ_ITEM: frozenset({FindingKind.VALUE}),
}


def recorded(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings about the patient, now or since the last check-in, that belong in the record."""
    return tuple(finding for finding in findings if finding.kind in RECORDED and finding.assertion in _CURRENT)


def belongs_to(flow: Flow, open_step: str, finding: Finding) -> str:
    """The step whose question a finding speaks to; the open one for what only an open question explains."""
    steps = [flow.question(open_step), *(step for step in flow.questions if step.key != open_step)]
    return next((step.key for step in steps if _speaks_to(step, finding)), open_step)


def concerns(step: AskStep, kept_for: str, finding: Finding, *, skipped: bool) -> bool:
    """True when what was told speaks of this question though it was not asked: it was kept as its answer, or is of its kind.

    Of the kind of a question about symptoms is any symptom, while the question may yet come; one of its own, when it is `skipped`.
    """
    if kept_for == step.key or _speaks_to(step, finding):
        return True
    asks_for_symptoms = step.expects in (Expects.SYMPTOMS, Expects.FREE_TEXT)
    return asks_for_symptoms and not skipped and finding.kind is FindingKind.SYMPTOM


def answers_unasked(step: AskStep, findings: Iterable[Finding]) -> bool:
    """True when a reply to another question answers this one too.

    Symptoms count when one that the question names is present, or when all of them are denied: a denial of one leaves
    the rest unknown.
    """
    found = list(findings)
    if step.expects is Expects.SYMPTOMS:
        told = [f for f in found if f.kind is FindingKind.SYMPTOM and f.assertion in _CURRENT]
        denied = {name for f in told if not f.present for name in step.about if _covers(f.name, name)}
        return any(f.present and _speaks_to(step, f) for f in told) or (bool(step.about) and denied == set(step.about))
    return any(_speaks_to(step, finding) and finding.present for finding in found)


def answers_open(step: AskStep, findings: Iterable[Finding], missing: str) -> bool:
    """True when the reply answers the open question: the reader misses nothing, and what was asked for is there."""
    found = [finding for finding in findings if finding.assertion in _CURRENT]
    if step.also_answered_by and any(f.kind.value == step.also_answered_by for f in found):
        return True
    if missing:
        return False
    if step.expects in VALUE_OF:
        at_the_limit = any("meter_limit" in finding.qualifiers for finding in found)
        return at_the_limit or any(_speaks_to(step, finding) and finding.present for finding in found)
    wanted = _ANSWER_KINDS.get(step.expects)
    if wanted is None:
        return any(finding.kind not in _UNREAD and finding.kind not in NOT_AN_ANSWER for finding in found)
    return any(finding.kind in wanted for finding in found)


def implausible(step: AskStep, finding: Finding) -> bool:
    """True for a count outside the step's own range."""
    if step.range is None or finding.kind is not FindingKind.VALUE or finding.name != "count" or finding.quantity is None:
        return False
    return not step.range[0] <= finding.quantity.value <= step.range[1]


def _speaks_to(step: AskStep, finding: Finding) -> bool:
    if step.also_answered_by and finding.kind.value == step.also_answered_by:
        return True
    if step.expects in VALUE_OF:
        return finding.kind is FindingKind.VALUE and finding.name == VALUE_OF[step.expects]
    if step.expects is Expects.MEDICATION_TAKEN:
        return finding.kind is FindingKind.MEDICATION
    if step.expects is not Expects.SYMPTOMS or finding.kind is not FindingKind.SYMPTOM:
        return False
    return any(_covers(finding.name, name) for name in step.about)


def _covers(told: str, asked: str) -> bool:
    """True when the symptom told is the one asked or its general name: "no swelling" denies leg_swelling as well."""
    return asked == told or asked.endswith(f"_{told}")
