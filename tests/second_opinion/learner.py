"""The model in training: layers of the base model, and three answers taught on the examples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import binary_cross_entropy_with_logits

from tests.second_opinion.base_model import BaseModel, base_model
from tests.second_opinion.examples import Example

RANKS = (1, 2, 3)
"""What is told of a reply: same_day or above, urgent or above, emergency."""
EPOCHS = 2
BATCH = 32
STEP = 1e-4
HEAD_STEP = 1e-3
WARM = 1 / 15

Targets = NDArray[np.float32]


class Learner:
    """The first `layers` layers of the base model with the log odds of each of RANKS on top."""

    def __init__(self, layers: int, seed: int = 0) -> None:
        torch.manual_seed(seed)
        self.layers = layers
        self.base: BaseModel = base_model(layers)
        self.base.network.embeddings.word_embeddings.weight.requires_grad_(False)
        self.head = torch.nn.Linear(self.base.network.config.hidden_size, len(RANKS))

    def learn(self, examples: list[Example], wanted: Targets, counts: Targets) -> None:
        """Trains on the examples: `wanted` is the chance of each of RANKS, `counts` how much it weighs."""
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
                mean = (loss * torch.tensor(counts[batch])).mean()
                optimizer.zero_grad()
                mean.backward()
                torch.nn.utils.clip_grad_norm_(weights, 1.0)
                optimizer.step()
                schedule.step()
                if number % 100 == 0:
                    print(f"{self.layers} layers, epoch {epoch + 1} of {EPOCHS}, {number} of {len(rows) // BATCH}: {mean:.3f}", flush=True)

    def judge(self, texts: list[str]) -> Targets:
        """Log odds of each of RANKS for each text."""
        rows = [self.base.numbers(text) for text in texts]
        found = np.zeros((len(rows), len(RANKS)), "f4")
        self.base.network.eval()
        order = sorted(range(len(rows)), key=lambda place: len(rows[place]))
        with torch.no_grad():
            for start in range(0, len(order), 128):
                batch = order[start : start + 128]
                found[batch] = self.head(self.base.mean(self.base.together([rows[place] for place in batch]))).numpy()
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
        self.head.load_state_dict(kept["head"])


def truth(examples: list[Example]) -> tuple[Targets, Targets]:
    """Whether each of RANKS is reached, and how much that counts: nothing for same_day where the bank only says "not escalated"."""
    ranks = np.array([example.rank for example in examples])
    counts = np.ones((len(examples), len(RANKS)), "f4")
    counts[np.array([example.urgency == "not_escalated" for example in examples]), 0] = 0
    return np.stack([ranks >= rank for rank in RANKS], 1).astype("f4"), counts


def batches(lengths: list[int], seed: int) -> list[NDArray[np.int64]]:
    """All places in batches of about the same length, in an order of chance."""
    chance = np.random.default_rng(seed)
    order = chance.permutation(len(lengths))
    pools = [order[start : start + 20 * BATCH] for start in range(0, len(order), 20 * BATCH)]
    ordered = np.concatenate([pool[np.argsort([lengths[place] for place in pool], kind="stable")] for pool in pools])
    found = [ordered[start : start + BATCH] for start in range(0, len(ordered), BATCH)]
    return [found[place] for place in chance.permutation(len(found))]
