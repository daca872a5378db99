"""A million generated replies: none makes the reader raise, every span lies inside the reply, and work grows with length, not faster."""

from __future__ import annotations

import itertools
import multiprocessing
import random
import sys
import time

import pytest

from service.content import load_lexicon
from service.domain.reading import Channel, Expects, Question, Reply
from service.replies import Lexicon, read
from tests.faults import SECONDS_A_TEST

pytestmark = [pytest.mark.faults, pytest.mark.timeout(SECONDS_A_TEST)]
REPLIES = (600, 1_000_000)
"""Sampled, full; the full count by two processes."""
LONG_EVERY = 500
"""One reply in so many is 64 kB long."""
PROCESSES = 2
SIGNS = [
    *"\x00\x07\t\n\r \u00a0\u200b\u200d\u202e\u2066\ufeff\ud800\udfff",
    *"0123456789.,;:!?/-+%'\"()[]{}<>|*_~^`",
    *"áéíóúñüçßøłđİıﬁ½¼¾٣१８Ω中文字日本語한국어עבריתعربيไทย",
    *"👍🏽❤️😂🇺🇸👨‍👩‍👧",
]
QUESTIONS = [None, *(Question(expects) for expects in Expects)]


def generated(dice: random.Random, words: list[str], number: int) -> str:
    """Words of the lexicon, numbers, signs and characters of all planes, in no order; sometimes 64 kB of them."""
    if number % LONG_EVERY == LONG_EVERY - 1:
        piece = generated(dice, words, 0) or "\x00"
        return (piece * (65_536 // len(piece) + 1))[:65_536]
    kind = dice.randrange(4)
    length = dice.choice((1, 2, 3, 5, 8, 13, 21))
    if kind == 0:
        return "".join(chr(dice.randrange(0x110000)) for _ in range(length * 4))
    if kind == 1:
        return "".join(dice.choices(SIGNS, k=length * 3))
    pieces = [dice.choice(words) if dice.random() < 0.85 else dice.choice(SIGNS) + str(dice.randrange(1000)) for _ in range(length)]
    return dice.choice((" ", " ", "", ", ", "\n")).join(pieces)


def read_many(seed: int, count: int) -> tuple[int, str]:
    """How many were read, and what went wrong first ("" when nothing)."""
    lexicon, dice = load_lexicon(), random.Random(seed)
    words = sorted(lexicon.phrase_words)
    for number, question in zip(range(count), itertools.cycle(QUESTIONS), strict=False):
        text = generated(dice, words, number)
        try:
            reading = read(lexicon, Reply(text, dice.choice(("en", "es")), dice.choice(list(Channel))), question)
        except Exception as error:
            return number, f"{error!r} on {text[:200]!r} ({len(text)} characters), asked {question}"
        if not all(0 <= start <= end <= len(text) for start, end in (finding.span for finding in reading.findings)):
            return number, f"a span outside {text[:200]!r} ({len(text)} characters)"
    return count, ""


def test_no_generated_reply_makes_the_reader_raise(full_faults: bool, chance: random.Random) -> None:
    count, begun = REPLIES[full_faults], time.monotonic()
    if full_faults:
        with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
            done = pool.starmap(read_many, [(chance.randrange(1 << 30), count // PROCESSES) for _ in range(PROCESSES)])
    else:
        done = [read_many(chance.randrange(1 << 30), count)]
    print(f"{sum(count for count, _ in done)} generated replies read in {time.monotonic() - begun:.0f} s")
    assert not [wrong for _, wrong in done if wrong]


def test_eight_times_the_words_take_at_most_sixteen_times_the_work() -> None:
    """Counted in pattern attempts, not in time: matches tried grow with the words of a reply."""
    lexicon = load_lexicon()
    text = "my ankles are a little puffy and the baby slept well, took the water pill with breakfast. "
    short, long = attempts(lexicon, text), attempts(lexicon, text * 8)
    assert long <= 16 * short


def attempts(lexicon: Lexicon, text: str) -> int:
    """Function calls that reading takes."""
    count = 0

    def calls(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(calls)
    try:
        read(lexicon, Reply(text), None)
    finally:
        sys.setprofile(None)
    return count
