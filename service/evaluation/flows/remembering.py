"""Ears that read a reply once: many cases say the same, and what it means does not hang on the numbers of a flow."""

from __future__ import annotations

from dataclasses import dataclass, field

from service.domain.reading import Question, Reading, Reply
from service.engine.cases import Ears


@dataclass(frozen=True, slots=True)
class Remembering(Ears):
    """As Ears; made for one run over cases, since it forgets nothing."""

    readings: dict[tuple[Reply, Question | None], Reading] = field(default_factory=dict, compare=False)

    def reading(self, reply: Reply, question: Question | None) -> Reading:
        """As `Ears.reading`."""
        key = (reply, question)
        if key not in self.readings:
            self.readings[key] = Ears.reading(self, reply, question)
        return self.readings[key]
