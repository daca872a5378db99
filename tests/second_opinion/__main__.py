"""`python -m tests.second_opinion`: makes lexicon/shared/opinion.npz, the model of the second opinion. Takes about two hours on two cores.

1. The base model (12 layers) learns the examples. 2. Its first layers, with what they have learned so far, learn them again, told both the
truth and what the whole model thinks. 3. Thresholds are set on the lines of held_out/, which nothing learns from. 4. The file is written.
Steps 1 and 2 keep what they learned in build/second_opinion/; delete a file there to take its step again.
Needs the packages of requirements.txt beside this file, in an environment with the project's own (README.md there says how).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.content import OPINION, PACKAGE
from service.replies.opinion import ANSWERS, LEVELS, build_opinion
from tests.second_opinion.examples import Example, examples, held_out
from tests.second_opinion.export import arrays_of
from tests.second_opinion.learner import Learner, truth

KEPT = Path("build") / "second_opinion"
WHOLE, LAYERS = 12, 6
TRUTH = 0.6
"""How much the truth counts beside what the whole model thinks."""
SHARES = {"worrying": 0.06, "dangerous": 0.025, "grave": 0.015}
"""Level -> share of the harmless held-out lines that may reach it."""


def main() -> None:
    """Trains what is not trained yet, tells what was reached, writes."""
    parser = argparse.ArgumentParser(prog="python -m tests.second_opinion", description=__doc__.splitlines()[0])
    parser.add_argument("--only-thresholds", action="store_true", help="set the thresholds anew for what was learned before")
    arguments = parser.parse_args()
    KEPT.mkdir(parents=True, exist_ok=True)
    given = examples()
    print(f"{len(given)} replies and wordings, {sum(example.rank >= 2 for example in given)} of danger")
    small = Learner(LAYERS)
    small_file = KEPT / f"layers{LAYERS}.pt"
    if arguments.only_thresholds and not small_file.exists():
        parser.error(f"there is no {small_file}: run it without --only-thresholds first")
    if not small_file.exists():
        _learn(small, given, small_file)
    small.read(small_file)
    arrays = arrays_of(small, given)
    arrays["thresholds"] = thresholds(arrays, held_out())
    file = PACKAGE / "replies" / "lexicon" / OPINION
    np.savez_compressed(file, **arrays)
    print(f"{file.name}: {file.stat().st_size // 1_000_000} MB")


def _learn(small: Learner, given: list[Example], file: Path) -> None:
    wanted, counts = truth(given)
    whole, whole_file = Learner(WHOLE), KEPT / f"layers{WHOLE}.pt"
    if not whole_file.exists():
        whole.learn(given, wanted, counts)
        whole.write(whole_file)
    whole.read(whole_file)
    thought = 1 / (1 + np.exp(-whole.judge([example.text for example in given])))
    small.start_from(whole)
    small.learn(given, np.where(counts > 0, TRUTH * wanted + (1 - TRUTH) * thought, thought).astype("f4"), np.ones_like(counts))
    small.write(file)


def thresholds(arrays: dict[str, NDArray[Any]], lines: list[Example]) -> NDArray[np.float32]:
    """The log odds that only so many of the harmless lines reach, in the order of LEVELS; judged as in service."""
    opinion = build_opinion({**arrays, "thresholds": np.zeros(len(LEVELS))})
    odds = np.array([opinion.odds(line.text)[0] for line in lines])
    harmless = np.array([line.harmless for line in lines])
    rank = np.array([line.rank for line in lines])
    found = []
    for level in LEVELS:
        told = odds[:, ANSWERS[level]]
        found.append(np.sort(told[harmless])[::-1][int(harmless.sum() * SHARES[level])])
        reached = [f"{name} {(told[rank == number] >= found[-1]).mean():.3f}" for name, number in (("emergencies", 3), ("urgent", 2))]
        print(f"{level:<10} from {found[-1]:.2f}, held-out lines that reach it: {', '.join(reached)}")
    return np.array(found, "f4")


if __name__ == "__main__":
    main()
