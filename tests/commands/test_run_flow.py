"""A check-in played in the terminal reads well when it is piped, and what was played is a case that comes out."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from service.__main__ import main
from service.content import load_flows, load_lexicon, load_tables, load_wording, load_yaml
from service.engine.cases import Ears, play, read_cases

KEY = "medication/daily"


def played(
    lines: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *options: str, columns: int = 400
) -> tuple[int, str]:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
    code = main(["flows", "run", KEY, *options])
    captured = capsys.readouterr()
    return code, captured.out + captured.err


def test_a_played_check_in_is_kept_as_a_case_that_comes_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "played.cases.yaml"
    lines = ["no", "/silence", "/case The dose was missed", "/wait nonsense", "/dance", "/quit", "never read"]
    code, told = played(lines, monkeypatch, capsys, "--lang", "es", "--given", "{high_risk: true, doses: {1 d: taken}}", "--out", str(out))
    assert code == 0
    assert "SAME DAY" in told or "URGENT" in told
    assert "noted    medication: missed" in told
    assert told.count("  ?        ") == 2
    assert "never read" not in told
    (case,) = read_cases(load_yaml(out), out.name)
    assert case.given == {"high_risk": True, "doses": {"1 d": "taken"}, "language": "es"}
    assert [next(iter(turn)) for turn in case.talk] == ["patient", "silence"]
    assert case.talk[0]["flags"]
    ears = Ears(load_lexicon(), load_tables(), load_wording())
    assert not play(load_flows()[KEY], case, ears).failures


def test_danger_shows_the_safety_answer_and_ends(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    code, told = played(["I have crushing chest pain", "/quit"], monkeypatch, capsys)
    assert code == 0
    assert "!!! EMERGENCY" in told
    assert "911" in told
    assert "nothing more is asked" in told


def test_lines_fit_the_terminal_and_go_on_under_their_words(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    _, told = played(["I have crushing chest pain", "/quit"], monkeypatch, capsys, columns=60)
    turn = told[told.index("> I have") :].splitlines()[1:]
    assert max(map(len, turn)) <= 60
    later = [line for line in turn if line.startswith(" " * 11)]
    assert len(later) >= 3
    _, whole = played(["I have crushing chest pain", "/quit"], monkeypatch, capsys)
    assert " ".join(" ".join(turn).split()) == " ".join(whole[whole.index("> I have") :].partition("\n")[2].split())


@pytest.mark.parametrize(
    ("given", "says"), [("[1]", "write names and values"), ("{a: [", "not readable as YAML"), ("{colour: red}", "knows no")]
)
def test_facts_that_make_no_sense_are_told_in_one_line(
    given: str, says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told = played([], monkeypatch, capsys, "--given", given)
    assert code == 2
    assert says in told
    assert len(told.strip().splitlines()) == 1
