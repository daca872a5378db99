"""What goes out together must fit together: the greeting, a reminder, the answer to a red flag, each with the question after it."""

from __future__ import annotations

from collections.abc import Iterator

from service.domain.reading import Expects
from service.domain.segments import MAX_SEGMENTS, count_segments
from service.domain.texts import fill
from service.domain.urgency import Urgency
from service.domain.wording import Wording
from service.engine.checks import Problem
from service.engine.flow import Flow
from service.engine.place import Path
from service.engine.steps import AskStep, EducateStep, HandOver, HandOverStep, RedFlag, Step, TellStep
from service.engine.written import Localized

_Placed = tuple[Path, str]


def length_problems(flow: Flow, wording: Wording) -> Iterator[Problem]:
    """Texts that are short enough by themselves, but not with the question that follows them.

    The official words of a PHQ item cannot be shortened: where an answer does not fit before one, it goes out by itself.
    """
    raised: list[RedFlag | HandOver] = [flag for step in flow.questions for flag in step.red_flags]
    raised += [step.hand_over for step in flow.steps if isinstance(step, HandOverStep)]
    answers = dict.fromkeys(each.answer for each in raised if each.answer and each.urgency is not Urgency.EMERGENCY)
    for language in flow.languages:
        first = [form for step in _may_be_first(flow) for form in _forms(step, language)]
        asks = [form for step in flow.questions for form in _asks(step, language, again=False)]
        every = [form for step in flow.questions if step.expects is not Expects.PHQ_ITEM for form in _asks(step, language, again=True)]
        pairs = [("greeting", flow.greeting[language].plain, first), ("remind", flow.silence.remind[language].plain, asks)]
        pairs += [(name, flow.phrases[name][language], every) for name in (*answers, "not_understood", "out_of_hours")]
        longest = wording.longest_values(language)
        for name, before, texts in pairs:
            for path, text in texts:
                counted = count_segments(fill(f"{before} {text}", longest))
                if counted.count > MAX_SEGMENTS:
                    yield (
                        path,
                        f'with the text "{name}" before it this takes {counted.count} segments ({counted.units} units, '
                        f"{counted.encoding}); shorten one of them to {MAX_SEGMENTS} together",
                    )


def _may_be_first(flow: Flow) -> list[Step]:
    """The steps that the greeting may stand before: up to the first that speaks always."""
    first: list[Step] = []
    for step in flow.steps:
        if isinstance(step, AskStep | TellStep | EducateStep):
            first.append(step)
            if not step.only_if:
                break
    return first


def _forms(step: Step, language: str) -> list[_Placed]:
    if isinstance(step, TellStep):
        return _written(("steps", step.key, "tell"), step.tell, language)
    return _asks(step, language, again=False) if isinstance(step, AskStep) else []


def _asks(step: AskStep, language: str, *, again: bool) -> list[_Placed]:
    """Every form in which a step is asked, with its place; `again` adds those of a second try."""
    here: Path = ("steps", step.key)
    texts = _written((*here, "ask"), step.ask, language)
    if again:
        texts += _written((*here, "ask_again"), step.ask_again, language)
        texts += _written((*here, "confirm", "ask"), step.confirm.ask, language) if step.confirm else []
    return texts


def _written(path: Path, text: Localized, language: str) -> list[_Placed]:
    if language not in text:
        return []
    return [((*path, language), form) for form in (text[language].plain, text[language].detail) if form]
