"""A second opinion on a whole reply: a small language model beside the phrases.

Phrases know what somebody wrote down; the model has read much of two languages and judges sentences that nobody foresaw. It is six layers
of a transformer (BERT's form) over pieces of words. Its answers are log odds: that a nurse must look the same day or sooner, within hours,
at once; and that the reply tells each thing of the label rules (a symptom, a missed dose and why, a wish that the messages end, a crisis).
The weights are data (lexicon/shared/opinion.npz), made by `python -m tests.second_opinion`. What a level of concern means for the urgency
stands in the urgency table, and what becomes of the other answers in `second_look`, never here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.domain.reading import Span

Numbers = NDArray[np.float32]
Part = list[tuple[tuple[int, ...], Span]]
"""Words as their pieces and their place in the text."""

LEVELS = ("grave", "dangerous", "worrying")
"""From the highest threshold down."""
RANKS = ("same_day", "urgent", "emergency")
"""What the answers are the odds of: that urgency or a higher one."""
ANSWERS = {"grave": 2, "dangerous": 1, "worrying": 1, "plain": 0}
"""Level -> the answer it is told from; `plain` is told of a reply that stays below its threshold."""
TOGETHER = 32
"""Sentences are judged together up to so many pieces of words: in a longer text a short cry is lost among calm words."""
PIECES = 60
"""The longest sentence that is judged as one."""
LONGEST_FORM = 80
"""Letters read of a word (40 of the reply) in its normal form, which may be longer."""
LONGEST_PIECE = 16
REMEMBERED = 20_000
"""Words whose pieces are kept."""
SPACE = "\u2581"
WORD = re.compile(r"\S{1,40}")
SENTENCE_ENDS = (".", "!", "?", ";", "\u2026")
EPSILON = 1e-12
FORMAT = 3


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One layer: attention, then two steps forward; a weight matrix stands with its rows as inputs."""

    attention: Numbers
    attention_bias: Numbers
    out: Numbers
    out_bias: Numbers
    attention_norm: Numbers
    inner: Numbers
    inner_bias: Numbers
    outer: Numbers
    outer_bias: Numbers
    norm: Numbers


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """What the model says of one reply."""

    level: str
    """The highest of LEVELS that is reached, "" for none."""
    span: Span
    """The word that speaks for danger most."""
    plain: bool
    """Nothing in it that anybody need look at."""
    sure: Mapping[str, Span]
    """What the reply tells, with the word that speaks for it most."""
    unlikely: frozenset[str]
    """What it does not tell."""
    told: Mapping[str, float]
    """The log odds of each thing that a reply may tell."""
    odds: Numbers
    """The log odds of all answers."""


@dataclass(frozen=True, slots=True, eq=False)
class Opinion:
    """The model, and the log odds from which each level is told."""

    pieces: Mapping[str, int]
    likely: Sequence[float]
    """The logarithm of how frequent each piece is."""
    words: NDArray[np.int8]
    word_scale: Numbers
    places: Numbers
    norm: Numbers
    layers: Sequence[Layer]
    heads: int
    answers: Numbers
    answers_bias: Numbers
    before: Sequence[int]
    """The pieces that begin every text."""
    end: int
    unknown: int
    thresholds: Mapping[str, float]
    told: Sequence[str]
    """What the answers after those of RANKS are the odds of: opt_out, crisis:*, medication:*, reason:*, request:*, symptom:*."""
    sure: Numbers
    """The log odds from which each of them is taken for told; infinite where the model is not to be trusted so far."""
    unlikely: Numbers
    """The log odds below which each of them is taken for not told, whatever a phrase has read."""
    rare: float
    """The logarithm for a letter that is in no piece."""
    _split: dict[str, tuple[int, ...]] = field(default_factory=dict, compare=False, repr=False)

    def judge(self, text: str) -> Judgement:
        """What it says of a reply: of a long one each answer is that of the part that speaks for it most.

        Every part is read: the work grows with the text, whose length the reader bounds.
        """
        small = text.lower()
        if text.upper() == text and len(small) == len(text):
            text = small  # written in capitals throughout, which says nothing
        parts = self._parts(text)
        of_pieces = [self._read([piece for pieces, _ in part for piece in pieces]) for part in parts]
        means = np.array([pieces.mean(0) for pieces in of_pieces])
        odds = means.max(0)

        def where(answer: int) -> Span:
            loudest = int(means[:, answer].argmax())
            return self._loudest(parts[loudest], of_pieces[loudest][:, answer])

        level = next((level for level in LEVELS if odds[ANSWERS[level]] >= self.thresholds[level]), "")
        told = odds[len(RANKS) :]
        sure, unlikely = np.flatnonzero(told >= self.sure), np.flatnonzero(told < self.unlikely)
        return Judgement(
            level=level,
            span=where(1),
            plain=bool(odds[ANSWERS["plain"]] < self.thresholds["plain"]),
            sure={self.told[answer]: where(answer + len(RANKS)) for answer in sure.tolist()},
            unlikely=frozenset(self.told[answer] for answer in unlikely.tolist()),
            told=dict(zip(self.told, told.tolist(), strict=True)),
            odds=odds,
        )

    def _parts(self, text: str) -> list[Part]:
        """The words with their pieces and places in the text, whole sentences together where they fit."""
        parts: list[Part] = []
        room = 0
        for sentence in self._sentences(text):
            length = sum(len(pieces) for pieces, _ in sentence)
            if length > room:
                parts.append([])
                room = TOGETHER
            parts[-1].extend(sentence)
            room -= length
        return parts

    def _sentences(self, text: str) -> Iterator[Part]:
        sentence: Part = []
        length = end = 0
        for word in WORD.finditer(text):
            pieces = self._pieces(word[0])
            if sentence and (length + len(pieces) > PIECES or text[end - 1] in SENTENCE_ENDS or "\n" in text[end : word.start()]):
                yield sentence
                sentence, length = [], 0
            sentence.append((pieces, word.span()))
            length += len(pieces)
            end = word.end()
        if sentence:
            yield sentence

    def _loudest(self, part: Part, of_pieces: Numbers) -> Span:
        place, loudest, span = len(self.before), -np.inf, part[0][1]
        for pieces, where in part:
            said = float(of_pieces[place : place + len(pieces)].sum())
            place += len(pieces)
            if said > loudest:
                loudest, span = said, where
        return span

    def _pieces(self, word: str) -> tuple[int, ...]:
        """The likeliest way to cut a word into known pieces."""
        found = self._split.get(word)
        if found is None:
            if len(self._split) >= REMEMBERED:
                self._split.clear()
            found = self._split[word] = tuple(self._cut(SPACE + unicodedata.normalize("NFKC", word)[:LONGEST_FORM]))[:PIECES]
        return found

    def _cut(self, word: str) -> Iterator[int]:
        ends = len(word)
        best: list[tuple[float, int, int]] = [(0.0, 0, -1)] + [(-np.inf, 0, -1)] * ends
        for start in range(ends):
            so_far = best[start][0]
            for end in range(start + 1, min(ends, start + LONGEST_PIECE) + 1):
                piece = self.pieces.get(word[start:end])
                if piece is not None and so_far + self.likely[piece] > best[end][0]:
                    best[end] = so_far + self.likely[piece], start, piece
            if so_far + self.rare > best[start + 1][0]:
                best[start + 1] = so_far + self.rare, start, self.unknown
        found: list[int] = []
        while ends:
            _, ends, piece = best[ends]
            found.append(piece)
        return reversed(found)

    def _read(self, pieces: Sequence[int]) -> Numbers:
        """What each piece of the text, with those that begin and end it, says for each answer; their mean is the text's."""
        numbers = np.array([*self.before, *pieces, self.end])
        state = self.words[numbers] * self.word_scale[numbers, None] + self.places[: len(numbers)]
        state = _norm(state, self.norm)
        for layer in self.layers:
            state = _norm(state + self._attend(state, layer), layer.attention_norm)
            inner = _gelu(state @ layer.inner + layer.inner_bias)
            state = _norm(state + inner @ layer.outer + layer.outer_bias, layer.norm)
        found: Numbers = state @ self.answers + self.answers_bias
        return found

    def _attend(self, state: Numbers, layer: Layer) -> Numbers:
        count, size = state.shape
        parts = (state @ layer.attention + layer.attention_bias).reshape(count, 3, self.heads, size // self.heads)
        asked, offered, told = parts.transpose(1, 2, 0, 3)
        fit = asked @ offered.transpose(0, 2, 1) / np.float32(np.sqrt(size // self.heads))
        fit = np.exp(fit - fit.max(-1, keepdims=True))
        fit /= fit.sum(-1, keepdims=True)
        found: Numbers = (fit @ told).transpose(1, 0, 2).reshape(count, size) @ layer.out + layer.out_bias
        return found


def _norm(state: Numbers, weights: Numbers) -> Numbers:
    state = state - state.mean(-1, keepdims=True)
    spread = np.sqrt((state * state).mean(-1, keepdims=True) + np.float32(EPSILON))
    found: Numbers = state / spread * weights[0] + weights[1]
    return found


def _gelu(state: Numbers) -> Numbers:
    """The soft step, in its form with tanh, written with the exponential."""
    power = np.float32(-1.5957691216) * (state + np.float32(0.044715) * state * state * state)
    found: Numbers = state / (1 + np.exp(np.minimum(power, np.float32(80))))
    return found


def build_opinion(parts: Mapping[str, NDArray[Any]]) -> Opinion:
    """The model of the arrays in its file. Raises ValueError when they are not what the training program writes."""
    try:
        if int(parts["format"]) != FORMAT:
            raise ValueError("another format")
        pieces = bytes(parts["pieces"]).decode().split("\n")
        told = bytes(parts["told"]).decode().split()
        lengths = [(len(parts["thresholds"]), len(ANSWERS)), (len(parts["words"]), len(pieces)), (len(parts["likely"]), len(pieces))]
        lengths += [(len(parts[name]), len(told)) for name in ("sure", "unlikely")]
        if any(given != wanted for given, wanted in lengths):
            raise ValueError("parts of different lengths")
        opinion = Opinion(
            pieces={piece: number for number, piece in enumerate(pieces) if piece},
            likely=parts["likely"].tolist(),
            words=parts["words"],
            word_scale=parts["word_scale"],
            places=parts["places"],
            norm=parts["norm"],
            layers=[_layer(parts, f"layer{number}.") for number in range(int(parts["layers"]))],
            heads=int(parts["heads"]),
            answers=parts["answers"],
            answers_bias=parts["answers_bias"],
            before=tuple(parts["before"].tolist()),
            end=int(parts["end"]),
            unknown=int(parts["unknown"]),
            rare=float(parts["likely"].min()) - 10,
            thresholds=dict(zip(ANSWERS, parts["thresholds"].tolist(), strict=True)),
            told=told,
            sure=parts["sure"],
            unlikely=parts["unlikely"],
        )
        probe = opinion.judge(("probe " * TOGETHER).strip()).odds
        finite = np.isfinite([*probe, *opinion.thresholds.values()]).all() and not np.isnan([opinion.sure, opinion.unlikely]).any()
        if not opinion.layers or probe.shape != (len(RANKS) + len(told),) or not finite:
            raise ValueError("it judges nothing")
        return opinion
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error


def _layer(parts: Mapping[str, NDArray[Any]], name: str) -> Layer:
    def weights(part: str) -> Numbers:
        """Signed bytes times the scale of their column."""
        return np.ascontiguousarray(parts[name + part].astype(np.float32) * parts[f"{name}{part}_scale"])

    def plain(part: str) -> Numbers:
        return parts[name + part].astype(np.float32)

    return Layer(
        attention=weights("attention"),
        attention_bias=plain("attention_bias"),
        out=weights("out"),
        out_bias=plain("out_bias"),
        attention_norm=plain("attention_norm"),
        inner=weights("inner"),
        inner_bias=plain("inner_bias"),
        outer=weights("outer"),
        outer_bias=plain("outer_bias"),
        norm=plain("norm"),
    )
