"""What a rule is called where it is counted and no patient is named: its reason as a nurse reads it on an item."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from service.engine import Flow
from service.triage import Tables
from service.web.words import in_words

_FILLED_IN = re.compile(r"\{[^}]*\}")


def rule_names(rules: Collection[str], tables: Tables, flows: Iterable[Flow]) -> dict[str, str]:
    """Each of these rules -> its reason in today's content ("Fever with …" for what a finding fills in), else its identifier as words."""
    said = {rule.id: rule.reason for rule in tables.rules}
    for flow in flows:
        for step in flow.questions:
            said |= {found.id: found.reason for flag in step.red_flags if (found := flow.rule(step, flag)).id in rules}
    return {rule: _FILLED_IN.sub("…", said[rule]) if rule in said else in_words(rule.replace(".", " ")) for rule in rules}
