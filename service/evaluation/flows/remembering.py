"""Ears that hear a thing once: cases and walks say the same again and again, and what it means does not hang on a flow's numbers."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace

from service.domain.reading import Question, Reading, Reply
from service.engine.cases import Ears
from service.replies import Lexicon
from service.replies.opinion import Judgement, Opinion


@dataclass(frozen=True, slots=True)
class Remembering(Ears):
    """As Ears; made for one run, since it forgets nothing."""

    readings: dict[tuple[Reply, Question | None], Reading] = field(default_factory=dict, compare=False)

    def reading(self, reply: Reply, question: Question | None) -> Reading:
        """As `Ears.reading`."""
        key = (reply, question)
        if key not in self.readings:
            self.readings[key] = Ears.reading(self, reply, question)
        return self.readings[key]


@dataclass(frozen=True, slots=True, eq=False)
class _Opinion(Opinion):
    """As Opinion: the words decide, whatever was asked."""

    judged: dict[str, Judgement] = field(default_factory=dict, repr=False)

    def judge(self, text: str) -> Judgement:
        """As `Opinion.judge`."""
        if text not in self.judged:
            self.judged[text] = Opinion.judge(self, text)
        return self.judged[text]


def remembering(lexicon: Lexicon) -> Lexicon:
    """The same vocabulary, whose second opinion judges a text once; for one run, since it forgets nothing."""
    if lexicon.opinion is None:
        return lexicon
    return replace(lexicon, opinion=_Opinion(**{each.name: getattr(lexicon.opinion, each.name) for each in fields(Opinion)}))
