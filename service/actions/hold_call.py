"""One step of a telephone call: what the caller has pressed or said is heard as a text would be, and what is said next is returned.

A step inside receive_call_input's transaction, without I/O. Reading, triage, the flow and the items are those of texts
(`understand`); the words around them are the script's (`engine.spoken`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from service.actions.answer_call import (
    BINDING,
    SHARP,
    Line,
    as_heard,
    aside,
    back,
    go_on,
    nobody_there,
    person,
    raise_item,
    read_words,
    respond,
    wish,
)
from service.actions.apply_events import apply_events
from service.actions.raise_escalation import Whose, raise_escalation
from service.actions.safety_answers import owes_an_answer
from service.actions.understand import understand
from service.domain.call import AnsweredBy
from service.domain.communication import Purpose
from service.domain.event import Event, RedFlagFound, ReplyRead
from service.domain.prompt import Prompt
from service.domain.reading import Expects, FindingKind, Question
from service.domain.urgency import Urgency
from service.engine import Flow, Session, resume
from service.engine.call import (
    MOST_IDENTITY_TRIES,
    MOST_SILENCES,
    MOST_TRIES,
    MOST_TURNS,
    Key,
    Stage,
    Words,
    digits_of,
    meant,
    proves_identity,
    slower,
)
from service.engine.follow_through import CALL, EMERGENCY, SPOKEN_QUESTION
from service.engine.spoken import introduction, open_question, step_question
from service.engine.steps import AskStep
from service.triage import decide

YES_OR_NO = Question(Expects.YES_NO, step="telephone")


def pick_up(line: Line) -> Prompt:
    """Somebody, or a machine, has picked up: who calls and the identity check; a machine hears the clinic and its number only."""
    voice, by = line.voice, line.heard.answered_by
    if by in (AnsweredBy.MACHINE, AnsweredBy.FAX):
        leave = by is AnsweredBy.MACHINE and line.number == 1  # one message a check-in is enough
        return line.end([voice.text("voicemail")] if leave else [])
    if line.purpose is Purpose.SAFETY:
        return _after_a_safety_text(line)
    if line.session is None:
        return line.end([voice.text("greeting"), voice.text("by_text"), voice.text("goodbye")])
    return voice.identity(pin_digits=len(line.pin), said=[voice.text("greeting")])


def _after_a_safety_text(line: Line) -> Prompt:
    """Asks whoever picks up for the answer that the text did not bring, without a word about health and so without asking who it is."""
    voice = line.voice
    if not owes_an_answer(line.context.item):
        return line.end([voice.text("greeting"), voice.text("by_text"), voice.text("goodbye")])
    line.move(stage=Stage.SAFETY, back=EMERGENCY, tries=0)
    return voice.ask([voice.text("greeting"), voice.text(CALL), voice.text(SPOKEN_QUESTION)], digits=1)


def take_step(line: Line) -> Prompt:
    """What is said after this input, with everything that follows from it in the changes."""
    call = line.call
    if call.turn >= MOST_TURNS:
        return (aside(line, Words(line.heard.spoken, False)) if line.heard.spoken else None) or line.end([line.voice.text("goodbye")])
    if call.stage is Stage.PERSON:
        return line.end([line.voice.text("goodbye")]) if line.heard.connected else nobody_there(line)
    meaning = meant(call, line.heard, _asked(line), line.script)
    if meaning is not None:
        line.move(silences=0)
    match meaning:
        case Key.REPEAT:
            return slower(line.prompt)
        case Key.PERSON:
            return person(line)
        case Key.STOP:
            line.move(stage=Stage.STOP, back=call.stage.value, tries=0)
            return line.voice.ask([line.voice.text("stop_sure")], digits=1)
        case None:
            return _silent(line)
    return _HANDLERS[call.stage](line, meaning)


# --- the identity check ----------------------------------------------------------------------------------------------------
def _identity(line: Line, words: Words) -> Prompt:
    digits = digits_of(line.heard, line.knowledge.lexicon, line.call.language)
    if proves_identity(digits, birth_year=line.birth_year, pin=line.pin):
        line.move(identified=True, tries=0)
        if (danger := _danger(line, words)) is not None:
            return danger
        before = introduction(line.flow, line.session, line.voice.facts, line.call.language) if line.flow and line.session else []
        return go_on(line, [line.voice.text("thank_you"), *before])
    return (aside(line, words) if line.heard.spoken else None) or _not_identified(line, "identity_again")


def _not_identified(line: Line, why: str) -> Prompt:
    line.move(misses=line.call.misses + 1)
    if line.call.misses < MOST_IDENTITY_TRIES:
        return line.voice.identity(pin_digits=len(line.pin), again=why)
    raise_item(line, "call_not_identified", "On the telephone nobody gave the right birth year or code: call, and check the number")
    return line.end([line.voice.text("identity_failed")])


# --- the check-in's questions ------------------------------------------------------------------------------------------------
def _question(line: Line, words: Words) -> Prompt:
    session, question = line.session, _asked(line)
    if session is None or session.step != line.call.step or question is None:
        # Answered by text meanwhile: what is said now is heard, and the call speaks the new state.
        return aside(line, words) or go_on(line, [line.voice.text("by_text")])
    if words.sure or _alarms(line, session, words, question):
        return _take(line, words, question)
    line.move(stage=Stage.HEARD, pending=words.text)
    return line.voice.ask([line.voice.text("heard_right", heard=words.text)], digits=1)


def _take(line: Line, words: Words, question: Question | None) -> Prompt:
    """The words count: as the answer to the open question, with all that a text would lead to."""
    step = line.call.step
    line.move(answered=True, tries=0, pending="")
    one = understand(line.changes, line.knowledge, line.context, line.flow, as_heard(line, words, question))
    flagged = any(_is_flag(line.flow, event) for event in one.aftermath.events)
    measured = question is None or question.expects is not Expects.PHQ_ITEM  # its number is one of four answers, not a reading
    value = measured and any(f.kind is FindingKind.VALUE and f.present for f in one.reading.findings)
    read_back = (value and (flagged or one.decision.urgency is not None)) or not words.sure
    return respond(line, one, words.text if read_back else "", step)


def _is_flag(flow: Flow | None, event: Event) -> bool:
    """Whether it is a red flag of a question, by what was answered to it."""
    if flow is None or not isinstance(event, RedFlagFound) or event.fired.rule.endswith(_NO_FLAGS):
        return False
    return isinstance(flow.step(event.step), AskStep)


_NO_FLAGS = (".unknown", ".not_understood", ".not_confirmed", ".put_off", ".too_long")
"""Ends of rules that a value has not fired by what it is."""


def _alarms(line: Line, session: Session, words: Words, question: Question) -> bool:
    """Whether these words, if they were said, call a nurse or bind us: that is never put off by asking whether they were."""
    if line.flow is None:
        return False
    facts, now = line.context.facts(line.changes.now), line.changes.now
    reading = read_words(line, words.text, question)
    decision = decide(line.knowledge.tables, reading.findings, facts, now, question)
    if decision.urgency in SHARP or any(reading.has(kind) for kind in BINDING):
        return True
    event = ReplyRead(reading.findings, reading.missing, now, decision.urgency, bool(decision.answer))
    _, events = resume(line.flow, session, event, facts, now)
    return any(_is_flag(line.flow, event) for event in events)


def _heard(line: Line, words: Words) -> Prompt:
    """The answer to "we heard ..., is that right?". What it tells of danger besides counts more than what it confirms."""
    if (danger := _danger(line, words)) is not None:
        return danger
    answer = _yes_or_no(line, words)
    if answer == "yes":
        line.move(stage=Stage.QUESTION)
        return _take(line, Words(line.call.pending, True), _asked(line))
    if answer == "no":
        return _misheard(line)
    line.move(stage=Stage.QUESTION, tries=line.call.tries + 1)  # the answer said anew
    return _question(line, Words(words.text, words.sure or line.call.tries >= MOST_TRIES))


def _misheard(line: Line) -> Prompt:
    """Asks again; after the second time the words count as they were heard, and a nurse is told of the doubt."""
    tries = line.call.tries + 1
    line.move(stage=Stage.QUESTION, tries=tries)
    session = line.session
    if tries < MOST_TRIES and session is not None and line.flow is not None:
        return slower(line.voice.question(line.flow, session, [line.voice.text("say_it_again")]))
    pending = Words(line.call.pending, True)
    prompt = _take(line, pending, _asked(line))
    raise_item(line, "heard_unsurely", "Words on the telephone were not heard clearly and not confirmed: check the answer")
    return prompt


def _value(line: Line, words: Words) -> Prompt:
    """The answer to a value read back after it has called a nurse; the alarm stands either way, and so does what is told besides."""
    if line.heard.spoken and (told_besides := aside(line, words)) is not None:
        return told_besides
    answer = _yes_or_no(line, words)
    if answer == "yes":
        return go_on(line, [])
    if answer == "no" and line.flow is not None:
        line.move(stage=Stage.CORRECT, tries=0)
        return line.voice.once_more(line.flow, line.call.flagged, [line.voice.text("say_it_again")], line.call.language)
    return _once_more(line) or go_on(line, [])


def _danger(line: Line, words: Words) -> Prompt | None:
    """The answer to danger, or to what binds us, that is told along with a yes, a no or a year of birth; None without any."""
    return aside(line, words, BINDING) if line.heard.spoken else None


def _correct(line: Line, words: Words) -> Prompt:
    raise_item(line, "value_corrected", "Says on the telephone that the value was not right, and gave another: compare the two")
    one = understand(line.changes, line.knowledge, line.context, None, as_heard(line, words, _asked(line)))
    return respond(line, one, "", line.call.flagged)


# --- danger, a person, no more calls ------------------------------------------------------------------------------------------
def _safety(line: Line, words: Words) -> Prompt:
    after = line.knowledge.follow_through
    question = after.asked if after.asks(line.call.back) else None
    one = understand(line.changes, line.knowledge, line.context, None, as_heard(line, words, question))
    if one.followed is None and one.decision.urgency is not Urgency.EMERGENCY:
        line.context = one.context
        return wish(line, one.reading) or _once_more(line) or line.end([line.voice.text("goodbye")])
    return respond(line, one, "", "")


def _stop(line: Line, words: Words) -> Prompt:
    if _yes_or_no(line, words) == "yes":
        heard = replace(as_heard(line, words, YES_OR_NO), keyword="STOP")
        one = understand(line.changes, line.knowledge, line.context, None, heard)
        if one.decision.urgency is Urgency.EMERGENCY:
            return respond(line, one, "", "")
        line.context = one.context
        return line.end([line.voice.text("opt_out_confirmation")])
    return aside(line, words) or back(line, [])


def _silent(line: Line) -> Prompt:
    """No key and no word: asked once more, slowly; then the path of an answer that was not understood, and on."""
    line.move(silences=line.call.silences + 1)
    stage = line.call.stage
    if stage is Stage.IDENTITY:
        return _not_identified(line, "not_heard")
    if line.call.silences >= MOST_SILENCES:
        return line.end([line.voice.text("no_answer")])
    if stage is Stage.QUESTION:
        return _unheard(line)
    if stage is Stage.HEARD:
        return _misheard(line)
    if (again := _once_more(line)) is not None:
        return again
    return line.end([line.voice.text("goodbye")]) if stage is Stage.SAFETY else back(line, [])


def _unheard(line: Line) -> Prompt:
    session, waiting, flow = line.session, line.context.session, line.flow
    if session is None or waiting is None or flow is None:
        return go_on(line, [line.voice.text("by_text")])
    facts, now = line.context.facts(line.changes.now), line.changes.now
    session, events = resume(flow, session, ReplyRead((), "no_answer", now), facts, now)
    aftermath = apply_events(line.changes, line.context, waiting, session, events)
    line.context = aftermath.context
    if aftermath.fired:
        item = raise_escalation(line.changes, Whose.patient(line.context), aftermath.fired)
        line.context = replace(line.context, item=item)
    given_up = any(rule.rule.endswith(".not_understood") for rule in aftermath.fired)
    return go_on(line, [line.voice.text("not_understood" if given_up else "not_heard", Urgency.SAME_DAY)])


def _once_more(line: Line) -> Prompt | None:
    """The open prompt again, slowly, while its tries last."""
    if line.call.tries + 1 >= MOST_TRIES:
        return None
    line.move(tries=line.call.tries + 1)
    return slower(line.prompt)


def _asked(line: Line) -> Question | None:
    """The question in whose light words are read."""
    if line.call.stage is Stage.CORRECT and line.flow is not None:
        return step_question(line.flow, line.call.flagged, line.call.language)
    session = line.session
    if line.call.stage not in (Stage.QUESTION, Stage.HEARD) or session is None or line.flow is None:
        return None
    return open_question(line.flow, session)


def _yes_or_no(line: Line, words: Words) -> str:
    found = read_words(line, words.text, YES_OR_NO).first(FindingKind.ANSWER)
    return found.name if found is not None else ""


_HANDLERS: dict[Stage, Callable[[Line, Words], Prompt]] = {
    Stage.IDENTITY: _identity,
    Stage.QUESTION: _question,
    Stage.HEARD: _heard,
    Stage.VALUE: _value,
    Stage.CORRECT: _correct,
    Stage.STOP: _stop,
    Stage.SAFETY: _safety,
    Stage.PERSON: lambda line, words: nobody_there(line),
    Stage.OVER: lambda line, words: line.end([]),
}
