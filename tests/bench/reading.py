"""(d) Replies read: the parser alone, one reply at a time, on one core."""

from __future__ import annotations

import itertools
import random
import time

from service.domain.reading import Expects, Question, Reply
from service.replies import Lexicon, read
from tests.bench.results import Row, Timed
from tests.bench.words import conversation

ASKED = (
    Question(Expects.WEIGHT_LB, "weight"),
    Question(Expects.SYMPTOMS, "breathing_swelling", symptoms=("shortness_of_breath", "leg_swelling")),
    Question(Expects.MEDICATION_TAKEN, "water_pill"),
    None,
    None,
)


def run(lexicon: Lexicon, count: int, repetitions: int) -> Row:
    """`count` replies a repetition, each with what was asked before it."""
    row = Row("replies read (parser alone)", "none")
    pairs = replies(count)
    for reply, question in pairs[:100]:
        read(lexicon, reply, question)
    for _ in range(repetitions):
        latencies = []
        begun = time.perf_counter()
        for reply, question in pairs:
            before = time.perf_counter()
            read(lexicon, reply, question)
            latencies.append((time.perf_counter() - before) * 1000)
        row.real.append(Timed(len(pairs), time.perf_counter() - begun, latencies))
    return row


def replies(count: int) -> list[tuple[Reply, Question | None]]:
    """At least `count` replies of check-ins, the same each time, each with what was asked before it."""
    dice = random.Random(1)
    pairs: list[tuple[Reply, Question | None]] = []
    while len(pairs) < count:
        texts = itertools.islice(conversation(dice, dice.randint(120, 260)), len(ASKED))
        pairs += [(Reply(text, "es" if dice.random() < 0.1 else "en"), question) for text, question in zip(texts, ASKED, strict=True)]
    return pairs
