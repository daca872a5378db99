"""A conversation with a flow under a clock of its own, as an author plays it; between any two steps the session is saved and loaded."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from service.domain.event import (
    AnswerKept,
    Event,
    FollowUpPlanned,
    MessageSaid,
    PauseAgreed,
    QuestionAsked,
    RedFlagFound,
    ReplyRead,
    Resume,
    SessionEnded,
    SilenceNoticed,
    TimedOut,
)
from service.domain.facts import Facts
from service.domain.reading import Question
from service.domain.segments import MAX_SEGMENTS, count_segments
from service.domain.urgency import Urgency, highest
from service.engine.flow import Flow
from service.engine.run import late_answer, late_question, question_of, resume, start
from service.engine.session import Session, Status
from service.engine.steps import HandOverStep

MORNING = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
TYPING = timedelta(minutes=2)


@dataclass
class Talk:
    """Starts a flow and resumes it; `events` are those of the last turn, `story` all of them."""

    flow: Flow
    facts: Facts
    now: datetime = MORNING
    session: Session = field(init=False)
    events: tuple[Event, ...] = ()
    story: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        """The first question is asked."""
        self._turn(*start(self.flow, self.facts, self.now))

    @property
    def question(self) -> Question | None:
        """In whose light the next reply is read; the last one for a while after the end."""
        return question_of(self.flow, self.session) or late_question(self.flow, self.session, self.now)

    def hear(self, event: ReplyRead) -> tuple[Event, ...]:
        """A reply; after the end it is matched to the last question, or nothing follows."""
        if self.session.status is Status.WAITING:
            return self.resume(event)
        late = late_answer(self.flow, self._loaded(), event, self.facts, self.now)
        return self._turn(*(late or (self.session, ())))

    def silence(self) -> tuple[Event, ...]:
        """Nothing until the wait is over. ValueError when nothing is waited for."""
        if self.session.wait_until is None:
            raise ValueError("nothing is waited for: the check-in is over")
        self.now = max(self.now, self.session.wait_until)
        return self.resume(TimedOut(self.session.step, self.now))

    def wait(self, period: timedelta) -> tuple[Event, ...]:
        """Time passes; a wait that ends meanwhile ends at its time."""
        until = self.now + period
        happened: list[Event] = []
        while self.session.wait_until is not None and self.session.wait_until <= until:
            happened += self.silence()
        self.now = until
        self.events = tuple(happened)
        return self.events

    def resume(self, event: Resume) -> tuple[Event, ...]:
        """The session is loaded anew and gets the event."""
        return self._turn(*resume(self.flow, self._loaded(), event, self.facts, self.now))

    def _loaded(self) -> Session:
        return Session.from_json(json.loads(json.dumps(self.session.to_json())))

    def _turn(self, session: Session, events: tuple[Event, ...]) -> tuple[Event, ...]:
        self.session, self.events = session, events
        self.story += events
        return events

    @property
    def texts(self) -> list[str]:
        """The texts of the last turn as they go out: one with the next where both fit in two segments."""
        found: list[str] = []
        for event in self.events:
            if isinstance(event, MessageSaid | QuestionAsked):
                both = f"{found[-1]} {event.text}" if found else event.text
                found = [*found[:-1], both] if count_segments(both).count <= MAX_SEGMENTS else [*found, event.text]
        return found

    @property
    def asked(self) -> str:
        """The step that the last turn asked, "" for none."""
        return next((event.step for event in self.events if isinstance(event, QuestionAsked)), "")

    @property
    def flags(self) -> dict[str, Urgency]:
        """Red flags and silences of the last turn: rule without the flow's key, and urgency."""
        return named(self.flow, self.events)

    @property
    def handed_over(self) -> dict[str, Urgency]:
        """The hand_over steps of the last turn."""
        return handed_over(self.flow, self.events)

    @property
    def followed_up(self) -> list[str]:
        """The flows of which the last turn planned an extra check-in."""
        return [event.flow for event in self.events if isinstance(event, FollowUpPlanned)]

    @property
    def kept(self) -> list[str]:
        """The names under which the last turn kept something."""
        return [event.name for event in self.events if isinstance(event, AnswerKept)]

    @property
    def paused(self) -> str:
        """The pause that the last turn brought, such as "hospital" or "away 5 d", "" for none."""
        found = [event for event in self.events if isinstance(event, PauseAgreed)]
        return "".join(f"{event.kind}" if event.days is None else f"{event.kind} {event.days} d" for event in found[-1:])

    @property
    def ended(self) -> str:
        """How the last turn ended the check-in, "" when it did not."""
        return next((event.status for event in self.events if isinstance(event, SessionEnded)), "")


def named(flow: Flow, events: Sequence[Event]) -> dict[str, Urgency]:
    """Red flags and silences among the events, by rule without the flow's key; hand_over steps are not among them."""
    handed = {step.key for step in flow.steps if isinstance(step, HandOverStep)}
    return {name: urgency for name, urgency in _raised(flow, events).items() if name not in handed}


def handed_over(flow: Flow, events: Sequence[Event]) -> dict[str, Urgency]:
    """The hand_over steps among the events."""
    handed = {step.key for step in flow.steps if isinstance(step, HandOverStep)}
    return {name: urgency for name, urgency in _raised(flow, events).items() if name in handed}


def urgency_of(events: Sequence[Event]) -> Urgency | None:
    """The highest urgency among the events."""
    return highest(event.fired.urgency for event in events if isinstance(event, RedFlagFound | SilenceNoticed))


def _raised(flow: Flow, events: Sequence[Event]) -> dict[str, Urgency]:
    fired = [event.fired for event in events if isinstance(event, RedFlagFound | SilenceNoticed)]
    return {each.rule.removeprefix(f"{flow.key}."): each.urgency for each in fired}
