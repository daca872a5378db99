"""A flow file with a mistake names the line, what is wrong and what to write instead."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from service.content import content_root
from service.engine import Flow, FlowError, parse_education, parse_flow, parse_subflow
from tests.flows.model import EDUCATION, EVERY, EVERY_FILE, KINDS, PLAIN, PLAIN_FILE, REASON, WORDING, library, loaded, parsed


def changed(old: str, new: str, text: str = PLAIN) -> str:
    assert old in text, f"the flow no longer holds {old!r}"
    return text.replace(old, new, 1)


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
    ("languages: [en, es]", "languages: [en, es]\ntranslating: fr", "write a list of codes"),
    ("languages: [en, es]", "languages: [en, es]\ntranslating: [French]", "write a list of codes"),
    ("languages: [en, es]", "languages: [en, es]\ntranslating: [es]", '"es" is offered already'),
    ("languages: [en, es]", "languages: [es]\ntranslating: [en]", "is what is translated from"),
    ("languages: [en, es]", "languages: [en, es]\ntranslated: [fr]", "did you mean translating?"),
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
    ("    expects: weight_lb\n", "    expects: weight_lb\n    about: [leg_swelling]\n", "about: goes with expects"),
    ("{step: water_pill, medication: [missed, partly]}", "{step: water_pil, medication: [missed]}", "did you mean water_pill?"),
    ("{step: water_pill, medication: [missed, partly]}", "{step: missed_reason, unanswered: true}", "is no earlier question"),
    ("    also_answered_by: missed_reason", "    also_answered_by: reason", "no finding is called so"),
    ('4 side effects, 5 other."', '4 side effects."', "does not offer choice 5"),
    ("en: [other, something else]", "en: [stop]", "ends all messages"),
    ("      - value: cost", "      - value: 3", "valid string"),
    ("  weight:\n", "  Weight:\n", "lower case letters"),
    ("steps:\n", "steps: []\nold:\n", "write at least one step"),
]


MISTAKES_OF_KINDS = [
    ("stop_after: 90 d\n", "", "stop_after: is missing; add it"),
    ("stop_after: 90 d", "stop_after: 3 months", 'such as "14 d"'),
    ("stop_after: 90 d", "stop_after: 10 d", "make stop_after longer"),
    ("{rule: daily, for: 14 d}", "{rule: daily}", "every phase but the last"),
    ("{rule: weekly}", "{rule: weekly, for: 3 d}", "the last phase has no for:"),
    ("{rule: weekly}", "{rule: hourly}", "write daily, weekdays, weekly"),
    ("phase: 1, for: 14 d", "phase: 3, for: 14 d", "the cadence has 2 phases"),
    ("above: 300 mg/dL}, phase", "above: 300 lb}, phase", "does not measure this; write mg/dL"),
    ("quicken: {when:", "quicken: {if:", "write one of for, phase, when"),
    ("owner: Test team", "owner: Test team\nkind: sub", "write one of 'check_in'"),
    ("owner: Test team", "owner: Test team\nkind: subflow", "belong together"),
    ("owner: Test team", "owner: Test team\neducation: {}", "is filled in by itself"),
    ("  en: [insulin]", "  en: insulin", "with a list of words each"),
    ("languages: [en, es]", "languages: [en, es, en]", "write each once"),
    ("    tell:\n", "    tel:\n", "the step does nothing; write exactly one of ask:, tell:"),
    ("    wait: 15 min", "    wait: 15 min\n    tell: {en: Hi, es: Hola}", "the step is tell and wait at once"),
    ("    wait: 15 min", "    wait: 5 min", "write a wait from 15 min to 4 h"),
    ("    wait: 15 min", "    wait: a while", 'such as "30 min"'),
    ("    recheck: true\n", "", "put a question with recheck: true directly after a wait"),
    ("    expects: yes_no\n", "    expects: yes_no\n    recheck: true\n", "a re-check stands directly after the step with wait:"),
    ('    only_if: {step: lows, answer: "yes"}', '    only_if: {step: low, answer: "yes"}', "did you mean lows?"),
    ('    only_if: {step: lows, answer: "yes"}', "    only_if: {step: lows, answer: often}", "write one of ['no', 'unsure', 'yes']"),
    ('    only_if: {step: lows, answer: "yes"}', '    only_if: {step: glucose, answer: "yes"}', "ask with expects: yes_no"),
    ('    only_if: {step: lows, answer: "yes"}', "    only_if: {raised: anything}", "write raised: nothing"),
    ("quicken: {when: {value: glucose, above: 300 mg/dL}", "quicken: {when: {raised: nothing}", "only_if of a step alone"),
    ("when: {total: [mood, joy], at_least: 3}", "when: {raised: nothing}", "only_if of a step alone"),
    ('    only_if: {step: lows, answer: "yes"}', "    only_if: {step: lows}", "step needs a condition beside it"),
    ('    only_if: {step: lows, answer: "yes"}', "    only_if: yes", "valid dictionary"),
    ('    only_if: {step: lows, answer: "yes"}', "    ask_if: {step: lows}", "means nothing here"),
    ("{step: glucose, value: glucose, below: 70 mg/dL}", "{step: glucose, value: weight, below: 70}", "which tells no weight"),
    ("{step: got_it, choice: lost}", "{step: got_it, choice: stolen}", '"stolen" is no choice of got_it'),
    ("{step: got_it, choice: lost}", "{step: got_it, choice: lost, unanswered: true}", "and nothing else"),
    ("{step: got_it, choice: lost}", "{choice: gone}", '"gone" is no choice of an earlier step'),
    ("    range: [1, 7]", "    range: [7, 1]", "two numbers from 0 to 200"),
    ("    range: [1, 7]", "    range: 7", "write a list, such as [a, b]"),
    ("    late: 12 h", "    late: tomorrow", 'such as "30 min"'),
    ("    unclear: {urgency: routine}", "    unclear: {urgency: never}", "write one of 'emergency'"),
    ("    can_raise_emergency: true", "    can_raise_emergency: sometimes", "boolean"),
    ("{total: [mood, joy], at_least: 3}", "{total: [mood, joi], at_least: 3}", "did you mean joy?"),
    ("{total: [mood, joy], at_least: 3}", "{total: [mood, lows], at_least: 3}", "gives no number to add up"),
    ("{total: [mood, joy], at_least: 3}", "{total: [mood, joy]}", "total needs a comparison"),
    ('reason: "Two questions, {total}"', 'reason: "Two questions, {sum}"', "placeholders only"),
    ("    run: shared/reason", "    run: shared/reasons", "did you mean shared/reason?"),
    ("    run: shared/reason", "    run: shared/reason\n    late: 3 h", '"late" does not go with run:'),
    ("{name: kit, from: got_it}", "{name: kit, from: gotit}", "did you mean got_it?"),
    ("{name: kit, from: got_it}", "{name: Kit!, from: got_it}", "lower case letters"),
    ("      reason: The kit is lost\n", "", "reason: is missing; add it"),
    ("      reason: The kit is lost\n      source: sheet", "      reason: The kit is lost\n      source: sheets", "did you mean sheet?"),
    ('A nurse will answer you {promise}."', 'A nurse will answer you today."', "write {promise} instead"),
    ("{after: 1 d, of: shared_kit/every_kind}", "{after: 1 h, of: shared_kit/every_kind}", 'such as "14 d"'),
    ("{after: 1 d, of: shared_kit/every_kind}", "{after: 40 d, of: shared_kit/every_kind}", "write 1 d to 30 d"),
    ("{after: 1 d, of: shared_kit/every_kind}", "{after: 1 d, of: daily}", "such as heart_failure/daily"),
    ("    educate: feet", "    educate: feat", "did you mean feet?"),
    ('    say: {en: "Any lows at night?", es: "¿Tuvo bajas de noche?"}\n', "", "say: is missing; add it"),
    ('say: {en: "Any lows at night?"', 'say: {en: "Any lows? Press 1 for yes."', 'the keys are said by themselves; leave "Press 1" out'),
    ('say: {en: "Any lows at night?"', 'say: {en: "Any lows? Please reply."', "this is spoken"),
    ('say: {en: "Any lows at night?"', 'say: {en: "' + "Any lows? " * 50 + '"', "too many to listen to"),
    ('say: {en: "Any lows at night?", es: "¿Tuvo bajas de noche?"}', 'say: {en: "Any lows at night?"}', "the text in es is missing"),
    ("Press 1 if at home, 2 if lost.", "Say home or lost.", "does not offer choice 1"),
    ("      - value: lost\n", "      - value: at_home\n", "is offered twice"),
    ("      en: This takes one minute.", "      en: A nurse calls in 5 minutes.", "write {promise} instead"),
    ("      en: This takes one minute.", "      en: Have your insulin ready.", "needs consent to detail"),
    (
        "    expects: medication_taken",
        "    expects: medication_taken\n    confirm: {change_over: 1 lb, ask: {en: A?, es: B?}}",
        "only a reading is",
    ),
    ("  got_it:\n", "  Got it:\n", "lower case letters"),
    ("      change_over: 100 mg/dL", "      change_over: a lot", 'such as "10 lb"'),
]


@pytest.mark.parametrize(("old", "new", "message"), MISTAKES, ids=[f"{n}-{m[2][:30]}" for n, m in enumerate(MISTAKES)])
def test_a_mistake_names_its_line_and_the_mend(old: str, new: str, message: str) -> None:
    with pytest.raises(FlowError) as caught:
        parsed(changed(old, new))
    assert message in str(caught.value)
    assert caught.value.file == PLAIN_FILE


@pytest.mark.parametrize(("old", "new", "message"), MISTAKES_OF_KINDS, ids=[f"{n}-{m[2][:30]}" for n, m in enumerate(MISTAKES_OF_KINDS)])
def test_a_mistake_in_any_kind_of_step_names_its_line_and_the_mend(old: str, new: str, message: str) -> None:
    text = changed(old, new, EVERY)
    with pytest.raises(FlowError) as caught:
        parsed(text, EVERY_FILE)
    told = [str(each) for each in (caught.value, *caught.value.others)]
    assert any(message in each for each in told), told
    absent = "is missing; add it" in message and "reason" not in message and "say" not in message  # a missing part has no line of its own
    if not absent:
        lines = [int(found[1]) for each in told if message in each and (found := re.search(r"line (\d+)", each))]
        changes = [n for n, (one, other) in enumerate(zip(EVERY.splitlines(), text.splitlines(), strict=False), 1) if one != other]
        assert lines, told
        assert abs(lines[0] - changes[0]) <= 15, f"{told[0]} but the change is in line {changes[0]}"


def test_mistakes_in_several_places_are_told_at_once() -> None:
    text = changed("owner: Heart failure team\n", "").replace("stop_after: ", "review_by: soon\nstop_after: ")
    text = re.sub(r"review_by: 20[^\n]*\n", "", text).replace("    expects: ", "    answer: ", 1)
    with pytest.raises(FlowError) as caught:
        parsed(text)
    told = " | ".join(str(each) for each in (caught.value, *caught.value.others))
    assert '"answer" means nothing here' in str(caught.value), "a mistyped word first"
    for message in ("top: owner: is missing", "write a day, such as 2027-05-31"):
        assert message in told
    assert "steps: tuple" not in told, "no step is left because one is wrong: this is no mistake of its own"


def test_sixty_mistakes_are_sixty_different_ones() -> None:
    both = [*MISTAKES, *MISTAKES_OF_KINDS]
    assert len({(old, new) for old, new, _ in both}) == len(both) >= 60
    assert len({message for _, _, message in both}) >= 60


SUBFLOW_MISTAKES = [
    ("kind: subflow\n", "", "belong together"),
    ("title: Why a dose was missed\n", "", "title: is missing"),
    ("owner: Test team", "owner: Test team\ncadence: daily", '"cadence" means nothing here'),
    ("choice: forgot}", "choice: forgotten}", '"forgotten" is no choice of reason; did you mean forgot?'),
    ("source: own}", "source: one}", "did you mean own?"),
    ("  again:\n", "  deeper: {run: shared/reason}\n  again:\n", "at most 3 deep"),
    ("  again:\n", "  learn: {educate: feet}\n  again:\n", "a subflow teaches nothing by itself"),
]


@pytest.mark.parametrize(("old", "new", "message"), SUBFLOW_MISTAKES)
def test_a_mistake_in_a_subflow_is_told_where_it_stands(old: str, new: str, message: str) -> None:
    text = changed(old, new, REASON)
    with pytest.raises(FlowError) as caught:
        parse_subflow(loaded(text), "shared/reason.yaml", WORDING, library(subflow=text))
    assert message in str(caught.value)
    assert caught.value.file == "shared/reason.yaml"


def test_a_mistake_that_only_shows_in_a_flow_is_told_at_its_run() -> None:
    text = changed('en: "Why? 1 forgot 2 cost"', 'en: "' + "Why? 1 forgot 2 cost " * 7 + '"', REASON)
    with pytest.raises(FlowError, match=r"line \d+, steps\.why\.run: why\.reason\.ask\.en: .* shorten one of them"):
        parse_flow(loaded(EVERY), EVERY_FILE, WORDING, library(subflow=text))


EDUCATION_MISTAKES = [
    ("owner: Test team\n", "", "owner: is missing"),
    ("source: sheet}", "source: sheets}", "did you mean sheet?"),
    ("{name: shoes,", "{name: look,", "is used twice in this topic"),
    ("{name: look, en: ", "{name: look, eng: ", '"eng" means nothing here; did you mean en?'),
    ("Look at your feet daily.", "Look at your feet. " * 20, "shorten it to 2"),
    ("Look at your feet daily.", "A nurse calls you today.", "write {promise} instead"),
    ("  feet:\n", "  Feet!:\n", "lower case letters"),
]


@pytest.mark.parametrize(("old", "new", "message"), EDUCATION_MISTAKES)
def test_a_mistake_in_education_names_the_mend(old: str, new: str, message: str) -> None:
    with pytest.raises(FlowError) as caught:
        parse_education(loaded(changed(old, new, EDUCATION)), "shared_kit/education.yaml", WORDING)
    assert message in str(caught.value)


def test_several_mistakes_are_told_at_once() -> None:
    text = changed("      en: This takes one minute.", "      en: Have your insulin ready.", EVERY)
    text = changed("    range: [1, 7]", "    range: [7, 1]", text)
    with pytest.raises(FlowError) as caught:
        parsed(text, EVERY_FILE)
    assert len(caught.value.others) == 1


def test_a_subflow_stands_in_the_version_that_runs_it() -> None:
    assert [step.key for step in KINDS.steps if step.key.startswith("why.")] == ["why.reason", "why.again"]
    assert KINDS.step("why.again").only_if == (
        {"step": "dose", "medication": ["missed", "partly"]},
        {"step": "why.reason", "choice": "forgot"},
    )
    assert KINDS.sources["why.own"] == "An invented sheet for subflows"
    assert KINDS.question("why.reason").red_flags[0].source == "why.own"
    other = parse_flow(loaded(EVERY), EVERY_FILE, WORDING, library(subflow=REASON.replace("A box by", "A cup by")))
    assert other.version != KINDS.version


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
        parse_flow(data, PLAIN_FILE, WORDING)


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
    flow = parsed(PLAIN)
    assert re.fullmatch(r"[0-9a-f]{64}", flow.version)
    assert parsed(PLAIN).version == flow.version
    assert parsed(changed("as a number in pounds", "as a number, in pounds")).version != flow.version
    assert parsed(changed("{amount: 3 lb, within: 24 h}", "{amount: 4 lb, within: 24 h}")).version != flow.version
    assert parsed("# a remark\n" + PLAIN).version == flow.version


def test_a_stored_flow_is_the_same_flow() -> None:
    flow = parsed(PLAIN)
    again = Flow.from_json(flow.to_json())
    assert again.version == flow.version
    assert again.to_json() == flow.to_json()


def test_a_version_carries_the_texts_it_says_so_that_a_change_of_wording_leaves_it_alone() -> None:
    flow = parsed(PLAIN)
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
    flows = [
        path
        for path in folder.glob("*/*.yaml")
        if path.parent.name != "shared" and not path.name.endswith((".cases.yaml", "education.yaml"))
    ]
    assert flows
    for path in flows:
        assert path.with_suffix(".cases.yaml").exists(), f"{path.name} has no cases beside it"
