"""A condition reads the same from the file and from the database, which keeps no order of names."""

from __future__ import annotations

from typing import Any

from service.content import load_flows
from service.engine.steps import AskStep
from service.evaluation.flows.words import condition_words


def as_the_database_keeps_it(written: Any) -> Any:
    """Names by length, then by letters: the order in which PostgreSQL gives them back."""
    if isinstance(written, dict):
        return {name: as_the_database_keeps_it(written[name]) for name in sorted(written, key=lambda name: (len(name), name))}
    return [as_the_database_keeps_it(each) for each in written] if isinstance(written, list | tuple) else written


def test_every_condition_reads_the_same_in_any_order_of_its_names() -> None:
    read = 0
    for flow in load_flows().values():
        for step in flow.steps:
            for written in (*step.only_if, *(flag.when for flag in (step.red_flags if isinstance(step, AskStep) else ()))):
                assert condition_words(as_the_database_keeps_it(written)) == condition_words(written), (flow.key, step.key)
                read += 1
    assert read > 500
    for one in (
        {"recorded": "phq_9", "answer": "yes"},
        {"symptom": "dizziness", "with": "near_faint"},
        {"day": {"at_least": 3, "at_most": 9}},
    ):
        assert condition_words(as_the_database_keeps_it(one)) == condition_words(dict(reversed(one.items()))) == condition_words(one)
