"""Reviewed content is read once, at start, and a mistake in it names the file and the line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from service.content import ContentError, content_root, load_content, load_flows, load_tables, load_wording


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of the shipped content that a test may spoil: what all share, and one programme, since each test reads it anew."""
    for folder in ("shared", "heart_failure"):
        shutil.copytree(content_root() / "flows" / folder, tmp_path / "flows" / folder)
    return tmp_path


def spoil(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def test_flows_are_known_by_programme_and_name() -> None:
    flows = load_flows()
    assert "heart_failure/daily" in flows
    assert all(flow.key == key for key, flow in flows.items())


def test_every_shipped_flow_is_a_draft_until_a_clinician_of_the_site_has_signed_it() -> None:
    for flow in load_flows().values():
        assert flow.approver is None
        assert flow.status == "draft, not clinically approved"


def test_a_copy_that_nobody_has_spoilt_is_read(root: Path) -> None:
    assert list(load_content(root).flows) == ["heart_failure/daily", "shared/glucose_again", "shared/pressure_again"]


def test_a_flow_with_a_mistake_names_file_and_line(root: Path) -> None:
    spoil(root / "flows/heart_failure/daily.yaml", "expects: weight_lb", "expects: wait")
    with pytest.raises(ContentError, match=r"^heart_failure/daily\.yaml: line \d+, steps\.weight\.expects: write one of"):
        load_flows(root)


def test_a_flow_that_is_no_yaml_names_the_line(root: Path) -> None:
    spoil(root / "flows/heart_failure/daily.yaml", "languages: [en, es]", "languages: [en, es")
    with pytest.raises(ContentError, match=r"daily\.yaml: line \d+: not readable as YAML"):
        load_flows(root)


def test_a_step_named_twice_is_refused(root: Path) -> None:
    spoil(root / "flows/heart_failure/daily.yaml", "  water_pill:\n", "  weight:\n")
    with pytest.raises(ContentError, match="not readable as YAML"):
        load_flows(root)


def test_a_wording_with_a_mistake_names_the_text(root: Path) -> None:
    spoil(root / "flows/shared/wording.yaml", "If you need help right now, call", "A nurse calls you today. Call")
    with pytest.raises(ContentError, match=r"wording\.yaml: abuse\.en: .*write \{promise\} instead"):
        load_wording(root)


@pytest.mark.parametrize("wrong", ["\a", "2026-13-45", "[[1], {a: b}]", "{a: {b: [c]}}", "1e400"])
@pytest.mark.parametrize(
    "old", ["expects: weight_lb", "languages: [en, es]", "answer: emergency", "about: [shortness_of_breath, leg_swelling]"]
)
def test_whatever_stands_in_a_flow_it_is_a_mistake_that_names_the_file(root: Path, old: str, wrong: str) -> None:
    spoil(root / "flows/heart_failure/daily.yaml", old, f"{old.partition(':')[0]}: {wrong}")
    with pytest.raises(ContentError, match=r"daily\.yaml: "):
        load_flows(root)


@pytest.mark.parametrize("wrong", ["\a", "2026-13-45", ".nan", "5", "null: 5"])
def test_whatever_stands_in_the_urgency_table_it_is_a_mistake_that_names_the_file(root: Path, wrong: str) -> None:
    spoil(
        root / "flows/shared/urgency.yaml", "unless_condition: copd, ", f"unless_condition: {wrong}, " if ":" not in wrong else f"{wrong}, "
    )
    with pytest.raises(ContentError, match=r"urgency\.yaml: "):
        load_tables(root)


@pytest.mark.parametrize("reason", ["{0.__class__}", "{value!x}", "{value:>{value}}", "{", "{value.a}"])
def test_a_brace_that_would_fail_when_the_rule_fires_is_found_at_start(root: Path, reason: str) -> None:
    spoil(root / "flows/shared/urgency.yaml", "Oxygen {value} %, below {threshold}", reason)
    with pytest.raises(ContentError, match=r"a brace stands only around|placeholders only"):
        load_tables(root)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("heart_failure/daily.yaml", "{symptom: orthopnea}", "{symptom: ortopnea}"),
        ("heart_failure/daily.yaml", "about: [shortness_of_breath, leg_swelling]", "about: [shortness_of_breath, leg_sweling]"),
        ("shared/urgency.yaml", "{symptom: fatigue,", "{symptom: fatige,"),
    ],
)
def test_a_symptom_that_no_reader_finds_is_a_mistake(root: Path, file: str, old: str, new: str) -> None:
    spoil(root / "flows" / file, old, new)
    with pytest.raises(ContentError, match=r'is no symptom that the vocabulary knows; did you mean "'):
        load_content(root)


def test_without_flows_nothing_starts(root: Path) -> None:
    for programme in (root / "flows").iterdir():
        if programme.is_dir() and programme.name != "shared":
            shutil.rmtree(programme)
    with pytest.raises(ContentError, match="needs 1 to 200 flows, found 0"):
        load_flows(root)


def test_no_and_yes_stay_words() -> None:
    """YAML 1.2: an unquoted no is text, not false."""
    flow = load_flows()["heart_failure/daily"]
    assert all(isinstance(word, str) for step in flow.questions for option in step.choices for word in option.words["en"])
