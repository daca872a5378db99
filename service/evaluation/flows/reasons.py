"""What a rule is called where it is counted and no patient is named: its reason as a nurse reads it on an item."""

from __future__ import annotations

import re
from collections.abc import Collection

from service.evaluation.flows.readable import Shelf

_FILLED_IN = re.compile(r"\{[^}]*\}")


def reasons(rules: Collection[str], shelf: Shelf) -> dict[str, str]:
    """Each of these rules that today's content knows -> its reason ("Fever with …" for what a finding fills in)."""
    said = {rule.id: rule.reason for rule in shelf.ears.tables.rules}
    for flow in shelf.flows.values():
        for step in flow.questions:
            said |= {found.id: found.reason for flag in step.red_flags if (found := flow.rule(step, flag)).id in rules}
    return {rule: _FILLED_IN.sub("…", said[rule]) for rule in rules if rule in said}
