"""The labelled sets and the banks of wordings: what share is read as labelled, held so that no change of the parsers falls behind.

`labelled/` was open to whoever tuned the parsers; `kept_aside/` was not, and is what the figures of the parsers are stated on
(service/replies/FIGURES.md). `field/` is kept aside too: replies in the mix of a daily
check-in. `wordings/` are short lines a concept. Single replies that must always be read right are in `cases/`.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from service.content import load_lexicon, load_tables
from service.domain.reading import Channel, Expects
from service.evaluation import Scores, judge_given, judge_text, labelled_lines, table
from service.evaluation.score import URGENCIES

HERE = Path(__file__).parent
LEXICON, TABLES = load_lexicon(), load_tables()
PHRASES = replace(LEXICON, opinion=None)
"""Without the second opinion, which has learned the banks."""
BANKS = sorted((HERE / "wordings").glob("*.txt"))
SECOND_OPINION = HERE.parents[1] / "second_opinion"
LINES = sorted((SECOND_OPINION / "lines").glob("*.txt"))
LEAST_OF_A_BANK = 0.93
# Banks that the parsers do not master yet.
LEAST_OF = {
    "en_harmless": 0.86,
    "es_harmless": 0.86,
    "en_harmless_2": 0.75,
    "es_harmless_2": 0.75,
    "es_symptoms_2": 0.80,
    "en_mind_b": 0.85,
}

# Figure -> the least share, for the open set and the set kept aside; figures of harm: the greatest.
LEAST = {
    "emergency as emergency": (0.97, 0.95),
    "emergency as urgent or above": (0.98, 0.97),
    "urgent as urgent or above": (0.95, 0.93),
    "urgent seen by a nurse": (0.98, 0.98),
    "opt_out recall": (0.98, 0.82),
    "opt_out precision": (0.97, 0.86),
    "medication status": (0.94, 0.80),
    "value exact": (0.98, 0.95),
    "symptom recall": (0.88, 0.68),
    "symptom precision": (0.87, 0.77),
    "crisis recall": (0.97, 0.95),
    "crisis precision": (0.94, 0.84),
}
MOST = {"harmless escalated": (0.02, 0.13), "harmless put on the same-day list": (0.11, 0.21), "wrong value": (0.005, 0.04)}
# In the field mix, per 100 patient-weeks of a daily check-in: false pages, false same-day items.
MOST_IN_THE_FIELD = (10.0, 105.0)


def cases(folder: str) -> list[dict[str, Any]]:
    paths = sorted((HERE / folder).glob("*.jsonl"))
    return [case for path in paths for case in labelled_lines(path.read_text(encoding="utf-8").splitlines())]


@functools.cache
def scores(folder: str) -> dict[str, Scores]:
    labelled = cases(folder)
    answers = {}
    for case in labelled:
        judged = judge_given(LEXICON, TABLES, case)
        answers[case["id"]] = {"labels": judged.labels, "urgency": judged.urgency}
    return table(labelled, answers)


@pytest.mark.parametrize(("folder", "column"), [("labelled", 0), ("kept_aside", 1)])
def test_the_figures_of_a_set_do_not_fall(folder: str, column: int) -> None:
    figures = {figure.name: figure for figure in scores(folder)["all"].figures}
    low = [f"{name}: {figures[name].share}" for name, floors in LEAST.items() if (figures[name].share or 0) < floors[column]]
    high = [f"{name}: {figures[name].share}" for name, floors in MOST.items() if (figures[name].share or 0) > floors[column]]
    assert not low + high


def test_false_alarms_in_the_field_mix_do_not_rise() -> None:
    group = scores("field")["all"]
    assert group.cases == 700
    assert sum(group.confusion["emergency", read] for read in URGENCIES) == 3  # about 1 in 300, and 22 % need staff
    assert [told <= most for told, most in zip(group.false_alarms, MOST_IN_THE_FIELD, strict=True)] == [True, True], group.false_alarms


def test_no_reply_is_in_two_sets() -> None:
    texts = [(case["question"], same(case["reply"])) for folder in ("labelled", "kept_aside", "field") for case in cases(folder)]
    long = [text for text in texts if len(text[1]) > 25]
    assert len(set(long)) == len(long)
    learned = {same(reply) for bank in [*BANKS, *LINES] for _, reply in lines_of(bank)}
    learned |= told("told") | told("told_held_out")
    assert not [
        case["id"]
        for folder in ("kept_aside", "field")
        for case in cases(folder)
        if len(same(case["reply"])) > 25 and same(case["reply"]) in learned
    ]


def test_nothing_is_learned_that_sets_the_thresholds() -> None:
    assert not {reply for reply in told("told") & told("told_held_out") if len(reply) > 25}


def told(folder: str) -> set[str]:
    lines = [line for file in (SECOND_OPINION / folder).glob("*.txt") for line in file.read_text(encoding="utf-8").splitlines()]
    assert len(lines) > 2000
    return {same(line.partition(" | ")[2]) for line in lines}


def same(reply: str) -> str:
    """Replies that differ in capitals and spaces only are one."""
    return " ".join(reply.lower().split())


def test_the_set_kept_aside_is_large_enough_to_tell() -> None:
    aside = cases("kept_aside")
    for language in ("en", "es"):
        own = [case for case in aside if case["lang"] == language]
        assert sum(case["urgency"] == "emergency" for case in own) >= 230
        assert sum(bool(case["labels"].get("opt_out")) for case in own) >= 60


def lines_of(bank: Path) -> Iterator[tuple[dict[str, str], str]]:
    """Each reply of a bank with its block's header: "## urgency | label | expects=... | channel=... | condition=..."."""
    block: dict[str, str] = {}
    for line in bank.read_text(encoding="utf-8").splitlines():
        if line.startswith("##"):
            urgency, *more = (part.strip() for part in line[2:].split("|"))
            block = {"urgency": urgency, "label": "", **dict(part.split("=", 1) for part in more if "=" in part)}
            block["label"] = next((part for part in more if part and "=" not in part), "")
        elif line.strip() and not line.startswith("#"):
            yield block, line


def read_as_meant(language: str, block: dict[str, str], reply: str) -> bool:
    judged = judge_text(
        PHRASES,
        TABLES,
        reply,
        expects=Expects(block.get("expects", "free_text")),
        language=language,
        channel=Channel(block.get("channel", "sms")),
        condition=block.get("condition", ""),
    )
    wanted = {"urgent": {"urgent", "emergency"}, "not_escalated": {"none", "same_day"}}.get(block["urgency"], {block["urgency"]})
    found = judged.labels
    names = {*found.get("symptoms_present", []), *(name for name, value in found.items() if value is True)}
    names |= {str(found.get(key)) for key in ("crisis_type", "request", "medication", "missed_reason", "answer")}
    return judged.urgency in wanted and (not block["label"] or block["label"] in names)


@pytest.mark.parametrize("bank", BANKS, ids=lambda bank: bank.stem)
def test_a_bank_of_wordings_is_read_as_its_blocks_say(bank: Path) -> None:
    lines = list(lines_of(bank))
    wrong = [f"{block['urgency']} {block['label']}: {reply}" for block, reply in lines if not read_as_meant(bank.stem[:2], block, reply)]
    assert 1 - len(wrong) / len(lines) >= LEAST_OF.get(bank.stem, LEAST_OF_A_BANK), f"{len(wrong)} of {len(lines)}:\n" + "\n".join(wrong)


def test_the_files_are_json_lines_in_one_form() -> None:
    for path in [*(HERE / "labelled").glob("*.jsonl"), *(HERE / "kept_aside").glob("*.jsonl"), *(HERE / "field").glob("*.jsonl")]:
        for line in path.read_text(encoding="utf-8").splitlines():
            assert {"id", "lang", "channel", "condition", "question", "expects", "reply", "labels", "urgency"} <= set(json.loads(line))
