"""A check-in that is over, gone through again on the version that it ran on: which question each reply answered, what was asked when.

What was read then decides here (not what would be read today), so that the way is the one that was really gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from service.domain.decision import Decision
from service.domain.event import Event, QuestionAsked, ReplyRead, TimedOut
from service.domain.facts import Facts
from service.domain.past_check_in import PastCheckIn, PastReply
from service.domain.reading import Finding, Question, Reply
from service.engine import Flow, Session, Status, late_answer, late_question, question_of, resume, start
from service.engine.branches import waited_for
from service.engine.cases import Ears
from service.engine.proceed import Turn
from service.engine.session import finding_from_json
from service.replies import read
from service.triage import decide

MOST_TIME_OUTS = 20
"""Waits that end one after the other without a reply; a question has two."""
MOST_BESIDE = 20
"""Replies of which is tried whether one was heard beside the check-in."""
SHORT = 4
"""Letters of a reply in which nobody is spoken of by name ("no", "182"), so that it reads the same for all."""
MOST_KEPT = 20_000
"""Readings kept for the next time that the same words answer the same question."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A reply and the question that it answered."""

    reply: PastReply
    step: str = ""
    """"" when no question was open, or when it was heard beside the check-in."""
    question: Question | None = None
    late: bool = False
    """True when the check-in had been given up by then."""
    grace: timedelta = timedelta()
    """How long after the patient counted as silent it was heard all the same: a call was tried first, or the service was away."""


@dataclass(frozen=True, slots=True)
class Trace:
    """The way that a check-in took."""

    placed: tuple[Placed, ...]
    asked: Mapping[str, datetime]
    """When each question was asked first."""
    open_at_end: bool
    """True when a question waited for its answer in vain, and got none late either."""
    grace: timedelta
    """As that of a reply, for the question left open when another check-in came."""
    exact: bool
    """True when this way led to where the check-in was kept to have ended."""


@dataclass(slots=True)
class Hearing:
    """Reads replies and remembers what it has read, since patients say the same words day after day."""

    ears: Ears
    _read: dict[tuple[Any, ...], tuple[tuple[Finding, ...], str]] = field(default_factory=dict)
    _facts: dict[datetime, Facts] = field(default_factory=dict)
    _whose: PastCheckIn | None = None

    def facts(self, past: PastCheckIn, at: datetime) -> Facts:
        """`past.facts`, worked out once for each instant of a check-in."""
        if self._whose is not past:
            self._whose, self._facts = past, {}
        if at not in self._facts:
            self._facts[at] = past.facts(at)
        return self._facts[at]

    def heard(self, past: PastCheckIn, reply: PastReply, question: Question | None) -> tuple[tuple[Finding, ...], str]:
        """What is read today: findings, and why the question is not answered yet ("" when it is)."""
        name = past.known.first_name if len(reply.text) > SHORT else ""
        key = (reply.text, reply.channel, past.known.language, name, question)
        if key not in self._read:
            if len(self._read) >= MOST_KEPT:
                self._read.clear()
            found = read(self.ears.lexicon, Reply(reply.text, past.known.language, reply.channel, name), question)
            self._read[key] = found.findings, found.missing
        return self._read[key]

    def heard_then(self, past: PastCheckIn, reply: PastReply, question: Question | None) -> tuple[tuple[Finding, ...], str]:
        """What was read when it came; read today where that was not kept, or in a form that is no longer known."""
        try:
            kept = reply.reading or {}
            return tuple(finding_from_json(one) for one in kept["findings"]), str(kept["missing"])
        except (KeyError, ValueError, TypeError):
            return self.heard(past, reply, question)

    def judged(self, past: PastCheckIn, findings: tuple[Finding, ...], at: datetime, question: Question | None) -> Decision:
        """What the rules for every patient make of it."""
        return decide(self.ears.tables, findings, self.facts(past, at), at, question)


def retrace(flow: Flow, past: PastCheckIn, hearing: Hearing) -> Trace:
    """The way of this check-in on `flow`, the version that it ran on. Its silences come at the end of the wait, not a poll later.

    Where it does not lead to the end that was kept, one reply may have been heard beside the check-in (a value corrected on the
    telephone): then it leads there without it.
    """
    trace = _retrace(flow, past, hearing)
    if trace.exact or not past.state:
        return trace
    others = (_retrace(flow, past, hearing, beside=reply) for reply in past.replies[:MOST_BESIDE] if reply.in_session)
    return next((other for other in others if other.exact), trace)


def begun(flow: Flow, past: PastCheckIn, hearing: Hearing) -> Turn:
    """The check-in as it begins on this version; a safety re-check with what is known of what led to it."""
    facts = hearing.facts(past, past.started_at)
    if flow.kind == "recheck":
        return start(flow, facts, past.started_at, led_by=past.led_by, since=past.since)
    return start(flow, facts, past.started_at)


def _retrace(flow: Flow, past: PastCheckIn, hearing: Hearing, beside: PastReply | None = None) -> Trace:
    session, events = begun(flow, past, hearing)
    asked: dict[str, datetime] = {}
    _note(asked, events, past.started_at)
    placed: list[Placed] = []
    for reply in past.replies:
        if reply is beside:
            placed.append(Placed(reply))
            continue
        session, grace = _waited(flow, session, past, hearing, asked, reply.at, may_end=not reply.in_session and past.silent)
        late = session.status is Status.ENDED
        question = late_question(flow, session, reply.at) if late else question_of(flow, session)
        step = session.left_open if late else _key(flow, session)
        if question is None or (late and reply.in_session) or (not late and not reply.in_session):
            placed += [Placed(reply)] if reply.in_session else []
            continue
        findings, missing = hearing.heard_then(past, reply, question)
        decision = hearing.judged(past, findings, reply.at, question)
        event = ReplyRead(findings, missing, reply.at, decision.urgency, bool(decision.answer))
        turn = (late_answer if late else resume)(flow, session, event, hearing.facts(past, reply.at), reply.at)
        if turn is None:
            continue
        session, happened = turn
        _note(asked, happened, reply.at)
        placed.append(Placed(reply, step, question, late, grace))
    end = past.ended_at if not past.silent else datetime.max.replace(tzinfo=past.started_at.tzinfo)
    session, grace = _waited(flow, session, past, hearing, asked, end, may_end=past.silent)
    opened = (past.silent or session.status is Status.WAITING) and not any(each.late for each in placed)
    return Trace(tuple(placed), asked, opened, grace, _as_kept(session, past, placed))


def _waited(
    flow: Flow, session: Session, past: PastCheckIn, hearing: Hearing, asked: dict[str, datetime], until: datetime, *, may_end: bool
) -> tuple[Session, timedelta]:
    """The waits that end before `until`. Without `may_end` the last one does not end the check-in; how long it was over by then."""
    for _ in range(MOST_TIME_OUTS):
        over = session.wait_until
        if session.status is Status.ENDED or over is None or over > until:
            break
        later, events = resume(flow, session, TimedOut(session.step, over), hearing.facts(past, over), over)
        if later.status is Status.ENDED and not may_end:
            return session, until - over
        session = later
        _note(asked, events, over)
    return session, timedelta()


def _key(flow: Flow, session: Session) -> str:
    return waited_for(flow, flow.step(session.step)).key


def _note(asked: dict[str, datetime], events: Iterable[Event], at: datetime) -> None:
    for event in events:
        if isinstance(event, QuestionAsked):
            asked.setdefault(event.step, at)


def _as_kept(session: Session, past: PastCheckIn, placed: Sequence[Placed]) -> bool:
    """Whether the session at the end is the one that was kept; where none was, whether every reply met an open question."""
    if not past.state:
        return all(each.step for each in placed)
    try:
        kept = Session.from_json(past.state)
    except (KeyError, ValueError, TypeError):
        return False
    heard = sum(1 for each in placed if each.step)
    return heard <= kept.turns and all(set(getattr(session, what)) == set(getattr(kept, what)) for what in ("done", "given_up", "fired"))
