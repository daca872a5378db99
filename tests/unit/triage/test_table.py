"""The universal table at every boundary of the label rules, and the operators that flows reuse."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from service.content import load_tables
from service.domain.decision import Fired
from service.domain.facts import Facts, PastValue, PersonalLimit
from service.domain.reading import Assertion, Expects, Finding, FindingKind, Measure, Quantity, Question
from service.triage import TablesError, Told, build_rule, build_tables, decide, judged, parse_amount, parse_period

TABLES = load_tables()
NOW = datetime(2026, 3, 8, 14, 0, tzinfo=UTC)


def value(measure: str, amount: float, second: float | None = None) -> Finding:
    return Finding(FindingKind.VALUE, measure, "test", (0, 3), quantity=Quantity(amount, "", value_2=second))


def urgency(finding: Finding, *conditions: str, question: Question | None = None) -> str:
    decision = decide(TABLES, [finding], Facts(conditions=frozenset(conditions)), NOW, question)
    return str(decision.urgency) if decision.urgency else "none"


@pytest.mark.parametrize(
    ("measure", "amount", "condition", "expected"),
    [
        ("glucose", 53, "", "emergency"), ("glucose", 54, "", "urgent"), ("glucose", 69, "", "urgent"), ("glucose", 70, "", "none"),
        ("glucose", 249, "", "none"), ("glucose", 250, "", "same_day"), ("glucose", 299, "", "same_day"), ("glucose", 300, "", "urgent"),
        ("spo2", 87, "", "emergency"), ("spo2", 88, "", "urgent"), ("spo2", 91, "", "urgent"), ("spo2", 92, "", "same_day"),
        ("spo2", 93, "", "same_day"), ("spo2", 94, "", "none"), ("spo2", 84, "copd", "emergency"), ("spo2", 85, "copd", "urgent"),
        ("spo2", 87, "copd", "urgent"), ("spo2", 88, "copd", "none"), ("temperature", 100.3, "", "none"),
        ("temperature", 100.4, "", "same_day"), ("temperature", 100.9, "", "same_day"), ("temperature", 101, "", "urgent"),
        ("temperature", 102.9, "covid", "same_day"), ("temperature", 103, "covid", "urgent"), ("temperature", 100.4, "oncology", "urgent"),
    ],
)  # fmt: skip
def test_each_boundary_of_a_value(measure: str, amount: float, condition: str, expected: str) -> None:
    assert urgency(value(measure, amount), condition) == expected


@pytest.mark.parametrize(
    ("upper", "lower", "condition", "expected"),
    [
        (159, 99, "", "none"), (160, 90, "", "same_day"), (150, 100, "", "same_day"), (179, 109, "", "same_day"), (180, 90, "", "urgent"),
        (150, 110, "", "urgent"), (139, 89, "postpartum", "none"), (140, 80, "postpartum", "same_day"), (130, 90, "postpartum", "same_day"),
        (150, 80, "postpartum", "urgent"), (130, 100, "postpartum", "urgent"), (160, 80, "postpartum", "emergency"),
        (140, 110, "postpartum", "emergency"),
    ],
)  # fmt: skip
def test_each_boundary_of_a_blood_pressure(upper: float, lower: float, condition: str, expected: str) -> None:
    assert urgency(value("blood_pressure", upper, lower), condition) == expected


@pytest.mark.parametrize(
    ("name", "how", "condition", "expected"),
    [
        ("vision_changes", [], "", "urgent"),
        ("vision_changes", ["sudden"], "", "emergency"),
        ("vision_changes", [], "pregnancy", "emergency"),
        ("vision_changes", [], "postpartum", "emergency"),
        ("headache", [], "", "same_day"),
        ("headache", ["severe"], "", "urgent"),
        ("headache", ["severe", "sudden"], "", "emergency"),
        ("headache", [], "pregnancy", "same_day"),
        ("headache", ["severe"], "pregnancy", "emergency"),
        ("headache", ["severe"], "postpartum", "emergency"),
    ],
)
def test_a_sight_or_a_head_that_is_suddenly_bad(name: str, how: list[str], condition: str, expected: str) -> None:
    assert urgency(Finding(FindingKind.SYMPTOM, name, "test", (0, 3), qualifiers=tuple(how)), condition) == expected


@pytest.mark.parametrize("condition", ["pregnancy", "postpartum"])
@pytest.mark.parametrize("other", ["vision_changes", "facial_swelling"])
def test_two_signs_of_pre_eclampsia_are_an_emergency(condition: str, other: str) -> None:
    signs = [Finding(FindingKind.SYMPTOM, name, "test", (0, 3)) for name in ("headache", other)]
    decision = decide(TABLES, signs, Facts(conditions=frozenset({condition})), NOW, None)
    assert str(decision.urgency) == "emergency"
    assert any(fired.rule.startswith("preeclampsia_") for fired in decision.fired)


@pytest.mark.parametrize(("score", "expected"), [(5, "none"), (6, "same_day"), (7, "same_day"), (8, "urgent")])
def test_each_boundary_of_a_score(score: float, expected: str) -> None:
    assert urgency(value("scale", score), question=Question(Expects.SCALE_0_10)) == expected


@pytest.mark.parametrize(
    ("today", "hours", "before", "expected"),
    [(183, 24, 180, "urgent"), (182.9, 24, 180, "none"),
        (185, 160, 180, "urgent"), (184.9, 160, 180, "none"), (175, 160, 180, "same_day"), (183, 24.5, 180, "urgent")],
)  # fmt: skip
def test_weight_against_the_history(today: float, hours: float, before: float, expected: str) -> None:
    past = (PastValue(Measure.WEIGHT, before, NOW - timedelta(hours=hours)),)
    decision = decide(TABLES, [value("weight", today)], Facts(conditions=frozenset({"heart_failure"}), history=past), NOW)
    assert (str(decision.urgency) if decision.urgency else "none") == expected


def test_a_missing_history_is_unknown_and_visible_never_a_quiet_no() -> None:
    decision = decide(TABLES, [value("weight", 190)], Facts(), NOW)
    assert decision.urgency is None
    assert {"weight_gain_24h", "weight_gain_7d"} <= set(decision.unknown)


def test_a_personal_limit_tightens_freely_and_loosens_only_by_a_named_clinician() -> None:
    past = (PastValue(Measure.WEIGHT, 180, NOW - timedelta(hours=20)),)

    def rules(limit: PersonalLimit, today: float) -> set[str]:
        facts = Facts(history=past, limits=(limit,))
        return {fired.rule for fired in decide(TABLES, [value("weight", today)], facts, NOW).fired}

    assert "weight_gain_24h" in rules(PersonalLimit("weight_gain_24h", 2, "lb", "Nora"), 182)
    assert "weight_gain_24h" in rules(PersonalLimit("weight_gain_24h", 4, "lb", "Nora"), 183)
    assert "weight_gain_24h" not in rules(PersonalLimit("weight_gain_24h", 4, "lb", "Nora", loosens=True), 183)
    assert "weight_gain_24h" in rules(PersonalLimit("weight_gain_24h", 4, "lb", "", loosens=True), 183)


def test_a_personal_oxygen_floor_tightens_upward() -> None:
    facts = Facts(limits=(PersonalLimit("spo2_low", 94, "%", "Nora"),))
    assert "spo2_88_to_91" in {fired.rule for fired in decide(TABLES, [value("spo2", 93)], facts, NOW).fired}


@pytest.mark.parametrize(
    "kind",
    [
        FindingKind.REQUEST,
        FindingKind.UNCLEAR,
        FindingKind.UNEXPLAINED,
        FindingKind.DECEASED,
        FindingKind.HOSPICE,
        FindingKind.HELP,
        FindingKind.OTHER_LANGUAGE,
        FindingKind.UNSAFE_TO_CONTACT,
    ],
)
def test_every_finding_that_needs_a_person_has_a_rule(kind: FindingKind) -> None:
    assert urgency(Finding(kind, "x", "test", (0, 1))) != "none"


@pytest.mark.parametrize(
    "kind", [FindingKind.OPT_OUT, FindingKind.WRONG_NUMBER, FindingKind.TAPBACK, FindingKind.AUTO_REPLY, FindingKind.THIRD_PARTY]
)
def test_what_the_machine_acts_on_alone_needs_no_clinical_item(kind: FindingKind) -> None:
    assert urgency(Finding(kind, "x", "test", (0, 1))) == "none"


def test_a_danger_sign_gone_now_is_urgent() -> None:
    gone = Finding(FindingKind.SYMPTOM, "chest_pain", "test", (0, 1), assertion=Assertion.ENDED, qualifiers=("acute",))
    assert urgency(gone) == "urgent"


@pytest.mark.parametrize("drug", ["insulin", "anticoagulant", "antiplatelet"])
def test_a_missed_high_alert_medicine_is_urgent_and_another_same_day(drug: str) -> None:
    assert urgency(Finding(FindingKind.MEDICATION, "missed", "test", (0, 1), qualifiers=(drug,))) == "urgent"
    assert urgency(Finding(FindingKind.MEDICATION, "missed", "test", (0, 1))) == "same_day"


def test_a_flow_uses_the_same_operators_and_its_reason_names_the_figures() -> None:
    row = {
        "id": "up",
        "when": {"value": "weight", "gain_over": {"amount": "1.4 kg", "within": "24 h"}},
        "urgency": "urgent",
        "reason": "Up {change} lb to {value}",
        "source": "test",
    }
    rule = build_rule(row, file="flow.yaml", version="1")
    past = (PastValue(Measure.WEIGHT, 180, NOW - timedelta(hours=20)),)
    fired = judged(rule, Told([value("weight", 184)], Facts(history=past), NOW))
    assert isinstance(fired, Fired)
    assert (fired.reason, fired.spans) == ("Up 4 lb to 184", ((0, 3),))
    assert judged(rule, Told([value("weight", 182)], Facts(history=past), NOW)) is None


@pytest.mark.parametrize(
    ("when", "message"),
    [
        ({"symptom": "x", "value": "glucose"}, "exactly one"),
        ({"value": "glucose"}, "needs one test: a comparison"),
        ({"value": "weight", "at_least": "3 mmHg"}, "does not measure"),
        ({"value": "weight", "gain_over": {"amount": "3 lb"}}, "amount and within"),
        ({"value": "weight", "gain_over": {"amount": "3 lb", "within": "soon"}}, "24 h or 7 d"),
        ({"medication": "lost"}, "write one of"),
        ({"any_of": []}, "list"),
        ({"all_of": [{"symptom": "cough"}, {"none_of": [{"raised": "nothing"}]}]}, "only_if of a step alone"),
    ],
)
def test_a_wrong_rule_is_refused_with_file_rule_and_remedy(when: dict[str, object], message: str) -> None:
    row = {"id": "odd", "when": when, "urgency": "urgent", "reason": "r", "source": "s"}
    with pytest.raises(TablesError, match=r"urgency\.yaml: rule odd") as caught:
        build_tables({"format": 1, "version": "1", "rules": [row]})
    assert message in str(caught.value)


def test_amounts_and_periods_are_read_with_their_units() -> None:
    assert parse_amount("1 kg") == (2.2046, "lb")
    assert parse_amount("3 mmol/L") == (54, "mg/dL")
    assert parse_amount("38 C") == (100.4, "degF")
    assert parse_period("7 d") == timedelta(days=7)
    with pytest.raises(ValueError, match="no period"):
        parse_period("3 lb")


def test_now_must_be_aware() -> None:
    with pytest.raises(ValueError, match="aware"):
        decide(TABLES, [value("weight", 180)], Facts(), NOW.replace(tzinfo=None))
