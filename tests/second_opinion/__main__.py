"""`python -m tests.second_opinion`: makes lexicon/shared/opinion.npz, the model of the second opinion. Takes about two hours on two cores.

1. The base model (12 layers) learns the examples. 2. Its first layers, with what they have learned so far, learn them again, told both the
truth and what the whole model thinks. 3. Thresholds are set on the lines of held_out/, which nothing learns from. 4. The file is written.
Steps 1 and 2 keep what they learned in build/second_opinion/; delete a file there to take its step again. `--again` goes on from the file
that the product has, over the lines with all labels and so many of the others (half an hour).
Needs the packages of requirements.txt beside this file, in an environment with the project's own (README.md there says how).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.content import OPINION, PACKAGE
from service.replies.opinion import ANSWERS, LEVELS, Opinion, build_opinion
from tests.second_opinion.examples import Example, examples, held_out, told_held_out
from tests.second_opinion.export import arrays_of, learner_of
from tests.second_opinion.learner import Learner, truth
from tests.second_opinion.outputs import RANKS, TOLD

KEPT = Path("build") / "second_opinion"
WHOLE, LAYERS = 12, 6
TRUTH = 0.6
"""How much the truth counts beside what the whole model thinks."""
SHARES = {"worrying": 0.06, "dangerous": 0.025, "grave": 0.015}
"""Level -> share of the harmless held-out lines that may reach it."""
OVERLOOKED = 0.01
"""Share of the held-out lines that need a person which may be taken for plain."""
WANTED = {"opt_out": (0.87, 0.015), "crisis": (0.8, 0.02), "medication": (0.83, 0.0), "reason": (0.73, 0.0), "symptom": (0.8, 0.015)}
"""Kind of answer -> the share that must be true of what it is sure of, and the share of what is told that it may find unlikely."""
OLD_ONES = 14_000
"""Examples of the urgency alone that --again learns once more beside the others."""


def main() -> None:
    """Trains what is not trained yet, tells what was reached, writes."""
    parser = argparse.ArgumentParser(prog="python -m tests.second_opinion", description=__doc__.splitlines()[0])
    parser.add_argument("--only-thresholds", action="store_true", help="set the thresholds of the product's file anew")
    parser.add_argument("--again", action="store_true", help="go on learning from the product's file")
    arguments = parser.parse_args()
    KEPT.mkdir(parents=True, exist_ok=True)
    given = examples()
    print(f"{len(given)} replies and wordings, {sum(example.rank >= 2 for example in given)} of danger")
    file = PACKAGE / "replies" / "lexicon" / OPINION
    if arguments.only_thresholds:
        arrays = dict(np.load(file))
    else:
        arrays = arrays_of(_learn_again(given, file) if arguments.again else _learn(given), given)
    arrays.update(_open(len(TOLD)))
    arrays.update(thresholds(build_opinion(arrays), held_out(), told_held_out()))
    np.savez_compressed(file, **arrays)
    print(f"{file.name}: {file.stat().st_size // 1_000_000} MB")


def _learn(given: list[Example]) -> Learner:
    """What the first layers have learned from the truth and from the whole model; from the file that is kept where there is one."""
    small, file = Learner(LAYERS), KEPT / f"layers{LAYERS}.pt"
    if file.exists():
        small.read(file)
        return small
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
    return small


def _learn_again(given: list[Example], file: Path) -> Learner:
    """Everything whose labels are all known, and a part of the rest so that it is not forgotten: told half by what was thought before."""
    small = learner_of(np.load(file))
    whole = [example for example in given if example.told is not None]
    rest = [example for example in given if example.told is None]
    chosen = [rest[place] for place in np.random.default_rng(0).permutation(len(rest))[:OLD_ONES]]
    wanted, counts = truth(whole + chosen)
    thought = 1 / (1 + np.exp(-small.judge([example.text for example in chosen])))
    old = wanted[len(whole) :, : len(RANKS)]
    of_rank = counts[len(whole) :, : len(RANKS)]
    of_rank[:], old[:] = 1, np.where(of_rank > 0, TRUTH * old + (1 - TRUTH) * thought[:, : len(RANKS)], thought[:, : len(RANKS)])
    small.answer(whole + chosen, wanted, counts)
    small.learn(whole + chosen, wanted, counts)
    return small


def _open(answers: int) -> dict[str, NDArray[Any]]:
    """No thresholds yet."""
    return {"thresholds": np.zeros(len(ANSWERS)), "sure": np.full(answers, np.inf, "f4"), "unlikely": np.full(answers, -np.inf, "f4")}


def thresholds(opinion: Opinion, lines: list[Example], told: list[Example]) -> dict[str, NDArray[Any]]:
    """The log odds for the levels, and those between which the other answers are left open; judged as in service."""
    odds = np.array([opinion.judge(line.text).odds for line in lines])
    of_told = np.array([opinion.judge(line.text).odds for line in told])
    harmless = np.array([line.harmless for line in lines])
    rank = np.array([line.rank for line in lines])
    found = []
    for level, share in ((level, SHARES[level]) for level in LEVELS):
        by = odds[:, ANSWERS[level]]
        found.append(np.sort(by[harmless])[::-1][int(harmless.sum() * share)])
        reached = [f"{name} {(by[rank == number] >= found[-1]).mean():.3f}" for name, number in (("emergencies", 3), ("urgent", 2))]
        print(f"{level:<10} from {found[-1]:.2f}, held-out lines that reach it: {', '.join(reached)}")
    needed = np.concatenate([odds[~harmless, 0], of_told[np.array([line.rank > 0 for line in told]), 0]])
    found.append(np.sort(needed)[int(len(needed) * OVERLOOKED)])
    print(f"plain below {found[-1]:.2f}: {(odds[harmless, 0] < found[-1]).mean():.3f} of the harmless held-out lines")
    sure, unlikely = _open(len(TOLD))["sure"], _open(len(TOLD))["unlikely"]
    for kind, (true, doubted) in WANTED.items():
        of_kind = [place for place, name in enumerate(TOLD) if name.partition(":")[0] == kind]
        by, is_so = (
            of_told[:, len(RANKS) :][:, of_kind],
            np.array([[TOLD[place] in (line.told or ()) for place in of_kind] for line in told]),
        )
        order = np.argsort(-by, axis=None)
        precise = np.cumsum(is_so.flat[order]) / np.arange(1, order.size + 1) >= true
        last = int(np.flatnonzero(precise).max()) if precise.any() else 0
        sure[of_kind] = by.flat[order[last]]
        unlikely[of_kind] = np.sort(by[is_so])[int(is_so.sum() * doubted)] if doubted else -np.inf
        named, passed = (by[is_so] >= sure[of_kind[0]]).mean(), (by[~is_so] < unlikely[of_kind[0]]).mean()
        low, high = unlikely[of_kind[0]], sure[of_kind[0]]
        print(f"{kind:<10} sure from {high:.2f}: {named:.3f} of what is told; unlikely below {low:.2f}: {passed:.3f} of the rest")
    return {"thresholds": np.array(found, "f4"), "sure": sure, "unlikely": unlikely}


if __name__ == "__main__":
    main()
