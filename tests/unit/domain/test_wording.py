"""The fixed texts: complete in both languages, short enough, and never promising what nobody keeps."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from service.content import WORDING as WORDING_FILE
from service.content import content_root, load_wording, load_yaml
from service.domain.facts import Facts, PersonalLimit
from service.domain.segments import count_segments
from service.domain.texts import MissingValue, fill, literal_promise, placeholders
from service.domain.urgency import Urgency
from service.domain.wording import LANGUAGES, REQUIRED, Wording, WordingError, build_wording

DATA: dict[str, Any] = load_yaml(content_root() / WORDING_FILE)
WORDING = load_wording()
ANA = Facts(
    first_name="Ana",
    clinic="Lakeside Clinic",
    promise="within 1 hour",
    promises={"same_day": "by 6 pm today"},
    after_hours_number="+1 202-555-0199",
)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("key", sorted(WORDING.texts))
def test_every_text_fits_two_segments_with_the_longest_values(key: str, language: str) -> None:
    text = WORDING.text(key, language, **WORDING.longest_values(language))
    assert 1 <= count_segments(text).count <= 2


def test_every_text_that_the_code_asks_for_is_there() -> None:
    assert set(REQUIRED) <= set(WORDING.texts)


@pytest.mark.parametrize("key", ["emergency", "opt_out_confirmation", "opening_safety", "neutral_unknown_sender", "help"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_that_stand_alone_say_where_help_is(key: str, language: str) -> None:
    assert "911" in WORDING.text(key, language, **WORDING.longest_values(language))


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_to_strangers_and_staff_name_no_patient(language: str) -> None:
    for key in ("neutral_unknown_sender", "shared_phone_question", "page_to_staff", "abuse"):
        assert "first_name" not in placeholders(WORDING.raw(key, language))


def test_a_text_is_filled_from_the_facts() -> None:
    assert WORDING.for_patient("urgent", ANA, Urgency.URGENT) == (
        "Thank you. A nurse will answer you within 1 hour. If you get worse, call 911."
    )
    assert "by 6 pm today" in WORDING.for_patient("same_day", ANA, Urgency.SAME_DAY)


def test_while_nobody_is_on_duty_the_patient_is_told_so_with_the_number_to_call() -> None:
    closed = Facts(promise="Monday morning", staffed=False, after_hours_number="+1 202-555-0199")
    text = WORDING.for_patient("urgent", closed, Urgency.URGENT)
    assert "No nurse is on duty now" in text
    assert "+1 202-555-0199" in text
    assert "Monday morning" in text


def test_without_an_after_hours_number_the_text_still_goes_out() -> None:
    closed = Facts(promise="Monday morning", staffed=False, clinic="Lakeside")
    assert "call 911" in WORDING.for_patient("urgent", closed, Urgency.URGENT)
    assert "call the clinic" in WORDING.for_patient("help", closed)


def test_an_emergency_is_answered_as_one_at_any_hour() -> None:
    closed = Facts(staffed=False)
    assert "Call 911 now" in WORDING.for_patient("emergency", closed, Urgency.EMERGENCY)


def test_a_clinicians_instruction_replaces_call_911() -> None:
    hospice = Facts(promise="within 1 hour", emergency_instruction="Call the hospice line at +1 202-555-0111")
    assert WORDING.for_patient("emergency", hospice).startswith("Call the hospice line at +1 202-555-0111. We are")
    urgent = WORDING.for_patient("urgent", hospice, Urgency.URGENT)
    assert urgent.endswith("If you get worse, call the hospice line at +1 202-555-0111.")
    assert "911" not in urgent


def test_a_missing_value_fails_when_the_text_is_made() -> None:
    with pytest.raises(MissingValue, match=r"\{clinic\}"):
        WORDING.for_patient("opt_out_confirmation", Facts())
    with pytest.raises(MissingValue, match="page_to_staff"):
        WORDING.text("page_to_staff", "en", initials="A.")


def test_without_recorded_coverage_a_safety_text_still_goes_out_and_promises_nothing() -> None:
    assert WORDING.for_patient("urgent", Facts(), Urgency.URGENT) == (
        "Thank you. A nurse will answer you when the clinic opens again. If you get worse, call 911."
    )


def test_an_unknown_key_fails() -> None:
    with pytest.raises(KeyError):
        WORDING.text("greeting", "en")


def test_an_unknown_language_reads_english() -> None:
    assert WORDING.text("call_emergency", "fr", emergency_number="911") == "call 911"


def test_a_value_is_never_read_as_a_placeholder() -> None:
    assert fill("Hello {first_name}", {"first_name": "{clinic}", "clinic": "no"}) == "Hello {clinic}"


def test_personal_limits_can_be_named() -> None:
    facts = Facts(limits=(PersonalLimit("weight_gain_24h", 2.0, "lb", "Dr. Adams"),), clinic="L")
    wording = Wording({**WORDING.texts, "x": {"en": "{limits.weight_gain_24h}"}}, WORDING.placeholders)
    assert wording.for_patient("x", facts) == "2 lb"


@pytest.mark.parametrize(
    "text",
    [
        "A nurse will call you within 1 hour.",
        "We will call you back in 30 minutes.",
        "A nurse will contact you today.",
        "Your nurse calls tomorrow, rest now.",
        "Your team will answer by 6.",
        "Una enfermera le llama en 1 hora.",
        "Hoy le llama una enfermera.",
        "El equipo le responde mañana.",
        "We answer soon.",
    ],
)
def test_a_promise_of_time_in_a_text_is_found(text: str) -> None:
    assert literal_promise(text)


@pytest.mark.parametrize(
    "text",
    [
        "Did you take your water pill today?",
        "What is your weight this morning?",
        "A nurse will answer you {promise}.",
        "Check again in 15 minutes. We are alerting a nurse.",
        "¿Cuánto pesa hoy?",
        "Mida otra vez en 15 minutos. Estamos avisando a una enfermera.",
    ],
)
def test_a_question_or_an_instruction_is_no_promise(text: str) -> None:
    assert literal_promise(text) == ""


def change(key: str, entry: Any) -> dict[str, Any]:
    data = copy.deepcopy(DATA)
    if entry is None:
        del data["texts"][key]
    else:
        data["texts"][key] = entry
    return data


@pytest.mark.parametrize(
    ("key", "entry", "message"),
    [
        ("crisis", None, "this text is missing"),
        ("crisis", "one line", "one line per language"),
        ("crisis", {"en": "Help is here."}, "the text in es is missing"),
        ("crisis", {"en": "a", "es": "b", "fr": "c"}, "no language here"),
        ("crisis", {"en": "{nobody}", "es": "{nobody}"}, "no placeholder is named {nobody}"),
        ("crisis", {"en": "{clinic}", "es": "hola"}, "different placeholders"),
        ("crisis", {"en": "{clinic", "es": "hola"}, "a brace is left over"),
        ("crisis", {"en": "A nurse calls within 1 hour.", "es": "hola"}, "write {promise} instead"),
        ("crisis", {"en": "a" * 307, "es": "hola"}, "3 segments"),
        ("crisis", {"en": "a", "es": "í" * 135}, "3 segments"),
    ],
)
def test_a_mistake_in_the_file_names_the_text_and_the_mend(key: str, entry: Any, message: str) -> None:
    with pytest.raises(WordingError) as caught:
        build_wording(change(key, entry))
    assert caught.value.where.startswith(key)
    assert message in str(caught.value)


@pytest.mark.parametrize("data", [None, [], {"texts": {}}, {"texts": {}, "placeholders": {"x": {}}}])
def test_a_file_of_another_shape_is_refused(data: Any) -> None:
    with pytest.raises(WordingError):
        build_wording(data)
