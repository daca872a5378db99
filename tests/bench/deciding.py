"""(f) What a reply means decided by the table for every patient, beside the same table with every rule looked at in full."""

from __future__ import annotations

import time
from dataclasses import replace

from service.content import Content
from service.domain.facts import Facts
from service.domain.reading import Finding, Question
from service.replies import read
from service.triage import Condition, Tables, decide
from tests.bench.engine import NOW, known
from tests.bench.reading import replies
from tests.bench.results import Row, Timed

READ = 200
"""Replies that are read beforehand and decided again and again."""
Heard = tuple[tuple[Finding, ...], Question | None]


def run(content: Content, count: int, repetitions: int) -> Row:
    """`count` decisions a repetition on what was read in ordinary replies."""
    row = Row("replies decided (rule table alone)", "none", note="bare: every rule is looked at in full")
    heard = [(read(content.lexicon, reply, question).findings, question) for reply, question in replies(READ)]
    facts, in_full = known(), replace(content.tables, rules=tuple(replace(rule, when=_in_full(rule.when)) for rule in content.tables.rules))
    for tables in (content.tables, in_full):
        _timed(READ, heard, tables, facts)
    for _ in range(repetitions):
        row.real.append(_timed(count, heard, content.tables, facts))
        row.bare.append(_timed(count, heard, in_full, facts))
    return row


def _timed(count: int, heard: list[Heard], tables: Tables, facts: Facts) -> Timed:
    latencies = []
    begun = time.perf_counter()
    for number in range(count):
        findings, question = heard[number % len(heard)]
        before = time.perf_counter()
        decide(tables, findings, facts, NOW, question)
        latencies.append((time.perf_counter() - before) * 1000)
    return Timed(count, time.perf_counter() - begun, latencies)


def _in_full(condition: Condition) -> Condition:
    full = replace(condition, parts=tuple(_in_full(part) for part in condition.parts))
    object.__setattr__(full, "needs", None)  # it may hold whatever was told
    return full
