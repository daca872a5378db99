"""Every flow can be drawn whole: each step and red flag stands in it, urgency is a word and a sign and not only a colour."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from service.content import load_flows
from service.evaluation.flows.graph import SIGN, as_svg, as_text
from service.evaluation.flows.words import condition_words

FLOWS = load_flows()


@pytest.mark.parametrize("key", sorted(FLOWS))
def test_a_drawing_holds_every_step_and_red_flag(key: str) -> None:
    flow = FLOWS[key]
    for language in flow.languages:
        text, svg = as_text(flow, language), as_svg(flow, language)
        words = " ".join(each.text or "" for each in ET.fromstring(svg).iter())
        for step in flow.steps:
            assert f"] {step.key}\n" in text
            assert f" {step.key.replace('_', ' ')} (" in words
        for question in flow.questions:
            for flag in question.red_flags:
                name = flag.name.replace("_", " ")
                assert name in " ".join(text.split())
                assert f"{SIGN[flag.urgency]} {flag.urgency.replace('_', ' ').upper()}  {name}" in words
        assert "{'" not in text


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ({"value": "weight", "gain_over": {"amount": "3 lb", "within": "24 h"}}, "weight up 3 lb or more within 24 h"),
        ({"value": "glucose", "at_least": "54 mg/dL", "below": "70 mg/dL"}, "glucose at least 54 mg/dL and below 70 mg/dL"),
        ({"step": "water_pill", "medication": ["missed", "partly"]}, "water pill: medicine missed or partly"),
        (
            {"all_of": [{"any_of": [{"answer": "yes"}, {"symptom": "cough"}]}, {"day": {"at_least": 3}}]},
            "(answer yes or cough) and day at least 3",
        ),
        ({"total": ["phq_1", "phq_2"], "at_least": 3}, "sum of phq 1 + phq 2 at least 3"),
        ({"symptom": "cough", "with_any": ["severe", "worse"], "without": "chronic"}, "cough that is severe or worse but not chronic"),
        ({"none_of": [{"high_risk": True}]}, "not (high risk patient)"),
        ({"step": "lows", "unanswered": True}, "no answer to lows"),
        ({"raised": "nothing"}, "nothing raised so far"),
    ],
)
def test_conditions_read_as_words(written: object, words: str) -> None:
    assert condition_words(written) == words
