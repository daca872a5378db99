"""What a caller hears to words that have been understood: danger first, then what binds us, then the check-in's next question.

A part of hold_call's step, without I/O: it moves the line on and returns the next prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from service.actions.hear_reply import CRISIS
from service.actions.heard import MACHINE, Heard
from service.actions.knowledge import Knowledge
from service.actions.pause_check_ins import RESTS
from service.actions.raise_escalation import Whose, raise_escalation
from service.actions.understand import Understood, understand
from service.db import items
from service.db.changes import Changes
from service.domain.call import CallInput
from service.domain.communication import Purpose
from service.domain.decision import Fired
from service.domain.escalation import Reached
from service.domain.event import EducationGiven
from service.domain.patient import PatientContext, Phone
from service.domain.prompt import Prompt
from service.domain.reading import Channel, FindingKind, Question, Reading, Reply
from service.domain.script import Script
from service.domain.urgency import Urgency
from service.engine import Flow, Session
from service.engine.call import (
    Call,
    Stage,
    Words,
)
from service.engine.follow_through import FLOW_TEXT, SPOKEN_QUESTION, told_key
from service.engine.spoken import Voice, answer_spoken, open_question, told
from service.replies import read
from service.triage import decide

SOURCE = "Rounds safety rule 35: by telephone 0 is for a person, and who is speaking is asked before any health word"
SHARP = frozenset({Urgency.EMERGENCY, Urgency.URGENT})
_TOLD = (
    FindingKind.SYMPTOM, FindingKind.CRISIS, FindingKind.OPT_OUT, FindingKind.WRONG_NUMBER, FindingKind.DECEASED, FindingKind.HOSPICE,
    FindingKind.UNSAFE_TO_CONTACT, FindingKind.MEDICATION, FindingKind.REQUEST, FindingKind.HELP,
)  # fmt: skip
"""What counts whoever says it, also before the identity check (decisions 19)."""
BINDING = (FindingKind.OPT_OUT, FindingKind.WRONG_NUMBER, FindingKind.DECEASED, FindingKind.HOSPICE, FindingKind.UNSAFE_TO_CONTACT)
"""What binds us at once, whatever was asked."""


@dataclass(slots=True)
class Line:
    """A live call in one transaction; context and call move on as the step is taken."""

    changes: Changes
    knowledge: Knowledge
    script: Script
    context: PatientContext
    flow: Flow | None
    phone: Phone
    heard: CallInput
    call: Call
    prompt: Prompt
    """The open prompt, which the caller answers."""
    number: int
    """1 for the first call of the conversation."""
    purpose: Purpose = Purpose.CHECK_IN
    """Why it was placed; SAFETY: a safety text has brought no answer."""
    birth_year: str = ""
    pin: str = ""

    @property
    def voice(self) -> Voice:
        """What speaks to this patient, by what is known now."""
        organization = self.context.organization
        facts = replace(self.context.facts(self.changes.now), language=self.call.language)
        return Voice(self.script, facts, organization.clinic_phone or organization.after_hours_number)

    @property
    def session(self) -> Session | None:
        """The conversation, None when it is over."""
        return Session.from_json(self.context.session.state) if self.context.session is not None and self.flow is not None else None

    def move(self, **values: object) -> None:
        """Where the call stands now."""
        self.call = replace(self.call, **values)  # type: ignore[arg-type]

    def end(self, texts: Sequence[str]) -> Prompt:
        """Says these and hangs up."""
        self.move(stage=Stage.OVER)
        return self.voice.end(texts)


def respond(line: Line, one: Understood, read_back: str, step: str) -> Prompt:
    """What the caller hears to words that have been understood: danger first, then what binds us, then the flow's answer."""
    line.context = one.context
    reading, decision = one.reading, one.decision
    ended = reading.has(FindingKind.DECEASED) or reading.has(FindingKind.HOSPICE)
    if reading.has(FindingKind.UNSAFE_TO_CONTACT) or (ended and decision.answer != CRISIS):
        return line.end([line.voice.text("goodbye")])
    fired = sorted([*decision.fired, *one.aftermath.fired], key=lambda rule: rule.urgency.rank)
    best = next((rule for rule in fired if rule.answer), None)
    if best is not None and best.urgency is Urgency.EMERGENCY:
        return _in_danger(line, one, best, read_back)
    if one.followed is not None:
        return line.end([line.voice.text(told_key(one.followed), Urgency.URGENT)])
    if reading.has(FindingKind.OPT_OUT):
        return line.end([line.voice.text("opt_out_confirmation")])
    if reading.has(FindingKind.WRONG_NUMBER):
        return line.end([line.voice.text("goodbye")])
    said = _answers(line, one, best)
    if any(rule.rule == RESTS for rule in one.fired) and line.session is None:
        return line.end([*said, line.voice.text("paused_hospital", Urgency.SAME_DAY)])
    if (put_through := wish(line, reading)) is not None:
        return put_through
    if read_back and line.call.identified and line.call.stage is Stage.QUESTION:
        line.move(stage=Stage.VALUE, flagged=step, tries=0)
        return line.voice.ask([*said, line.voice.text("heard_right", heard=aloud(line, read_back))], digits=1)
    return go_on(line, said)


def _answers(line: Line, one: Understood, best: Fired | None) -> list[str]:
    voice, said = line.voice, list[str]()
    if best is not None:
        told_before = best.answer in _PROMISES and line.call.promised is not None and line.call.promised <= best.urgency.rank
        said.append(voice.text("noted") if told_before else answer_spoken(line.flow, best.answer, voice, best.urgency))
        if best.answer in _PROMISES and not told_before:
            line.move(promised=best.urgency.rank)
    elif any(rule.rule.endswith((".not_understood", ".not_confirmed")) for rule in one.aftermath.fired):
        said.append(voice.text("not_understood", Urgency.SAME_DAY))
    if one.closed and (best is None or best.answer not in _SAYS_WHO_IS_THERE):
        said.append(voice.text("out_of_hours", one.decision.urgency or Urgency.SAME_DAY))
    if line.flow is not None and line.call.identified:
        advice = told(line.flow, one.aftermath.events, voice.facts, line.call.language)
        teaches = not said and any(isinstance(event, EducationGiven) for event in one.aftermath.events)
        said += [voice.text("thank_you") if teaches and not advice[0].startswith(voice.text("thank_you")[:-1]) else "", *advice]
    return [text for text in said if text]


_PROMISES = frozenset({"urgent", "same_day", "routine"})
"""Answers that say when a nurse answers, and nothing else."""
_SAYS_WHO_IS_THERE = frozenset({"urgent", "same_day", "out_of_hours"})


def _in_danger(line: Line, one: Understood, rule: Fired, read_back: str) -> Prompt:
    """The safety answer, spoken at once; the item is committed with this step. It says whether the caller has heard it."""
    key = rule.answer if "." not in rule.answer else FLOW_TEXT
    item = line.context.item
    if item is not None:
        items.change_item(line.changes, line.context.organization.id, item.id, reached=Reached.ON_ITS_WAY)
        line.context = replace(
            line.context,
            item=replace(item, safety_texts=(*item.safety_texts, key), safety_text_at=line.changes.now, reached=Reached.ON_ITS_WAY),
        )
    if one.facts.language in ("en", "es"):
        line.move(language=one.facts.language)  # in danger, in the words that they chose
    line.move(stage=Stage.SAFETY, back=key, owed=key, tries=0)
    voice = line.voice
    said = [voice.text("you_said", heard=aloud(line, read_back))] if read_back and line.call.identified else []
    said.append(answer_spoken(line.flow, rule.answer, voice, Urgency.EMERGENCY))
    if one.closed:
        said.append(voice.text("out_of_hours", Urgency.EMERGENCY))
    if line.knowledge.follow_through.asks(key):
        said.append(voice.text(SPOKEN_QUESTION))
    return voice.ask(said, digits=1)


def wish(line: Line, reading: Reading) -> Prompt | None:
    """ "help", "I want to talk to a person": as key 0."""
    wants = reading.has(FindingKind.HELP) or reading.has(FindingKind.REQUEST, "human") or reading.has(FindingKind.REQUEST, "call_me")
    return person(line) if wants else None


def go_on(line: Line, said: Sequence[str]) -> Prompt:
    """The open question after these words; the identity check when it is still to come; the end when nothing is open."""
    voice, session = line.voice, line.session
    if not line.call.identified and not line.call.answered and session is not None:
        line.move(stage=Stage.IDENTITY)
        return voice.identity(pin_digits=len(line.pin), said=said)
    if session is None or line.flow is None:
        thanks = "all_done" if line.call.answered and said else "thanks"
        return line.end([*said, voice.text(thanks if line.call.identified else "goodbye")])
    if open_question(line.flow, session) is None:  # a safety re-check later on: the next call asks it
        return line.end([*said, voice.text("recheck_later")])
    line.move(stage=Stage.QUESTION, step=session.step, tries=0, flagged="", pending="", back="")
    return voice.question(line.flow, session, said)


def person(line: Line) -> Prompt:
    """Puts the caller through where somebody is on duty and a number is set; else says when a nurse calls."""
    if line.voice.facts.staffed and line.context.organization.clinic_phone:
        line.move(stage=Stage.PERSON, back=line.call.stage.value)
        return line.voice.connect()
    line.move(back=line.call.stage.value)
    return nobody_there(line)


def nobody_there(line: Line) -> Prompt:
    """Says when a nurse calls, opens the item for it, and takes up the call where it stood."""
    urgency = Urgency.URGENT if line.context.high_risk else Urgency.SAME_DAY
    raise_item(line, "wants_person", "Asked for a person on the telephone and was not put through: call back", urgency)
    return back(line, [line.voice.text("person_later", urgency)])


def back(line: Line, said: Sequence[str]) -> Prompt:
    """Back to where the call stood before."""
    if line.call.back == Stage.SAFETY.value or (line.call.owed and not line.call.identified):
        line.move(stage=Stage.SAFETY, back="emergency")
        return line.voice.ask([*said, line.voice.text(SPOKEN_QUESTION)], digits=1)
    return go_on(line, said)


def aside(line: Line, words: Words, kinds: Sequence[FindingKind] = _TOLD) -> Prompt | None:
    """Words that answer no question of ours, when they tell of danger or hold one of these; None when they do not."""
    reading = read_words(line, words.text, None)
    facts = line.context.facts(line.changes.now)
    decision = decide(line.knowledge.tables, reading.findings, facts, line.changes.now, None)
    if decision.urgency not in SHARP and not any(reading.has(kind) for kind in kinds):
        return None
    one = understand(line.changes, line.knowledge, line.context, None, as_heard(line, words, None))
    if not line.call.identified:
        line.context = one.context
        raise_item(
            line, "said_before_identity", "Said on the telephone before the identity check: it may be somebody else", Urgency.ROUTINE
        )
        one = replace(one, context=line.context)
    return respond(line, one, "", "")


def read_words(line: Line, text: str, question: Question | None) -> Reading:
    """Words as a transcript, read in the light of a question; nothing follows from it yet."""
    return read(line.knowledge.lexicon, Reply(text, line.call.language, Channel.VOICE), question)


def as_heard(line: Line, words: Words, question: Question | None) -> Heard:
    """Words of this step as `understand` takes them."""
    heard = line.heard
    return Heard(
        body=words.text,
        phone=line.phone,
        provider=heard.provider,
        provider_id=heard.step_id,
        received_at=line.changes.now,
        channel=Channel.VOICE,
        question=question,
        stranger=not line.call.identified,
    )


def raise_item(line: Line, rule: str, reason: str, urgency: Urgency = Urgency.SAME_DAY) -> UUID:
    """A rule of the machine's own on the patient's item; the item's id."""
    fired = Fired(f"machine.{rule}", MACHINE, urgency, reason, SOURCE)
    item = raise_escalation(line.changes, Whose.patient(line.context), [fired])
    line.context = replace(line.context, item=item)
    return item.id


def aloud(line: Line, words: str) -> str:
    """Words that were understood, as they are said back."""
    return words.replace("/", " sobre " if line.call.language == "es" else " over ")
