"""Whoever approves a new version sees every part of it that differs from the one that runs."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest

from service.content import load_flows
from service.engine import Flow
from service.evaluation.flows.side_by_side import differences

FLOWS = ("asthma/weekly", "depression/phq", "heart_failure/daily", "whereabouts/once")
SAYS_NOTHING = (
    "key",
    "status",
    "sources",  # those that a rule names stand beside the rule
    "education.*.#.source",
    "unanswered",  # true, or not there
)
"""What may change without a word: it is neither asked, told nor judged."""
Place = tuple[str | int, ...]


def leaves(node: Any, place: Place = ()) -> Iterator[Place]:
    if isinstance(node, dict):
        for name, each in node.items():
            yield from leaves(each, (*place, name))
    elif isinstance(node, list):
        for number, each in enumerate(node):
            yield from leaves(each, (*place, number))
    elif node is not None:
        yield place


def sort(data: dict[str, Any], place: Place) -> str:
    """Where it stands, in a word for all that stand in such a place: steps by their kind."""
    names = ["#" if isinstance(part, int) else part for part in place]
    if place[0] == "steps":
        names[1] = data["steps"][place[1]]["kind"]
    if place[0] == "education":
        names[1] = "*"
    return ".".join(names)


def changed(data: dict[str, Any], place: Place) -> Flow | None:
    """The flow with another value there; None where no flow can have another one."""
    copy = deepcopy(data)
    holder: Any = copy
    for part in place[:-1]:
        holder = holder[part]
    old = holder[place[-1]]
    if isinstance(old, bool) and place[-1] == "if_known":
        del holder[place[-1]]
    else:
        holder[place[-1]] = not old if isinstance(old, bool) else old + 1 if isinstance(old, int | float) else f"{old}x"
    try:
        flow = Flow.from_json(copy)
        for step in flow.questions:
            for flag in step.red_flags:
                flow.rule(step, flag)
    except (ValueError, KeyError):
        return None
    return flow


@pytest.mark.law(7)
def test_no_change_of_what_is_asked_told_or_judged_is_approved_unseen() -> None:
    flows = load_flows()
    seen, tried = set[str](), 0
    for key in FLOWS:
        data = flows[key].to_json()
        for place in leaves(data):
            name = sort(data, place)
            if name in seen or name.startswith(SAYS_NOTHING) or name.endswith(SAYS_NOTHING):
                continue
            other = changed(data, place)
            if other is not None:
                seen.add(name)
                tried += 1
                assert differences(flows[key], other), f"{key}: nobody sees that {place} has changed"
    assert tried > 150


def test_the_order_of_the_messages_of_a_topic_is_a_difference() -> None:
    flow = load_flows()["heart_failure/daily"]
    data = flow.to_json()
    topic = next(iter(data["education"]))
    data["education"][topic].reverse()
    assert [each.where for each in differences(flow, Flow.from_json(data))] == [f"Messages about {topic}"]
