"""What is proved of one flow beside its cases: walked in every language and channel, from the histories of its cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from service.domain.event import AnswerKept, Event, FollowUpPlanned, MessageSaid, PauseAgreed, QuestionAsked, RedFlagFound, WaitSet
from service.domain.facts import Facts
from service.domain.reading import Channel
from service.domain.script import Script
from service.domain.urgency import Urgency
from service.engine.cases import Case, Played
from service.engine.flow import Flow
from service.engine.given import facts_of
from service.engine.place import Path
from service.engine.play import handed_over, named
from service.engine.session import Session, Status
from service.engine.spoken import Voice, answer_spoken, open_question, told
from service.engine.steps import HandOverStep
from service.evaluation.flows.texts import ReadingLevel, text_problems
from service.evaluation.flows.walk import Say, Walk, Walker, red_flags

MOST_HISTORIES = 4
"""Histories of cases that every flow is walked from; further ones only as long as a red flag has not been reached."""
CLINIC_NUMBER = "+12025550190"


@dataclass(frozen=True, slots=True)
class Shown:
    """What the cases of a flow have reached."""

    flags: frozenset[str]
    """Red flags, silences and hand-overs, without the flow's key."""
    steps: frozenset[str]


_REACHES = QuestionAsked | MessageSaid | WaitSet | AnswerKept | FollowUpPlanned | PauseAgreed


def shown(flow: Flow, played: Sequence[Played]) -> Shown:
    """What these played cases have reached."""
    story = [event for each in played for event in each.story]
    handed = handed_over(flow, story)
    reached = {event.step for event in story if isinstance(event, _REACHES)}
    return Shown(frozenset({*named(flow, story), *handed}), frozenset({*reached, *handed}))


@dataclass
class Proof:
    """What was walked and what is wrong: a path into the file, and what to write instead."""

    flow: Flow
    walks: list[Walk] = field(default_factory=list)
    problems: list[tuple[Path, str]] = field(default_factory=list)

    @property
    def turns(self) -> int:
        """Answers and silences that were played."""
        return sum(walk.turns for walk in self.walks)

    @property
    def paths(self) -> int:
        """Different conversations that the turns of the walk with all branches make up."""
        return max((walk.paths for walk in self.walks), default=0)


def prove(flow: Flow, cases: Sequence[Case], shown: Shown, walker: Walker, script: Script, level: ReadingLevel, today: date) -> Proof:
    """Walks the flow and looks at its texts. `shown` is what its cases have reached."""
    proof = Proof(flow)
    programme = flow.key.partition("/")[0]
    given = list({repr(case.given): case.given for case in cases}.values()) or [{}]
    histories = [facts_of(each, programme) for each in given]
    for language in flow.languages:
        for channel in Channel:
            facts = facts_of({**given[0], "language": language}, programme)
            say = _say(flow, facts, script) if channel is Channel.VOICE else None
            proof.walks.append(walker.walk(flow, facts, channel, coarse=bool(proof.walks), say=say))
    wanted = {*red_flags(flow)}
    for number, facts in enumerate(histories[1:], 1):
        if number >= MOST_HISTORIES and wanted <= _fired(proof):
            break
        proof.walks.append(walker.walk(flow, facts, Channel.SMS, coarse=True))
    proof.problems += _walked(flow, proof, shown)
    proof.problems += _rules(flow, today)
    proof.problems += text_problems(flow, level)
    return proof


def _fired(proof: Proof) -> set[str]:
    return set[str]().union(*(walk.fired for walk in proof.walks))


def _walked(flow: Flow, proof: Proof, shown: Shown) -> list[tuple[Path, str]]:
    found: dict[tuple[Path, str], None] = {}
    for walk in proof.walks:
        for step, what in walk.problems:
            found[("steps", step) if step else (), f"{what} ({walk.language}, {walk.channel})"] = None
    reached = set(shown.steps).union(*(walk.steps for walk in proof.walks))
    fired = _fired(proof) | shown.flags
    return [*((path, what) for path, what in found), *_unreached(flow, reached, fired)]


def _unreached(flow: Flow, reached: set[str], fired: set[str]) -> list[tuple[Path, str]]:
    found: list[tuple[Path, str]] = [
        (("steps", step.key), "no walk reaches this step; look at its only_if, and at those before it")
        for step in flow.steps
        if step.key not in reached
    ]
    for step in flow.questions:
        for number, flag in enumerate(step.red_flags):
            if f"{step.key}.{flag.name}" not in fired:
                found.append((("steps", step.key, "red_flags", number), f"nothing a patient says reaches {flag.name}; look at its when"))
    return found


def _rules(flow: Flow, today: date) -> list[tuple[Path, str]]:
    """What must stand in every flow: an end, a review date that is to come, an answer for the hours nobody is there."""
    found: list[tuple[Path, str]] = []
    if flow.review_by < today:
        found.append((("review_by",), f"the review was due on {flow.review_by}; review the flow and write the next date"))
    found += [
        ((), f"the after-hours text {key} in {language} is missing in shared/wording.yaml")
        for key in ("out_of_hours", "out_of_hours_no_number")
        for language in flow.languages
        if not flow.phrases.get(key, {}).get(language)
    ]
    return found


def _say(flow: Flow, facts: Facts, script: Script) -> Say:
    """Speaks a turn as a call would: what is told, the answer to the most urgent red flag, the next question."""

    def say(session: Session, events: tuple[Event, ...]) -> Any:
        voice = Voice(script, replace(facts, language=session.language), CLINIC_NUMBER)
        said = told(flow, events, voice.facts, session.language)
        flags = [event.fired for event in events if isinstance(event, RedFlagFound) and event.fired.answer]
        for fired in sorted(flags, key=lambda each: each.urgency.rank)[:1]:
            said.append(answer_spoken(flow, fired.answer, voice, fired.urgency))
        if session.status is Status.WAITING and open_question(flow, session) is not None:
            return voice.question(flow, session, said)
        return voice.end(said or [voice.text("thanks")])

    return say


def rule_lines(flow: Flow) -> list[tuple[str, Urgency, str, str]]:
    """Every red flag and hand-over: its name, urgency, reason, and the source of its number."""
    lines = [
        (f"{step.key}.{flag.name}", flag.urgency, flag.reason, flow.sources[flag.source])
        for step in flow.questions
        for flag in step.red_flags
    ]
    handed = [(step.key, step.hand_over) for step in flow.steps if isinstance(step, HandOverStep)]
    return [*lines, *((key, entry.urgency, entry.reason, flow.sources[entry.source]) for key, entry in handed)]
