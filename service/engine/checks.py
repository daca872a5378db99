"""What may be wrong in a well-formed flow: its head, its texts and each step by itself; with what to write instead."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from service.domain.reading import Expects, FindingKind
from service.domain.urgency import Urgency
from service.domain.wording import LANGUAGES, Wording, spoken_problem, text_problem
from service.engine.answers import VALUE_OF
from service.engine.flow import Education, Flow, Recheck, Written
from service.engine.place import Path
from service.engine.shape import nearest
from service.engine.steps import MAX_FLAGS, AskStep, EducateStep, FollowUpStep, HandOver, HandOverStep, RedFlag, TellStep, WaitStep
from service.engine.written import Localized

Problem = tuple[Path, str]
"""Where (a path into the flow), and what is wrong with what to write instead."""
DetailWords = Mapping[str, tuple[str, ...]]
OPT_OUT_WORDS = frozenset(
    {
        *("stop", "stopall", "stop all", "end", "quit", "cancel", "unsubscribe", "revoke", "optout", "opt out"),
        *("alto", "parar", "pare", "cancelar", "terminar", "baja", "detener", "no más mensajes"),
    }
)
_MAY_NAME_SYMPTOMS = frozenset({Expects.SYMPTOMS, Expects.YES_NO, Expects.PHQ_ITEM})
"""A yes to a question about thoughts of death, or a PHQ item, tells the symptom that the question names."""
_WRITTEN_ANSWER = re.compile(r"\b(reply|send|mande|envíe|escriba)\b", re.IGNORECASE)
_KEY_TO_PRESS = re.compile(r"\b(press|oprima|presione|marque|pulse) (\d)", re.IGNORECASE)


def head_problems(flow: Written, detail_words: DetailWords, wording: Wording) -> Iterator[Problem]:
    """The parts above the steps."""
    if flow.approver is None and not flow.status.startswith("draft"):
        yield ("status",), 'without an approver the status begins with "draft"'
    if flow.approver is not None and not flow.approved_on:
        yield ("approved_on",), "an approver needs the date, approved_on: 2026-11-30"
    for language in flow.languages:
        if language not in LANGUAGES:
            yield (
                ("languages",),
                f'the shared texts and the reader of replies have no "{language}"; until they do, write it under translating:',
            )
    if len(set(flow.languages)) < len(flow.languages):
        yield ("languages",), "a language stands there twice; write each once"
    if not isinstance(flow, Flow):
        return
    yield from _texts(flow, ("greeting",), flow.greeting, wording, detail_words)
    yield from _silence(flow, wording, detail_words)
    cadence = flow.date_rule
    if cadence.on_days and cadence.on_days[-1] > flow.stop_after:
        yield ("cadence",), f"day {cadence.on_days[-1]} comes after stop_after ({flow.stop_after} d); make that longer"
    if sum(phase.days or 0 for phase in cadence.phases) > flow.stop_after:
        yield ("stop_after",), "the programme ends before the last phase of the cadence; make stop_after longer"
    if flow.quicken is not None and flow.quicken.phase > len(cadence.phases):
        yield ("quicken", "phase"), f"the cadence has {len(cadence.phases)} phases; name one of them"


def _silence(flow: Flow, wording: Wording, detail_words: DetailWords) -> Iterator[Problem]:
    silence = flow.silence
    if silence.source not in flow.sources:
        yield ("silence", "source"), f'"{silence.source}" is not among sources:; {nearest(silence.source, flow.sources)}'
    if not silence.remind_after < silence.silent_after_high_risk <= silence.silent_after:
        yield ("silence",), "remind_after must be shorter than silent_after_high_risk, and that no longer than silent_after"
    if silence.urgency_high_risk.rank > silence.urgency.rank:
        yield ("silence", "urgency_high_risk"), "silence of a high-risk patient cannot be less urgent than of others"
    yield from _texts(flow, ("silence", "remind"), silence.remind, wording, detail_words)


def step_problems(flow: Written, detail_words: DetailWords, wording: Wording) -> Iterator[Problem]:
    """Each step by itself, and its place among the others."""
    names: set[tuple[str, str]] = set()
    for number, step in enumerate(flow.steps):
        here: Path = ("steps", step.key)
        following = flow.steps[number + 1] if number + 1 < len(flow.steps) else None
        match step:
            case AskStep():
                yield from _question(flow, step, wording, detail_words)
                yield from _flags(flow, step, wording, names)
                if step.recheck and not (number and isinstance(flow.steps[number - 1], WaitStep)):
                    yield (*here, "recheck"), "a re-check stands directly after the step with wait:"
            case TellStep():
                yield from _texts(flow, (*here, "tell"), step.tell, wording, detail_words)
                yield from _spoken(flow, (*here, "say"), step.say, wording)
            case EducateStep():
                yield from _spoken(flow, (*here, "say"), step.say, wording)
            case WaitStep():
                alone = number == 0 and not isinstance(flow, Recheck)
                if alone or not (isinstance(following, AskStep) and following.recheck):
                    yield (
                        (*here, "wait"),
                        "put a question with recheck: true directly after a wait, and never begin with one",
                    )
            case HandOverStep():
                yield from _raised(flow, (*here, "hand_over"), step.hand_over, wording)
            case _:
                pass
    if isinstance(flow, Recheck):
        yield from _recheck(flow)
    if sum(len(step.red_flags) for step in flow.questions) > MAX_FLAGS:
        yield ("steps",), f"more than {MAX_FLAGS} red flags; split the flow"


def _recheck(flow: Recheck) -> Iterator[Problem]:
    """A safety re-check waits first, and asks for nothing but what is measured or told again."""
    if not isinstance(flow.steps[0], WaitStep):
        yield ("steps", flow.steps[0].key), "a safety re-check begins with a step that waits, such as wait: 15 min"
    for step in flow.steps:
        if isinstance(step, AskStep) and not step.recheck:
            yield ("steps", step.key, "ask"), "every question of a safety re-check has recheck: true"
        elif isinstance(step, AskStep) and any(flag.recheck for flag in step.red_flags):
            yield ("steps", step.key, "red_flags"), "a safety re-check begins no other one; wait and ask again here"
        elif isinstance(step, EducateStep | FollowUpStep):
            yield ("steps", step.key), "a safety re-check teaches and plans nothing; it waits, asks, tells and hands over"


def _question(flow: Written, step: AskStep, wording: Wording, detail_words: DetailWords) -> Iterator[Problem]:
    here: Path = ("steps", step.key)
    yield from _texts(flow, (*here, "ask"), step.ask, wording, detail_words)
    yield from _texts(flow, (*here, "ask_again"), step.ask_again, wording, detail_words)
    yield from _spoken(flow, (*here, "say"), step.say, wording)
    for language, text in step.say.items():
        if match := _WRITTEN_ANSWER.search(f"{text.plain} {text.detail}"):
            yield (*here, "say", language), f'"{match[0]}" is for texts; this is spoken, write "tell me" or "diga"'
    if step.confirm is not None:
        yield from _texts(flow, (*here, "confirm", "ask"), step.confirm.ask, wording, detail_words)
        yield from _spoken(flow, (*here, "confirm", "say"), step.confirm.say, wording)
        if step.expects not in VALUE_OF:
            yield (*here, "confirm"), f"only a reading is confirmed (expects: {', '.join(sorted(VALUE_OF))})"
    if (step.expects is Expects.CHOICE) != bool(step.choices):
        yield (*here, "choices"), "expects: choice and a list of choices: belong together"
    if step.expects is Expects.SYMPTOMS and not step.about:
        yield (*here, "about"), "expects: symptoms and the symptoms named, about: [leg_swelling], belong together"
    if step.about and step.expects not in _MAY_NAME_SYMPTOMS:
        yield (*here, "about"), f"about: goes with expects: {', '.join(sorted(_MAY_NAME_SYMPTOMS))}; remove it"
    if step.range is not None and (step.expects is not Expects.COUNT or not 0 <= step.range[0] < step.range[1] <= 200):
        yield (*here, "range"), "range: goes with expects: count, as two numbers from 0 to 200 such as [0, 7]"
    if step.also_answered_by and step.also_answered_by not in set(FindingKind):
        yield (*here, "also_answered_by"), f"no finding is called so; {nearest(step.also_answered_by, list(FindingKind))}"
    yield from _choices(step)


def _choices(step: AskStep) -> Iterator[Problem]:
    here: Path = ("steps", step.key)
    values = [option.value for option in step.choices]
    for number, option in enumerate(step.choices, 1):
        if values.index(option.value) != number - 1:
            yield (*here, "choices", number - 1), f'"{option.value}" is offered twice; give each choice its own value'
        for part, texts in (("ask", step.ask), ("ask_again", step.ask_again), ("say", step.say)):
            for language, text in texts.items():
                if not re.search(rf"(?<!\d){number}(?!\d)", text.plain):
                    yield (*here, part, language), f"the question does not offer choice {number} ({option.value})"
        offered = {word.lower() for words in option.words.values() for word in words} & OPT_OUT_WORDS
        if offered:
            yield (*here, "choices", number - 1), f'"{min(offered)}" ends all messages; offer another word'
    for language, text in step.say.items() if not step.choices else ():
        if match := _KEY_TO_PRESS.search(text.plain):
            yield (*here, "say", language), f'the keys are said by themselves; leave "{match[0]}" out'


def _flags(flow: Written, step: AskStep, wording: Wording, names: set[tuple[str, str]]) -> Iterator[Problem]:
    for number, flag in enumerate(step.red_flags):
        place: Path = ("steps", step.key, "red_flags", number)
        within = (step.key.rpartition(".")[0], flag.name)
        if within in names:
            yield (*place, "name"), f'"{flag.name}" is used twice in this flow; give each red flag its own name'
        names.add(within)
        yield from _raised(flow, place, flag, wording)


def _raised(flow: Written, place: Path, entry: RedFlag | HandOver, wording: Wording) -> Iterator[Problem]:
    """What calls a nurse: its source, and the answer that the patient hears."""
    if entry.urgency in (Urgency.EMERGENCY, Urgency.URGENT) and not entry.answer:
        yield place, f"an {entry.urgency} red flag needs an answer: to the patient"
    for language in flow.languages if entry.answer else ():
        said = flow.phrases[entry.answer].get(language, "")
        if not said:
            yield (*place, "answer"), f"the answer in {language} is missing; add {language}:"
        elif problem := text_problem(said, wording, language):
            yield (*place, "answer", language), problem
    if entry.source not in flow.sources:
        yield (*place, "source"), f'"{entry.source}" is not among sources:; {nearest(entry.source, flow.sources)}'


def education_problems(book: Education, wording: Wording) -> Iterator[Problem]:
    """The messages of education.yaml: each complete, in every language, plain and short enough."""
    for topic, lessons in book.messages.items():
        names = [lesson.name for lesson in lessons]
        for number, lesson in enumerate(lessons):
            place: Path = ("messages", topic, number)
            if names.index(lesson.name) != number:
                yield (*place, "name"), f'"{lesson.name}" is used twice in this topic; give each message its own name'
            if lesson.source not in book.sources:
                yield (*place, "source"), f'"{lesson.source}" is not among sources:; {nearest(lesson.source, book.sources)}'
            for language in LANGUAGES:
                if language not in lesson.text:
                    yield place, f"the text in {language} is missing; add {language}:"
            for language, text in lesson.text.items():
                if problem := text_problem(text.plain, wording, language):
                    yield (*place, language), problem
            for language, text in (lesson.say or {}).items():
                if problem := spoken_problem(text.plain, wording):
                    yield (*place, "say", language), problem


def _texts(flow: Written, path: Path, texts: Localized, wording: Wording, detail_words: DetailWords) -> Iterator[Problem]:
    yield from _languages(flow, path, texts)
    for language, text in texts.items():
        if language not in flow.languages:
            continue
        for form in (text.plain, text.detail):
            if form and (problem := text_problem(form, wording, language)):
                yield (*path, language), problem
        for word in detail_words.get(language, ()):
            if word in text.plain.lower():
                yield (*path, language), f'"{word}" needs consent to detail; write plain: without it and detail: with it'


def _spoken(flow: Written, path: Path, texts: Localized | None, wording: Wording) -> Iterator[Problem]:
    if texts is None:
        return
    yield from _languages(flow, path, texts)
    for language, text in texts.items():
        for form in (text.plain, text.detail):
            if form and (problem := spoken_problem(form, wording)):
                yield (*path, language), problem


def _languages(flow: Written, path: Path, texts: Localized) -> Iterator[Problem]:
    for language in flow.languages:
        if language not in texts:
            yield path, f"the text in {language} is missing; add {language}:"
    for language in texts:
        if language not in flow.languages:
            yield (*path, language), f'"{language}" is none of the flow\'s languages; remove it or add it to languages:'
