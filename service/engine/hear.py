"""A reply to a conversation: what it answers, which red flags fire, what the patient hears, and what is asked next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from service.domain.decision import Fired
from service.domain.event import CadenceQuickened, Event, KnownFindingTold, MessageSaid, ObservationRecorded, RedFlagFound, ReplyRead
from service.domain.facts import Facts
from service.domain.reading import Finding, FindingKind, Question
from service.domain.urgency import Urgency, highest
from service.engine.answers import (
    NO_MORE_QUESTIONS,
    NOT_AN_ANSWER,
    answers_open,
    answers_unasked,
    belongs_to,
    implausible,
    recorded,
)
from service.engine.branches import told, waited_for
from service.engine.flow import Flow
from service.engine.proceed import MAX_TURNS, Turn, ask, end, go_on, raised, still_waiting, too_long
from service.engine.red_flags import Flagged, answer_text, evaluate_flags, needs_confirming
from service.engine.session import MAX_KEPT, Kept, Outcome, Session
from service.engine.steps import AskStep, WaitStep
from service.triage import Told, judge

MAX_FINDINGS = 50
"""Findings of one reply that are looked at (universal triage has seen them all)."""
MAX_TRIES = 2
"""A question is asked, asked once more, and then a nurse looks."""
NO_SPAN = (0, 0)
"""The span of a finding that was read from an earlier reply."""


def hear(
    flow: Flow, session: Session, event: ReplyRead, facts: Facts, now: datetime, question: Question | None, *, late: bool = False
) -> Turn:
    """What follows from a reply; `late`: the check-in is over, nothing more is asked."""
    open_step = flow.step(session.step)
    step, waiting = waited_for(flow, open_step), isinstance(open_step, WaitStep)
    found = event.findings[:MAX_FINDINGS]
    findings = tuple(finding for finding in found if not implausible(step, finding))
    missing = event.missing or ("implausible" if len(findings) < len(found) else "")
    turns, before = session.turns + 1, [_of_an_earlier_reply(kept) for kept in session.kept]
    if found and all(finding.kind in NOT_AN_ANSWER for finding in found):
        session = replace(session, turns=turns, kept=tuple(before))
        return still_waiting(session) if session.turns < MAX_TURNS else too_long(flow, session, facts, now)
    noted = [(belongs_to(flow, step.key, finding), finding) for finding in recorded(findings)]
    events: list[Event] = [ObservationRecorded(key, finding) for key, finding in noted]
    confirmed = session.confirming and _says_yes(findings)
    answered = confirmed or answers_open(step, findings, missing)
    done = (*session.done, *_newly_done(flow, session, step, findings, answered), *([open_step.key] if answered and waiting else []))
    session = replace(session, turns=turns, kept=_keep(before, noted), done=done)

    known = told(flow, session, facts, now)
    found_flags, accepted = evaluate_flags(flow, session, known, question)
    flags = _of_this_reply(found_flags)
    red = [RedFlagFound(key, fired) for _, key, fired in flags]
    session = raised(session, red, event.urgency)
    events += red
    events += [KnownFindingTold(key, fired) for _, key, fired in _of_this_reply(accepted) if fired.spans]  # once: by the reply it rests on
    session, quickened = _quickened(flow, session, known)
    events += quickened
    urgency = highest([*(fired.urgency for _, _, fired in flags), *([event.urgency] if event.urgency else [])])
    said = _safety_answer(flow, session, event, [fired for _, _, fired in flags], facts)
    events += said
    quiet = bool(said) or event.answered
    universal = [event.urgency] if event.answered and event.urgency else []
    safe = highest([*universal, *(fired.urgency for _, _, fired in flags if fired.answer)])
    if late:
        return _late(flow, session, facts, now, events, quiet=quiet, answered=safe)
    if urgency is Urgency.EMERGENCY:
        return end(flow, session, Outcome.RED_FLAG, facts, now, events)
    if any(finding.kind in NO_MORE_QUESTIONS for finding in findings):
        return still_waiting(session, events)
    if session.turns >= MAX_TURNS:
        return too_long(flow, session, facts, now, events)
    if waiting and not answered:
        return still_waiting(session, events)
    if answered and (session.confirming or not needs_confirming(step, session, facts)):
        return go_on(flow, session, facts, now, events, quiet=quiet, answered=safe)
    confirming = answered or session.confirming
    if session.tries + 1 >= MAX_TRIES:
        what = "confirmed" if confirming else "understood"
        return _to_a_nurse(flow, session, step, what, facts, now, events, quiet=quiet, answered=safe)
    text = step.confirm.ask if confirming and step.confirm is not None else step.ask_again
    return ask(flow, session, step, text, facts, now, events, tries=session.tries + 1, confirming=confirming)


def _late(
    flow: Flow, session: Session, facts: Facts, now: datetime, events: Sequence[Event], *, quiet: bool, answered: Urgency | None
) -> Turn:
    ended, followed = end(flow, session, Outcome.SILENT, facts, now, events)
    handed = [event.fired for event in followed[len(events) :] if isinstance(event, RedFlagFound) and event.fired.answer]
    worst = min(handed, key=lambda fired: fired.urgency.rank, default=None)
    said: list[MessageSaid] = []
    if worst is not None and (answered is None or worst.urgency.rank < answered.rank):
        text = answer_text(flow, worst.answer, session, facts, worst.urgency)
        said.append(MessageSaid(session.step, text, session.language, safety=True))
    elif not quiet:
        said.append(MessageSaid(session.step, answer_text(flow, "thanks", session, facts, None), session.language))
    return ended, (*followed[:-1], *said)  # that it has ended was told when it did


def _to_a_nurse(
    flow: Flow,
    session: Session,
    step: AskStep,
    what: str,
    facts: Facts,
    now: datetime,
    events: Sequence[Event],
    *,
    quiet: bool,
    answered: Urgency | None,
) -> Turn:
    """The second answer that is not understood (or not confirmed): a nurse looks and the flow goes on."""
    wanted = [step.unclear.urgency if step.unclear is not None else Urgency.SAME_DAY, *([Urgency.URGENT] if facts.high_risk else [])]
    urgency = min(wanted, key=lambda each: each.rank)
    fired = Fired(
        rule=f"{flow.key}.{step.key}.not_{what}",
        version=flow.version,
        urgency=urgency,
        reason=f"The answer could not be {what}, asked twice: {step.ask[flow.language('en')].plain}",
        source="Rounds safety rule 9: an unclear reply is asked about once; the second goes to a nurse",
    )
    red = RedFlagFound(step.key, fired)
    said = [] if quiet else [MessageSaid(step.key, answer_text(flow, "not_understood", session, facts, urgency), session.language)]
    session = raised(session, [red])
    session = replace(session, given_up=(*session.given_up, *([] if step.key in session.done else [step.key])))
    return go_on(flow, session, facts, now, [*events, red, *said], quiet=True, answered=answered)


def _quickened(flow: Flow, session: Session, known: Told) -> tuple[Session, list[Event]]:
    condition = flow.quicken_when
    if condition is None or flow.quicken is None or session.quickened:
        return session, []
    if not judge(condition, known).holds:
        return session, []
    return replace(session, quickened=True), [CadenceQuickened(flow.quicken.phase, flow.quicken.for_)]


def _of_this_reply(flags: Iterable[Flagged]) -> list[Flagged]:
    """A span speaks of the reply it was read from: those of earlier replies are left out."""
    return [(n, key, replace(fired, spans=tuple(span for span in fired.spans if span != NO_SPAN))) for n, key, fired in flags]


def _of_an_earlier_reply(kept: Kept) -> Kept:
    return kept if kept.finding.span == NO_SPAN else replace(kept, finding=replace(kept.finding, span=NO_SPAN))


def _keep(before: Sequence[Kept], noted: Sequence[tuple[str, Finding]]) -> tuple[Kept, ...]:
    """A newer value or answer replaces the older one of the same step and sort; symptoms add up."""
    kept = [*before]
    for key, finding in noted:
        if finding.kind is not FindingKind.SYMPTOM:
            kept = [old for old in kept if (old.step, old.finding.kind) != (key, finding.kind) or _another_value(old.finding, finding)]
        kept.append(Kept(key, finding))
    return tuple(kept[-MAX_KEPT:])


def _another_value(old: Finding, new: Finding) -> bool:
    return new.kind is FindingKind.VALUE and old.name != new.name


def _newly_done(flow: Flow, session: Session, step: AskStep, findings: Sequence[Finding], answered: bool) -> list[str]:
    closed = {*session.done, *session.given_up, step.key}
    owned = [(None if finding.kind is FindingKind.SYMPTOM else belongs_to(flow, step.key, finding), finding) for finding in findings]
    others = []
    for other in flow.questions:
        if other.key in closed or other.recheck:
            continue
        if answers_unasked(other, [finding for owner, finding in owned if owner in (None, other.key)]):
            others.append(other.key)
    return ([step.key] if answered and step.key not in session.done else []) + others


def _safety_answer(flow: Flow, session: Session, event: ReplyRead, fired: Sequence[Fired], facts: Facts) -> list[Event]:
    """The answer to the most urgent flag that has one, unless universal triage answers the same reply as urgently."""
    answers = sorted((each for each in fired if each.answer), key=lambda each: each.urgency.rank)
    if not answers:
        return []
    first = answers[0]
    if event.answered and event.urgency is not None and event.urgency.rank <= first.urgency.rank:
        return []
    text = answer_text(flow, first.answer, session, facts, first.urgency)
    return [MessageSaid(session.step, text, session.language, safety=True)]


def _says_yes(findings: Sequence[Finding]) -> bool:
    return any(f.kind is FindingKind.ANSWER and f.name == "yes" and f.present for f in findings)
