"""A flow file with a mistake names the line, what is wrong and what to write instead."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from service.content import content_root, load_wording
from service.engine import Flow, FlowError, parse_flow

WORDING = load_wording()
FILE = "heart_failure/daily.yaml"
TEXT = (content_root() / "flows" / FILE).read_text("utf-8")


def parsed(text: str) -> Flow:
    return parse_flow(YAML(typ="rt", pure=True).load(StringIO(text)), FILE, WORDING)


def changed(old: str, new: str) -> str:
    assert old in TEXT, f"the flow no longer holds {old!r}"
    return TEXT.replace(old, new, 1)


MISTAKES = [
    ("title: Heart failure, daily check-in", "titel: Heart failure", "did you mean title?"),
    ("owner: Heart failure team\n", "", "owner: is missing; add it"),
    ("cadence: daily", "cadence: hourly", "write daily, weekdays, weekly"),
    ("useful_for: 4 h", "useful_for: 4 hours", 'such as "30 min"'),
    ("useful_for: 4 h", "useful_for: 90 d", "less than or equal to 43200"),
    ("status: draft, not clinically approved", "status: approved", 'begins with "draft"'),
    ("approver: null", "approver: Dr. Adams", "an approver needs the date"),
    ("review_by: 2027-05-31", "review_by: next year", "valid date"),
    ("review_by: 2027-05-31\n", "", "review_by: is missing"),
    ("  source: silence\n", "  source: silent\n", "did you mean silence?"),
    ("languages: [en, es]", "languages: [en, fr]", 'no "fr"'),
    ("languages: [en, es]", "languages: [en]", "none of the flow's languages"),
    ("review_by:", "key: x\nreview_by:", "is filled in by itself"),
    ("  silent_after_high_risk: 5 h", "  silent_after_high_risk: 2 h", "remind_after must be shorter"),
    ("  urgency_high_risk: same_day", "  urgency_high_risk: none", "write one of 'emergency'"),
    ("  urgency: routine", "  urgency: emergency", "cannot be less urgent"),
    ("    expects: weight_lb", "    expects: weight", "write one of"),
    ("    expects: weight_lb", "    expect: weight_lb", "did you mean expects?"),
    ("    confirm:\n", "    confrim:\n", "did you mean confirm?"),
    ("      change_over: 10 lb", "      change_over: ten", 'such as "10 lb"'),
    ("What is your weight this morning, in pounds?", "What is your weight, {firstname}?", "no placeholder is named {firstname}"),
    ("What is your weight this morning, in pounds?", '"What is your weight {clinic?"', "a brace is left over"),
    ("Please send your weight this morning as a number", "A nurse will call you today. Send a number", "write {promise} instead"),
    ("Please send your weight this morning as a number", "Please, " + "please " * 50 + "send a number", "3 segments"),
    ("Please send your weight this morning as a number", "Please, " + "please " * 28 + "send a number", "shorten one of them"),
    ("      es: ¿Qué peso", "      fr: ¿Qué peso", "the text in es is missing"),
    ("detail: Did you take your water pill today?", "detail: A nurse calls within 1 hour. Did you take it?", "write {promise} instead"),
    ("plain: Did you take your morning medicine today?", "plain: Did you take your water pill today?", "needs consent to detail"),
    ("{value: weight, gain_over: {amount: 3 lb, within: 24 h}, limit: weight_gain_24h}", "{value: wait, above: 3}", "write one of"),
    ("gain_over: {amount: 3 lb, within: 24 h}", "gain_over: {amount: 3 mmHg, within: 24 h}", "does not measure this"),
    ("gain_over: {amount: 3 lb, within: 24 h}", "gains: 3 lb", "does not go with value"),
    ("        urgency: urgent\n", "        urgency: severe\n", "write one of 'emergency'"),
    ("        reason: Breathless lying flat, or needs more pillows\n", "", "reason: is missing"),
    ("        source: red_zone", "        source: red_zones", "did you mean red_zone?"),
    ("        source: zones\n        answer: urgent\n", "        source: zones\n", "needs an answer"),
    ("        answer: emergency", "        answer: emergensy", "did you mean emergency?"),
    ("      - name: lost_in_a_week", "      - name: gained_in_a_week", "is used twice"),
    ("      - name: lost_in_a_week", "      - name: Lost!", "lower case letters"),
    ("    about: [shortness_of_breath, leg_swelling]\n", "", "belong together"),
    ("{step: water_pill, medication: [missed, partly]}", "{step: water_pil, medication: [missed]}", "did you mean water_pill?"),
    ("{step: water_pill, medication: [missed, partly]}", "{step: missed_reason, unanswered: true}", "is no earlier question"),
    ("    also_answered_by: missed_reason", "    also_answered_by: reason", "no finding is called so"),
    ('4 side effects, 5 other."', '4 side effects."', "does not offer choice 5"),
    ("en: [other, something else]", "en: [stop]", "ends all messages"),
    ("      - value: cost", "      - value: 3", "valid string"),
    ("  weight:\n", "  Weight:\n", "lower case letters"),
    ("steps:\n", "steps: []\nold:\n", "write at least one step"),
]


@pytest.mark.parametrize(("old", "new", "message"), MISTAKES, ids=[f"{n}-{m[2][:30]}" for n, m in enumerate(MISTAKES)])
def test_a_mistake_names_its_line_and_the_mend(old: str, new: str, message: str) -> None:
    with pytest.raises(FlowError) as caught:
        parsed(changed(old, new))
    assert message in str(caught.value)
    assert caught.value.file == FILE


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("        source: red_zone", "        source: red_zones", "steps.breathing_swelling.red_flags.1.source"),
        ("    expects: weight_lb", "    expects: weight", "steps.weight.expects"),
        ("      change_over: 10 lb", "      change_over: ten", "steps.weight.confirm.change_over"),
        ("  urgency: routine", "  urgency: emergency", "silence.urgency_high_risk"),
    ],
)
def test_the_line_is_the_one_of_the_mistake(old: str, new: str, place: str) -> None:
    text = changed(old, new)
    with pytest.raises(FlowError) as caught:
        parsed(text)
    line = int(re.match(r"line (\d+), ", caught.value.where)[1])  # type: ignore[index]
    assert caught.value.where == f"line {line}, {place}"
    word = place.rpartition(".")[2]
    assert text.splitlines()[line - 1].strip().startswith(f"{word}:")


@pytest.mark.parametrize(
    "data", [None, [], "flow", {"steps": {"a": None}}, {"steps": {"a": {"red_flags": 3}}}, {"steps": {"a": {"red_flags": [1]}}}]
)
def test_a_file_of_another_shape_is_refused(data: object) -> None:
    with pytest.raises(FlowError):
        parse_flow(data, FILE, WORDING)


def test_an_answer_written_in_the_flow_travels_with_it() -> None:
    flow = parsed(
        changed(
            "        answer: urgent\n", "        answer: {en: 'A nurse answers {promise}.', es: 'Una enfermera le responde {promise}.'}\n"
        )
    )
    assert flow.phrases["weight.gained_in_a_day"]["en"] == "A nurse answers {promise}."
    assert flow.questions[0].red_flags[0].answer == "weight.gained_in_a_day"


def test_an_answer_written_in_the_flow_needs_every_language() -> None:
    with pytest.raises(FlowError, match="the answer in es is missing"):
        parsed(changed("        answer: urgent\n", "        answer: {en: 'A nurse answers {promise}.'}\n"))


def test_every_letter_of_the_content_is_in_the_version() -> None:
    flow = parsed(TEXT)
    assert re.fullmatch(r"[0-9a-f]{64}", flow.version)
    assert parsed(TEXT).version == flow.version
    assert parsed(changed("as a number in pounds", "as a number, in pounds")).version != flow.version
    assert parsed(changed("{amount: 3 lb, within: 24 h}", "{amount: 4 lb, within: 24 h}")).version != flow.version
    assert parsed("# a remark\n" + TEXT).version == flow.version


def test_a_stored_flow_is_the_same_flow() -> None:
    flow = parsed(TEXT)
    again = Flow.from_json(flow.to_json())
    assert again.version == flow.version
    assert again.to_json() == flow.to_json()


def test_a_version_carries_the_texts_it_says_so_that_a_change_of_wording_leaves_it_alone() -> None:
    flow = parsed(TEXT)
    assert {
        "urgent",
        "same_day",
        "emergency",
        "emergency_instructed",
        "out_of_hours",
        "out_of_hours_no_number",
        "not_understood",
        "thanks",
        "call_emergency",
    } == set(flow.phrases)
    for key, entry in flow.phrases.items():
        assert entry == WORDING.texts[key]


def test_every_shipped_flow_has_its_cases_beside_it() -> None:
    folder = Path(content_root() / "flows")
    flows = [path for path in folder.glob("*/*.yaml") if path.parent.name != "shared" and not path.name.endswith(".cases.yaml")]
    assert flows
    for path in flows:
        assert path.with_suffix(".cases.yaml").exists(), f"{path.name} has no cases beside it"
