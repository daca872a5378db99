"""Two versions of a flow side by side, in words: what a clinician looks at before a new version is approved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from service.engine.flow import Flow
from service.engine.steps import AskStep, HandOverStep, Step
from service.engine.written import Localized
from service.evaluation.flows.plain import name_in_words
from service.evaluation.flows.readable import ReadableFlag, Said, readable_steps, when_it_comes
from service.evaluation.flows.words import condition_words


@dataclass(frozen=True, slots=True)
class Difference:
    """One part that is not the same in both; "" on the side that has no such part. `language` is that of the words."""

    where: str
    before: str
    now: str
    language: str = "en"


_Part = tuple[tuple[str, str], str]
"""(where it stands, language) and its words."""


def differences(before: Flow, now: Flow) -> tuple[Difference, ...]:
    """Every part that was changed, added or taken out, in the order of `now`; those taken out stand where they were."""
    old, new = dict(_parts(before)), dict(_parts(now))
    order = list(new)
    place = -1
    for part in old:
        if part in new:
            place = order.index(part)
        else:
            place += 1
            order.insert(place, part)
    return tuple(Difference(part[0], old.get(part, ""), new.get(part, ""), part[1]) for part in order if old.get(part) != new.get(part))


def _parts(flow: Flow) -> Iterator[_Part]:
    for where, words in _head(flow):
        yield (where, "en"), words
    yield from _localized("Greeting", flow.greeting)
    yield from _localized("Reminder", flow.silence.remind)
    for step, read in zip(flow.steps, readable_steps(flow), strict=True):
        name = name_in_words(read.key)
        yield (f"{name}: what it is", "en"), read.kind
        if read.only_if:
            yield (f"{name}: only if", "en"), read.only_if
        for said in read.said:
            yield from _said(f"{name}: {said.label.lower()}", said)
        if read.remarks:
            yield (f"{name}: remarks", "en"), " ".join(read.remarks)
        for said in read.words:
            yield from _said(f"{name}: words for {said.label}", said)
        answers = _answers(step)
        for flag in read.flags:
            yield from _flag(name, flag, answers.get(flag.name, ""))
    for key, texts in flow.phrases.items():
        if "." not in key:
            for language, text in texts.items():
                yield (f"Shared text {name_in_words(key)}", language), text


def _head(flow: Flow) -> Iterator[tuple[str, str]]:
    silence = flow.silence
    yield "Title", flow.title
    yield "Kept by", flow.owner
    yield "Review by", flow.review_by.isoformat()
    yield "Languages", ", ".join(flow.languages)
    yield "How often", when_it_comes(flow)
    yield "Useful for", f"{flow.useful_for} minutes after it was due"
    yield (
        "Silence",
        f"reminded after {silence.remind_after} minutes, silent after {silence.silent_after} ({silence.silent_after_high_risk} with high "
        f"risk); {name_in_words(silence.urgency)} ({name_in_words(silence.urgency_high_risk)}); "
        f"{flow.sources.get(silence.source, silence.source)}",
    )
    after = f"for {silence.sooner_after_emergency} minutes after an emergency"
    when = f", and when {condition_words(silence.sooner_when)}" if silence.sooner_when is not None else ""
    yield "Silence counts sooner", f"{after}{when}"
    if flow.quicken is not None:
        quicken = flow.quicken
        yield "More often again", f"phase {quicken.phase} for {quicken.for_} days when {condition_words(quicken.when)}"
    for topic, lessons in flow.education.items():
        yield f"Messages about {name_in_words(topic)}", ", ".join(name_in_words(lesson.name) for lesson in lessons)
    yield "Order of the steps", ", ".join(name_in_words(step.key) for step in flow.steps)


def _flag(name: str, flag: ReadableFlag, answer: str) -> Iterator[_Part]:
    where = f"{name}: red flag {name_in_words(flag.name)}"
    hears = "no text" if not answer else "" if "." in answer else f"the shared text {name_in_words(answer)}"
    words = f"{name_in_words(flag.urgency).capitalize()}: {flag.reason}. When: {flag.when}. Source: {flag.source}."
    words += f" Then the safety re-check {flag.recheck}." if flag.recheck else ""
    yield (where, "en"), f"{words} The patient hears {hears}." if hears else words
    if not hears:
        yield from _said(f"{where}, what the patient hears", flag.hears)


def _answers(step: Step) -> dict[str, str]:
    """The answer of each thing that calls a nurse: the key of a shared text, one with a dot for words of its own, or ""."""
    if isinstance(step, HandOverStep):
        return {step.key: step.hand_over.answer}
    return {flag.name: flag.answer for flag in step.red_flags} if isinstance(step, AskStep) else {}


def _said(where: str, said: Said) -> Iterator[_Part]:
    for language, plain, detail in said.texts:
        yield (where, language), plain
        if detail:
            yield (f"{where}, with consent to drug and disease names", language), detail


def _localized(where: str, written: Localized) -> Iterator[_Part]:
    for language, text in written.items():
        yield (where, language), text.plain
        if text.detail:
            yield (f"{where}, with consent to drug and disease names", language), text.detail
