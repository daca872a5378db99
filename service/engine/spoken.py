"""What a caller hears: prompts made of a flow's spoken questions and the script around them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from service.domain.event import EducationGiven, Event, MessageSaid
from service.domain.facts import Facts
from service.domain.prompt import Connect, Gather, HangUp, Prompt, Say
from service.domain.reading import Choice, Expects, FindingKind, Question
from service.domain.script import Script, digit_by_digit, speakable
from service.domain.texts import fill, placeholders
from service.domain.urgency import Urgency
from service.domain.wording import patient_values
from service.engine.flow import Flow
from service.engine.run import question_of
from service.engine.session import Session
from service.engine.steps import AskStep, EducateStep, TellStep
from service.engine.written import Localized

_KEYS = {
    Expects.YES_NO: "keys_yes_no",
    Expects.MEDICATION_TAKEN: "keys_taken",
    Expects.SYMPTOMS: "keys_symptoms",
    Expects.BLOOD_PRESSURE: "keys_blood_pressure",
    Expects.SCALE_0_10: "keys_scale",
    Expects.PHQ_ITEM: "keys_phq_item",
    Expects.FREE_TEXT: "keys_free_text",
    Expects.CHOICE: "",
}
_WITH_DECIMALS = frozenset({"temp_f", "weight_lb", "inr"})
_ONE_KEY = frozenset({Expects.YES_NO, Expects.MEDICATION_TAKEN, Expects.SYMPTOMS, Expects.PHQ_ITEM, Expects.CHOICE})
MOST_HINTS = 40


@dataclass(frozen=True, slots=True)
class Voice:
    """Speaks to one patient: the script, and what may be said of them. `number` is the clinic's, E.164."""

    script: Script
    facts: Facts
    number: str

    @property
    def language(self) -> str:
        """The language that is spoken."""
        return self.facts.language

    def text(self, key: str, urgency: Urgency | None = None, **more: str) -> str:
        """A text of the script, filled."""
        return self.script.say(key, self.facts, urgency, number=digit_by_digit(self.number), **more)

    def says(self, texts: Sequence[str], *, slow: bool = False) -> tuple[Say, ...]:
        """Each text as words to speak; empty ones are left out."""
        return tuple(Say(text, self.language, slow) for text in texts if text)

    def end(self, texts: Sequence[str]) -> Prompt:
        """Says these and hangs up."""
        return Prompt((*self.says(texts), HangUp()))

    def ask(self, texts: Sequence[str], *, digits: int = 0, speech: bool = True, slow: bool = False, hints: Sequence[str] = ()) -> Prompt:
        """Says these and takes keys or words."""
        return Prompt((Gather(self.says(texts, slow=slow), self.language, digits, speech, tuple(hints)[:MOST_HINTS]),))

    def identity(self, *, pin_digits: int, again: str = "", said: Sequence[str] = ()) -> Prompt:
        """Asks for the year of birth, or for the code of a patient who has one; `again` says what was wrong the first time."""
        asked = self.text("ask_pin" if pin_digits else "ask_birth_year")
        if again:
            return self.ask([*said, self.text(again), asked], digits=pin_digits or 4, slow=True)
        return self.ask([*said, asked, self.text("main_keys")], digits=pin_digits or 4)

    def question(self, flow: Flow, session: Session, said: Sequence[str] = ()) -> Prompt:
        """The open question of the session, after these words; the second time slowly. ValueError when none is open."""
        step = flow.step(session.step)
        if not isinstance(step, AskStep):
            raise ValueError(f"step {session.step} asks nothing")
        asked = step.confirm.say if session.confirming and step.confirm is not None and step.confirm.say else step.say
        if step.expects is Expects.SYMPTOMS and _said_yes(session):
            return self.ask([*said, self.text("which_symptom")])
        return self._asked(flow, step, asked, session.language, said, slow=session.tries > 0)

    def once_more(self, flow: Flow, key: str, said: Sequence[str], language: str) -> Prompt:
        """The question of a step that has been answered already, for correcting it."""
        step = flow.step(key)
        if not isinstance(step, AskStep):
            raise ValueError(f"step {key} asks nothing")
        return self._asked(flow, step, step.say, language, said, slow=True)

    def _asked(self, flow: Flow, step: AskStep, text: Localized, language: str, said: Sequence[str], *, slow: bool) -> Prompt:
        words = spoken_text(flow, text, self.facts, language)
        keys = _KEYS.get(step.expects, "keys_decimal" if step.expects.value in _WITH_DECIMALS else "keys_value")
        hints = [word for option in step.choices for word in option.words.get(language, ())]
        digits = 1 if step.expects in _ONE_KEY else 2 if step.expects is Expects.SCALE_0_10 else 0
        parts = [*said, words, self.text(keys) if keys else ""]
        return self.ask(parts, digits=digits, slow=slow, hints=hints)

    def connect(self) -> Prompt:
        """Puts the caller through to the clinic."""
        return Prompt((*self.says([self.text("connecting")]), Connect(self.number)))


def _said_yes(session: Session) -> bool:
    """Whether the open question has been answered by a bare yes."""
    return any(found.kind is FindingKind.ANSWER and found.name == "yes" and found.present for found in session.findings(session.step))


def spoken_text(flow: Flow, text: Localized, facts: Facts, language: str) -> str:
    """A flow's text, filled, as a voice can say it. MissingValue when it lacks a value."""
    values = patient_values(facts, None, flow.wording.raw("call_emergency", language))
    return speakable(fill(text[language].pick(facts.detail_consent), values, f"{flow.key}, spoken"), language)


def introduction(flow: Flow, session: Session, facts: Facts, language: str) -> list[str]:
    """What the flow tells before its first question: a call says it, since it takes up a check-in that has begun."""
    before = takewhile(lambda step: not isinstance(step, AskStep), flow.steps)
    steps = [step for step in before if isinstance(step, TellStep) and step.key in session.done]
    return [spoken_text(flow, step.say or step.tell, facts, language) for step in steps]


def told(flow: Flow, events: Sequence[Event], facts: Facts, language: str) -> list[str]:
    """What the flow tells without asking, in its spoken form; answers to red flags and thanks are not among it."""
    lessons = {event.step: (event.topic, event.name) for event in events if isinstance(event, EducationGiven)}
    texts: list[str] = []
    for event in events:
        if not isinstance(event, MessageSaid) or event.safety or not event.step:
            continue
        match flow.step(event.step):
            case TellStep() as step:
                texts.append(spoken_text(flow, step.say or step.tell, facts, language))
            case EducateStep() as step if event.step in lessons:
                topic, name = lessons[event.step]
                lesson = next(each for each in flow.education[topic] if each.name == name)
                before = spoken_text(flow, step.say, facts, language) if step.say else ""
                texts += [before, spoken_text(flow, lesson.say or lesson.text, facts, language)]
    return [text for text in texts if text]


def answer_spoken(flow: Flow | None, key: str, voice: Voice, urgency: Urgency | None) -> str:
    """The answer to a red flag, spoken: the script's words for it, else the wording's, else the flow's own."""
    if key in voice.script.texts or key in voice.script.wording.texts:
        return voice.text(key, urgency)
    if flow is None:
        raise KeyError(key)
    if not voice.facts.staffed and "promise" in placeholders(flow.wording.raw(key, voice.language)):
        return voice.text("out_of_hours", urgency)
    return speakable(flow.wording.for_patient(key, voice.facts, urgency), voice.language)


def open_question(flow: Flow, session: Session) -> Question | None:
    """The question that is open now; None when the session is over or waits for the time of a safety re-check."""
    if not session.step or not isinstance(flow.step(session.step), AskStep):
        return None
    return question_of(flow, session)


def step_question(flow: Flow, key: str, language: str) -> Question | None:
    """The question of a step, whether it is open or not; None for a step that asks nothing."""
    step = flow.step(key)
    if not isinstance(step, AskStep):
        return None
    choices = tuple(Choice(n, option.value, option.words.get(language, ())) for n, option in enumerate(step.choices, 1))
    return Question(step.expects, step.key, language, step.ask[language].plain, choices, step.about)
