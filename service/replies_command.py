"""`rounds replies read FILE.jsonl`: what the parsers and the universal table make of replies, one JSON a line. Pure but for the lines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from service.domain.decision import Decision
from service.domain.facts import Facts
from service.domain.reading import Channel, Expects, FindingKind, Question, Reading, Reply
from service.domain.urgency import Urgency
from service.replies import Lexicon, labels, read
from service.triage import Tables, decide

LONGEST_LINE = 100_000
NOWHEN = datetime(2026, 1, 1, tzinfo=UTC)
"""The text alone is judged: there is no history, so the instant does not matter."""
HIGH_ALERT_CONDITIONS = frozenset({"anticoagulation"})
"""Conditions whose medicine is on the high-alert list, for files that name only the condition."""


class LineError(ValueError):
    """A line of the file cannot be read; the message names the line and what to write."""


def read_lines(lexicon: Lexicon, tables: Tables, lines: Iterable[str]) -> Iterator[str]:
    """One JSON line {id, labels, urgency} for each line {id, reply, expects?, question?, lang?, channel?, condition?}.

    The urgency is that of the text and question alone (`condition` stands for the problem list); `routine` prints as
    same_day, no urgency as none. Raises LineError naming the line.
    """
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        given = _parsed(number, line)
        question = _question(lexicon, given)
        reply = Reply(str(given["reply"]), str(given.get("lang") or "en"), Channel(given.get("channel") or "sms"))
        reading = read(lexicon, reply, question)
        condition = str(given.get("condition") or "")
        facts = Facts(
            language=reply.language,
            conditions=frozenset({condition} - {""}),
            high_alert=condition in HIGH_ALERT_CONDITIONS,
        )
        decision = decide(tables, reading.findings, facts, NOWHEN, question)
        found = _with_crisis(labels(reading, question), reading, decision)
        answer = {"id": given.get("id", str(number)), "labels": found, "urgency": _word(decision.urgency)}
        yield json.dumps(answer, ensure_ascii=False)


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


def _question(lexicon: Lexicon, given: dict[str, Any]) -> Question | None:
    """The question; the symptoms that a yes/no question names are read from its own text."""
    if not given.get("expects"):
        return None
    text, language = str(given.get("question") or ""), str(given.get("lang") or "en")
    expects = Expects(given["expects"])
    named: tuple[str, ...] = ()
    if expects is Expects.YES_NO and text:
        asked = read(lexicon, Reply(text, language), None)
        named = tuple(dict.fromkeys(f.name for f in asked.findings if f.kind is FindingKind.SYMPTOM))
        if "orthopnea" in named:
            named = ("orthopnea",)
    return Question(expects, language=language, text=text, symptoms=named)


def _with_crisis(found: dict[str, Any], reading: Reading, decision: Decision) -> dict[str, Any]:
    """`crisis` also where words make a value an emergency (a pressure with a pounding headache), never for a bare number."""
    words = {
        finding.span
        for finding in reading.findings
        if finding.present and finding.kind in (FindingKind.SYMPTOM, FindingKind.MEDICATION) and finding.rule != "answer.yes"
    }
    limit = any("meter_limit" in finding.qualifiers for finding in reading.findings)
    told = any(rule.urgency is Urgency.EMERGENCY for rule in decision.fired) and bool(words) and not limit
    if limit and found.get("crisis_type") == "medical" and len(words) == 1:
        found = {key: value for key, value in found.items() if key not in ("crisis", "crisis_type")}
    if told and "crisis" not in found:
        return {**found, "crisis": True, "crisis_type": "medical"}
    return found


def _word(urgency: Urgency | None) -> str:
    if urgency is None:
        return "none"
    return str(Urgency.SAME_DAY if urgency is Urgency.ROUTINE else urgency)
