"""flows/SAFETY.md names a test for each of the 45 safety rules, and the tests that it names exist."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from service.content import content_root, load_content, load_yaml
from service.domain.urgency import Urgency
from tests.guards.source import ROOT, tree

PAGE = ROOT / "flows" / "SAFETY.md"
ROW = re.compile(r"^\| (\d+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
TEST = re.compile(r"`([\w/]+\.py)::(\w+)`")
RULES = [(int(number), rule, held) for number, rule, held in ROW.findall(PAGE.read_text(encoding="utf-8"))]
NOT_SAID = re.compile(
    r"(?<!if )you(?: are|'re) fine|all is well|all good|nothing to worry|don't worry|no need to (?:call|worry)|you can skip"
    r"|skip (?:your|the)|double (?:the|your) dose|(?<!not )take (?:half|two|twice|an extra)|stop taking"
    r"|(?<!si )estás? bien\b|todo (?:va|está) bien"
    r"|no se preocupe|no hace falta|puede saltarse|deje de tomar|(?<!no )tome (?:el doble|la mitad|media pastilla|dos pastillas)"
    r"|\b\d+ ?mg\b(?! of sodium| de sodio)",
    re.IGNORECASE,
)


@cache
def names_in(path: Path) -> frozenset[str]:
    """The names of the test functions of a file, those in test classes too."""
    return frozenset(
        node.name
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    )


def test_each_of_the_45_rules_is_there_once_and_in_order() -> None:
    assert [number for number, _, _ in RULES] == list(range(1, 46))


@pytest.mark.parametrize(("number", "held"), [(number, held) for number, _, held in RULES])
def test_a_rule_names_tests_that_exist_or_says_what_comes_later(number: int, held: str) -> None:
    named = TEST.findall(held)
    assert held.count("::") == len(named), f"rule {number}: a test is written `path/test_file.py::test_name`"
    assert named or re.match(r"Later: \w", held), f"rule {number}: name a test, or write Later: and why"
    for file, name in named:
        path = ROOT / "tests" / file
        assert path.is_file(), f"rule {number}: there is no tests/{file}"
        assert path.name.startswith("test_"), f"rule {number}: tests/{file} is not collected"
        assert name in names_in(path), f"rule {number}: tests/{file} has no {name}"


def texts(written: Any, place: str) -> Iterator[tuple[str, str]]:
    """Every text of parsed content for patients, with its place: what stands under a language."""
    if isinstance(written, dict):
        for key, value in written.items():
            yield from texts(value, f"{place}.{key}")
    elif isinstance(written, list):
        for number, value in enumerate(written):
            yield from texts(value, f"{place}.{number}")
    elif isinstance(written, str) and re.search(r"\.(?:en|es)(?:\.(?:plain|detail))?$", place):
        yield place, written


def test_no_text_gives_a_dose_or_says_that_all_is_well() -> None:
    said = [
        (place, text)
        for path in sorted((content_root() / "flows").glob("*/*.yaml"))
        if not path.name.endswith(".cases.yaml")
        for place, text in texts(load_yaml(path), f"{path.parent.name}/{path.stem}")
    ]
    assert len(said) > 1000, "texts were not found where they stand"
    wrong = [f"{place}: {found[0]!r} in {text!r}" for place, text in said if (found := NOT_SAID.search(text))]
    assert not wrong, "\n".join(wrong)


def test_every_programme_stands_on_the_rows_for_danger_and_a_text_for_the_time_when_nobody_is_there() -> None:
    content = load_content()
    for urgency in (Urgency.EMERGENCY, Urgency.URGENT):
        assert any(rule.urgency is urgency and rule.answer and not rule.only_condition for rule in content.tables.rules), urgency
    assert {"out_of_hours", "out_of_hours_no_number"} <= set(content.wording.texts)
