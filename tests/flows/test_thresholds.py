"""flows/THRESHOLDS.md: each row of the clinical sheet is held by a rule that exists and is shown by a case that fires it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from service.content import Content, content_root, load_cases, load_content
from service.domain.facts import Facts
from service.domain.reading import Expects, Question, Reply
from service.engine.cases import Case, Ears, play
from service.engine.play import MORNING, handed_over, named
from service.engine.steps import HandOverStep
from service.replies import read
from service.triage import decide

PAGE = content_root() / "flows" / "THRESHOLDS.md"
CLASSES = {"E": "emergency", "U": "urgent", "S": "same_day", "R": "routine"}
WORDS = re.compile(r'"(?P<words>[^"]+)"(?: asked `(?P<asked>\w+)`)?')


@dataclass(frozen=True)
class Row:
    """A row of the page: the sheet's class and threshold, and what stands against it here."""

    line: int
    condition: str
    sheet: str
    threshold: str
    source: str
    held_by: str
    here: str
    shown_by: str
    why: str


def rows(page: Path = PAGE) -> list[Row]:
    """The rows of all tables, with the problem-list condition that the heading above them names."""
    found, condition = [], ""
    for line, text in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if text.startswith("## "):
            condition = next(iter(re.findall(r"\(`(\w+)`\)$", text)), "")
        cells = [cell.strip() for cell in text.strip().strip("|").split("|")]
        if text.startswith("|") and cells[0] in CLASSES:
            found.append(Row(line, condition, *cells))
    return found


ROWS = rows()
LEFT_OUT = [row for row in ROWS if row.held_by == "left out"]
HELD = [row for row in ROWS if row.held_by != "left out"]


@cache
def content() -> Content:
    return load_content()


@cache
def ears() -> Ears:
    return Ears(content().lexicon, content().tables, content().wording)


@cache
def cases_of(key: str) -> dict[str, Case]:
    return {case.name: case for case in load_cases(key)}


def defined(key: str) -> dict[str, str]:
    """The urgency of every red flag and every step that hands over of a flow, by rule without the flow's key."""
    flow = content().flows[key]
    flags = {f"{step.key}.{flag.name}": str(flag.urgency) for step in flow.questions for flag in step.red_flags}
    return flags | {step.key: str(step.hand_over.urgency) for step in flow.steps if isinstance(step, HandOverStep)}


def shown(key: str, name: str, rule: str) -> dict[str, str]:
    """What a case of a flow raises, by rule without the flow's key; KeyError when there is no such case.

    That a case raises what it says is tested with all the others; only one that does not name the rule is played.
    """
    case, flow = cases_of(key)[name], content().flows[key]
    told = {str(said) for turn in case.talk for word in ("flags", "hands_over") if word in turn for said in listed(turn[word])}
    if rule in told and rule in defined(key):
        return {rule: defined(key)[rule]}
    story = play(flow, case, ears()).story
    return {raised: str(urgency) for events in (named, handed_over) for raised, urgency in events(flow, story).items()}


def listed(written: object) -> list[object]:
    return list(written) if isinstance(written, list) else [written]


def fires(row: Row) -> dict[str, str]:
    """What the rules of every reply find in the words of a row, by rule."""
    said = WORDS.fullmatch(row.shown_by)
    assert said, f"line {row.line}: write the patient's words in quotes"
    question = Question(Expects(said["asked"])) if said["asked"] else None
    reading = read(content().lexicon, Reply(said["words"]), question)
    facts = Facts(conditions=frozenset([row.condition] if row.condition else []))
    return {fired.rule: str(fired.urgency) for fired in decide(content().tables, reading.findings, facts, MORNING, question).fired}


@pytest.mark.parametrize("row", HELD, ids=lambda row: f"{row.line}: {row.held_by}")
def test_a_threshold_is_held_by_a_rule_and_shown_by_a_case(row: Row) -> None:
    kind, _, rule = row.held_by.strip("`").partition(" ")
    if kind == "universal":
        raised = fires(row)
    else:
        key, _, rule = kind.partition(".")
        raised = shown(key, row.shown_by, rule)
    assert raised.get(rule) == row.here, f"line {row.line}: {row.shown_by} raises {raised}"


@pytest.mark.parametrize("row", HELD, ids=lambda row: f"{row.line}: {row.held_by}")
def test_another_urgency_than_the_sheets_says_why(row: Row) -> None:
    assert row.here == CLASSES[row.sheet] or row.why, f"line {row.line}: {row.threshold} is {row.here} here: write why"


def test_what_is_left_out_says_why() -> None:
    assert LEFT_OUT
    assert all(row.why and (row.here, row.shown_by) == ("-", "-") for row in LEFT_OUT)


def test_every_row_names_its_threshold_and_its_source() -> None:
    assert all(row.threshold and row.source for row in ROWS)


def test_every_programme_with_thresholds_of_its_own_is_on_the_page() -> None:
    named_here = {row.held_by.strip("`").split("/")[0] for row in HELD if "/" in row.held_by}
    own_limits = {key.split("/")[0] for key, flow in content().flows.items() if any(step.red_flags for step in flow.questions)}
    assert own_limits - named_here == {"medication", "weekly", "whereabouts"}, "these ask what the sheet has no threshold row for"
