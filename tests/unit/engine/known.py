"""The model flow, and what is known of its patient."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from service.domain.facts import PastValue
from service.domain.reading import FindingKind, Measure
from tests.flows.conversation import ANA, MORNING, found
from tests.flows.model import MODEL

FLOW = MODEL
YESTERDAY = PastValue(Measure.WEIGHT, 180.0, MORNING - timedelta(hours=24))
KNOWN = replace(ANA, history=(YESTERDAY,))
NO = found(FindingKind.ANSWER, "no")
YES = found(FindingKind.ANSWER, "yes")
