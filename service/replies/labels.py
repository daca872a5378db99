"""A reading in the words of the label rules for reply sets (value in the asked unit, symptoms by assertion, medication ...)."""

from __future__ import annotations

from typing import Any

from service.domain.reading import Assertion, Expects, Finding, FindingKind, Measure, Question, Reading
from service.replies.gives_way import GAVE_WAY
from service.replies.measures import MEASURE_OF
from service.replies.second_look import DOUBTED

FLAGS = {
    FindingKind.OPT_OUT: "opt_out",
    FindingKind.WRONG_NUMBER: "wrong_number",
    FindingKind.THIRD_PARTY: "third_party",
    FindingKind.UNCLEAR: "unclear",
    FindingKind.UNSAFE_TO_CONTACT: "unsafe_to_contact",
    FindingKind.HELP: "help",
    FindingKind.TAPBACK: "tapback",
    FindingKind.AUTO_REPLY: "auto_reply",
    FindingKind.OTHER_LANGUAGE: "other_language",
    FindingKind.DECEASED: "deceased",
    FindingKind.HOSPICE: "hospice",
}
CRISIS_ORDER = ("self_harm", "violence", "medical")
SMALLEST_CHANGE_LB = 3.0
"""A change of weight below this is no symptom (label rules: 3 lb in a day)."""

FEVER_F = 100.4
LOW_GLUCOSE, HIGH_GLUCOSE, VERY_HIGH_GLUCOSE = 70.0, 250.0, 400.0
"""mg/dL. From these readings on (label rules) a reading alone tells the symptom; see `_told_by_readings`."""


def labels(reading: Reading, question: Question | None) -> dict[str, Any]:
    """The labels of one reading; only those that apply. Symptoms that only a bare yes stands for are `answer`;
    those that gave way to a more specific one are not told."""
    found: dict[str, Any] = {}
    if (value := _value(reading, question)) is not None:
        found["value"] = value
    for finding in reading.findings:
        if finding.kind is FindingKind.MEDICATION:
            found.setdefault("medication", finding.name)
        elif finding.kind is FindingKind.MISSED_REASON:
            found.setdefault("missed_reason", finding.name)
        elif finding.kind is FindingKind.ANSWER:
            found.setdefault("answer", finding.name)
        elif finding.kind is FindingKind.REQUEST:
            found.setdefault("request", finding.name)
        elif finding.kind is FindingKind.SYMPTOM:
            _symptom(found, finding)
        elif finding.kind is FindingKind.SUPPOSED and finding.name.startswith("symptom:"):
            found.setdefault("symptoms_present", []).append(finding.name.partition(":")[2])
        elif finding.kind in FLAGS:
            found[FLAGS[finding.kind]] = True
    _told_by_readings(found, reading, question)
    kinds = {finding.kind for finding in reading.findings}
    if kinds & {FindingKind.DECEASED, FindingKind.HOSPICE}:
        found["opt_out"] = True
    if FindingKind.DECEASED in kinds:
        found["third_party"] = True
    crises = {f.name for f in reading.findings if f.kind is FindingKind.CRISIS and DOUBTED not in f.qualifiers}
    crises |= {f.name.partition(":")[2] for f in reading.findings if f.kind is FindingKind.SUPPOSED and f.name.startswith("crisis:")}
    if crises:
        found["crisis"] = True
        found["crisis_type"] = next(name for name in CRISIS_ORDER if name in crises)
    return found


def _symptom(found: dict[str, Any], finding: Finding) -> None:
    if finding.rule == "answer.yes" or not {GAVE_WAY, DOUBTED}.isdisjoint(finding.qualifiers):
        return
    if finding.quantity is not None and finding.quantity.value < SMALLEST_CHANGE_LB:
        return
    keys = {
        Assertion.PRESENT: ("symptoms_present",),
        Assertion.DENIED: ("symptoms_denied",),
        Assertion.ENDED: ("symptoms_denied",),
        Assertion.PAST: ("symptoms_past", "symptoms_denied") if "gone" in finding.qualifiers else ("symptoms_past",),
        Assertion.OTHER_PERSON: ("symptoms_other",),
        Assertion.HYPOTHETICAL: (),
    }[finding.assertion]
    for key in keys:
        names = found.setdefault(key, [])
        if finding.name not in names:
            names.append(finding.name)


def _told_by_readings(found: dict[str, Any], reading: Reading, question: Question | None) -> None:
    """Fever by the thermometer; low or high sugar by a meter that was not asked for, or beside another symptom."""
    asked = question is not None and question.expects is Expects.GLUCOSE_MG_DL
    for finding in reading.findings:
        if finding.kind is not FindingKind.VALUE or finding.quantity is None or not finding.present:
            continue
        value, name = finding.quantity.value, ""
        if finding.name == Measure.TEMPERATURE and value >= FEVER_F:
            name = "fever"
        elif finding.name == Measure.GLUCOSE and (found.get("symptoms_present") or not asked):
            name = (
                "low_blood_sugar"
                if value < LOW_GLUCOSE
                else "high_blood_sugar"
                if value >= (VERY_HIGH_GLUCOSE if asked else HIGH_GLUCOSE)
                else ""
            )
        if name and name not in found.get("symptoms_present", []):
            found.setdefault("symptoms_present", []).append(name)


def _value(reading: Reading, question: Question | None) -> float | list[float] | None:
    """The asked quantity in the asked unit, a blood pressure as [systolic, diastolic]; None when there is none."""
    if question is None or question.expects not in MEASURE_OF:
        return None
    measure = MEASURE_OF[question.expects]
    for finding in reading.findings:
        quantity = finding.quantity
        if finding.kind is FindingKind.VALUE and finding.name == measure and quantity is not None:
            if question.expects is Expects.BLOOD_PRESSURE and quantity.value_2 is not None:
                return [_plain(quantity.value), _plain(quantity.value_2)]
            return _plain(quantity.value)
    return None


def _plain(value: float) -> float:
    """184.0 as 184, so that it reads as the patient wrote it."""
    return int(value) if float(value).is_integer() else value
