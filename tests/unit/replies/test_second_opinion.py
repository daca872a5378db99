"""The second opinion can only raise, speaks for itself by a word of the reply, and is silent where there is nothing to add."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from service.content import ContentError, load_lexicon, load_tables
from service.domain.facts import Facts
from service.domain.reading import Expects, Finding, FindingKind, Question, Reply
from service.domain.urgency import Urgency
from service.evaluation.judged import NOWHEN
from service.replies import LexiconError, build_lexicon, read
from service.replies.opinion import LEVELS, Opinion
from service.triage import decide
from tests.unit.replies.test_sets import cases

LEXICON, TABLES = load_lexicon(), load_tables()
ALARMED = replace(LEXICON, opinion=Opinion({"=and": 0.0}, 99.0, dict.fromkeys(LEVELS, 0.0)))
"""A lexicon whose second opinion is always grave."""
NONE = 99


def rank(findings: tuple[Finding, ...], question: Question) -> int:
    """0 is the most urgent."""
    urgency = decide(TABLES, findings, Facts(), NOWHEN, question).urgency
    return NONE if urgency is None else urgency.rank


@pytest.mark.law(8)  # software raises by itself; here: whatever it thinks, it never lowers
def test_the_worst_opinion_lowers_no_reply_and_changes_no_other_finding() -> None:
    for case in cases("labelled")[::7]:
        question = Question(Expects(case["expects"]), language=case["lang"], text=case["question"])
        reply = Reply(case["reply"], case["lang"])
        alarmed = read(ALARMED, reply, question).findings
        without = tuple(finding for finding in alarmed if finding.kind is not FindingKind.SECOND_OPINION)
        assert rank(alarmed, question) <= rank(without, question), case["id"]
        silent = read(replace(LEXICON, opinion=Opinion({}, 0.0, dict.fromkeys(LEVELS, 0.0))), reply, question).findings
        assert silent == without


def test_alone_it_reaches_the_same_day_list_and_no_higher() -> None:
    findings = read(ALARMED, Reply("the garden looks good today"), Question(Expects.FREE_TEXT)).findings
    assert [finding.kind for finding in findings] == [FindingKind.SECOND_OPINION]
    assert decide(TABLES, findings, Facts(), NOWHEN).urgency is Urgency.SAME_DAY


@pytest.mark.parametrize("text", ["184", "Liked “Any chest pain?”", "STOP", "120 over 80"])
def test_it_is_not_asked_about_a_plain_reading_a_reaction_or_a_keyword(text: str) -> None:
    asked = Expects.BLOOD_PRESSURE if "over" in text else Expects.WEIGHT_LB
    assert not read(ALARMED, Reply(text), Question(asked)).has(FindingKind.SECOND_OPINION)


def test_it_points_at_the_word_that_speaks_for_it_most() -> None:
    opinion = Opinion({"=flames": 5.0, "=garden": -5.0}, 0.0, dict.fromkeys(LEVELS, -9.0))
    text = "garden in flames"
    found = read(replace(LEXICON, opinion=opinion), Reply(text), None).first(FindingKind.SECOND_OPINION)
    assert found is not None
    assert text[slice(*found.span)] == "flames"


@pytest.mark.parametrize("change", [{"format": 2}, {"weights": []}, {"thresholds": {}}, {"bias": "high"}])
def test_weights_that_do_not_fit_are_refused(change: dict[str, Any]) -> None:
    good = {"format": 1, "bias": 0.0, "thresholds": dict.fromkeys(LEVELS, 1.0), "weights": {}}
    assert build_lexicon({}, good).opinion.weights == {}
    with pytest.raises(LexiconError, match=r"shared/opinion\.json"):
        build_lexicon({}, {**good, **change})


def test_a_file_of_weights_that_is_no_json_is_an_error_at_start(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "opinion.json").write_text(json.dumps({})[:1], encoding="utf-8")
    with pytest.raises(ContentError, match=r"opinion\.json"):
        load_lexicon(tmp_path)


def test_every_rule_of_the_vocabulary_names_one_phrase() -> None:
    rules = [entry.rule for entry in LEXICON.entries]
    assert len(set(rules)) == len(rules)
