"""What the engine says has happened, in the past tense. Actions act on them; an unknown event is an error."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from service.domain.decision import Fired
from service.domain.reading import Expects, Finding
from service.domain.urgency import Urgency


@dataclass(frozen=True, slots=True)
class QuestionAsked:
    """A question is to reach the patient. `reminder` is 0 for the first time, then 1, 2 ..."""

    step: str
    text: str
    language: str
    expects: Expects
    reminder: int = 0
    recheck: bool = False
    """True for a safety re-check: its text is free of quiet hours and caps (decisions 8)."""


@dataclass(frozen=True, slots=True)
class MessageSaid:
    """A text without a question is to reach the patient (thanks, education, the answer to a red flag)."""

    step: str
    text: str
    language: str
    safety: bool = False


@dataclass(frozen=True, slots=True)
class ObservationRecorded:
    """A finding is to be kept in the patient's record (values, medication reports, symptoms)."""

    step: str
    finding: Finding


@dataclass(frozen=True, slots=True)
class RedFlagFound:
    """A red flag of the flow fired: an escalation is to be raised."""

    step: str
    fired: Fired


@dataclass(frozen=True, slots=True)
class KnownFindingTold:
    """A red flag of the flow holds for what a nurse has accepted for a while: nothing is raised, and the trail says so."""

    step: str
    fired: Fired


@dataclass(frozen=True, slots=True)
class AnswerKept:
    """The answer to a step is to be kept under a name in the patient's record."""

    step: str
    name: str
    finding: Finding


@dataclass(frozen=True, slots=True)
class EducationGiven:
    """This message of a topic has reached the patient (its text is a MessageSaid): the next time comes the next one."""

    step: str
    topic: str
    name: str


@dataclass(frozen=True, slots=True)
class FollowUpPlanned:
    """One extra check-in of this flow is wanted in so many days; it replaces an earlier one that is still planned."""

    step: str
    flow: str
    after_days: int


@dataclass(frozen=True, slots=True)
class PauseAgreed:
    """Check-ins are to rest: `hospital` until a nurse ends it, `away` for so many days."""

    step: str
    kind: str
    days: int | None = None


@dataclass(frozen=True, slots=True)
class CadenceQuickened:
    """Check-ins are to go back to this phase of the cadence (1 is the first) for some days: the patient got worse."""

    phase: int
    days: int


@dataclass(frozen=True, slots=True)
class WaitSet:
    """The session waits for a reply until this instant, then `resume` gets a TimedOut."""

    step: str
    until: datetime


@dataclass(frozen=True, slots=True)
class SilenceNoticed:
    """The patient has not answered in time: it becomes an escalation (decisions: silence is counted in hours by risk)."""

    step: str
    fired: Fired


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """The conversation is over: completed, silent (nobody answered), or stopped."""

    status: str
    late_until: datetime | None = None
    """Until when an answer to the question left open still counts (`engine.late_answer`); None when none was left open."""


Event = (
    QuestionAsked
    | MessageSaid
    | ObservationRecorded
    | AnswerKept
    | EducationGiven
    | FollowUpPlanned
    | CadenceQuickened
    | PauseAgreed
    | RedFlagFound
    | KnownFindingTold
    | WaitSet
    | SilenceNoticed
    | SessionEnded
)


# Events in: what the engine is resumed with.


@dataclass(frozen=True, slots=True)
class ReplyRead:
    """A reply has been read in the light of the step's question."""

    findings: tuple[Finding, ...]
    missing: str
    received_at: datetime
    urgency: Urgency | None = None
    """What universal triage made of the same reply: an emergency ends the questioning."""
    answered: bool = False
    """True when universal triage has a safety answer of its own to this reply, so that the patient gets one, not two."""


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The wait of this step is over; a stale timeout (another step, an earlier wait) is ignored by the engine."""

    step: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Stopped:
    """The conversation is ended from outside: opt-out, pause, death, a nurse."""

    reason: str
    at: datetime


Resume = ReplyRead | TimedOut | Stopped
