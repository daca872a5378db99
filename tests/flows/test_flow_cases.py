"""The cases beside every flow: the patient's words through the real reader, triage and engine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from service.content import Content, content_root, load_cases, load_content
from service.engine.cases import Case, Ears, play
from service.engine.play import handed_over, named
from service.engine.steps import HandOverStep

KEYS = sorted(
    f"{path.parent.name}/{path.name.removesuffix('.cases.yaml')}"
    for path in (content_root() / "flows").glob("*/*.cases.yaml")
    if path.name not in ("follow_through.cases.yaml", "opening.cases.yaml")  # played by the tests of their names
)


def cases() -> Iterator[Any]:
    for key in KEYS:
        for case in load_cases(key):
            yield pytest.param(key, case, id=f"{key}: {case.name}")


@pytest.mark.parametrize("key", KEYS)
def test_a_case_knows_the_line_on_which_it_stands(key: str) -> None:
    written = (content_root() / "flows" / f"{key}.cases.yaml").read_text(encoding="utf-8").splitlines()
    for case in load_cases(key):
        assert written[case.line - 1].strip().startswith("- name:"), f"{case.name}: line {case.line}"
        assert case.name in written[case.line - 1].replace('\\"', '"'), f"{case.name}: line {case.line}"


@pytest.fixture(scope="module")
def content() -> Content:
    return load_content()


@pytest.fixture(scope="module")
def ears(content: Content) -> Ears:
    return Ears(content.lexicon, content.tables, content.wording)


@pytest.mark.parametrize(("key", "case"), list(cases()))
def test_the_flow_does_what_its_case_says(content: Content, ears: Ears, key: str, case: Case) -> None:
    assert play(content.flows[key], case, ears).failures == []


def test_every_red_flag_of_every_flow_is_shown_by_a_case(content: Content, ears: Ears) -> None:
    for key, flow in content.flows.items():
        story = [event for case in load_cases(key) for event in play(flow, case, ears).story]
        shown = {*named(flow, story), *handed_over(flow, story)}
        flags = {f"{step.key}.{flag.name}" for step in flow.questions for flag in step.red_flags}
        flags |= {step.key for step in flow.steps if isinstance(step, HandOverStep)}
        assert flags <= shown, f"{key}: no case for {sorted(flags - shown)}"
