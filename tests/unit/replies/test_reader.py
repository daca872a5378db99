"""The reader's promises: it never raises, it is bounded and deterministic, and its spans point into the patient's own words."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.content import load_lexicon
from service.domain.reading import Assertion, Channel, Expects, FindingKind, Question, Reply
from service.replies import LexiconError, build_lexicon, read

LEXICON = load_lexicon()
EVERY_QUESTION = [None, *(Question(expects) for expects in Expects)]
PIECES = st.sampled_from(
    ["chest pain", "no ", "120/80", "\u202emareo\u202c", "\x00", "\ud800", "👍🏽", "１８３", "dolor", ", ", "stop", "3 lb", "½", "ß", "É"]
)


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=30).map("".join)),
    st.sampled_from(EVERY_QUESTION),
    st.sampled_from(list(Channel)),
)
def test_no_text_makes_the_reader_raise_and_spans_stay_inside(text: str, question: Question | None, channel: Channel) -> None:
    reading = read(LEXICON, Reply(text, "en", channel), question)
    assert reading == read(LEXICON, Reply(text, "en", channel), question)
    for finding in reading.findings:
        assert 0 <= finding.span[0] <= finding.span[1] <= len(text)


@pytest.mark.parametrize("sign", ["\u00ad", "\u200b", "\u200d", "\u200e", "\u200f", "\u2060", "\ufeff"])
def test_signs_that_nobody_sees_do_not_hide_a_danger_word(sign: str) -> None:
    assert read(LEXICON, Reply(f"I have ch{sign}est pa{sign}in"), None).has(FindingKind.CRISIS)


@pytest.mark.parametrize("piece", ["chest pain no ", "\u202e", "\x00", "\ud800", "1 ", "no,", "and ", "🙂", "a"])
def test_a_text_of_64_kb_is_read_at_its_ends_and_flagged(piece: str) -> None:
    text = piece * (65_536 // len(piece))
    reading = read(LEXICON, Reply(text), Question(Expects.SYMPTOMS))
    assert reading.first(FindingKind.UNEXPLAINED, "too_long") is not None
    assert all(finding.span[1] <= len(text) for finding in reading.findings)


def test_danger_at_the_end_of_a_long_letter_is_found_where_it_stands() -> None:
    text = "my garden is lovely this year. " * 2_000 + "and now my chest hurts"
    found = read(LEXICON, Reply(text), None).first(FindingKind.SYMPTOM, "chest_pain")
    assert found is not None
    assert text[slice(*found.span)] == "chest hurts"


def test_a_skipped_water_pill_and_huge_ankles_are_both_found_with_their_words() -> None:
    text = "I skipped my water pill and my ankles are huge"
    reading = read(LEXICON, Reply(text), Question(Expects.MEDICATION_TAKEN))
    missed, swelling = reading.first(FindingKind.MEDICATION), reading.first(FindingKind.SYMPTOM)
    assert missed is not None
    assert swelling is not None
    assert (missed.name, text[slice(*missed.span)], missed.qualifiers) == ("missed", "skipped my water pill", ("water_pill",))
    assert (swelling.name, text[slice(*swelling.span)]) == ("leg_swelling", "ankles are huge")


@pytest.mark.parametrize("question", EVERY_QUESTION, ids=str)
def test_chest_pain_is_a_crisis_whatever_was_asked(question: Question | None) -> None:
    reading = read(LEXICON, Reply("I have chest pain"), question)
    assert reading.has(FindingKind.SYMPTOM, "chest_pain")
    assert reading.has(FindingKind.CRISIS, "medical")


@pytest.mark.parametrize(
    ("text", "assertion"),
    [
        ("no chest pain", Assertion.DENIED),
        ("I don't have chest pain", Assertion.DENIED),
        ("no I have chest pain", Assertion.PRESENT),
        ("no swelling but chest pain", Assertion.PRESENT),
        ("didn't sleep because of chest pain", Assertion.PRESENT),
        ("chest pain that won't go away", Assertion.PRESENT),
        ("chest pain, gone now", Assertion.ENDED),
        ("had chest pain years ago", Assertion.PAST),
        ("what if I get chest pain", Assertion.HYPOTHETICAL),
        ("my neighbor had chest pain too", Assertion.OTHER_PERSON),
        ("sin dolor en el pecho", Assertion.DENIED),
        ("ya no me duele el pecho", Assertion.ENDED),
    ],
)
def test_who_and_when_chest_pain_is_about(text: str, assertion: Assertion) -> None:
    reading = read(LEXICON, Reply(text), None)
    found = [f.assertion for f in reading.findings if f.kind is FindingKind.SYMPTOM and f.name == "chest_pain"]
    assert found == [assertion]


@pytest.mark.parametrize(
    "word",
    ["STOP", "stop.", "Stopall", "UNSUBSCRIBE", "end", "QUIT!", "cancel", "Revoke", "OPTOUT", "Alto", "parar", "BAJA", "stop please"],
)
def test_a_stop_keyword_is_an_opt_out_whatever_was_asked(word: str) -> None:
    for question in EVERY_QUESTION:
        assert read(LEXICON, Reply(word), question).first(FindingKind.OPT_OUT, "keyword") is not None


@pytest.mark.parametrize(
    "text",
    [
        "should I stop my water pill",
        "bleeding won't stop",
        "I stopped my pills",
        "can't stop coughing",
        "stop by the clinic friday",
        "my heart won't stop racing",
        "no para de sangrar",
        "quiero dejar de tomar la pastilla",
    ],
)
def test_stop_in_a_symptom_or_a_medicine_is_not_an_opt_out(text: str) -> None:
    assert not read(LEXICON, Reply(text), None).has(FindingKind.OPT_OUT)


def test_start_and_unstop_are_opt_in_and_yes_is_not() -> None:
    assert all(read(LEXICON, Reply(word), None).has(FindingKind.OPT_IN, "keyword") for word in ("START", "unstop", "reanudar"))
    assert not read(LEXICON, Reply("YES"), None).has(FindingKind.OPT_IN)


def test_yes_to_a_question_about_one_symptom_reports_that_symptom() -> None:
    question = Question(Expects.YES_NO, symptoms=("chest_pain",))
    assert read(LEXICON, Reply("yes"), question).has(FindingKind.SYMPTOM, "chest_pain")
    assert not read(LEXICON, Reply("no"), question).has(FindingKind.SYMPTOM)


@pytest.mark.parametrize(("text", "missing"), [("16", "implausible"), ("idk", "no_answer"), ("", "no_answer"), ("180 or 185", "ambiguous")])
def test_a_weight_that_is_not_sure_is_never_guessed(text: str, missing: str) -> None:
    reading = read(LEXICON, Reply(text), Question(Expects.WEIGHT_LB))
    assert (reading.missing, reading.has(FindingKind.VALUE), reading.has(FindingKind.UNCLEAR)) == (missing, False, True)


def test_words_that_nothing_explains_are_flagged() -> None:
    reading = read(LEXICON, Reply("the landlord evicted us"), None)
    assert [f.name for f in reading.findings if f.kind is FindingKind.UNEXPLAINED]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "format: 1"),
        ({"format": 1, "source": "own", "entries": [{"kind": "symptom", "name": "x", "phrases": "({"}]}, "entry 1 (x) phrase 1"),
        ({"format": 1, "source": "own", "entries": [{"kind": "odd", "name": "x", "phrases": "a b"}]}, "kind is one of"),
        ({"format": 1, "source": "own", "entries": [{"kind": "symptom", "name": "x", "phrases": "Pain"}]}, "small letters"),
        ({"format": 1, "source": "own", "surprise": 1}, "no such section"),
    ],
)
def test_a_wrong_lexicon_file_is_refused_by_name(content: dict[str, object], message: str) -> None:
    with pytest.raises(LexiconError, match=r"en/x\.yaml") as caught:
        build_lexicon({"en/x.yaml": content})
    assert message in str(caught.value)
