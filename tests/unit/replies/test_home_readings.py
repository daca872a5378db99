"""Pulse, peak flow and INR as patients tell them, typed and spoken, in both languages; what is doubtful is asked again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from service.content import load_lexicon
from service.domain.reading import Channel, Expects, FindingKind, Question, Reading, Reply
from service.replies import read

LEXICON = replace(load_lexicon(), opinion=None)
Cases = dict[tuple[str, Expects], dict[str, float]]
SAID: Cases = {
    ("en", Expects.PULSE): {
        "72": 72, "72 bpm": 72, "my pulse is 72": 72, "pulse 88 this morning": 88, "heart rate 104": 104, "hr 58": 58,
        "72 beats per minute": 72, "72 no wait 78": 78, "130/80 pulse 72": 72, "130/80 72": 72, "oxygen 95 pulse 72": 72,
        "yesterday 80 today 72": 72, "it was racing, 128": 128, "20": 20, "250": 250, "72 75": 75,
    },
    ("es", Expects.PULSE): {
        "72": 72, "pulso 72": 72, "mi pulso es de 72": 72, "72 latidos por minuto": 72, "72 lpm": 72, "72 de pulso": 72,
        "130/80 pulso 72": 72, "ayer 80 hoy 72": 72, "me salió 72": 72, "70, perdón, 78": 78, "20": 20, "250": 250,
        "hoy 66 gracias": 66, "tengo 110 de pulso": 110,
    },
    ("en", Expects.PEAK_FLOW): {
        "420": 420, "420 L/min": 420, "420 l/m": 420, "420 liters": 420, "420 liters per minute": 420, "peak flow 380": 380,
        "my peak flow was 380 this morning": 380, "i blew 350": 350, "400, 420, 410": 420, "400 420 410": 420,
        "first 400 second 420 third 410": 420, "best of three was 420": 420, "yesterday 400 today 350": 350, "300 after 2 puffs": 300,
        "350 my best is 500": 350, "50": 50, "900": 900, "430 no wait 340": 340,
    },
    ("es", Expects.PEAK_FLOW): {
        "420": 420, "420 litros por minuto": 420, "420 l/min": 420, "flujo 420": 420, "soplé 350": 350, "400, 420 y 410": 420,
        "mi flujo máximo fue de 380": 380, "ayer 400 hoy 350": 350, "350 y mi mejor marca es 500": 350, "50": 50, "900": 900,
        "me salió 310": 310, "400, perdón, 340": 340,
    },
    ("en", Expects.INR): {
        "2.5": 2.5, "inr 2.5": 2.5, "INR was 2.5 today": 2.5, "it is 2.5": 2.5, "3": 3, "2,5": 2.5, "2.5 at 9am": 2.5, "inr is at 3": 3,
        "i took 5 mg, inr 2.8": 2.8, "2.8 goal is 2 to 3": 2.8, "last week 2.1 today 3.4": 3.4, "one": 1, "0.5": 0.5, "20": 20,
        "2.8, my range is 2 to 3": 2.8, "1.9 no wait 2.9": 2.9,
    },
    ("es", Expects.INR): {
        "2.5": 2.5, "2,5": 2.5, "mi INR salió en 2.5": 2.5, "el inr me salio 3,2": 3.2, "2 con 5": 2.5, "ayer 2.1 hoy 3.4": 3.4,
        "3": 3, "0.5": 0.5, "20": 20, "2.8, la meta es de 2 a 3": 2.8, "2.1 digo 2.7": 2.7,
    },
}  # fmt: skip
SPOKEN: Cases = {
    ("en", Expects.PULSE): {"seventy two": 72, "one oh four": 104, "a hundred and four": 104, "one twenty": 120, "it says 1 20": 120},
    ("es", Expects.PULSE): {"setenta y dos": 72, "ciento cuatro": 104, "sesenta": 60, "me salió noventa y ocho": 98},
    ("en", Expects.PEAK_FLOW): {
        "four twenty": 420, "four hundred and twenty": 420, "three fifty": 350, "three hundred": 300, "4 20": 420,
        "three hundred and fifty liters": 350,
    },
    ("es", Expects.PEAK_FLOW): {"cuatrocientos veinte": 420, "trescientos cincuenta litros": 350, "trescientos": 300},
    ("en", Expects.INR): {
        "two point five": 2.5, "to point five": 2.5, "one point eight": 1.8, "two and a half": 2.5, "four point oh": 4, "2 point 5": 2.5,
        "three": 3, "it was two point seven": 2.7,
    },
    ("es", Expects.INR): {
        "dos coma cinco": 2.5, "dos punto cinco": 2.5, "uno coma ocho": 1.8, "dos y medio": 2.5, "dos con cinco": 2.5, "tres": 3,
        "me salió dos coma siete": 2.7,
    },
}  # fmt: skip
DOUBTFUL = {
    ("en", Expects.PULSE): [
        "in the 70s", "70-80", "between 70 and 80", "5", "19", "251", "300", "72.5", "118/76", "normal", "95 72",
        "I counted 36 in 30 seconds",
    ],
    ("es", Expects.PULSE): ["entre 70 y 80", "5", "300", "72,5", "118/76", "normal", "conté 18 en 15 segundos", "setenta y pico"],
    ("en", Expects.PEAK_FLOW): [
        "400 to 420", "4200", "42", "49", "901", "green zone", "420.5", "my best is 500",
        "420 out of my best 500",
    ],
    ("es", Expects.PEAK_FLOW): ["entre 400 y 420", "4200", "42", "zona verde", "mi mejor marca es 500"],
    ("en", Expects.INR): [
        "25", "0.2", "0.4", "20.1", "2 or 3", "2-3", "between 2 and 3", ".8", "point eight", "two five", "going on friday", "high",
    ],
    ("es", Expects.INR): ["25", "entre 2 y 3", "2 o 3", "coma ocho", "veinticinco", "voy el viernes"],
    ("en", Expects.COUNT): ["2.5", "two and a half", "250"],
    ("es", Expects.COUNT): ["2,5", "dos y medio", "250"],
}  # fmt: skip


def reading_of(text: str, expects: Expects, language: str, channel: Channel) -> Reading:
    return read(LEXICON, Reply(text, language, channel), Question(expects, language=language))


def values(reading: Reading, name: str) -> list[float]:
    return [f.quantity.value for f in reading.findings if f.kind is FindingKind.VALUE and f.name == name and f.quantity]


@pytest.mark.parametrize(
    ("language", "expects", "channel", "text", "value"),
    [
        (language, expects, channel, text, value)
        for cases, channel in ((SAID, Channel.SMS), (SPOKEN, Channel.VOICE))
        for (language, expects), texts in cases.items()
        for text, value in texts.items()
    ],
)
def test_a_reading_is_read_as_it_is_told(language: str, expects: Expects, channel: Channel, text: str, value: float) -> None:
    reading = reading_of(text, expects, language, channel)
    assert values(reading, str(expects)) == [value]
    assert reading.missing == ""


@pytest.mark.parametrize(
    ("language", "expects", "text"), [(language, expects, text) for (language, expects), texts in DOUBTFUL.items() for text in texts]
)
def test_a_doubtful_reading_is_none_and_asked_again(language: str, expects: Expects, text: str) -> None:
    channel = Channel.VOICE if text.replace(" ", "").isalpha() else Channel.SMS
    reading = reading_of(text, expects, language, channel)
    assert values(reading, str(expects)) == []
    assert reading.has(FindingKind.UNCLEAR)


@pytest.mark.parametrize(
    ("language", "text", "name", "value"),
    [
        ("en", "my peak flow is down to 250", "peak_flow", 250),
        ("en", "inr 4.5 and my gums bleed", "inr", 4.5),
        ("en", "heart rate 148", "pulse", 148),
        ("es", "mi inr fue 4.5", "inr", 4.5),
        ("es", "mi flujo máximo bajó a 250", "peak_flow", 250),
        ("es", "pulso 148", "pulse", 148),
    ],
)
def test_a_reading_told_under_another_question_is_found(language: str, text: str, name: str, value: float) -> None:
    assert values(reading_of(text, Expects.SYMPTOMS, language, Channel.SMS), name) == [value]


@pytest.mark.parametrize(
    ("text", "expects", "value"), [("180, inr 2.5", Expects.WEIGHT_LB, 180), ("110 and peak flow 400", Expects.GLUCOSE_MG_DL, 110)]
)
def test_another_reading_beside_the_one_asked_for_is_not_taken_for_it(text: str, expects: Expects, value: float) -> None:
    reading = reading_of(text, expects, "en", Channel.SMS)
    assert next(f.quantity.value for f in reading.findings if f.kind is FindingKind.VALUE and f.quantity) == value
    assert reading.missing == ""
