"""When silence counts sooner is said in the flow: what it may name, and what a mistake is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.content import ContentError, load_flows
from tests.flows.test_content import root, spoil

__all__ = ["root"]
FILE = "flows/heart_failure/daily.yaml"


def write(root: Path, line: str) -> None:
    spoil(root / FILE, "silence:\n", f"silence:\n  {line}\n")


def test_a_flow_says_when_silence_counts_sooner_and_for_how_long_after_an_emergency(root: Path) -> None:
    write(root, "sooner_when: {any_of: [{day: {at_most: 6}}, {condition: copd}]}\n  sooner_after_emergency: 2 d")
    flow = load_flows(root)["heart_failure/daily"]
    assert flow.sooner_when is not None
    assert flow.silence.sooner_after_emergency == 2 * 1440


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("sooner_when: {dya: {at_most: 6}}", r"line \d+, silence\.sooner_when: "),
        ("sooner_when: {step: weight, unanswered: true}", r'line \d+, silence\.sooner_when: "weight" is no earlier question'),
        ("sooner_after_emergency: soon", r'line \d+, silence\.sooner_after_emergency: write a time such as "30 min"'),
        ("sooner_wehn: {day: {at_most: 6}}", "did you mean sooner_when"),
    ],
)
def test_a_mistake_names_the_line_and_what_to_write(root: Path, line: str, told: str) -> None:
    write(root, line)
    with pytest.raises(ContentError, match=told):
        load_flows(root)
