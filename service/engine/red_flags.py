"""A flow's red flags, judged by `triage`: which fire, which cannot be judged, and what the patient hears."""

from __future__ import annotations

from dataclasses import replace

from service.domain.decision import Fired
from service.domain.facts import Facts
from service.domain.reading import Finding, FindingKind, Measure, Question
from service.domain.texts import placeholders
from service.domain.urgency import Urgency
from service.engine.answers import VALUE_OF, concerns
from service.engine.branches import holds
from service.engine.flow import Flow
from service.engine.session import UNKNOWN, Session
from service.engine.steps import AskStep
from service.triage import Known, Told, Undecided, judged

Flagged = tuple[str, str, Fired]
"""Name of the flag (it fires once a session), its step, and what fired."""

NOT_KNOWN = "Rounds default: what is not known is never taken for normal"
_ONLY_OF_ITS_STEP = frozenset({FindingKind.ANSWER, FindingKind.CHOICE})
"""A "yes" says nothing about another step's question."""
_NUMBERS_OF_ITS_STEP = frozenset({"scale", "count"})
"""A bare number says nothing about another step's question either."""
_MEASURE_OF_NAME = {str(measure): measure for measure in Measure}


def evaluate_flags(flow: Flow, session: Session, known: Told, question: Question | None) -> tuple[list[Flagged], list[Flagged]]:
    """The red flags that fire now and have not fired before in this session, most urgent first, and those that would if a nurse had not
    accepted what they find; `known` is what was told in it (`told`).

    A flag that compares with a reading that is not there is unknown, never false: once its question is answered a routine
    item says so, once a step, unless another flag of the step has fired. See `_is_judged` for the flags of questions not asked yet.
    """
    fired: list[Flagged] = []
    accepted: list[Flagged] = []
    for step in flow.questions:
        if not flow.any_flag(step).may_hold(known.keys):
            continue
        findings = _findings_for(step, session)
        if not findings or not _is_judged(flow, step, session, known):
            continue
        here = known.about(findings, question)
        unknown: list[str] = []
        for flag in step.red_flags:
            rule = flow.rule(step, flag)
            if rule.id in session.fired:
                continue
            found = judged(rule, here)
            if isinstance(found, Known) and flag.answer:
                found = found.fired  # what the patient is answered to is never known
            if isinstance(found, Fired):
                fired.append((rule.id, step.key, replace(found, answer=flag.answer, recheck=flag.recheck)))
            elif isinstance(found, Known):
                accepted.append((rule.id, step.key, found.fired))
            elif isinstance(found, Undecided):
                unknown.append(flag.name.replace("_", " "))
        name = f"{flow.key}.{step.key}{UNKNOWN}"
        seen = {each[1] for each in fired} | ({step.key} if any(f.startswith(f"{flow.key}.{step.key}.") for f in session.fired) else set())
        if unknown and step.key in session.done and step.key not in seen:
            fired.append((name, step.key, _unknown(flow, name, unknown)))
    return sorted(fired, key=lambda each: each[2].urgency.rank), accepted


def answer_text(flow: Flow, key: str, session: Session, facts: Facts, urgency: Urgency | None) -> str:
    """A shared text or a flow's own answer, filled; the honest out-of-hours text while nobody can keep its promise."""
    spoken = facts.in_language(session.language)
    own = "." in key
    if own and not facts.staffed and "promise" in placeholders(flow.wording.raw(key, session.language)):
        key = "out_of_hours"
    return flow.wording.for_patient(key, spoken, urgency)


def needs_confirming(step: AskStep, session: Session, facts: Facts) -> bool:
    """True when the step's value differs from the last one in the history by more than the step allows."""
    if step.confirm is None or step.expects not in VALUE_OF:
        return False
    name = VALUE_OF[step.expects]
    now = next((f for f in reversed(session.findings(step.key)) if f.kind is FindingKind.VALUE and f.name == name), None)
    before = next((past for past in reversed(facts.history) if past.measure is _MEASURE_OF_NAME[name]), None)
    if now is None or now.quantity is None or before is None:
        return False
    return abs(now.quantity.value - before.value) > step.confirm.change_over.value


def _is_judged(flow: Flow, step: AskStep, session: Session, known: Told) -> bool:
    """True for a question that was asked, that is sure to come, or of which the patient has spoken unasked.

    One that hangs on an answer not given yet, or is skipped, says nothing about words that are not about it: "I feel hopeless" is no
    reason for a missed dose while no dose was asked about. All that was told is judged once it is asked.
    """
    if step.key == session.step or step.key in session.done or step.key in session.given_up:
        return True
    comes = holds(flow, step, known)
    return comes is True or any(concerns(step, kept.step, kept.finding, skipped=comes is False) for kept in session.kept)


def _findings_for(step: AskStep, session: Session) -> list[Finding]:
    """What was told to the step, and of the rest what does not speak of another question alone.

    Of two readings of one measure each has its own flags.
    """
    own = VALUE_OF.get(step.expects)
    return [
        kept.finding
        for kept in session.kept
        if kept.step == step.key
        or not (
            kept.finding.kind in _ONLY_OF_ITS_STEP
            or (kept.finding.kind is FindingKind.VALUE and (kept.finding.name == own or kept.finding.name in _NUMBERS_OF_ITS_STEP))
        )
    ]


def _unknown(flow: Flow, name: str, flags: list[str]) -> Fired:
    return Fired(
        rule=name,
        version=flow.version,
        urgency=Urgency.ROUTINE,
        reason=f"No earlier reading to compare with, so this could not be judged: {', '.join(flags)}",
        source=NOT_KNOWN,
    )
