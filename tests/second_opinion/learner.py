"""The model in training: layers of the base model, and its answers taught on the examples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import binary_cross_entropy_with_logits

from tests.second_opinion.base_model import BaseModel, base_model
from tests.second_opinion.examples import Example
from tests.second_opinion.outputs import OUTPUTS, RANKS, TOLD, count

EPOCHS = 2
BATCH = 32
STEP = 1e-4
HEAD_STEP = 2e-3
WARM = 1 / 15
FIT_STEP, FIT_STEPS = 0.03, 300

Targets = NDArray[np.float32]


class Learner:
    """The first `layers` layers of the base model with the log odds of each of OUTPUTS on top."""

    def __init__(self, layers: int, seed: int = 0) -> None:
        torch.manual_seed(seed)
        self.layers = layers
        self.base: BaseModel = base_model(layers)
        self.base.network.embeddings.word_embeddings.weight.requires_grad_(False)
        self.head = torch.nn.Linear(self.base.network.config.hidden_size, len(OUTPUTS))

    def learn(self, examples: list[Example], wanted: Targets, counts: Targets) -> None:
        """Trains on the examples: `wanted` is the chance of each of OUTPUTS, `counts` how much it weighs."""
        rows = [self.base.numbers(example.text) for example in examples]
        weights = [weight for weight in self.base.network.parameters() if weight.requires_grad]
        steps = EPOCHS * len(rows) // BATCH
        optimizer = torch.optim.AdamW(
            [{"params": weights, "lr": STEP}, {"params": self.head.parameters(), "lr": HEAD_STEP}], weight_decay=0.01
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: min(1, (step + 1) / (steps * WARM)) * max(0, 1 - step / (steps + 1))
        )
        self.base.network.train()
        for epoch in range(EPOCHS):
            for number, batch in enumerate(batches([len(row) for row in rows], epoch)):
                guess = self.head(self.base.mean(self.base.together([rows[place] for place in batch])))
                loss = binary_cross_entropy_with_logits(guess, torch.tensor(wanted[batch]), reduction="none")
                mean = (loss * torch.tensor(counts[batch])).sum(1).mean() / len(RANKS)
                optimizer.zero_grad()
                mean.backward()
                torch.nn.utils.clip_grad_norm_(weights, 1.0)
                optimizer.step()
                schedule.step()
                if number % 100 == 0:
                    print(f"{self.layers} layers, epoch {epoch + 1} of {EPOCHS}, {number} of {len(rows) // BATCH}: {mean:.3f}", flush=True)

    def answer(self, examples: list[Example], wanted: Targets, counts: Targets) -> None:
        """Sets the answers alone on what the layers see now: rare ones need far longer than the layers have time for."""
        seen = torch.tensor(self._seen([example.text for example in examples]))
        share = (wanted * counts).sum(0) / np.maximum(counts.sum(0), 1)
        with torch.no_grad():
            self.head.bias.copy_(torch.tensor(np.log((share + 1e-4) / (1 - share + 1e-4)), dtype=torch.float32))
        optimizer = torch.optim.Adam(self.head.parameters(), lr=FIT_STEP)
        right, weight = torch.tensor(wanted), torch.tensor(counts)
        for step in range(FIT_STEPS):
            loss = (binary_cross_entropy_with_logits(self.head(seen), right, reduction="none") * weight).sum(1).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if step % 50 == 0:
                print(f"answers, step {step} of {FIT_STEPS}: {loss:.3f}", flush=True)

    def judge(self, texts: list[str]) -> Targets:
        """Log odds of each of OUTPUTS for each text."""
        with torch.no_grad():
            found: Targets = self.head(torch.tensor(self._seen(texts))).numpy()
        return found

    def _seen(self, texts: list[str]) -> Targets:
        """What the last layer makes of each text."""
        rows = [self.base.numbers(text) for text in texts]
        found = np.zeros((len(rows), self.base.network.config.hidden_size), "f4")
        self.base.network.eval()
        order = sorted(range(len(rows)), key=lambda place: len(rows[place]))
        with torch.no_grad():
            for start in range(0, len(order), 128):
                batch = order[start : start + 128]
                found[batch] = self.base.mean(self.base.together([rows[place] for place in batch])).numpy()
        return found

    def start_from(self, other: Learner) -> None:
        """Takes over what another with more layers has learned: the layers that both have, and the answers."""
        own = self.base.network.state_dict()
        self.base.network.load_state_dict({name: weight for name, weight in other.base.network.state_dict().items() if name in own})
        self.head.load_state_dict(other.head.state_dict())

    def write(self, file: Path) -> None:
        """Keeps what was learned."""
        torch.save({"bm": self.base.network.state_dict(), "head": self.head.state_dict()}, file)

    def read(self, file: Path) -> None:
        """Takes up what `write` kept."""
        kept: dict[str, Any] = torch.load(file)
        self.base.network.load_state_dict(kept["bm"])
        told = len(kept["head"]["bias"])  # an older file may know the first answers only
        with torch.no_grad():
            self.head.weight[:told] = kept["head"]["weight"]
            self.head.bias[:told] = kept["head"]["bias"]


def truth(examples: list[Example]) -> tuple[Targets, Targets]:
    """Whether each of OUTPUTS is true of each example, and how much that counts: nothing where nobody has said.

    Of a bank that says "not escalated" it is not known whether somebody should look the same day.
    """
    wanted = np.zeros((len(examples), len(OUTPUTS)), "f4")
    counts = np.zeros_like(wanted)
    of_told = np.array([count(name) for name in TOLD], "f4")
    for row, example in enumerate(examples):
        wanted[row, : len(RANKS)] = [example.rank > rank for rank in range(len(RANKS))]
        counts[row, : len(RANKS)] = example.urgency != "unknown"
        counts[row, 0] *= example.urgency != "not_escalated"
        if example.told is not None:
            wanted[row, len(RANKS) :] = [name in example.told for name in TOLD]
            counts[row, len(RANKS) :] = of_told
        if example.source == "stop":
            counts[row, len(RANKS) + 1 :] = 0
    return wanted, counts


def batches(lengths: list[int], seed: int) -> list[NDArray[np.int64]]:
    """All places in batches of about the same length, in an order of chance."""
    chance = np.random.default_rng(seed)
    order = chance.permutation(len(lengths))
    pools = [order[start : start + 20 * BATCH] for start in range(0, len(order), 20 * BATCH)]
    ordered = np.concatenate([pool[np.argsort([lengths[place] for place in pool], kind="stable")] for pool in pools])
    found = [ordered[start : start + BATCH] for start in range(0, len(ordered), BATCH)]
    return [found[place] for place in chance.permutation(len(found))]
