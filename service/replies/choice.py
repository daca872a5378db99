"""Which of several numbers is the reading that a question asked for: two ends of a range are none, two breaths are the best one."""

from __future__ import annotations

import re
from collections.abc import Sequence

from service.domain.reading import Measure, Question
from service.replies.clues import HARD, Candidate, lean
from service.replies.counted import plain_words
from service.replies.numerals import Number
from service.replies.scan import Match
from service.replies.stored import InUnit

RANGE = frozenset(
    {
        *("-", "to", "or", "o", "u", "a", "al", "hasta", "or maybe", "or like", "o tal vez", "or a", "to a", "o un", "a un", "maybe"),
        *(
            "maybe a",
            ", maybe",
            ", tal vez",
            "tal vez",
            "quizas",
            "o quizas",
            "or even",
            "o hasta",
            "through",
            "or possibly",
            ", or",
            ", o",
        ),
    }
)
"""Words between two numbers for one reading."""
FAR_APART = 20
BETWEEN_RANGE = frozenset({"and", "y", "and a", "y un", "and like", "y los", "and the"})
NOT_IN_RANGE = HARD | {"someone", "earlier"}
CHANGED = frozenset(
    "went gone going down up dropped fell moved improved came come rose jumped"
    " bajo subio paso baje subi pase bajaron brinco bajado subido".split()
)
"""Before "from 8 to 4" these tell of a change whose end is the reading."""
FASTING = re.compile(
    r"fasting|before breakfast|before (you )?eat|morning|wake|woke|ayunas|amanec|despert|levant|manana|antes de (comer|desayun)"
)
AFTER_MEAL = re.compile(
    r"after (a |your )?(meal|eating|breakfast|lunch|dinner)|despues de (comer|desayun|cen|almorz)|bedtime|tonight|noche"
)
ABOUT_PAIN = re.compile(r"\bpain|dolor|hurt|duele")
PULSE_APART = 8.0
"""A second bare number on an oximeter this far below the first is the pulse; nearer ones may be either, or two tries of one."""


def mark_measured_apart(
    words: Sequence[str],
    candidates: Sequence[Candidate],
    numbers: Sequence[Number],
    matches: Sequence[Match],
    measure: Measure,
    question: Question,
) -> None:
    """Numbers with another measure's name ("81 de pulso", "A1c 7.2", pain when distress was asked) are not the reading."""
    names = {"about_other", *(f"about_{each}" for each in Measure)}
    own = f"about_{measure}"
    if measure is Measure.SCALE:
        own = "about_pain" if ABOUT_PAIN.search(" ".join(plain_words(question.text))) else "about_distress"
        names |= {"about_pain", "about_distress"}
    marked = {c.first: Candidate(c.first, c.last) for c in candidates}
    for number in numbers:
        if not any(c.first <= number.first < c.last for c in candidates):
            marked[number.first] = Candidate(number.first, number.last)
    lean(words, [marked[first] for first in sorted(marked)], matches, frozenset(names))
    own_named = any(own in mark.clues for mark in marked.values())
    for candidate in candidates:
        mark = marked[candidate.first]
        others = mark.clues - {own}
        if others and own not in mark.clues and (measure is not Measure.SCALE or own_named or "about_other" in others):
            candidate.clues.add("other_number")


def preferred(measure: Measure, question: Question) -> str:
    """fasting or after_meal when a glucose question asks for it."""
    if measure is not Measure.GLUCOSE:
        return ""
    text = " ".join(plain_words(question.text))
    if not text or FASTING.search(text):
        return "fasting"
    return "after_meal" if AFTER_MEAL.search(text) else ""


def the_one(
    words: Sequence[str],
    left: Sequence[Candidate],
    candidates: Sequence[Candidate],
    readings: Sequence[InUnit],
    matches: Sequence[Match],
    measure: Measure,
) -> Candidate | None:
    """The candidate that counts; None when two stand for one reading. Of several breaths into a peak-flow meter the best one counts."""
    chosen = left[0] if any(m.kind == "marker" and m.name == "both_sides" for m in matches) else left[-1]
    stated = [c for c in left if readings[candidates.index(c)].quantity.stated_unit]
    if len(left) > 1 and stated and len(stated) < len(left) and measure is not Measure.GLUCOSE and not chosen.clues - {"own"}:
        chosen = stated[-1]
    retaken = any(m.kind == "marker" and m.name in ("now", "correction") for m in matches)
    if measure in (Measure.SCALE, Measure.COUNT) and len(left) > 1 and left[0].first == 0 and not retaken and not chosen.clues - {"own"}:
        following = left[1]
        if following.first - left[0].last > FAR_APART or any(word in (".", ",") for word in words[left[0].last : following.first]):
            chosen = left[0]
    place = candidates.index(chosen)
    for other in (place - 1, place + 1):
        if (
            0 <= other < len(candidates)
            and not candidates[other].clues & NOT_IN_RANGE
            and is_range(words, candidates[min(other, place)], candidates[max(other, place)])
        ):
            return None
    if measure is Measure.SPO2 and len(left) == 2 and not any(c.clues for c in left):
        return _oximeter(words, left, candidates, readings)
    if measure is Measure.PEAK_FLOW and len(left) > 1 and not any(c.clues - {"own"} for c in left):
        return max(left, key=lambda c: readings[candidates.index(c)].quantity.value)
    if measure is Measure.PULSE and len(left) > 1 and not any(c.clues - {"own"} for c in left):
        told = [readings[candidates.index(c)].quantity.value for c in left]
        return chosen if max(told) - min(told) <= PULSE_APART else None
    if measure is Measure.COUNT and len(left) > 1 and not retaken and left[0].first != 0 and chosen is left[-1]:
        distinct = {readings[candidates.index(c)].quantity.value for c in left}
        return chosen if len(distinct) == 1 or chosen.clues else None
    return chosen


def is_range(words: Sequence[str], first: Candidate, second: Candidate) -> bool:
    """ "between 5 and 6", "6 or 7", "8-9": two numbers for one reading; "down from 8 to 4" is none."""
    between = " ".join(words[first.last : second.first])
    before = words[first.first - 1] if first.first else ""
    if before in ("from", "de", "desde") and first.first >= 2 and words[first.first - 2] in CHANGED:
        return False
    if between in RANGE:
        return True
    return between in BETWEEN_RANGE and any(word in ("between", "entre", "tween") for word in words[max(0, first.first - 3) : first.first])


def _oximeter(
    words: Sequence[str], left: Sequence[Candidate], candidates: Sequence[Candidate], readings: Sequence[InUnit]
) -> Candidate | None:
    """Two bare numbers side by side: oxygen and pulse as the oximeter shows them, two tries when they are close, else unclear."""
    first, second = left
    between = list(words[first.last : second.first])
    if len(between) > 1 or (between and between[0] not in ("/", ",", "and", "y", "-", "&")):
        return second
    one, two = (readings[candidates.index(c)].quantity.value for c in left)
    if abs(one - two) <= PULSE_APART:
        return second
    return first if one >= 85 and one > two else None
