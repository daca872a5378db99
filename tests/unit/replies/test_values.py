"""Values said in every common way, in both languages, by text and by voice, come back as the value; doubtful ones never do."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.content import load_lexicon
from service.domain.reading import Channel, Expects, FindingKind, Question, Reading, Reply
from service.replies import read
from service.replies.labels import labels

LEXICON = load_lexicon()
ONES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen"]
ONES += ["fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
TENS = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
UNOS = ["cero", "uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve", "diez", "once", "doce", "trece", "catorce"]
UNOS += ["quince", "dieciséis", "diecisiete", "dieciocho", "diecinueve", "veinte", "veintiuno", "veintidós", "veintitrés"]
UNOS += ["veinticuatro", "veinticinco", "veintiséis", "veintisiete", "veintiocho", "veintinueve"]
DECENAS = ["", "", "", "treinta", "cuarenta", "cincuenta", "sesenta", "setenta", "ochenta", "noventa"]
CIENTOS = ["", "ciento", "doscientos", "trescientos", "cuatrocientos", "quinientos"]
MOST_TRIES = 120


def below_hundred(number: int) -> str:
    """42 as "forty two"."""
    tens, ones = divmod(number, 10)
    return ONES[number] if number < 20 else TENS[tens] + (f" {ONES[ones]}" if ones else "")


def english(number: int) -> list[str]:
    """The ways to say a whole number below 600."""
    hundreds, rest = divmod(number, 100)
    if not hundreds:
        return [below_hundred(number)]
    if not rest:
        return [f"{ONES[hundreds]} hundred"] + (["a hundred"] if hundreds == 1 else [])
    below = below_hundred(rest)
    first = ONES[hundreds]
    ways = [f"{first} hundred {below}", f"{first} hundred and {below}", f"{first} {below}" if rest > 9 else f"{first} oh {below}"]
    return ways + ([f"a hundred and {below}"] if hundreds == 1 else [])


def spanish(number: int) -> list[str]:
    """The ways to say a whole number below 600."""
    hundreds, rest = divmod(number, 100)
    tens, ones = divmod(rest, 10)
    below = UNOS[rest] if rest < 30 else DECENAS[tens] + (f" y {UNOS[ones]}" if ones else "")
    if not hundreds:
        return [below]
    if not rest:
        return ["cien" if hundreds == 1 else CIENTOS[hundreds]]
    return [f"{CIENTOS[hundreds]} {below}"]


def said(number: int, tenth: int | None, language: str) -> list[str]:
    """The ways to write and say a number with or without one decimal."""
    whole = english(number) if language == "en" else spanish(number)
    if tenth is None:
        return [str(number), *whole]
    points = [" point "] if language == "en" else [" punto ", " coma "]
    digit = ONES[tenth] if language == "en" else UNOS[tenth]
    halves = [f"{way} and a half" if language == "en" else f"{way} y medio" for way in whole] if tenth == 5 else []
    written = [f"{number}.{tenth}"] + ([f"{number},{tenth}"] if language == "es" else [])
    return written + [way + point + digit for way in whole for point in points] + halves


def value_of(text: str, expects: Expects, language: str, channel: Channel, question: str = "") -> object:
    """The value label of the reply."""
    asked = Question(expects, language=language, text=question)
    return labels(reading_of(text, expects, language, channel, question), asked).get("value")


def reading_of(text: str, expects: Expects, language: str = "en", channel: Channel = Channel.SMS, question: str = "") -> Reading:
    """The reading of the reply."""
    return read(LEXICON, Reply(text, language, channel), Question(expects, language=language, text=question))


LANGUAGES = st.sampled_from(["en", "es"])
CHANNELS = st.sampled_from(list(Channel))
FRAMES = {
    "en": ["{}", "{}.", "it was {}", "it says {} today", "{} this morning", "um {}", "hi, {} thank you", "I got {}"],
    "es": ["{}", "{}.", "me salió {}", "marcó {} hoy", "{} esta mañana", "este pues {}", "buenos días, {} gracias", "fue de {}"],
}


@settings(max_examples=MOST_TRIES, deadline=None)
@given(st.data(), LANGUAGES, CHANNELS, st.integers(80, 399), st.one_of(st.none(), st.integers(1, 9)))
def test_a_weight_is_read_however_it_is_said(data: st.DataObject, language: str, channel: Channel, number: int, tenth: int | None) -> None:
    way = data.draw(st.sampled_from(said(number, tenth, language)))
    unit = data.draw(st.sampled_from(["", " lbs", " pounds"] if language == "en" else ["", " libras", " lb"]))
    text = data.draw(st.sampled_from(FRAMES[language])).format(way + unit)
    assert value_of(text, Expects.WEIGHT_LB, language, channel) == number + (tenth or 0) / 10, text


@settings(max_examples=MOST_TRIES, deadline=None)
@given(st.data(), LANGUAGES, CHANNELS, st.integers(40, 180))
def test_kilograms_become_pounds(data: st.DataObject, language: str, channel: Channel, number: int) -> None:
    way = data.draw(st.sampled_from(said(number, None, language)))
    text = data.draw(st.sampled_from(FRAMES[language])).format(way + data.draw(st.sampled_from([" kg", " kilos"])))
    assert value_of(text, Expects.WEIGHT_LB, language, channel) == pytest.approx(number * 2.20462, abs=0.06), text


@settings(max_examples=MOST_TRIES, deadline=None)
@given(st.data(), LANGUAGES, CHANNELS, st.integers(80, 239), st.integers(40, 129))
def test_a_pressure_is_read_however_it_is_said(data: st.DataObject, language: str, channel: Channel, upper: int, lower: int) -> None:
    if upper - lower < 15:
        upper = lower + 15
    signs = [" over ", "/", " / ", "-", " "] if language == "en" else [" sobre ", " con ", "/", " / ", "-", " "]
    sign = data.draw(st.sampled_from(signs if channel is Channel.SMS else [each for each in signs if each != " "]))
    if sign in (" over ", " sobre ", " con "):
        first = data.draw(st.sampled_from(said(upper, None, language)))
        second = data.draw(st.sampled_from(said(lower, None, language)))
    else:
        first, second = str(upper), str(lower)
    pulse = data.draw(st.sampled_from(["", " pulse 71", ", hr 71"] if language == "en" else ["", " pulso 71", " y 71 de pulso"]))
    text = data.draw(st.sampled_from(FRAMES[language])).format(first + sign + second + pulse)
    assert value_of(text, Expects.BLOOD_PRESSURE, language, channel) == [upper, lower], text


@settings(max_examples=MOST_TRIES, deadline=None)
@given(st.data(), LANGUAGES, CHANNELS, st.integers(40, 590))
def test_a_glucose_is_read_however_it_is_said(data: st.DataObject, language: str, channel: Channel, number: int) -> None:
    way = data.draw(st.sampled_from(said(number, None, language)))
    text = data.draw(st.sampled_from(FRAMES[language])).format(way + data.draw(st.sampled_from(["", " mg/dl"])))
    assert value_of(text, Expects.GLUCOSE_MG_DL, language, channel) == number, text


@settings(max_examples=MOST_TRIES, deadline=None)
@given(st.data(), LANGUAGES, CHANNELS, st.integers(95, 105), st.integers(1, 9))
def test_a_temperature_is_read_however_it_is_said(data: st.DataObject, language: str, channel: Channel, number: int, tenth: int) -> None:
    ways = [*said(number, tenth, language), f"{number} {tenth}"]
    text = data.draw(st.sampled_from(FRAMES[language])).format(data.draw(st.sampled_from(ways)))
    assert value_of(text, Expects.TEMP_F, language, channel) == pytest.approx(number + tenth / 10), text


@settings(max_examples=MOST_TRIES, deadline=None)
@given(st.data(), LANGUAGES, CHANNELS, st.integers(0, 10))
def test_a_score_is_read_however_it_is_said(data: st.DataObject, language: str, channel: Channel, number: int) -> None:
    way = data.draw(st.sampled_from(said(number, None, language)))
    frames = ["{}", "{}/10" if way.isdigit() else "{} out of ten", "about a {}", "a solid {}", "{}, my back", "like a {} I think"]
    marcos = ["{}", "{} de 10", "como un {}", "yo diría que un {}", "{}, en la espalda", "pues un {} creo"]
    text = data.draw(st.sampled_from(frames if language == "en" else marcos)).format(way)
    assert value_of(text, Expects.SCALE_0_10, language, channel) == number, text


SEVERAL = {
    "en": [
        ("{old} no wait {new}", True),
        ("{old}, I mean {new}", True),
        ("not {old}, {new}", True),
        ("{new} not {old}", True),
        ("yesterday {old} today {new}", True),
        ("{new} today, {old} yesterday", True),
        ("last night {old}, now {new}", True),
        ("first {old}, second {new}", True),
        ("my husband's is {old}, mine is {new}", True),
        ("{new}, my wife got {old}", True),
        ("{new}. if it hits {old} I'll call", True),
        ("was {old} earlier, now {new}", True),
        ("{old} or {new}", False),
        ("between {old} and {new}", False),
    ],
    "es": [
        ("{old}, perdón, {new}", True),
        ("{old} digo {new}", True),
        ("no era {old}, era {new}", True),
        ("ayer {old}, hoy {new}", True),
        ("hoy {new}, ayer {old}", True),
        ("anoche {old}, ahorita {new}", True),
        ("primero {old}, después {new}", True),
        ("la de mi esposo {old}, la mía {new}", True),
        ("{new} y mi esposa {old}", True),
        ("{new}, si me sube a {old} les hablo", True),
        ("{old} o {new}", False),
        ("entre {old} y {new}", False),
    ],
}


@settings(max_examples=MOST_TRIES, deadline=None)
@given(st.data(), LANGUAGES, CHANNELS)
def test_of_two_readings_the_right_one_counts_and_a_range_is_none(data: st.DataObject, language: str, channel: Channel) -> None:
    frame, one = data.draw(st.sampled_from(SEVERAL[language]))
    expects, low, high = data.draw(
        st.sampled_from([(Expects.WEIGHT_LB, 110, 290), (Expects.GLUCOSE_MG_DL, 60, 390), (Expects.BLOOD_PRESSURE, 100, 220)])
    )
    new, old = data.draw(st.lists(st.integers(low, high), min_size=2, max_size=2, unique=True))
    wanted: object = new
    if expects is Expects.BLOOD_PRESSURE:
        text = frame.format(new=f"{new}/{new - 40}", old=f"{old}/{old - 40}")
        wanted = [new, new - 40]
    else:
        text = frame.format(new=new, old=old)
    found = reading_of(text, expects, language, channel)
    value = labels(found, Question(expects)).get("value")
    assert value == (wanted if one else None), text
    assert one or found.has(FindingKind.UNCLEAR), text


@pytest.mark.parametrize(
    ("expects", "text"),
    [
        (Expects.WEIGHT_LB, "1820"),
        (Expects.WEIGHT_LB, "18"),
        (Expects.WEIGHT_LB, "in the 180s"),
        (Expects.WEIGHT_LB, "one eighty something"),
        (Expects.WEIGHT_LB, "havent weighed today, yesterday was 182"),
        (Expects.WEIGHT_LB, "call my son at 555-0134"),
        (Expects.WEIGHT_LB, "ciento ochenta y pico"),
        (Expects.BLOOD_PRESSURE, "142"),
        (Expects.BLOOD_PRESSURE, "142 over something"),
        (Expects.BLOOD_PRESSURE, "140-150 over 90"),
        (Expects.BLOOD_PRESSURE, "entre 130 y 140 la alta"),
        (Expects.GLUCOSE_MG_DL, "5"),
        (Expects.GLUCOSE_MG_DL, "my a1c was 7.2"),
        (Expects.SPO2_PCT, "105"),
        (Expects.SPO2_PCT, "92-94"),
        (Expects.TEMP_F, "986"),
        (Expects.SCALE_0_10, "11"),
        (Expects.SCALE_0_10, "nothing helps"),
        (Expects.SCALE_0_10, "one of those days"),
        (Expects.SCALE_0_10, "nada me lo quita"),
    ],
)
def test_a_doubtful_number_is_no_value_and_unclear(expects: Expects, text: str) -> None:
    found = reading_of(text, expects)
    assert labels(found, Question(expects)).get("value") is None
    assert found.has(FindingKind.UNCLEAR)


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("dizzy all morning, bp was 188 over 104", "blood_pressure", 188),
        ("me siento mal, la presión me salió en ciento ochenta y ocho con ciento cuatro", "blood_pressure", 188),
        ("my sugar dropped to 48", "glucose", 48),
        ("el azúcar me salió en cuarenta y ocho", "glucose", 48),
        ("oxygen is 84 and I feel weak", "spo2", 84),
        ("tengo calentura de 39.2", "temperature", 102.6),
        ("heart rate 148", "pulse", 148),
    ],
)
def test_a_value_told_under_another_question_is_found(text: str, name: str, value: float) -> None:
    found = reading_of(text, Expects.SYMPTOMS, "es" if "í" in text or "ú" in text or "calentura" in text else "en")
    assert [f.quantity.value for f in found.findings if f.kind is FindingKind.VALUE and f.name == name and f.quantity] == [value]
