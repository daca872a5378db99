"""One reply read and judged by itself: what was found, which rules of the universal table fired, in the words of the label rules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from service.domain.decision import Decision
from service.domain.facts import Facts
from service.domain.reading import Channel, Expects, FindingKind, Question, Reading, Reply
from service.domain.urgency import Urgency
from service.replies import Lexicon, labels, read
from service.replies.unexplained import UNREAD
from service.triage import Tables, decide

NOWHEN = datetime(2026, 1, 1, tzinfo=UTC)
"""The text alone is judged: there is no history, so the instant does not matter."""
HIGH_ALERT_CONDITIONS = frozenset({"anticoagulation"})
"""Conditions whose medicine is on the high-alert list, for replies that come with the condition only."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A reply with its question, its reading and the decision on it."""

    reply: Reply
    question: Question | None
    reading: Reading
    decision: Decision

    @property
    def labels(self) -> dict[str, Any]:
        """The reading in the words of the label rules; `crisis` also where words make a value an emergency."""
        return _with_crisis(labels(self.reading, self.question), self.reading, self.decision)

    @property
    def urgency(self) -> str:
        """emergency | urgent | same_day | none: that of the text and question alone; a routine item is same_day here."""
        if self.decision.urgency is None:
            return "none"
        return str(Urgency.SAME_DAY if self.decision.urgency is Urgency.ROUTINE else self.decision.urgency)


def judge(lexicon: Lexicon, tables: Tables, reply: Reply, question: Question | None, condition: str = "") -> Judged:
    """The reply read in the light of the question and judged without history; `condition` stands for the problem list ("" for none)."""
    reading = read(lexicon, reply, question)
    facts = Facts(
        language=reply.language,
        conditions=frozenset({condition} - {""}),
        high_alert=condition in HIGH_ALERT_CONDITIONS,
    )
    return Judged(reply, question, reading, decide(tables, reading.findings, facts, NOWHEN, question))


def judge_text(
    lexicon: Lexicon,
    tables: Tables,
    text: str,
    *,
    expects: Expects | None,
    question: str = "",
    language: str = "en",
    channel: Channel = Channel.SMS,
    condition: str = "",
) -> Judged:
    """The same from plain words; the symptoms that a yes/no question names are read from its own words."""
    return judge(lexicon, tables, Reply(text, language, channel), _asked(lexicon, expects, question, language), condition)


def _asked(lexicon: Lexicon, expects: Expects | None, text: str, language: str) -> Question | None:
    """The question of that kind and text, None when nothing was asked; the symptoms that it names are read from its own words."""
    if expects is None:
        return None
    named: tuple[str, ...] = ()
    if expects is Expects.YES_NO and text:
        found = read(lexicon, Reply(text, language), None)
        named = tuple(dict.fromkeys(f.name for f in found.findings if f.kind is FindingKind.SYMPTOM))
        if "orthopnea" in named:
            named = ("orthopnea",)
    return Question(expects, language=language, text=text, symptoms=named)


def _with_crisis(found: dict[str, Any], reading: Reading, decision: Decision) -> dict[str, Any]:
    """`crisis` also where words make a value an emergency (a pressure with a pounding headache), never for a bare number."""
    words = {
        finding.span
        for finding in reading.findings
        if finding.present
        and finding.kind in (FindingKind.SYMPTOM, FindingKind.SIGN, FindingKind.MEDICATION)
        and finding.rule != "answer.yes"
    }
    unread = {finding.span for finding in reading.findings if finding.name in UNREAD}
    limit = any("meter_limit" in finding.qualifiers for finding in reading.findings)
    told = any(rule.urgency is Urgency.EMERGENCY for rule in decision.fired) and bool(words) and not limit
    if limit and found.get("crisis_type") == "medical" and len(words - unread) == 1:
        found = {key: value for key, value in found.items() if key not in ("crisis", "crisis_type")}
    if told and "crisis" not in found:
        return {**found, "crisis": True, "crisis_type": "medical"}
    return found
