"""The rule tables: rows readable by a nurse, checked when they are loaded. The language of `when` is described in conditions.py."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from service.domain.urgency import Urgency
from service.triage.condition import Condition, speaks_of_raised, steps_named
from service.triage.conditions import build_condition
from service.triage.verdict import FIGURES
from service.triage.written import ConditionError

ROW_KEYS = frozenset({"id", "when", "urgency", "reason", "source", "answer", "recheck", "only_condition", "unless_condition"})
ANSWERS = frozenset({"", "emergency", "crisis", "abuse", "danger", "low_glucose", "poisoning", "urgent"})
PLACEHOLDERS = frozenset(FIGURES)
MOST_ROWS = 500
MOST_REASON_CHARACTERS = 200


class TablesError(ValueError):
    """A rule is wrong: the file, the rule, what is wrong and what to write instead."""

    def __init__(self, file: str, where: str, what: str) -> None:
        super().__init__(f"{file}: {where}: {what}")
        self.file, self.where, self.what = file, where, what


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: when it fires, how urgent that is, why in plain words, which safety answer the patient gets, what is asked again."""

    id: str
    version: str
    when: Condition
    urgency: Urgency
    reason: str
    source: str
    answer: str = ""
    recheck: str = ""
    """The safety re-check that follows, "" for none; that there is such a file is checked where the files are read."""
    only_condition: frozenset[str] = frozenset()
    unless_condition: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Tables:
    """A versioned list of rules; every rule is evaluated and the highest urgency wins."""

    version: str
    rules: tuple[Rule, ...]


def build_tables(content: Any, *, file: str = "urgency.yaml") -> Tables:
    """The tables of a parsed file: {format: 1, name, version, rules: [row ...]}. Raises TablesError naming the rule.

    `Tables.version` is the file's own version and a hash of its content, so that an item can name what decided it.
    """
    if not isinstance(content, Mapping) or content.get("format") != 1 or not content.get("version"):
        raise TablesError(file, "top", 'begin with "format: 1" and "version:"')
    rows = content.get("rules")
    if not isinstance(rows, list) or not 0 < len(rows) <= MOST_ROWS:
        raise TablesError(file, "rules", f"write a list of 1 to {MOST_ROWS} rules")
    digest = hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:8]
    version = f"{content.get('name') or 'rules'}@{content['version']}+{digest}"
    rules = tuple(build_rule(row, file=file, version=version, place=place) for place, row in enumerate(rows, 1))
    seen: set[str] = set()
    for rule in rules:
        if rule.id in seen:
            raise TablesError(file, f"rule {rule.id}", "this id is taken; give every rule its own")
        if steps_named(rule.when):
            raise TablesError(file, f"rule {rule.id}", "names steps; those stand in a flow only, write the rule there")
        seen.add(rule.id)
    return Tables(version, rules)


def build_rule(row: Any, *, file: str, version: str, place: int = 0) -> Rule:
    """One rule from its parsed row; flows use it for their red flags. Raises TablesError."""
    where = f"rule {row.get('id') or place}" if isinstance(row, Mapping) else f"rule {place}"
    if not isinstance(row, Mapping):
        raise TablesError(file, where, "write id, when, urgency, reason and source")
    if unknown := set(row) - ROW_KEYS:
        raise TablesError(file, where, f"no such key {sorted(map(str, unknown))[0]}; write one of {sorted(ROW_KEYS)}")
    for key in ("id", "urgency", "reason", "source"):
        if not isinstance(row.get(key), str) or not row[key].strip():
            raise TablesError(file, where, f"{key} is missing; write it as text")
    if row["urgency"] not in set(Urgency):
        raise TablesError(file, where, f"urgency {row['urgency']!r}; write one of {[str(value) for value in Urgency]}")
    answer = str(row.get("answer") or "")
    if answer not in ANSWERS:
        raise TablesError(file, where, f"answer {answer!r}; write one of {sorted(ANSWERS - {''})} or leave it out")
    odd = set(re.findall(r"\{(\w*)\}", row["reason"])) - PLACEHOLDERS
    if odd or len(row["reason"]) > MOST_REASON_CHARACTERS:
        raise TablesError(file, where, f"reason: at most {MOST_REASON_CHARACTERS} characters, placeholders only {sorted(PLACEHOLDERS)}")
    if re.search(r"[{}]", re.sub(r"\{\w+\}", "", row["reason"])):
        raise TablesError(file, where, f"reason: a brace stands only around one of {sorted(PLACEHOLDERS)}")
    try:
        when = build_condition(row.get("when"))
    except ConditionError as error:
        raise TablesError(file, where, f"when: {error}") from error
    if speaks_of_raised(when):
        raise TablesError(file, where, "when: raised stands in the only_if of a step alone; name here what is dangerous")
    return Rule(
        id=row["id"],
        version=version,
        when=when,
        urgency=Urgency(row["urgency"]),
        reason=row["reason"],
        source=row["source"],
        answer=answer,
        recheck=str(row.get("recheck") or ""),
        only_condition=_names(row.get("only_condition")),
        unless_condition=_names(row.get("unless_condition")),
    )


def _names(written: Any) -> frozenset[str]:
    if isinstance(written, str):
        return frozenset({written})
    return frozenset(str(name) for name in written or ())
