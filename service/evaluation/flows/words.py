"""Conditions in words that a nurse reads: {value: weight, gain_over: {amount: 3 lb, within: 24 h}} -> weight up 3 lb within 24 hours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from service.evaluation.flows.plain import limit_in_words, name_in_words, span_in_words

_COMPARED = {"at_least": "at least", "above": "above", "below": "below", "at_most": "at most"}
_JOINED = {"any_of": " or ", "all_of": " and "}
_BESIDE = frozenset(
    {
        *(*_COMPARED, "gain_over", "loss_over", "worse_than_baseline", "below_percent_of_best", "above_recorded", "percent_over"),
        *("times", "within", "mean_over", "with", "with_any", "without", "assertion", "limit", "if_known"),
    }
)
"""What stands beside the subject of a condition. A stored version does not keep the order in which they were written."""


def condition_words(written: Any) -> str:
    """A written condition as one phrase. A form that has no words of its own is named as it is written."""
    if not isinstance(written, Mapping):
        return _plain(written)
    for word, between in _JOINED.items():
        if word in written:
            return between.join(_grouped(part, word) for part in written[word])
    if "none_of" in written:
        return "not (" + " or ".join(condition_words(part) for part in written["none_of"]) + ")"
    if "step" in written:
        rest = {name: value for name, value in written.items() if name != "step"}
        asked = _plain(written["step"])
        return f"no answer to {asked}" if "unanswered" in rest else f"{asked}: {condition_words(rest)}"
    if "value" in written:
        return f"{_plain(written['value'])} {_tests(written)}"
    first = next((name for name in written if name not in _BESIDE), next(iter(written)))
    subject = "recorded" if "recorded" in written else first
    value, rest = written[subject], {name: each for name, each in written.items() if name != subject}
    return " ".join(part for part in (_subject(str(subject), value), _tests(rest)) if part)


def _grouped(part: Any, outer: str) -> str:
    """A part of any_of or all_of, in brackets where its own "or" and "and" could be read as those around it."""
    words = condition_words(part)
    one = not isinstance(part, Mapping) or len(part) == 1
    if one and "none_of" in part:
        return words
    mixed = " and " in words or (" or " in words and not (one and outer == "any_of"))
    return f"({words})" if mixed and not (one and outer in part) else words


def _subject(subject: str, value: Any) -> str:
    match subject:
        case "symptom" if value == "*":
            return "any symptom"
        case "answer":
            return f"answer {_plain(value)}"
        case "choice":
            return f"chosen: {_plain(value)}"
        case "medication" | "missed":
            return f"medicine {'missed: ' if subject == 'missed' else ''}{_plain(value)}"
        case "condition" if isinstance(value, str) and value.startswith("measures_"):
            return f"the patient measures {_plain(value.removeprefix('measures_'))} at home"
        case "condition":
            return f"problem list has {_plain(value)}"
        case "high_alert" | "high_risk":
            return f"{_plain(subject)} {'medicine' if subject == 'high_alert' else 'patient'}"
        case "missed_in_a_row":
            return f"{value} doses missed in a row"
        case "missed_doses_in" if isinstance(value, Mapping):
            return f"{value['count']} doses missed within {span_in_words(value['within'])}"
        case "day" if isinstance(value, Mapping):
            return "day " + " and ".join(f"{word} {value[name]}" for name, word in _COMPARED.items() if name in value)
        case "gone_silent":
            return f"{value} check-ins without an answer before"
        case "total":
            return "sum of " + " + ".join(_plain(each) for each in value)
        case "recorded":
            return f"last recorded {_plain(value)}:"
        case "raised":
            return f"{value} raised so far"
        case "cel":
            return f"expression {value}"
        case _:
            return f"{'' if subject == 'symptom' else _plain(subject) + ' '}{_plain(value)}"


def _tests(written: Mapping[str, Any]) -> str:
    compared = " and ".join(f"{_COMPARED[name]} {written[name]}" for name in _COMPARED if name in written)
    parts = [compared] if compared else []
    for name, way in (("gain_over", "up"), ("loss_over", "down")):
        if isinstance(change := written.get(name), Mapping):
            parts.append(f"{way} {change['amount']} or more within {span_in_words(change['within'])}")
    if "worse_than_baseline" in written:
        parts.append(f"worse than the patient's usual by {written['worse_than_baseline']}")
    if "below_percent_of_best" in written:
        parts.append(f"below {written['below_percent_of_best']} % of the patient's best")
    if "answer" in written:
        parts.append(_plain(written["answer"]))
    if "above_recorded" in written:
        parts.append(f"more than the last recorded {_plain(written['above_recorded'])}")
    if isinstance(over := written.get("percent_over"), Mapping):
        parts.append(f"more than {over['percent']} % over the patient's {_plain(over['of'])}")
    if "times" in written:
        parts.append(f"{written['times']} times within {span_in_words(written['within'])}")
    elif "within" in written:
        parts.append(f"within {span_in_words(written['within'])}")
    if "mean_over" in written:
        parts.append(f"on average over {span_in_words(written['mean_over'])}")
    parts += [
        f"{word} {_plain(written[name])}"
        for name, word in (("with", "with"), ("with_any", "that is"), ("without", "but not"))
        if name in written
    ]
    if "assertion" in written:
        parts.append(f"told as {_plain(written['assertion'])}")
    if "limit" in written:
        parts.append(f"(or the patient's own limit for {limit_in_words(written['limit'])})")
    if "if_known" in written:
        parts.append("(where there is an earlier value)")
    return " ".join(parts)


def _plain(value: Any) -> str:
    if value == "*":
        return "any"
    if isinstance(value, list | tuple):
        return " or ".join(_plain(each) for each in value)
    if not isinstance(value, str):
        return str(value)
    return name_in_words(value)
