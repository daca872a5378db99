"""A turn of a check-in in words, as a nurse would see it: what the patient gets, what fired and why, what is written down."""

from __future__ import annotations

from collections.abc import Iterator

from service.domain.decision import Decision
from service.domain.event import (
    AnswerKept,
    CadenceQuickened,
    EducationGiven,
    FollowUpPlanned,
    KnownFindingTold,
    ObservationRecorded,
    PauseAgreed,
    RedFlagFound,
    SessionEnded,
    SilenceNoticed,
    WaitSet,
)
from service.domain.reading import Finding
from service.engine.play import Talk

MARK = {"emergency": "!!! EMERGENCY", "urgent": "!!  URGENT", "same_day": "!   SAME DAY", "routine": "    routine"}
ENDED = {
    "completed": "The check-in is complete.",
    "silent": "Nobody answers: the check-in is over and a nurse is told.",
    "red_flag": "An emergency: nothing more is asked.",
    "stopped": "The check-in was ended from outside.",
    "limit": "The check-in went on too long: a nurse takes over.",
}


def turn_lines(talk: Talk, decision: Decision | None = None, safety: str = "") -> Iterator[str]:
    """The last turn of a talk, line by line; `decision` and `safety` are the universal table's and its answer to the patient."""
    if safety:
        yield f"  Rounds   {safety}"
    for text in talk.texts:
        yield f"  Rounds   {text}"
    for fired in decision.fired if decision is not None else ():
        yield f"  {MARK[fired.urgency]}  {fired.reason}  (every patient: {fired.rule}; {fired.source})"
    for event in talk.events:
        match event:
            case RedFlagFound() | SilenceNoticed():
                name = event.fired.rule.removeprefix(f"{talk.flow.key}.")
                yield f"  {MARK[event.fired.urgency]}  {event.fired.reason}  ({name}; {event.fired.source})"
            case ObservationRecorded():
                yield f"  noted    {finding_words(event.finding)}"
            case KnownFindingTold():
                yield f"  known    {event.fired.reason}: accepted by a nurse, nothing is raised"
            case AnswerKept():
                yield f"  kept     {event.name.replace('_', ' ')}: {finding_words(event.finding)}"
            case EducationGiven():
                yield f"  taught   {event.topic.replace('_', ' ')}: {event.name.replace('_', ' ')}"
            case FollowUpPlanned():
                yield f"  planned  one more check-in ({event.flow}) in {event.after_days} d"
            case PauseAgreed():
                yield f"  paused   check-ins rest {'until a nurse ends it' if event.days is None else f'for {event.days} d'} ({event.kind})"
            case CadenceQuickened():
                yield f"  planned  check-ins as in phase {event.phase} for {event.days} d"
            case SessionEnded():
                yield f"  ended    {ENDED.get(event.status, event.status)}"
            case _:
                pass
    waits = [event for event in talk.events if isinstance(event, WaitSet)]
    if waits and talk.session.wait_until is not None:
        minutes = round((talk.session.wait_until - talk.now).total_seconds() / 60)
        yield f"  waits    {minutes // 60} h {minutes % 60} min for an answer to {talk.session.step}"


def finding_words(finding: Finding) -> str:
    """A finding in plain words: weight 183 lb; no leg swelling; medication missed."""
    name = finding.name.replace("_", " ")
    how = f" ({', '.join(finding.qualifiers)})" if finding.qualifiers else ""
    if finding.quantity is not None:
        second = f"/{finding.quantity.value_2:g}" if finding.quantity.value_2 is not None else ""
        return f"{name} {finding.quantity.value:g}{second} {finding.quantity.unit}{how}".rstrip()
    if finding.assertion == "denied":
        return f"no {name}{how}"
    kind = finding.kind.value.replace("_", " ")
    return f"{kind}: {name}{how}" + ("" if finding.present else f", {finding.assertion.replace('_', ' ')}")
