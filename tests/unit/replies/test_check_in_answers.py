"""Answers to the questions of check-ins that begin like another answer, beside near ones that must stay what they are."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from service.content import load_lexicon, load_tables
from service.domain.facts import Facts
from service.domain.reading import Expects, FindingKind, Question, Reading, Reply
from service.replies import read
from service.triage import decide

LEXICON, TABLES = load_lexicon(), load_tables()
NOW = datetime(2026, 3, 8, 14, 0, tzinfo=UTC)
THINNER = "Did you take your blood thinner yesterday?"
ANTICOAGULANTE = "¿Tomó su anticoagulante ayer?"
SEVEN = "In the last 7 days, on how many did you miss your medicine? Reply 0 to 7."
SIETE = "Esta semana, ¿se le pasaron dosis? Mande de 0 (nunca) a 7 (a diario)."
LOWS = "Any low sugar since your last check-in (below 70, or shaky and sweaty)?"
FEVER = "Any fever, chills or shaking?"
SUICIDE = ("suicidal_ideation",)


def heard(reply: str, expects: Expects, text: str = "", language: str = "en", symptoms: tuple[str, ...] = ()) -> Reading:
    return read(LEXICON, Reply(reply, language), Question(expects, language=language, text=text, symptoms=symptoms))


def urgency(reply: str, expects: Expects, text: str = "", symptoms: tuple[str, ...] = (), condition: str = "") -> str:
    question = Question(expects, text=text, symptoms=symptoms)
    found = read(LEXICON, Reply(reply), question).findings
    decided = decide(TABLES, found, Facts(conditions=frozenset({condition} - {""})), NOW, question).urgency
    return str(decided) if decided else "none"


def names(reading: Reading, kind: FindingKind) -> list[str]:
    return [finding.name for finding in reading.findings if finding.kind is kind and finding.present]


def number(reading: Reading, measure: str) -> float | None:
    return next((f.quantity.value for f in reading.findings if f.name == measure and f.quantity is not None), None)


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        *[(text, "unsure") for text in ("I'm not sure", "no, I'm not sure", "im not really sure", "I am not certain")],
        *[(text, "unsure") for text in ("I don't remember", "i cant recall", "cannot remember", "I do not know", "I cannot tell")],
        *[(text, "unsure") for text in ("no me acuerdo", "no, no me acuerdo", "no estoy segura", "pues no lo sé", "no lo recuerdo")],
        *[(text, "no") for text in ("I'm not", "no", "I don't", "I can't", "not really", "I am not short of breath", "no, gracias")],
        *[(text, "no") for text in ("it did not come", "they did not", "it has not come yet", "we do not", "no vino", "no llegó")],
        *[(text, "no") for text in ("I have no way to get there", "I have none", "we got no ride", "there is no one to drive me")],
        *[(text, "yes") for text in ("it did", "they did", "I have", "I have it", "we do", "it is", "yes", "sí, muy bien", "a veces")],
        *[(text, "") for text in ("some of them", "I have most of them", "no muy bien", "no tan bien", "I have no trouble")],
    ],
)
def test_a_yes_no_question_is_answered_by_the_whole_statement(reply: str, answer: str) -> None:
    assert names(heard(reply, Expects.YES_NO), FindingKind.ANSWER) == ([answer] if answer else [])


@pytest.mark.parametrize(
    ("reply", "text", "answer"),
    [
        ("took it", THINNER, "yes"), ("I already took mine", THINNER, "yes"), ("ya me la tomé", ANTICOAGULANTE, "yes"),
        ("I forgot", THINNER, "no"), ("missed one", THINNER, "no"), ("se me olvidó", ANTICOAGULANTE, "no"),
        ("no me la tomé", ANTICOAGULANTE, "no"), ("took half", THINNER, ""), ("took it", "Did you miss any doses?", ""),
        ("I forgot", "Any bleeding since yesterday?", ""),
    ],
)  # fmt: skip
def test_a_yes_no_question_about_a_dose_is_answered_by_the_dose(reply: str, text: str, answer: str) -> None:
    assert names(heard(reply, Expects.YES_NO, text), FindingKind.ANSWER) == ([answer] if answer else [])


@pytest.mark.parametrize(
    ("reply", "expected"),
    [("yes", "emergency"), ("sometimes", "emergency"), ("a veces", "emergency"), ("no", "none"), ("I'm not sure", "none")],
)
def test_a_yes_to_a_question_about_suicide_is_an_emergency_by_itself(reply: str, expected: str) -> None:
    assert urgency(reply, Expects.YES_NO, symptoms=SUICIDE) == expected


@pytest.mark.parametrize(
    ("reply", "score"),
    [
        *[(text, 0) for text in ("0", "no", "none", "not at all", "never", "nope", "nada", "nunca", "para nada", "ningún día")],
        *[(text, 1) for text in ("1", "one", "several days", "a few days", "varios días", "algunos días")],
        *[(text, 2) for text in ("2", "two", "more than half the days", "dos", "más de la mitad", "más de la mitad de los días")],
        *[(text, 3) for text in ("3", "nearly every day", "every day", "tres", "casi todos los días", "a diario")],
        *[(text, None) for text in ("yes", "sí", "sometimes", "a veces", "not every day", "almost never", "casi nunca", "no sé", "4")],
    ],
)
def test_a_mood_item_is_scored_only_by_its_own_answers(reply: str, score: int | None) -> None:
    reading = heard(reply, Expects.PHQ_ITEM)
    assert number(reading, "scale") == score
    assert bool(reading.missing) is (score is None)


@pytest.mark.parametrize("reply", ["yes", "sí", "sometimes", "a veces", "almost never", "un poco"])
def test_a_mood_item_about_death_is_raised_before_its_score_is_known(reply: str) -> None:
    assert urgency(reply, Expects.PHQ_ITEM, symptoms=SUICIDE) == "urgent"
    assert not names(heard(reply, Expects.PHQ_ITEM), FindingKind.SYMPTOM)


@pytest.mark.parametrize(
    ("reply", "text", "count"),
    [
        ("two days", SEVEN, 2), ("one day", SEVEN, 1), ("just one day", SEVEN, 1), ("every day", SEVEN, 7), ("just Monday", SEVEN, 1),
        ("I didn't miss any", SEVEN, 0), ("haven't missed one", SEVEN, 0), ("3 nights", SEVEN, 3), ("I only missed one", SEVEN, 1),
        ("dos días", SIETE, 2), ("un día", SIETE, 1), ("2 días", SIETE, 2), ("todos los días", SIETE, 7), ("solo el lunes", SIETE, 1),
        ("no me faltó ninguna", SIETE, 0), ("almost every day", SEVEN, None), ("casi todos los días", SIETE, None),
        ("2 days ago", SEVEN, None), ("hace 2 días", SIETE, None), ("every 3 days", SEVEN, None),
        ("didn't miss any until 2 days ago", SEVEN, None),
        ("every day", "How many times have you thrown up in the last 24 hours?", None), ("for 3 days", "How many pillows?", None),
    ],
)  # fmt: skip
def test_days_are_counted_where_days_were_asked(reply: str, text: str, count: int | None) -> None:
    assert number(heard(reply, Expects.COUNT, text, "es" if text == SIETE else "en"), "count") == count


@pytest.mark.parametrize(
    ("reply", "expects", "text", "fahrenheit"),
    [
        ("100.4 last night", Expects.SYMPTOMS, "", 100.4), ("101.2", Expects.SYMPTOMS, FEVER, 101.2), ("101", Expects.SYMPTOMS, FEVER, 101),
        ("38.5 anoche", Expects.SYMPTOMS, "", 101.3), ("yes, 101", Expects.YES_NO, "Any fever?", 101), ("101", Expects.SYMPTOMS, "", None),
        ("101", Expects.YES_NO, LOWS, None), ("sugar 101", Expects.SYMPTOMS, FEVER, None), ("37.5 mg", Expects.SYMPTOMS, FEVER, None),
        ("my goal is 99.5", Expects.SYMPTOMS, "", None), ("the dog had 101.2", Expects.FREE_TEXT, "", None),
    ],
)  # fmt: skip
def test_a_bare_temperature_is_read_beside_symptoms(reply: str, expects: Expects, text: str, fahrenheit: float | None) -> None:
    assert number(heard(reply, expects, text), "temperature") == fahrenheit


def test_a_bare_fever_answers_the_question_about_symptoms() -> None:
    assert heard("100.4 last night", Expects.SYMPTOMS).missing == ""
    assert heard("99.1", Expects.SYMPTOMS).missing == "no_answer"


@pytest.mark.parametrize(
    ("reply", "text", "glucose"),
    [
        ("yes, 48 last night", LOWS, 48), ("sí, 52", "¿Ha tenido glucosa baja desde la vez pasada?", 52), ("yes, 2", LOWS, None),
        ("yes, 45 minutes ago", LOWS, None), ("yes, 48", "Did you sleep?", None), ("yes, 110", LOWS, None),
    ],
)  # fmt: skip
def test_a_bare_low_sugar_is_read_where_lows_were_asked(reply: str, text: str, glucose: float | None) -> None:
    assert number(heard(reply, Expects.YES_NO, text), "glucose") == glucose


def test_a_bare_low_sugar_is_as_urgent_as_a_named_one() -> None:
    assert urgency("yes, 48 last night", Expects.YES_NO, LOWS) == "emergency"
    assert urgency("yes, 2 times", Expects.YES_NO, LOWS) == "none"


@pytest.mark.parametrize(
    ("reply", "missing", "expected"),
    [
        ("80/130", "implausible", "same_day"),
        ("110/185", "implausible", "urgent"),
        ("130/80", "", "none"),
        ("bottom 80 top 130", "", "none"),
    ],
)
def test_a_pressure_told_upside_down_is_asked_again_and_judged_at_once(reply: str, missing: str, expected: str) -> None:
    assert heard(reply, Expects.BLOOD_PRESSURE).missing == missing
    assert urgency(reply, Expects.BLOOD_PRESSURE) == expected


@pytest.mark.parametrize("condition", ["postpartum", "pregnancy"])
def test_the_limits_after_birth_hold_in_pregnancy_too(condition: str) -> None:
    told = [urgency(f"{upper}/80", Expects.BLOOD_PRESSURE, condition=condition) for upper in (139, 140, 150, 160)]
    assert told == ["none", "same_day", "urgent", "emergency"]


def test_not_feeling_it_is_the_child_only_where_the_child_was_asked_about_or_is_expected() -> None:
    assert heard("no la siento", Expects.YES_NO, "¿Siente el zumbido?", "es").has(FindingKind.ANSWER, "no")
    assert not heard("no la siento", Expects.YES_NO, "¿Siente el zumbido?", "es").has(FindingKind.CRISIS)
    assert heard("no la siento", Expects.SYMPTOMS, "¿Ha sentido moverse a la bebé?", "es").has(FindingKind.CRISIS)
    assert [urgency("no la siento", Expects.FREE_TEXT, condition=each) for each in ("", "pregnancy")] == ["same_day", "emergency"]


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        ("no thermometer here", False), ("no cuff here", False), ("no scale here", False), ("no working meter here", False),
        ("no Maria here", True), ("no such person here", True), ("sorry no Bob here", True),
    ],
)  # fmt: skip
def test_a_missing_device_is_no_wrong_number(reply: str, found: bool) -> None:
    assert heard(reply, Expects.TEMP_F).has(FindingKind.WRONG_NUMBER) is found
