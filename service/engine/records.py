"""What a `record:` step keeps: the answer to a step, or the sum of several, under a name that later check-ins know."""

from __future__ import annotations

from service.domain.event import AnswerKept
from service.domain.reading import Finding, FindingKind, Quantity
from service.engine.session import Session
from service.engine.steps import RecordStep
from service.triage.reports import score_of


def answer_kept(session: Session, step: RecordStep) -> list[AnswerKept]:
    """The event that keeps it; nothing while an answer that it needs was not given."""
    finding = _sum(session, step.record.total) if step.record.total else _told(session, step.record.from_)
    return [AnswerKept(step.key, step.record.name, finding)] if finding is not None else []


def _told(session: Session, step: str) -> Finding | None:
    return next((found for found in reversed(session.findings(step)) if found.kind is not FindingKind.SYMPTOM), None)


def _sum(session: Session, steps: tuple[str, ...]) -> Finding | None:
    scores = [score.quantity.value for step in steps if (score := score_of(session.findings(step))) and score.quantity]
    if len(scores) < len(steps):
        return None
    return Finding(FindingKind.VALUE, "total", "flow.total", (0, 0), quantity=Quantity(sum(scores), "{score}"))
