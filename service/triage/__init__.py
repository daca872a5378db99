"""Triage: findings, what is known about the patient and the rule tables become an urgency with its reasons. Pure.

Flows use `build_rule` and `judged` for their own red flags, so that one place decides what is dangerous.
"""

from service.triage.condition import PRESSURE_PARTS, Condition, speaks_of_raised, steps_named, symptoms_named
from service.triage.conditions import build_condition
from service.triage.decide import Known, Undecided, decide, judged
from service.triage.operators import judge
from service.triage.readings import amount_of
from service.triage.tables import Rule, Tables, TablesError, build_rule, build_tables
from service.triage.told import Told
from service.triage.units import parse_amount, parse_period
from service.triage.written import ConditionError

__all__ = [
    "PRESSURE_PARTS",
    "Condition",
    "ConditionError",
    "Known",
    "Rule",
    "Tables",
    "TablesError",
    "Told",
    "Undecided",
    "amount_of",
    "build_condition",
    "build_rule",
    "build_tables",
    "decide",
    "judge",
    "judged",
    "parse_amount",
    "parse_period",
    "speaks_of_raised",
    "steps_named",
    "symptoms_named",
]
