"""A flow as a nurse lead reads it: each step with its texts in every language, red flags most urgent first."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from service.domain.reading import Expects
from service.domain.urgency import Urgency
from service.engine.cases import Case, Ears
from service.engine.flow import Flow
from service.engine.steps import AskStep, EducateStep, FollowUpStep, HandOverStep, Option, PauseStep, Step, TellStep, WaitStep
from service.engine.written import Localized, Text
from service.evaluation.flows.plain import name_in_words, span_in_words
from service.evaluation.flows.words import condition_words

__all__ = ["Flow", "Shelf", "cadence_words", "readable_steps", "red_flags_of", "when_it_comes"]

_WEEKDAYS = {"MO": "Monday", "TU": "Tuesday", "WE": "Wednesday", "TH": "Thursday", "FR": "Friday", "SA": "Saturday", "SU": "Sunday"}
_DAYS_OF_WEEK = re.compile(r"FREQ=WEEKLY;BYDAY=((?:MO|TU|WE|TH|FR|SA|SU)(?:,(?:MO|TU|WE|TH|FR|SA|SU))*)")
_EVERY = re.compile(r"FREQ=(DAILY|WEEKLY);INTERVAL=(\d+)")
_FOR = re.compile(r"(.+) for (\d+) d")
_FILLED = re.compile(r"\{([a-z_0-9.]+)\}")
_FILLS = {"name": "symptom", "value_2": "lower value", "threshold": "number", "total": "sum"}
"""What stands in the place of a value in a reason, where its name does not say so."""
_ANSWERS = {
    Expects.YES_NO: "yes or no",
    Expects.WEIGHT_LB: "a weight in pounds",
    Expects.BLOOD_PRESSURE: "a blood pressure, both numbers",
    Expects.PULSE: "a pulse, in beats a minute",
    Expects.PEAK_FLOW: "a peak flow, in liters a minute",
    Expects.GLUCOSE_MG_DL: "a glucose reading in mg/dL",
    Expects.SPO2_PCT: "an oxygen level in percent",
    Expects.TEMP_F: "a temperature in Fahrenheit",
    Expects.INR: "an INR",
    Expects.SCALE_0_10: "a number from 0 to 10",
    Expects.COUNT: "a number",
    Expects.CHOICE: "one of the choices",
    Expects.MEDICATION_TAKEN: "whether the medicine was taken",
    Expects.SYMPTOMS: "no, or symptoms in the patient's own words",
    Expects.PHQ_ITEM: "a number from 0 to 3",
}


@dataclass(frozen=True, slots=True)
class Shelf:
    """The flows that this process serves, how their cases are read (from files: not in the event loop), and what replies are heard by."""

    flows: Mapping[str, Flow]
    cases: Callable[[str], Sequence[Case]]
    ears: Ears


@dataclass(frozen=True, slots=True)
class Said:
    """One text in every language of the flow: (language, for everybody, after consent to drug and disease names or "")."""

    label: str
    texts: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class ReadableFlag:
    """What calls a nurse: when, why, on what ground; `hears` is empty when the patient gets no text for it."""

    name: str
    urgency: Urgency
    reason: str
    when: str
    source: str
    hears: Said
    recheck: str = ""
    """The safety re-check that begins after it, by its key; "" for none."""


@dataclass(frozen=True, slots=True)
class ReadableStep:
    """One step: what it does in a word, when it comes ("" always), its texts, remarks, red flags most urgent first."""

    key: str
    kind: str
    only_if: str
    said: tuple[Said, ...]
    remarks: tuple[str, ...]
    flags: tuple[ReadableFlag, ...] = ()
    words: tuple[Said, ...] = ()
    """Other words by which a choice is known."""


def cadence_words(cadence: str) -> str:
    """How often, read aloud: "daily for 14 days, then on Monday, Wednesday and Friday"."""
    if cadence.startswith("days "):
        days = cadence.removeprefix("days ").split(", ")
        return f"on day{'s' if len(days) > 1 else ''} {_listed(days)}"
    return ", then ".join(_phases(cadence.split(", then ")))


def when_it_comes(flow: Flow) -> str:
    """How often and how long, as a sentence without its full stop."""
    if flow.kind == "recheck":
        return "Begins by itself after a red flag that names it; never by dates"
    often = cadence_words(flow.cadence)
    return f"{often[:1].upper()}{often[1:]}; ends after {flow.stop_after} day{'s' if flow.stop_after != 1 else ''} at the latest"


def red_flags_of(flow: Flow) -> int:
    """How many things of this flow call a nurse: red flags of questions, and steps that hand over."""
    return sum(len(step.red_flags) for step in flow.questions) + sum(isinstance(step, HandOverStep) for step in flow.steps)


def readable_steps(flow: Flow) -> tuple[ReadableStep, ...]:
    """Every step in its order."""
    return tuple(_step(flow, step) for step in flow.steps)


def _phases(parts: Sequence[str]) -> Iterable[str]:
    """A weekly rule of no more than a week is one date: the first of it. What follows such a date is told with its days."""
    day, after_one_date = 1, False
    for part in parts:
        match = _FOR.fullmatch(part)
        rule, days = (_rule(match[1]), int(match[2])) if match else (_rule(part), 0)
        one_date = rule == "weekly" and 0 < days <= 7
        if one_date:
            yield f"on day {day}"
        elif after_one_date:
            yield f"{rule} from day {day}" + (f" to day {day + days - 1}" if days else "")
        else:
            yield f"{rule} for {days} days" if days else rule
        day, after_one_date = day + days, one_date


def _rule(text: str) -> str:
    if match := _DAYS_OF_WEEK.fullmatch(text):
        return f"on {_listed([_WEEKDAYS[day] for day in match[1].split(',')])}"
    if match := _EVERY.fullmatch(text):
        return f"every {match[2]} {'days' if match[1] == 'DAILY' else 'weeks'}"
    return text


def _listed(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else "".join(words)


def _step(flow: Flow, step: Step) -> ReadableStep:
    only_if = " and ".join(condition_words(condition) for condition in step.only_if)
    flags: tuple[ReadableFlag, ...] = ()
    said: list[Said] = []
    remarks: list[str] = []
    words: tuple[Said, ...] = ()
    match step:
        case AskStep():
            kind = "Question"
            said = [_said(flow, "Text", step.ask), _said(flow, "Second try", step.ask_again), _said(flow, "Telephone", step.say)]
            remarks = list(_remarks(step))
            if step.confirm is not None:
                said.append(_said(flow, "Asked again for a value far from the last one", step.confirm.ask))
                if step.confirm.say:
                    said.append(_said(flow, "Asked again, telephone", step.confirm.say))
            ordered = sorted(step.red_flags, key=lambda flag: flag.urgency.rank)
            flags = tuple(
                ReadableFlag(
                    flag.name,
                    flag.urgency,
                    reason_words(flag.reason),
                    condition_words(flag.when),
                    flow.sources.get(flag.source, flag.source),
                    _answer(flow, flag.answer),
                    flag.recheck,
                )
                for flag in ordered
            )
            words = tuple(_words_of(choice) for choice in step.choices if any(choice.words.values()))
        case TellStep():
            kind = "Text"
            said = [_said(flow, "Text", step.tell)] + ([_said(flow, "Telephone", step.say)] if step.say else [])
        case EducateStep():
            kind = "Teaches"
            remarks = [f"One message about {name_in_words(step.educate)}, the next one that this patient has not had."]
            for lesson in flow.education.get(step.educate, ()):
                said.append(_said(flow, name_in_words(lesson.name), lesson.text))
                if lesson.say:
                    said.append(_said(flow, f"{name_in_words(lesson.name)}, telephone", lesson.say))
        case WaitStep():
            kind = "Waits"
            remarks = [f"{step.wait} minutes; then the next question checks again."]
        case HandOverStep():
            over = step.hand_over
            kind = "Calls a nurse"
            source = flow.sources.get(over.source, over.source)
            flags = (
                ReadableFlag(step.key, over.urgency, reason_words(over.reason), only_if or "always", source, _answer(flow, over.answer)),
            )
        case FollowUpStep():
            kind = "Plans"
            remarks = [f"One more check-in ({step.follow_up.of}) in {step.follow_up.after} days."]
        case PauseStep():
            kind = "Pauses"
            remarks = [_pause(step)]
        case _:
            kind = "Keeps"
            what = "The sum of" if step.record.total else "The answer to"
            remarks = [f"{what} {_listed([name_in_words(key) for key in step.record.steps])}, as {name_in_words(step.record.name)}."]
    return ReadableStep(step.key, kind, only_if, tuple(said), tuple(remarks), flags, words)


def _pause(step: PauseStep) -> str:
    told = f"as many days as told in {name_in_words(step.pause.days_from)}, else " if step.pause.days_from else ""
    return f"Check-ins rest {f'for {told}{step.pause.for_} days' if step.pause.for_ else 'until a nurse ends it'}."


def _remarks(step: AskStep) -> Iterable[str]:
    yield f"Answer: {_ANSWERS.get(step.expects, name_in_words(step.expects))}."
    if step.choices:
        yield "Choices: " + ", ".join(f"{number} {name_in_words(choice.value)}" for number, choice in enumerate(step.choices, 1)) + "."
    if step.about:
        yield f"Asks about {_listed([name_in_words(name) for name in step.about])}."
    if step.also_answered_by:
        yield f"Also answered by a {name_in_words(step.also_answered_by)} told in other words."
    if step.confirm is not None:
        yield f"A value {step.confirm.change_over.value:g} {step.confirm.change_over.unit} or more away from the last one is asked again."
    if step.late is not None:
        yield f"An answer counts for {_span(step.late)} after the question."
    if step.range is not None:
        yield f"A number outside {step.range[0]} to {step.range[1]} is asked again, then a nurse looks."
    if step.can_raise_emergency:
        yield "Not asked in the last 2 hours before nobody is on duty."
    if step.recheck:
        yield "A safety re-check: no answer in 30 minutes raises the urgency by one class."
    if step.unclear is not None:
        yield f"Not understood twice: a nurse looks, {name_in_words(step.unclear.urgency)}."


def _words_of(choice: Option) -> Said:
    return Said(name_in_words(choice.value), tuple((language, ", ".join(words), "") for language, words in choice.words.items() if words))


def _span(minutes: int) -> str:
    hours, rest = divmod(minutes, 60)
    if rest:
        return span_in_words(f"{minutes} min")
    return span_in_words(f"{hours // 24} d" if hours >= 48 and hours % 24 == 0 else f"{hours} h")


def reason_words(reason: str) -> str:
    """What a nurse reads, before the values are known: "Weight [value] lb, up [change] lb"."""
    return _FILLED.sub(lambda match: f"[{_FILLS.get(match[1], name_in_words(match[1]))}]", reason)


def _said(flow: Flow, label: str, written: Localized) -> Said:
    known = [(language, written[language]) for language in flow.languages if language in written]
    return Said(label, tuple((language, text.plain, text.detail) for language, text in known))


def _answer(flow: Flow, key: str) -> Said:
    words = {language: Text(plain=text) for language, text in flow.phrases.get(key, {}).items()}
    return _said(flow, "Patient hears", words)
