"""Files of replies, one JSON object a line: read into answers of the same form, or into labelled replies to score against."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from service.domain.reading import Channel, Expects
from service.evaluation.judged import Judged, judge_text
from service.replies import Lexicon
from service.triage import Tables

LONGEST_LINE = 100_000
URGENCIES = ("emergency", "urgent", "same_day", "none")
FLAGS = frozenset(
    "crisis opt_out wrong_number third_party unclear unsafe_to_contact help tapback auto_reply other_language deceased hospice".split()
)
WORDS = frozenset("medication missed_reason answer crisis_type request".split())
SYMPTOM_LISTS = ("symptoms_present", "symptoms_denied", "symptoms_past", "symptoms_other")


class LineError(ValueError):
    """A line of the file cannot be read; the message names the line and what to write."""


def read_lines(lexicon: Lexicon, tables: Tables, lines: Iterable[str]) -> Iterator[str]:
    """One JSON line {id, labels, urgency} for each line {id, reply, expects?, question?, lang?, channel?, condition?}.

    Raises LineError naming the line.
    """
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        given = _parsed(number, line)
        judged = judge_given(lexicon, tables, given)
        answer = {"id": given.get("id", str(number)), "labels": judged.labels, "urgency": judged.urgency}
        yield json.dumps(answer, ensure_ascii=False)


def judge_given(lexicon: Lexicon, tables: Tables, given: dict[str, Any]) -> Judged:
    """The reply of one line of a file, judged."""
    return judge_text(
        lexicon,
        tables,
        given["reply"],
        expects=Expects(given["expects"]) if given.get("expects") else None,
        question=str(given.get("question") or ""),
        language=str(given.get("lang") or "en"),
        channel=Channel(given.get("channel") or "sms"),
        condition=str(given.get("condition") or ""),
    )


def labelled_lines(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Each line of a labelled file, with its labels checked. Raises LineError naming the line and what to write instead."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        given = _parsed(number, line)
        given.setdefault("id", str(number))
        if given.get("urgency") not in URGENCIES:
            raise LineError(f"line {number}: urgency is one of {', '.join(URGENCIES)}")
        found = given.get("labels")
        if not isinstance(found, dict):
            raise LineError(f"line {number}: needs labels, an object ({{}} when there is nothing to record)")
        for key, value in found.items():
            if not _right(key, value):
                raise LineError(f"line {number}: {_what_to_write(key)}")
        yield given


def _right(key: str, value: object) -> bool:
    if key in SYMPTOM_LISTS:
        return isinstance(value, list) and all(isinstance(each, str) for each in value)
    if key in WORDS:
        return isinstance(value, str)
    if key == "value":
        numbers = value if isinstance(value, list) and len(value) == 2 else [value]
        return all(isinstance(each, int | float) and not isinstance(each, bool) for each in numbers)
    return key in FLAGS and isinstance(value, bool)


def _what_to_write(key: str) -> str:
    if key in SYMPTOM_LISTS:
        return f"{key} is a list of symptom names"
    if key in WORDS:
        return f"{key} is a word"
    if key == "value":
        return "value is a number, or [systolic, diastolic]"
    if key in FLAGS:
        return f"{key} is true or left out"
    return f"no such label {key[:40]}; write one of {', '.join(sorted({*SYMPTOM_LISTS, *WORDS, *FLAGS, 'value'}))}"


def _parsed(number: int, line: str) -> dict[str, Any]:
    if len(line) > LONGEST_LINE:
        raise LineError(f"line {number}: longer than {LONGEST_LINE} characters")
    try:
        given = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise LineError(f"line {number}: not JSON; write one object a line") from error
    if not isinstance(given, dict) or not isinstance(given.get("reply"), str):
        raise LineError(f'line {number}: needs "reply" with the text of the reply')
    if given.get("channel") not in (None, *Channel):
        raise LineError(f"line {number}: channel is one of {', '.join(Channel)}")
    if given.get("expects") not in (None, *Expects):
        raise LineError(f"line {number}: expects is one of {', '.join(Expects)}")
    return given
