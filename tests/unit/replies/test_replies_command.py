"""`rounds replies read`: lines in, lines out; a bad line is named by its number."""

from __future__ import annotations

import json

import pytest

from service.content import load_lexicon, load_tables
from service.evaluation import LineError, read_lines

LEXICON, TABLES = load_lexicon(), load_tables()


@pytest.mark.parametrize("bad", ["{", "[]", "{}", '{"reply": 3}', '{"reply": "a", "expects": "mood"}', '{"reply": "a", "channel": "fax"}'])
def test_a_bad_line_is_named_by_its_number(bad: str) -> None:
    with pytest.raises(LineError, match="line 2"):
        list(read_lines(LEXICON, TABLES, ['{"reply": "ok"}', bad]))


def test_labels_and_urgency_come_out_one_line_each() -> None:
    given = {"id": "a", "lang": "en", "condition": "copd", "expects": "spo2_pct", "reply": "86", "labels": {}, "urgency": "none"}
    assert [json.loads(line) for line in read_lines(LEXICON, TABLES, [json.dumps(given), ""])] == [
        {"id": "a", "labels": {"value": 86}, "urgency": "urgent"}
    ]
