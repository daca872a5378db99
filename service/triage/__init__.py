"""Triage: findings, what is known about the patient and the rule tables become an urgency with its reasons. Pure.

Flows use `build_rule` and `evaluate` for their own red flags, so that one place decides what is dangerous.
"""

from service.triage.conditions import Condition, build_condition, speaks_of_raised, steps_named, symptoms_named
from service.triage.decide import Undecided, decide, evaluate
from service.triage.operators import judge
from service.triage.readings import amount_of
from service.triage.tables import Rule, Tables, TablesError, build_rule, build_tables
from service.triage.units import parse_amount, parse_period
from service.triage.written import ConditionError

__all__ = [
    "Condition",
    "ConditionError",
    "Rule",
    "Tables",
    "TablesError",
    "Undecided",
    "amount_of",
    "build_condition",
    "build_rule",
    "build_tables",
    "decide",
    "evaluate",
    "judge",
    "parse_amount",
    "parse_period",
    "speaks_of_raised",
    "steps_named",
    "symptoms_named",
]
