"""What was learned, as the arrays of the file that the product reads, and back.

The file has numbers of one byte, and only the pieces of words that the product may meet.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from service.content import load_lexicon
from service.replies.opinion import FORMAT, PIECES
from tests.second_opinion.base_model import LAYER, PREFIX, BaseModel
from tests.second_opinion.examples import Example
from tests.second_opinion.learner import Learner
from tests.second_opinion.outputs import OUTPUTS, RANKS, TOLD

SHORT = re.compile(r"\u2581?[a-zA-ZáéíóúüñÁÉÍÓÚÜÑ0-9.,;:!?'\"()/%+\-]{1,3}")
ROOM = PIECES + 8
"""Places kept: those of a part, of the words before it and of its end."""


def arrays_of(learner: Learner, examples: list[Example]) -> dict[str, NDArray[Any]]:
    """The arrays of the file, without thresholds: signed bytes with one scale a column (a row for words), everything small as floats."""
    base, weights = learner.base, {name: weight.detach().numpy() for name, weight in learner.base.network.state_dict().items()}
    vocabulary = base.tokenizer.get_vocab(with_added_tokens=False)
    by_number = {number: piece for piece, number in vocabulary.items()}
    kept = sorted(_kept(base, examples, vocabulary) | {base.first, base.last, base.unknown})
    place = {number: row for row, number in enumerate(kept)}
    words, word_scale = _bytes(weights["embeddings.word_embeddings.weight"][kept], axis=1)
    parts: dict[str, NDArray[Any]] = {
        "format": np.array(FORMAT),
        "pieces": np.frombuffer(
            "\n".join("" if number in (base.first, base.last, base.unknown) else by_number[number] for number in kept).encode(), np.uint8
        ),
        "likely": np.array([base.likely[number] for number in kept], "f4"),
        "words": words,
        "word_scale": word_scale,
        "places": weights["embeddings.position_embeddings.weight"][:ROOM] + weights["embeddings.token_type_embeddings.weight"][0],
        "norm": _norm(weights, "embeddings.LayerNorm"),
        "layers": np.array(learner.layers),
        "heads": np.array(base.network.config.num_attention_heads),
        "answers": learner.head.weight.detach().numpy().T,
        "answers_bias": learner.head.bias.detach().numpy(),
        "told": np.frombuffer("\n".join(TOLD).encode(), np.uint8),
        "before": np.array([place[number] for number in (base.first, *base.tokenizer.encode(PREFIX.strip()).ids)]),
        "end": np.array(place[base.last]),
        "unknown": np.array(place[base.unknown]),
    }
    for number in range(learner.layers):
        name = f"encoder.layer.{number}."
        of = {short: (weights[f"{name}{long}.weight"].T, weights[f"{name}{long}.bias"]) for short, long in LAYER.items()}
        together = {
            "attention": (np.concatenate([of[short][0] for short in "qkv"], 1), np.concatenate([of[short][1] for short in "qkv"])),
            "out": of["ao"],
            "inner": of["fi"],
            "outer": of["fo"],
        }
        for part, (matrix, bias) in together.items():
            parts[f"layer{number}.{part}"], parts[f"layer{number}.{part}_scale"] = _bytes(matrix, axis=0)
            parts[f"layer{number}.{part}_bias"] = bias
        parts[f"layer{number}.attention_norm"] = _norm(weights, f"{name}attention.output.LayerNorm")
        parts[f"layer{number}.norm"] = _norm(weights, f"{name}output.LayerNorm")
    return parts


def learner_of(arrays: Mapping[str, NDArray[Any]]) -> Learner:
    """One that knows what such a file says, to go on from; of pieces of words that the file left out, what the base model knows."""
    learner = Learner(int(arrays["layers"]))
    base, size = learner.base, learner.base.network.config.hidden_size
    vocabulary = base.tokenizer.get_vocab(with_added_tokens=False)
    pieces = bytes(arrays["pieces"]).decode().split("\n")
    nameless = iter(sorted({base.first, base.last, base.unknown}))
    weights = base.network.state_dict()
    rows = torch.tensor([vocabulary[piece] if piece else next(nameless) for piece in pieces])
    weights["embeddings.word_embeddings.weight"][rows] = torch.tensor(arrays["words"] * arrays["word_scale"][:, None])
    weights["embeddings.position_embeddings.weight"][:ROOM] = (
        torch.tensor(arrays["places"]) - weights["embeddings.token_type_embeddings.weight"][0]
    )
    _take_norm(weights, "embeddings.LayerNorm", arrays["norm"])
    for number in range(learner.layers):
        name = f"encoder.layer.{number}."
        for part, shorts in (("attention", "qkv"), ("out", ["ao"]), ("inner", ["fi"]), ("outer", ["fo"])):
            matrix = arrays[f"layer{number}.{part}"] * arrays[f"layer{number}.{part}_scale"]
            bias = arrays[f"layer{number}.{part}_bias"]
            for place, short in enumerate(shorts):
                columns = slice(place * size, (place + 1) * size) if part == "attention" else slice(None)
                weights[f"{name}{LAYER[short]}.weight"].copy_(torch.tensor(matrix[:, columns].T))
                weights[f"{name}{LAYER[short]}.bias"].copy_(torch.tensor(bias[columns]))
        _take_norm(weights, f"{name}attention.output.LayerNorm", arrays[f"layer{number}.attention_norm"])
        _take_norm(weights, f"{name}output.LayerNorm", arrays[f"layer{number}.norm"])
    answers = [*RANKS, *bytes(arrays["told"]).decode().split("\n")]
    places = torch.tensor([OUTPUTS.index(name) for name in answers])
    with torch.no_grad():
        learner.head.weight[places] = torch.tensor(arrays["answers"].T.copy())
        learner.head.bias[places] = torch.tensor(arrays["answers_bias"])
    return learner


def _take_norm(weights: dict[str, torch.Tensor], name: str, norm: NDArray[np.float32]) -> None:
    weights[f"{name}.weight"].copy_(torch.tensor(norm[0]))
    weights[f"{name}.bias"].copy_(torch.tensor(norm[1]))


def _kept(base: BaseModel, examples: list[Example], vocabulary: dict[str, int]) -> set[int]:
    """Pieces of the examples and of the vocabulary, and the short ones that any word can be made of."""
    found = {number for piece, number in vocabulary.items() if SHORT.fullmatch(piece)}
    for example in examples:
        found.update(base.tokenizer.encode(example.text).ids)
        found.update(base.tokenizer.encode(example.text.lower()).ids)
    for word in load_lexicon().vocabulary:
        found.update(base.tokenizer.encode(word).ids)
    found.update(base.tokenizer.encode(PREFIX.strip()).ids)
    return found


def _bytes(matrix: NDArray[np.float32], axis: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    scale = np.maximum(np.abs(matrix).max(axis=axis), 1e-12).astype("f4") / 127
    return np.round(matrix / np.expand_dims(scale, axis)).astype(np.int8), scale


def _norm(weights: dict[str, NDArray[np.float32]], name: str) -> NDArray[np.float32]:
    return np.stack([weights[f"{name}.weight"], weights[f"{name}.bias"]])
