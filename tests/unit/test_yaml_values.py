"""YAML as plain values: YAML 1.2 word by word, the line of everything, and text that is no file of ours."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from ruamel.yaml import YAML

from service.content import content_root
from service.yaml_values import MOST_DEPTH, YamlError, read_yaml

ROOT = content_root()


@pytest.mark.parametrize(
    "file",
    [
        "flows/shared/wording.yaml",
        "flows/heart_failure/daily.yaml",
        "flows/heart_failure/daily.cases.yaml",
        "service/replies/lexicon/es/groups.yaml",
        "service/replies/lexicon/en/symptoms.yaml",
    ],
)
def test_a_shipped_file_reads_as_another_parser_reads_it(file: str) -> None:
    text = (ROOT / file).read_text("utf-8")
    read, other = read_yaml(text), YAML(typ="safe", pure=True).load(text)
    assert read == other
    assert kinds(read) == kinds(other)


def kinds(value: Any) -> Any:
    """The kinds of all values, since 1 equals true and 1.0."""
    if isinstance(value, dict):
        return {name: kinds(each) for name, each in value.items()}
    return [kinds(each) for each in value] if isinstance(value, list) else type(value)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("yes", "yes"), ("NO", "NO"), ("on", "on"), ("true", True), ("False", False), ("'true'", "true"), ("", None),
        ("~", None), ("null", None), ("7", 7), ("-7", -7), ("007", 7), ("0x1F", 31), ("0o17", 15), ("7.5", 7.5), (".5", 0.5),
        ("1e3", 1000.0), ("-.inf", float("-inf")),
        ("1_000", "1_000"), ("9" * 30, int("9" * 30)), ("120/80", "120/80"), ("8:30", "8:30"), ("3 lb", "3 lb"),
        ("+1 202-555-0199", "+1 202-555-0199"),
        ("\u0663", "\u0663"), ("\uff11\uff12", "\uff11\uff12"), ("1\u0662", "1\u0662"), ("1.\u0662", "1.\u0662"),
        ("202\uff17-05-31", "202\uff17-05-31"),
        ("2027-05-31", date(2027, 5, 31)), ("'2027-05-31'", "2027-05-31"), ("|\n  12\n", "12\n"), (">-\n  two\n  words\n", "two words"),
    ],
)  # fmt: skip
def test_what_a_word_means(written: str, meant: object) -> None:
    found = read_yaml(f"word: {written}")["word"]
    assert (found, type(found)) == (meant, type(meant))


def test_everything_knows_its_line() -> None:
    read = read_yaml("# a flow\na: 1\nb:\n  - c: 2\n    d: [3,\n      4]\n  - e\n")
    assert read.lines == {"a": 2, "b": 3}
    assert read["b"].lines == [4, 7]
    assert read["b"][0].lines == {"c": 4, "d": 5}
    assert read["b"][0]["d"].lines == [5, 6]


def test_a_value_may_be_named_and_used_again() -> None:
    read = read_yaml("a: &pulse {pulse: 70}\nb: *pulse\nc: [*pulse]\n")
    assert read["b"] == read["c"][0] == {"pulse": 70}


@pytest.mark.parametrize(
    ("text", "what", "line"),
    [
        ("a: 1\nb: 2\na: 3\n", '"a" stands here a second time', 3),
        ("a: {b: 1, b: 2}", '"b" stands here a second time', 1),
        ("\n\na: [1\n", "did not find expected", 4),
        ("- a\n b: c\n", "mapping values are not allowed", 2),
        ("review_by: 2027-02-30", "is no day of the calendar", 1),
        ("a: 1\n---\nb: 2\n", "a second document", 2),
        ("a: *b\n", "is not known here", 1),
        ("a: &a [*a]\n", "is not known here", 1),
        ("a: !!python/object:x {}\n", "the tag", 1),
        ("a: !!str 1\n", "the tag", 1),
        ("b: &b {c: 1}\na: {<<: *b}\n", "merge keys are not read", 2),
        ("[a]: 1\n", "write a word before the colon", 1),
        ("a: \x07\n", "not allowed", None),
        ("a: \ud83d\n", "surrogates not allowed", None),
        ("a: 1\nb: 'open\nc: 2\nd: 3\n", "unexpected end of stream, while scanning a quoted scalar that begins in line 2", 5),
        ("[" * 200_000, f"nested deeper than {MOST_DEPTH}", 1),
        ("- " * 200_000, f"nested deeper than {MOST_DEPTH}", 1),
        ("{a: " * 200_000, f"nested deeper than {MOST_DEPTH}", 1),
    ],
)
def test_what_is_not_read_says_so_and_where(text: str, what: str, line: int | None) -> None:
    with pytest.raises(YamlError, match=what) as caught:
        read_yaml(text)
    assert caught.value.line == line


@pytest.mark.law(12)
def test_few_lines_do_not_become_millions_of_values() -> None:
    lines = ["a0: &a0 {b: [x, x, x, x, x, x, x, x]}", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9))]
    read = read_yaml("\n".join(lines[:4]))
    assert read["a3"][9][9][9] == {"b": ["x"] * 8}
    with pytest.raises(YamlError, match="more than 500,000 values") as caught:
        read_yaml("\n".join(lines))
    assert caught.value.line == 6


@pytest.mark.parametrize("text", ["", "# only words about it\n", "---\n"])
def test_nothing_is_nothing(text: str) -> None:
    assert read_yaml(text) is None
