"""Every flow can be drawn whole at two widths: each step and red flag stands in it, urgency is a word and a sign and not only a colour."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from service.content import load_flows
from service.engine.flow import Flow
from service.evaluation.flows.graph import NARROW, SIGN, WIDE, Form, as_svg, as_text
from service.evaluation.flows.lettering import width_of, wrapped
from service.evaluation.flows.plain import LIMITS, limit_in_words, name_in_words, span_in_words
from service.evaluation.flows.words import condition_words

FLOWS = load_flows()
_SVG = "{http://www.w3.org/2000/svg}"


def drawn(flow: Flow, language: str, form: Form) -> ET.Element:
    return ET.fromstring(as_svg(flow, language, form))


def texts(svg: ET.Element) -> str:
    return " ".join(each.text or "" for each in svg.iter(f"{_SVG}text"))


def named(key: str) -> str:
    words = name_in_words(key)
    return words[:1].upper() + words[1:]


@pytest.mark.parametrize("key", sorted(FLOWS))
@pytest.mark.parametrize("form", [WIDE, NARROW], ids=lambda form: form.name)
def test_a_drawing_holds_every_step_and_red_flag(key: str, form: Form) -> None:
    flow = FLOWS[key]
    for language in flow.languages:
        text, words = " ".join(as_text(flow, language).split()), texts(drawn(flow, language, form))
        for number, step in enumerate(flow.steps, 1):
            assert f" {number}. {named(step.key)} (" in text
            assert f"{number}. {named(step.key)} (" in words
        for question in flow.questions:
            for flag in question.red_flags:
                sign = f"{SIGN[flag.urgency]} {flag.urgency.replace('_', ' ')}"
                when = condition_words(flag.when)
                told_by_name = when == named(flag.name).lower()
                assert f"{sign}: {named(flag.name)}" + ("" if told_by_name else f" - {when}") in text
                assert told_by_name or when in words
                assert f"{SIGN[flag.urgency]} {flag.urgency.replace('_', ' ').upper()}" in words
                assert named(flag.name) in words
        assert "{'" not in text


@pytest.mark.parametrize("key", sorted(FLOWS))
@pytest.mark.parametrize("form", [WIDE, NARROW], ids=lambda form: form.name)
def test_nothing_in_a_drawing_stands_over_its_edge_or_over_another_box(key: str, form: Form) -> None:
    svg = drawn(FLOWS[key], "en", form)
    boxes = [tuple(float(box.attrib[side]) for side in ("x", "y", "width", "height")) for box in svg.iter(f"{_SVG}rect")]
    height = float(svg.attrib["viewBox"].split()[3])
    for x, y, width, deep in boxes:
        assert x >= 0
        assert x + width <= form.width
        assert y + deep <= height
        for left, top, across, down in boxes:
            apart = x + width <= left or left + across <= x or y + deep <= top or top + down <= y
            assert apart or (left, top, across) == (x, y, width)  # the band of a red flag lies on its own box
    for line in svg.iter(f"{_SVG}text"):
        end = float(line.attrib["x"]) + width_of(line.text or "", bold="font-weight" in line.attrib)
        assert any(x <= float(line.attrib["x"]) and end <= x + width for x, *_, width, _ in boxes) or line.text == "End"


@pytest.mark.parametrize("key", sorted(FLOWS))
def test_a_step_with_a_condition_is_told_from_the_others_without_colour(key: str) -> None:
    flow = FLOWS[key]
    svg = drawn(flow, "en", NARROW)
    dashed = [box for box in svg.iter(f"{_SVG}rect") if "stroke-dasharray" in box.attrib]
    conditional = [number for number, step in enumerate(flow.steps, 1) if step.only_if]
    assert len(dashed) == 2 * len(conditional)  # the condition and the step
    for number in conditional:
        following = str(number + 1) if number < len(flow.steps) else "the end"
        assert f"If not, go on to {following}." in texts(svg)


def test_a_drawing_tells_a_screen_reader_what_it_shows() -> None:
    flow = FLOWS["heart_failure/daily"]
    alone, on_a_page = as_svg(flow), as_svg(flow, form=NARROW, described="As text below.")
    assert ET.fromstring(alone).findtext(f"{_SVG}desc") == as_text(flow).replace("\r", "")
    assert ET.fromstring(on_a_page).findtext(f"{_SVG}desc") == "As text below."
    names = [{each.attrib["id"] for each in ET.fromstring(svg).iter() if "id" in each.attrib} for svg in (alone, on_a_page)]
    assert not names[0] & names[1]  # both stand on one page
    for svg in (alone, on_a_page):
        root = ET.fromstring(svg)
        assert {root.attrib["aria-labelledby"], root.attrib["aria-describedby"]} <= {each.attrib.get("id") for each in root.iter()}


def test_lines_fit_their_room_and_keep_every_word() -> None:
    words = "Weight up three pounds or more WITHIN a day, and Donaudampfschifffahrtsgesellschaft"
    for room in (60, 140, 400):
        lines = wrapped(words, room)
        assert all(width_of(line) <= room for line in lines)
        assert "".join("".join(lines).split()) == "".join(words.split())
    assert wrapped("", 100) == []


def _limits(written: Any) -> Iterator[str]:
    if isinstance(written, Mapping):
        if isinstance(limit := written.get("limit"), str):
            yield limit
        for each in written.values():
            yield from _limits(each)
    elif isinstance(written, list | tuple):
        for each in written:
            yield from _limits(each)


def test_every_personal_limit_of_a_flow_has_words_of_its_own() -> None:
    used = {limit for flow in FLOWS.values() for step in flow.questions for flag in step.red_flags for limit in _limits(flag.when)}
    assert used
    assert used <= LIMITS.keys()
    assert limit_in_words("weight_gain_24h") == "weight gained in a day"


@pytest.mark.parametrize(
    ("written", "words"),
    [("24 h", "24 hours"), ("1 h", "1 hour"), ("7 d", "7 days"), ("1 d", "1 day"), ("30 min", "30 minutes"), ("3 lb", "3 lb")],
)
def test_lengths_of_time_are_written_out(written: str, words: str) -> None:
    assert span_in_words(written) == words


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ({"value": "weight", "gain_over": {"amount": "3 lb", "within": "24 h"}}, "weight up 3 lb or more within 24 hours"),
        (
            {"value": "weight", "gain_over": {"amount": "5 lb", "within": "7 d"}, "limit": "weight_gain_7d"},
            "weight up 5 lb or more within 7 days (or the patient's own limit for weight gained in a week)",
        ),
        ({"value": "glucose", "at_least": "54 mg/dL", "below": "70 mg/dL"}, "glucose at least 54 mg/dL and below 70 mg/dL"),
        ({"symptom": "orthopnea"}, "breathless lying flat"),
        ({"condition": "measures_oxygen"}, "the patient measures oxygen at home"),
        ({"step": "water_pill", "medication": ["missed", "partly"]}, "water pill: medicine missed or partly"),
        (
            {"all_of": [{"any_of": [{"answer": "yes"}, {"symptom": "cough"}]}, {"day": {"at_least": 3}}]},
            "(answer yes or cough) and day at least 3",
        ),
        ({"total": ["phq_1", "phq_2"], "at_least": 3}, "sum of PHQ 1 + PHQ 2 at least 3"),
        ({"symptom": "cough", "with_any": ["severe", "worse"], "without": "chronic"}, "cough that is severe or worse but not chronic"),
        ({"none_of": [{"high_risk": True}]}, "not (high risk patient)"),
        ({"step": "lows", "unanswered": True}, "no answer to lows"),
        ({"raised": "nothing"}, "nothing raised so far"),
    ],
)
def test_conditions_read_as_words(written: object, words: str) -> None:
    assert condition_words(written) == words
