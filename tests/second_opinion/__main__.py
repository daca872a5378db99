"""`python -m tests.second_opinion`: trains on the open labelled replies and the wordings, writes lexicon/shared/opinion.json.

Logistic regression (danger, that is urgent or above, against the rest) by stochastic gradient descent with AdaGrad steps. The thresholds
are set on harmless replies that were left out of training (five folds), at the shares of them that may reach a level.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from math import exp, sqrt
from pathlib import Path

from service.content import load_lexicon
from service.replies.normalise import normalise
from service.replies.opinion import LEVELS, Opinion, features_of
from tests.unit.replies.test_sets import BANKS, cases, lines_of

WRITTEN_TO = Path(__file__).parents[2] / "service" / "replies" / "lexicon" / "shared" / "opinion.json"
SHARES = {"worrying": 0.06, "dangerous": 0.03, "grave": 0.01}
"""Level -> share of harmless replies that may reach it."""
DANGER = ("urgent", "emergency")
EPOCHS = 6
STEP = 0.1
DECAY = 5e-5
RAREST = 2
KEPT = 30_000
"""Features written: those of the greatest weight."""
FOLDS = 5

Example = tuple[list[list[str]], bool, bool, float]
"""Features of each word, danger, harmless, how much it counts."""


def examples() -> list[Example]:
    """Every open reply and wording."""
    lexicon = load_lexicon()

    def made(text: str, urgency: str, counts: float) -> Example:
        words = [token.text for token in normalise(lexicon, text[:1600]).tokens]
        return features_of(words), urgency in DANGER, urgency in ("none", "not_escalated"), counts

    found = [made(case["reply"], case["urgency"], 2.0) for case in cases("labelled")]
    for bank in [*BANKS, *sorted((Path(__file__).parent / "lines").glob("*.txt"))]:
        found += [made(reply, block["urgency"], 1.0) for block, reply in lines_of(bank)]
    return found


def train(given: list[Example], seed: int = 1) -> Opinion:
    """The opinion of these examples, without thresholds."""
    counts = Counter(feature for words, *_ in given for feature in {feature for word in words for feature in word})
    kept = {feature for feature, count in counts.items() if count >= RAREST}
    rows = [([f for word in words for f in word if f in kept], danger, weight) for words, danger, _, weight in given]
    share = sum(danger for _, danger, _ in rows) / len(rows)
    weights = dict.fromkeys(kept, 0.0)
    slopes = dict.fromkeys(kept, 1e-6)
    bias, bias_slope = 0.0, 1e-6
    dice = random.Random(seed)
    for _ in range(EPOCHS):
        dice.shuffle(rows)
        for features, danger, weight in rows:
            if not features:
                continue
            scale = 1 / sqrt(len(features))
            score = bias + scale * sum(weights[feature] for feature in features)
            error = (1 / (1 + exp(-max(min(score, 30), -30)))) - danger
            error *= weight * (0.5 / share if danger else 0.5 / (1 - share))
            bias_slope += error * error
            bias -= STEP * error / sqrt(bias_slope)
            step = error * scale
            for feature in features:
                slope = step + DECAY * weights[feature]
                slopes[feature] += slope * slope
                weights[feature] -= STEP * slope / sqrt(slopes[feature])
    return Opinion(weights, bias, dict.fromkeys(LEVELS, 0.0))


def thresholds(given: list[Example]) -> dict[str, float]:
    """The score that only so many harmless replies reach which the opinion was not trained on."""
    harmless: list[float] = []
    danger: list[float] = []
    for fold in range(FOLDS):
        opinion = train([one for number, one in enumerate(given) if number % FOLDS != fold])
        for words, bad, good, _ in given[fold::FOLDS]:
            if bad or good:
                (danger if bad else harmless).append(opinion.score(words)[0])
    harmless.sort(reverse=True)
    found = {level: harmless[int(len(harmless) * share)] for level, share in SHARES.items()}
    for level, score in found.items():
        print(
            f"{level:<10} from {score:.2f}: {sum(s >= score for s in danger) / len(danger):.3f} of dangerous replies left out of training"
        )
    return found


def main() -> None:
    """Trains, tells what was reached, writes."""
    given = examples()
    random.Random(7).shuffle(given)
    print(f"{len(given)} replies and wordings, {sum(danger for _, danger, *_ in given)} of danger")
    levels = thresholds(given)
    opinion = train(given)
    heaviest = sorted(opinion.weights, key=lambda feature: (-abs(opinion.weights[feature]), feature))[:KEPT]
    body = {
        "format": 1,
        "source": "Trained on the project's own labelled replies and wordings (tests/unit/replies); see tests/second_opinion.",
        "bias": round(opinion.bias, 3),
        "thresholds": {level: round(score, 3) for level, score in levels.items()},
        "weights": {feature: round(opinion.weights[feature], 2) for feature in sorted(heaviest)},
    }
    WRITTEN_TO.write_text(json.dumps(body, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")
    print(f"{len(heaviest)} weights of {len(opinion.weights)} written to {WRITTEN_TO.name}, {WRITTEN_TO.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
