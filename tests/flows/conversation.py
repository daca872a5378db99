"""A conversation with a flow under a clock of its own; between any two steps the session is saved and loaded again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from service.domain.event import (
    Event,
    MessageSaid,
    QuestionAsked,
    RedFlagFound,
    ReplyRead,
    Resume,
    SessionEnded,
    SilenceNoticed,
    Stopped,
    TimedOut,
    WaitSet,
)
from service.domain.facts import Facts
from service.domain.reading import Assertion, Finding, FindingKind, Quantity
from service.domain.segments import MAX_SEGMENTS, count_segments
from service.domain.urgency import Urgency, highest
from service.engine import Flow, Session, Status, question_of, resume, start

MORNING = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
ANA = Facts(
    first_name="Ana",
    clinic="Lakeside Clinic",
    promise="within 1 hour",
    after_hours_number="+1 202-555-0199",
    detail_consent=True,
)


@dataclass
class Conversation:
    """Starts a flow and resumes it; `events` are those of the last turn, `story` all of them."""

    flow: Flow
    facts: Facts = ANA
    now: datetime = MORNING
    session: Session = field(init=False)
    events: tuple[Event, ...] = ()
    story: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._turn(*start(self.flow, self.facts, self.now))

    def reply(self, *findings: Finding, missing: str = "", urgency: Urgency | None = None, answered: bool = False) -> tuple[Event, ...]:
        self.now += timedelta(minutes=2)
        return self._resume(ReplyRead(findings, missing, self.now, urgency, answered))

    def unreadable(self) -> tuple[Event, ...]:
        return self.reply(Finding(FindingKind.UNCLEAR, "nothing_usable", "unclear", (0, 3)), missing="no_answer")

    def silence(self) -> tuple[Event, ...]:
        """Nothing until the wait is over."""
        assert self.session.wait_until is not None
        self.now = self.session.wait_until
        return self._resume(TimedOut(self.session.step, self.now))

    def stop(self) -> tuple[Event, ...]:
        return self._resume(Stopped("opt_out", self.now))

    def _resume(self, event: Resume) -> tuple[Event, ...]:
        loaded = Session.from_json(json.loads(json.dumps(self.session.to_json())))
        assert loaded == self.session
        pinned = Flow.from_json(json.loads(json.dumps(self.flow.to_json())))
        assert pinned.version == self.flow.version
        turn = resume(pinned, loaded, event, self.facts, self.now)
        assert turn == resume(pinned, loaded, event, self.facts, self.now), "the same input gives the same output"
        return self._turn(*turn)

    def _turn(self, session: Session, events: tuple[Event, ...]) -> tuple[Event, ...]:
        self.session, self.events = session, events
        self.story += events
        if session.status is Status.WAITING:
            assert isinstance(events[-1], WaitSet), "a turn that leaves a session waiting tells until when"
            assert question_of(self.flow, session) is not None
        for text in self.texts:
            assert count_segments(text).count <= MAX_SEGMENTS
        return events

    @property
    def texts(self) -> list[str]:
        """The texts of the last turn as they go out: a text and the question after it are one."""
        found: list[str] = []
        joined = False
        for event in self.events:
            if isinstance(event, MessageSaid | QuestionAsked):
                found = [*found[:-1], f"{found[-1]} {event.text}"] if joined else [*found, event.text]
                joined = isinstance(event, MessageSaid)
        return found

    @property
    def asked(self) -> str:
        """The step that the last turn asked, "" for none."""
        return next((event.step for event in self.events if isinstance(event, QuestionAsked)), "")

    @property
    def flags(self) -> dict[str, Urgency]:
        """Red flags of the last turn: rule without the flow's key, and urgency."""
        return named(self.flow, self.events)

    @property
    def ended(self) -> str:
        return next((event.status for event in self.events if isinstance(event, SessionEnded)), "")


def named(flow: Flow, events: Sequence[Event]) -> dict[str, Urgency]:
    """Red flags and silences among the events, by rule without the flow's key."""
    fired = [event.fired for event in events if isinstance(event, RedFlagFound | SilenceNoticed)]
    return {each.rule.removeprefix(f"{flow.key}."): each.urgency for each in fired}


def urgency_of(events: Sequence[Event]) -> Urgency | None:
    """The highest urgency among the events."""
    return highest(event.fired.urgency for event in events if isinstance(event, RedFlagFound | SilenceNoticed))


def weight(pounds: float, span: tuple[int, int] = (0, 3)) -> Finding:
    return Finding(FindingKind.VALUE, "weight", "number", span, quantity=Quantity(pounds, "lb"))


def symptom(name: str, *qualifiers: str, denied: bool = False, span: tuple[int, int] = (4, 9)) -> Finding:
    assertion = Assertion.DENIED if denied else Assertion.PRESENT
    return Finding(FindingKind.SYMPTOM, name, f"symptom.{name}", span, assertion, qualifiers=qualifiers)


def pill(name: str) -> Finding:
    return Finding(FindingKind.MEDICATION, name, f"medication.{name}", (10, 14))


def found(kind: FindingKind, name: str = "") -> Finding:
    return Finding(kind, name, str(kind), (0, 2))
