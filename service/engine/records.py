"""What `record:` and `pause:` take from answers: one, or the sum of several, under a name that later check-ins know; a number of days."""

from __future__ import annotations

from service.domain.event import AnswerKept
from service.domain.reading import Finding, FindingKind, Quantity
from service.engine.session import Session
from service.engine.steps import PauseStep, RecordStep
from service.triage.reports import score_of


def answer_kept(session: Session, step: RecordStep) -> list[AnswerKept]:
    """The event that keeps it; nothing while an answer that it needs was not given."""
    finding = _sum(session, step.record.total) if step.record.total else _told(session, step.record.from_)
    return [AnswerKept(step.key, step.record.name, finding)] if finding is not None else []


def days_told(session: Session, step: PauseStep) -> int | None:
    """How many days a pause lasts: as the patient told, else as the step says; None for a stay that a nurse ends."""
    told = score_of(session.findings(step.pause.days_from)) if step.pause.days_from else None
    days = int(told.quantity.value) if told is not None and told.quantity is not None else 0
    return days if days >= 1 else step.pause.for_


def _told(session: Session, step: str) -> Finding | None:
    return next((found for found in reversed(session.findings(step)) if found.kind is not FindingKind.SYMPTOM), None)


def _sum(session: Session, steps: tuple[str, ...]) -> Finding | None:
    scores = [score.quantity.value for step in steps if (score := score_of(session.findings(step))) and score.quantity]
    if len(scores) < len(steps):
        return None
    return Finding(FindingKind.VALUE, "total", "flow.total", (0, 0), quantity=Quantity(sum(scores), "{score}"))
