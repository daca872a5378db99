"""What triage answers: which rules fired, how urgent that is, and which safety answer the patient gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from service.domain.reading import Span
from service.domain.urgency import Urgency, highest


@dataclass(frozen=True, slots=True)
class Fired:
    """One rule that fired: enough for a nurse to see why and for an auditor to run it again."""

    rule: str
    version: str
    urgency: Urgency
    reason: str
    source: str
    spans: tuple[Span, ...] = ()
    answer: str = ""
    """Key of the safety answer the patient gets ("" for none), e.g. emergency, crisis, unsafe, low_glucose."""
    recheck: str = ""
    """The safety re-check that follows ("" for none), such as shared/glucose_again."""
    measured: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Value, change and limit that the rule compared, as numbers people write (triage.verdict.MEASURED); empty for words."""


@dataclass(frozen=True, slots=True)
class Decision:
    """All rules that fired on one reply; the highest urgency wins."""

    fired: tuple[Fired, ...] = ()
    unknown: tuple[str, ...] = ()
    """Rules that could not be judged because a reading they compare with is missing: unknown is never false."""
    known: tuple[Fired, ...] = ()
    """Rules that fired on what a nurse has accepted for a while: kept in the record, and nothing is raised for them."""

    @property
    def urgency(self) -> Urgency | None:
        """The highest urgency, None when nothing needs a person."""
        return highest(rule.urgency for rule in self.fired)

    @property
    def answer(self) -> str:
        """Safety answer key of the most urgent rule that has one, "" for none."""
        answers = [rule for rule in self.fired if rule.answer]
        return min(answers, key=lambda rule: rule.urgency.rank).answer if answers else ""
