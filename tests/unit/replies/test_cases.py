"""Every labelled reply in cases/*.jsonl is read as its labels say, through the same path as `rounds replies read`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from service.content import load_lexicon, load_tables
from service.evaluation import read_lines

LEXICON, TABLES = load_lexicon(), load_tables()
CASES = [
    json.loads(line)
    for path in sorted((Path(__file__).parent / "cases").glob("*.jsonl"))
    for line in path.read_text(encoding="utf-8").splitlines()
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['id']} {case['reply'][:40]}")
def test_a_reply_is_read_as_labelled(case: dict[str, Any]) -> None:
    answer = json.loads(next(read_lines(LEXICON, TABLES, [json.dumps(case)])))
    found = answer["labels"]
    for key, wanted in case["labels"].items():
        if key.startswith("symptoms_"):
            assert set(wanted) <= set(found.get(key, [])), found
        else:
            assert found.get(key) == wanted, found
    assert not set(case["labels"].get("symptoms_denied", [])) & set(found.get("symptoms_present", [])), found
    if "symptoms_present" not in case["labels"] and case.get("urgency") == "none":
        assert not found.get("crisis"), found
    if "opt_out" not in case["labels"]:
        assert not found.get("opt_out"), found
    if "urgency" in case:
        assert answer["urgency"] == case["urgency"], answer


def test_there_are_enough_cases_in_both_languages() -> None:
    assert len([case for case in CASES if case["lang"] == "en"]) >= 100
    assert len([case for case in CASES if case["lang"] == "es"]) >= 50
