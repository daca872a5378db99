"""(e) Engine steps: a session loaded, resumed with a reply that was read, and saved, beside loading and saving it alone."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from service.content import Content
from service.domain.event import ReplyRead
from service.domain.facts import Facts, PastDose, PastValue
from service.domain.reading import Measure, Reply
from service.engine import Flow, Session, Status, question_of, resume, start
from service.replies import read
from service.triage import decide
from tests.bench.results import Row, Timed

FLOW = "heart_failure/daily"
"""Of middling size: about ten steps, two dozen red flags that look back over days and weeks."""
MOST_MICROSECONDS = 300
"""What the median of a step is to stay below."""
ANSWERS = ("182", "no", "72", "128/76", "96", "yes")
NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
Work = Callable[[str, ReplyRead], str]
Step = tuple[str, ReplyRead]
"""A session as it is stored, and the reply that comes next."""


def run(content: Content, count: int, repetitions: int) -> Row:
    """`count` steps a repetition, those of whole check-ins one after the other; what was said has been read before."""
    row = Row("engine steps (session loaded and saved)", "none", note=f"median to stay below {MOST_MICROSECONDS} microseconds")
    flow, facts = content.flows[FLOW], known()
    steps = _check_in(content, flow, facts)
    for stored, event in steps * 20:
        _resume(flow, stored, event, facts)
    for _ in range(repetitions):
        row.real.append(_timed(count, steps, lambda stored, event: _resume(flow, stored, event, facts)))
        row.bare.append(_timed(count, steps, lambda stored, _: json.dumps(json.loads(stored))))
    return row


def _timed(count: int, steps: list[Step], work: Work) -> Timed:
    latencies = []
    begun = time.perf_counter()
    for number in range(count):
        stored, event = steps[number % len(steps)]
        before = time.perf_counter()
        work(stored, event)
        latencies.append((time.perf_counter() - before) * 1000)
    return Timed(count, time.perf_counter() - begun, latencies)


def _resume(flow: Flow, stored: str, event: ReplyRead, facts: Facts) -> str:
    session, _ = resume(flow, Session.from_json(json.loads(stored)), event, facts, event.received_at)
    return json.dumps(session.to_json())


def _check_in(content: Content, flow: Flow, facts: Facts) -> list[Step]:
    """The steps of one check-in with good answers. RuntimeError when the flow asks otherwise than this file knows."""
    session, _ = start(flow, facts, NOW)
    now, steps = NOW, []
    for words in ANSWERS:
        if session.status is Status.ENDED:
            raise RuntimeError(f"{FLOW} ends before {words!r}: bring ANSWERS up to date")
        now += timedelta(minutes=2)
        question = question_of(flow, session)
        reading = read(content.lexicon, Reply(words, "en"), question)
        decision = decide(content.tables, reading.findings, facts, now, question)
        event = ReplyRead(reading.findings, reading.missing, now, decision.urgency, bool(decision.answer))
        steps.append((json.dumps(session.to_json()), event))
        session, _ = resume(flow, session, event, facts, now)
    if session.outcome != "completed":
        raise RuntimeError(f"{FLOW} goes on after {ANSWERS[-1]!r}: bring ANSWERS up to date")
    return steps


def known() -> Facts:
    """A patient with a month behind them who measures everything."""
    past = [NOW - timedelta(days=day) for day in range(30, 0, -1)]
    return Facts(
        conditions=frozenset({"heart_failure", "measures_pulse", "measures_pressure", "measures_oxygen"}),
        medications=("water_pill",),
        history=tuple(PastValue(Measure.WEIGHT, 181.0 + day.day % 2, day) for day in past),
        doses=tuple(PastDose("taken", day) for day in past),
        day=31,
        silent_check_ins=0,
        first_name="Ana",
        clinic="Lakeside Clinic",
        after_hours_number="+1 202-555-0199",
        promise="within 1 hour",
        detail_consent=True,
    )
