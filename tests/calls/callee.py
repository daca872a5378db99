"""What a callee may press or say to any question, and what is odd in what they hear."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from random import Random

from service.content import content_root
from service.domain.prompt import Prompt
from service.domain.reading import Expects
from service.engine.steps import AskStep
from tests.calls.wire import Wire
from tests.stand_in_twilio.calls import Heard, PlacedCall

MOST_WORDS = 110
"""Words of one prompt: 45 s at the usual rate."""
MOST_STEPS = 90
"""Answers that any call may take at most to come to its end."""

_KEYS: dict[Expects, tuple[str, ...]] = {
    Expects.YES_NO: ("2", "1"),
    Expects.SYMPTOMS: ("2", "1"),
    Expects.MEDICATION_TAKEN: ("1", "2"),
    Expects.PHQ_ITEM: ("0", "1", "2", "3"),
    Expects.SCALE_0_10: ("2#", "7#", "10"),
    Expects.WEIGHT_LB: ("180*4#", "195#", "9#"),
    Expects.BLOOD_PRESSURE: ("122*76#", "152*94#", "86*50#", "1#"),
    Expects.GLUCOSE_MG_DL: ("120#", "65#", "265#", "45#", "7777#"),
    Expects.SPO2_PCT: ("97#", "93#", "90#", "70#"),
    Expects.TEMP_F: ("98*2#", "100*6#", "103#"),
    Expects.PULSE: ("72#", "130#"),
    Expects.PEAK_FLOW: ("400#", "180#"),
    Expects.INR: ("2*5#", "4*2#", "5*5#"),
}
_WORDS: dict[str, dict[Expects, tuple[str, ...]]] = {
    "en": {
        Expects.YES_NO: ("no", "yes", "I'm not sure"),
        Expects.SYMPTOMS: ("no nothing", "yes", "I feel a little dizzy"),
        Expects.MEDICATION_TAKEN: ("yes I took it", "no I forgot"),
        Expects.PHQ_ITEM: ("zero", "one", "three"),
        Expects.SCALE_0_10: ("two", "seven", "ten"),
        Expects.WEIGHT_LB: ("one eighty point four", "one hundred ninety five pounds"),
        Expects.BLOOD_PRESSURE: ("one twenty two over seventy six", "one fifty two over ninety four"),
        Expects.GLUCOSE_MG_DL: ("one twenty", "sixty five"),
        Expects.SPO2_PCT: ("ninety seven percent", "ninety"),
        Expects.TEMP_F: ("ninety eight point two", "one hundred point six"),
        Expects.PULSE: ("seventy two", "one thirty"),
        Expects.PEAK_FLOW: ("four hundred", "one eighty"),
        Expects.INR: ("two point five", "four point two"),
        Expects.FREE_TEXT: ("I feel fine",),
    },
    "es": {
        Expects.YES_NO: ("no", "sí", "no sé"),
        Expects.SYMPTOMS: ("no, nada", "sí", "me siento un poco mareada"),
        Expects.MEDICATION_TAKEN: ("sí, me la tomé", "no, se me olvidó"),
        Expects.PHQ_ITEM: ("cero", "uno", "tres"),
        Expects.SCALE_0_10: ("dos", "siete", "diez"),
        Expects.WEIGHT_LB: ("ciento ochenta punto cuatro", "ciento noventa y cinco libras"),
        Expects.BLOOD_PRESSURE: ("ciento veintidós sobre setenta y seis", "ciento cincuenta y dos sobre noventa y cuatro"),
        Expects.GLUCOSE_MG_DL: ("ciento veinte", "sesenta y cinco"),
        Expects.SPO2_PCT: ("noventa y siete por ciento", "noventa"),
        Expects.TEMP_F: ("noventa y ocho punto dos", "cien punto seis"),
        Expects.PULSE: ("setenta y dos", "ciento treinta"),
        Expects.PEAK_FLOW: ("cuatrocientos", "ciento ochenta"),
        Expects.INR: ("dos punto cinco", "cuatro punto dos"),
        Expects.FREE_TEXT: ("me siento bien",),
    },
}
_NUMBER_WORDS = {
    "en": ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight"),
    "es": ("cero", "uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho"),
}
_BANNED = re.compile(
    r"\b(reply|replies|text us|text me|send (us )?a text|send the|responda|conteste a este|mande|escriba|env[ií]e)\b", re.IGNORECASE
)
_UNSPEAKABLE = re.compile(r"[{}=&<>()\[\]+]|\d/\d|\bmg\b|\blbs?\b|°|\b\d{7,}\b|\d-\d{3}-|\b(911|988)\b|:\s*\d+ \w+, \d+ ")


def programmes() -> list[str]:
    """Every check-in's key, without loading any."""
    paths = sorted(Path(content_root() / "flows").glob("*/*.yaml"))
    kept = [p for p in paths if p.parent.name != "shared" and not p.name.endswith(".cases.yaml") and p.name != "education.yaml"]
    return [f"{path.parent.name}/{path.stem}" for path in kept]


def keys_for(step: AskStep) -> tuple[str, ...]:
    """What may be typed to this question, an ordinary answer first."""
    if step.expects is Expects.CHOICE:
        return tuple(str(number) for number in range(1, len(step.choices) + 1))
    if step.expects is Expects.COUNT:
        low, high = step.range or (0, 20)
        return tuple(f"{value}#" for value in sorted({low, min(low + 1, high), high}))
    return _KEYS[step.expects]


def words_for(step: AskStep, language: str) -> tuple[str, ...]:
    """What may be said to this question, an ordinary answer first."""
    if step.expects is Expects.CHOICE:
        numbers = _NUMBER_WORDS[language][1 : len(step.choices) + 1]
        return (*numbers, *(word for option in step.choices for word in option.words.get(language, ())[:1]))
    if step.expects is Expects.COUNT:
        low, high = step.range or (0, 20)
        return tuple(_NUMBER_WORDS[language][value] for value in sorted({low, min(low + 1, high), min(high, 7)}))
    return _WORDS[language][step.expects]


async def answer(wire: Wire, call: PlacedCall, random: Random | None = None, *, speak: bool = False) -> Heard:
    """One answer to the open prompt: an ordinary one, or any that `random` picks, a silence and an unclear word among them."""
    key = wire.asked[-1]
    if not key:  # "is that right?", "has 911 been called?"
        return await call.press(random.choice(("1", "2")) if random else "1")
    step = wire.flow.question(key)
    spoken = speak or (random is not None and (step.expects is Expects.FREE_TEXT or random.random() < 0.5))
    offered = words_for(step, wire.stands.language) if spoken else keys_for(step)
    if random is None:
        return await (call.speak(offered[0]) if spoken else call.press(offered[0]))
    luck = random.random()
    if luck < 0.06:
        return await call.say_nothing()
    if luck < 0.12:
        return await call.speak("mumble grumble", confidence=0.3)
    chosen = random.choice(offered)
    return await (call.speak(chosen, random.choice((0.95, 0.7, 0.4, None))) if spoken else call.press(chosen))


def odd(texts: Sequence[str]) -> list[str]:
    """What a caller would stumble over in one prompt."""
    found = []
    whole = " ".join(texts)
    if match := _BANNED.search(whole):
        found.append(f'"{match[0]}" is for texts: {whole}')
    if match := _UNSPEAKABLE.search(whole):
        found.append(f'"{match[0]}" cannot be said: {whole}')
    if (count := len(whole.split())) > MOST_WORDS:
        found.append(f"{count} words, at most {MOST_WORDS}: {whole}")
    sentences = [sentence for sentence in re.split(r"(?<=[.?!])\s+", whole) if len(sentence) > 12]
    if twice := next((sentence for sentence in sentences if sentences.count(sentence) > 1), ""):
        found.append(f'"{twice}" is said twice: {whole}')
    return found


def spoken_by(prompt: Prompt) -> list[str]:
    """The texts of a prompt."""
    return [say.text for part in prompt.parts for say in (getattr(part, "says", None) or ((part,) if hasattr(part, "text") else ()))]
