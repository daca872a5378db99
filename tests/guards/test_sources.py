"""The ground of a rule, as staff read it: a publication, a safety rule by its number, or a default of Rounds; no page they cannot open."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
INTERNAL = re.compile(
    r"\bdecisions? \d|\bdecisions on\b|\blaws? \d|\blabel rules\b|\bclinical (facts|sheet)\b|\bown (rule|choice)\b|\bhouse\.md\b",
    re.IGNORECASE,
)
NUMBERED = re.compile(r"Rounds safety rules? ((?:\d+)(?:(?:, | and )\d+)*)")
FILES = sorted(path for path in (ROOT / "flows").rglob("*.yaml") if not path.name.endswith(".cases.yaml"))


def sources(written: Any) -> Iterator[str]:
    """Every text under `sources:` and every `source:` of a rule."""
    if isinstance(written, dict):
        for key, value in written.items():
            if key == "sources" and isinstance(value, dict):
                yield from (str(each) for each in value.values())
            elif key == "source" and isinstance(value, str):
                yield value
            else:
                yield from sources(value)
    elif isinstance(written, list):
        for each in written:
            yield from sources(each)


def texts_of(path: Path) -> Iterator[tuple[int, str]]:
    """The texts in a module that are not docstrings: (line, text)."""
    tree = ast.parse(path.read_text())
    docs = {id(each.value) for each in ast.walk(tree) if isinstance(each, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.lineno, node.value


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT / "flows")))
def test_a_source_of_the_content_names_what_staff_can_look_up(path: Path) -> None:
    known = {int(number) for number in re.findall(r"^\| (\d+) \|", (ROOT / "flows" / "SAFETY.md").read_text(), re.MULTILINE)}
    for source in sources(yaml.safe_load(path.read_text())):
        assert not INTERNAL.search(source), source
        for numbers in NUMBERED.findall(source):
            assert {int(number) for number in re.findall(r"\d+", numbers)} <= known, source


def test_no_text_of_the_program_names_a_page_that_only_its_makers_have() -> None:
    named = {
        f"{path.relative_to(ROOT)}:{line}: {text}"
        for path in sorted((ROOT / "service").rglob("*.py"))
        for line, text in texts_of(path)
        if INTERNAL.search(text)
    }
    assert not named


def test_internal_pages_are_known_by_their_names() -> None:
    for text in (
        "Label rules; decisions 1",
        "Law 2: nothing is dropped",
        "Rounds clinical sheet, COPD",
        "Rounds' own rule",
        "Decisions on danger",
    ):
        assert INTERNAL.search(text)
    for text in ("Rounds safety rule 10: seen by a person", "NICE CG75 (from memory)", "Rounds default: 8 or more is urgent"):
        assert not INTERNAL.search(text)
