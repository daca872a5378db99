"""A conversation with a flow under a clock of its own; between any two steps the session is saved and loaded again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta

from service.domain.event import Event, ReplyRead, Resume, Stopped, WaitSet
from service.domain.facts import Facts
from service.domain.reading import Assertion, Finding, FindingKind, Quantity
from service.domain.segments import MAX_SEGMENTS, count_segments
from service.domain.urgency import Urgency
from service.engine import Flow, Session, Status, question_of, resume
from service.engine.play import MORNING, Talk, named

ANA = Facts(
    first_name="Ana",
    clinic="Lakeside Clinic",
    promise="within 1 hour",
    after_hours_number="+1 202-555-0199",
    detail_consent=True,
)


@dataclass
class Conversation(Talk):
    """A talk that holds, at every turn, what is true of any conversation."""

    facts: Facts = ANA

    def reply(self, *findings: Finding, missing: str = "", urgency: Urgency | None = None, answered: bool = False) -> tuple[Event, ...]:
        self.now += timedelta(minutes=2)
        return self.hear(ReplyRead(findings, missing, self.now, urgency, answered))

    def unreadable(self) -> tuple[Event, ...]:
        return self.reply(Finding(FindingKind.UNCLEAR, "nothing_usable", "unclear", (0, 3)), missing="no_answer")

    def stop(self) -> tuple[Event, ...]:
        return self.resume(Stopped("opt_out", self.now))

    def resume(self, event: Resume) -> tuple[Event, ...]:
        loaded = Session.from_json(json.loads(json.dumps(self.session.to_json())))
        assert loaded == self.session
        pinned = Flow.from_json(json.loads(json.dumps(self.flow.to_json())))
        assert pinned.version == self.flow.version
        turn = resume(pinned, loaded, event, self.facts, self.now)
        assert turn == resume(pinned, loaded, event, self.facts, self.now), "the same input gives the same output"
        return self._turn(*turn)

    def _turn(self, session: Session, events: tuple[Event, ...]) -> tuple[Event, ...]:
        super()._turn(session, events)
        if session.status is Status.WAITING:
            assert isinstance(events[-1], WaitSet), "a turn that leaves a session waiting tells until when"
            assert question_of(self.flow, session) is not None
        for text in self.texts:
            assert count_segments(text).count <= MAX_SEGMENTS
        return events


def weight(pounds: float, span: tuple[int, int] = (0, 3)) -> Finding:
    return Finding(FindingKind.VALUE, "weight", "number", span, quantity=Quantity(pounds, "lb"))


def symptom(name: str, *qualifiers: str, denied: bool = False, span: tuple[int, int] = (4, 9)) -> Finding:
    assertion = Assertion.DENIED if denied else Assertion.PRESENT
    return Finding(FindingKind.SYMPTOM, name, f"symptom.{name}", span, assertion, qualifiers=qualifiers)


def pill(name: str) -> Finding:
    return Finding(FindingKind.MEDICATION, name, f"medication.{name}", (10, 14))


def found(kind: FindingKind, name: str = "") -> Finding:
    return Finding(kind, name, str(kind), (0, 2))


__all__ = ["ANA", "MORNING", "Conversation", "found", "named", "pill", "symptom", "weight"]
