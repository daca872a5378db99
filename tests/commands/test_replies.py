"""`rounds replies explain` and `score`: what a reviewer sees in the terminal, without any setting; what is wrong is told in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from service.__main__ import main

LINE = {"id": "a", "lang": "en", "channel": "sms", "expects": "symptoms", "cell": "chest", "reply": "my chest hurts"}
LABELS = {"symptoms_present": ["chest_pain"], "crisis": True, "crisis_type": "medical"}
GOLD = [
    {**LINE, "labels": LABELS, "urgency": "emergency"},
    {**LINE, "id": "b", "reply": "no", "labels": {"answer": "no"}, "urgency": "none"},
    {**LINE, "id": "c", "reply": "no", "labels": {"answer": "no"}, "urgency": "emergency"},
]


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs `rounds replies ...` with no setting at all: code, what it printed, what it complained of."""
    for name in ("DATABASE_URL", "ENCRYPTION_KEYS", "PUBLIC_BASE_URL"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: str) -> tuple[int, str, str]:
        code = main(["replies", *arguments])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return call


@pytest.fixture
def gold(tmp_path: Path) -> Path:
    path = tmp_path / "gold.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in GOLD), encoding="utf-8")
    return path


def test_explain_shows_words_rules_and_urgency(ended: Any) -> None:
    code, out, _ = ended("explain", "no but my chest hurts", "--expects", "symptoms")
    assert code == 0
    assert out.startswith("urgency   emergency\n")
    for part in ("symptom: chest pain (acute)", "in   'chest hurts'", "by   en.danger", "rule chest_pain", "source:", "lexicon   version"):
        assert part in out


def test_explain_says_what_is_missing_and_that_nothing_fired(ended: Any) -> None:
    assert "missing   no answer" in ended("explain", "the garden is nice", "--expects", "weight_lb")[1]
    assert "rules that fired\n  none" in ended("explain", "thanks")[1]
    assert "Oxygen 86 % with COPD" in ended("explain", "86", "--expects", "spo2_pct", "--condition", "copd")[1]


def test_score_prints_figures_cells_confusion_and_ids_but_no_reply(ended: Any, gold: Path) -> None:
    code, out, _ = ended("score", str(gold), "--misread", "--field")
    assert code == 0
    assert "all: 3 replies" in out
    assert "lang en: 3 replies" in out
    row = next(line for line in out.splitlines() if "emergency as emergency" in line)
    assert row.split() == ["emergency", "as", "emergency", "0.500", "1/2", "0.095-0.905", ">=", "0.97", "NOT", "MET"]
    assert next(line for line in out.splitlines() if line.startswith("chest ")).split()[:2] == ["chest", "3"]
    assert "emergencies read below urgent: c" in out
    assert "urgency read otherwise: c" in out
    assert "per 100 patient-weeks of a daily check-in: 0.0 false pages, 0.0 false same-day items" in out
    assert "chest hurts" not in out


def test_score_as_json_is_the_same(ended: Any, gold: Path) -> None:
    found = json.loads(ended("score", str(gold), "--json")[1])
    assert found["all"]["figures"]["emergency as emergency"]["hits"] == 1
    assert found["all"]["confusion"]["emergency"]["none"] == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no labelled reply"),
        (json.dumps(LINE), "line 1: urgency is one of"),
        ("\n".join(json.dumps(GOLD[0]) for _ in range(2)), "the same id"),
    ],
)
def test_a_file_that_cannot_be_scored_is_told_in_one_line(ended: Any, tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "gold.jsonl"
    path.write_text(text, encoding="utf-8")
    code, out, err = ended("score", str(path))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert told in err
    assert ended("score", str(tmp_path / "nowhere.jsonl"))[2] == "rounds: there is no such file\n"
