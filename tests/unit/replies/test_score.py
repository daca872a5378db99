"""The scorer counts what it says: shares, intervals, bars, equal names, tolerances; and labelled files are checked line by line."""

from __future__ import annotations

import json
from typing import Any

import pytest

from service.evaluation import Figure, LineError, as_json, labelled_lines, table


def case(number: int, urgency: str, labels: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    given = {
        "id": str(number),
        "lang": "en",
        "channel": "sms",
        "expects": "symptoms",
        "reply": "x",
        "labels": labels or {},
        "urgency": urgency,
    }
    return {**given, **more}


def figures(pairs: list[tuple[dict[str, Any], str, dict[str, Any]]]) -> dict[str, tuple[int, int]]:
    answers = {labelled["id"]: {"urgency": urgency, "labels": labels} for labelled, urgency, labels in pairs}
    scored = table([labelled for labelled, *_ in pairs], answers)["all"]
    return {figure.name: (figure.hits, figure.of) for figure in scored.figures}


def test_urgencies_are_counted_by_what_becomes_of_the_patient() -> None:
    found = figures(
        [
            (case(1, "emergency"), "emergency", {}),
            (case(2, "emergency"), "urgent", {}),
            (case(3, "emergency"), "none", {}),
            (case(4, "urgent"), "same_day", {}),
            (case(5, "none"), "urgent", {}),
            (case(6, "none"), "same_day", {}),
            (case(7, "none"), "none", {}),
        ]
    )
    assert found["emergency as emergency"] == (1, 3)
    assert found["emergency as urgent or above"] == (2, 3)
    assert found["urgent as urgent or above"] == (0, 1)
    assert found["urgent seen by a nurse"] == (1, 1)
    assert found["harmless escalated"] == (1, 3)
    assert found["harmless put on the same-day list"] == (1, 3)


def test_a_reply_without_an_answer_counts_as_read_as_nothing() -> None:
    scored = table([case(1, "emergency")], {})["all"]
    assert (scored.unseen, scored.confusion["emergency", "none"]) == (("1",), 1)


def test_symptoms_count_equal_names_once_and_those_denied_against_us() -> None:
    labels = {"symptoms_present": ["chest_pain"], "symptoms_denied": ["cough"]}
    found = figures([(case(1, "urgent", labels), "urgent", {"symptoms_present": ["chest_tightness", "cough", "rash"]})])
    assert found["symptom recall"] == (1, 1)
    assert found["symptom precision"] == (1, 3)
    assert found["denied, past or another's as present"] == (1, 1)


@pytest.mark.parametrize(
    ("expects", "reply", "wanted", "read", "exact"),
    [
        ("weight_lb", "90 kg", 198.4, 198.8, True),
        ("weight_lb", "198", 198, 198.4, False),
        ("temp_f", "38,5", 101.3, 101.2, True),
        ("glucose_mg_dl", "7.8", 140, 141, True),
        ("glucose_mg_dl", "140", 140, 141, False),
        ("blood_pressure", "120/80", [120, 80], [120, 80], True),
        ("blood_pressure", "120/80", [120, 80], [80, 120], False),
    ],
)
def test_a_value_is_exact_within_what_a_conversion_explains(expects: str, reply: str, wanted: Any, read: Any, exact: bool) -> None:
    found = figures([(case(1, "none", {"value": wanted}, expects=expects, reply=reply), "none", {"value": read})])
    assert (found["value exact"], found["wrong value"]) == ((int(exact), 1), (int(not exact), 1))


def test_an_interval_is_wilson_s_and_a_bar_is_met_or_not() -> None:
    figure = Figure("emergency as emergency", 48, 48, least=0.97)
    low, high = figure.interval or (0, 0)
    assert (round(low, 3), round(high, 3), figure.met) == (0.926, 1.0, True)
    assert Figure("harmless escalated", 2, 100, most=0.01).met is False
    assert Figure("harmless escalated", 0, 0, most=0.01).met is None


def test_groups_are_language_channel_and_cell_and_all_goes_into_json() -> None:
    cases = [case(1, "none", cell="stroke"), case(2, "emergency", lang="es", channel="voice")]
    written = json.loads(json.dumps(as_json(table(cases, {}))))
    assert set(written) == {"all", "lang en", "lang es", "channel sms", "channel voice", "cell stroke"}
    assert written["lang es"]["emergencies_below_urgent"] == ["2"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"urgency": "high"}, "urgency is one of"),
        ({"labels": []}, "needs labels"),
        ({"labels": {"symptoms_present": "cough"}}, "a list of symptom names"),
        ({"labels": {"opt_out": "yes"}}, "true or left out"),
        ({"labels": {"value": "120"}}, "a number"),
        ({"labels": {"mood": "low"}}, "no such label mood"),
    ],
)
def test_a_wrong_label_is_named_with_its_line(change: dict[str, Any], told: str) -> None:
    lines = [json.dumps(case(1, "none")), json.dumps({**case(2, "none"), **change})]
    with pytest.raises(LineError, match=f"line 2: .*{told}"):
        list(labelled_lines(lines))
