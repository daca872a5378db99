"""How well replies are read, against labels by people: shares with 95 % intervals, by language, channel and cell, and what was confused.

Equal names (chest tightness and chest pain, ...) and tolerances are those of the label rules that the labels were written by.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

from service.evaluation.lines import URGENCIES

EQUAL = {"chest_tightness": "chest_pain", "bloating": "abdominal_swelling", "throat_swelling": "facial_swelling"}
"""Names that readers may use for one another."""
WITH_A_VALUE = frozenset({"fever", "low_blood_sugar", "high_blood_sugar", "weight_gain", "weight_loss", "pain", "low_blood_pressure"})
"""Symptoms that a value already says: neither asked for nor counted against when the reply has a value."""
MEASURED = frozenset("weight_lb blood_pressure glucose_mg_dl spo2_pct temp_f scale_0_10".split())
FLAGS = ("opt_out", "crisis", "wrong_number", "third_party", "unclear")
RARE_FLAGS = ("unsafe_to_contact", "help", "tapback", "auto_reply", "other_language", "deceased", "hospice")
CHOICES = ("request", "answer")
HIGH = ("emergency", "urgent")
Z = 1.96
REPLIES_OF_100_WEEKS = 700
MILLIMOLES = re.compile(r"\b\d{1,2}[.,]\d\b")


@dataclass(frozen=True, slots=True)
class Figure:
    """`hits` of `of`, and the bar it is held to: at least, or at most for figures of harm ("" and None: none)."""

    name: str
    hits: int
    of: int
    least: float | None = None
    most: float | None = None

    @property
    def share(self) -> float | None:
        """hits / of, None when there was nothing to count."""
        return self.hits / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Wilson's 95 % interval of the share."""
        if not self.of:
            return None
        share, of = self.hits / self.of, self.of
        scale = 1 + Z * Z / of
        centre = (share + Z * Z / 2 / of) / scale
        half = Z * sqrt(share * (1 - share) / of + Z * Z / 4 / of / of) / scale
        return max(centre - half, 0.0), min(centre + half, 1.0)

    @property
    def met(self) -> bool | None:
        """Whether the share keeps to its bar; None without a bar or without cases."""
        if self.share is None or (self.least is None and self.most is None):
            return None
        return (self.least is None or self.share >= self.least) and (self.most is None or self.share <= self.most)


# Name of a figure -> (at least, at most): the bars that a release of the parsers is held to.
BARS: Mapping[str, tuple[float | None, float | None]] = {
    "emergency as emergency": (0.97, None),
    "emergency as urgent or above": (0.995, None),
    "urgent as urgent or above": (0.90, None),
    "urgent seen by a nurse": (0.99, None),
    "harmless escalated": (None, 0.01),
    "harmless put on the same-day list": (None, 0.06),
    "opt_out recall": (0.98, None),
    "opt_out precision": (0.98, None),
    "medication status": (0.94, None),
    "missed or partly recall": (0.96, None),
    "missed reason": (0.90, None),
    "value exact": (0.97, None),
    "wrong value": (None, 0.005),
    "symptom recall": (0.90, None),
    "symptom precision": (0.95, None),
    "denied, past or another's as present": (None, 0.02),
    "crisis recall": (0.96, None),
    "crisis precision": (0.90, None),
}


@dataclass(frozen=True, slots=True)
class Scores:
    """The figures of one group of replies, the table of urgencies (labelled, read) and the ids of replies read wrongly."""

    figures: tuple[Figure, ...]
    confusion: Mapping[tuple[str, str], int]
    unseen: tuple[str, ...]
    """Ids of emergencies that were read below urgent."""
    misread: tuple[str, ...]
    """Ids of replies whose urgency was read otherwise than labelled."""

    @property
    def cases(self) -> int:
        """How many replies were scored."""
        return sum(self.confusion.values())

    @property
    def false_alarms(self) -> tuple[float, float]:
        """False pages (urgent or above) and false same-day items per 100 patient-weeks of a daily check-in, were all replies like these."""
        weeks = self.cases / REPLIES_OF_100_WEEKS
        read = {name: self.confusion["none", name] / weeks if weeks else 0.0 for name in URGENCIES}
        return sum(read[name] for name in HIGH), read["same_day"]


class _Tally:
    def __init__(self) -> None:
        self.hits: Counter[str] = Counter()
        self.of: Counter[str] = Counter()

    def add(self, name: str, hits: int, of: int = 1) -> None:
        self.hits[name] += hits
        self.of[name] += of

    def both(self, name: str, labelled: bool, read: bool, same: bool) -> None:
        """Recall and precision of one yes/no or named label."""
        if labelled:
            self.add(f"{name} recall", same)
        if read:
            self.add(f"{name} precision", same)


def score(labelled: Iterable[Mapping[str, Any]], answers: Mapping[str, Mapping[str, Any]]) -> Scores:
    """Scores answers ({id: {labels, urgency}}) against labelled replies; a reply without an answer counts as read as nothing."""
    tally = _Tally()
    confusion: Counter[tuple[str, str]] = Counter()
    unseen: list[str] = []
    misread: list[str] = []
    for case in labelled:
        answer = answers.get(case["id"], {"labels": {}, "urgency": "none"})
        wanted, read = case["urgency"], answer["urgency"]
        confusion[wanted, read] += 1
        if wanted != read:
            misread.append(case["id"])
        if wanted == "emergency" and read not in HIGH:
            unseen.append(case["id"])
        _urgency(tally, wanted, read)
        _labels(tally, case, case["labels"], answer["labels"])
    figures = tuple(Figure(name, tally.hits[name], tally.of[name], *BARS.get(name, (None, None))) for name in NAMES if tally.of[name])
    return Scores(figures, confusion, tuple(unseen), tuple(misread))


def groups(labelled: Sequence[Mapping[str, Any]], key: str) -> dict[str, list[Mapping[str, Any]]]:
    """The labelled replies by one of their fields (lang, channel, cell), in the order of its names; {} when none has it."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for case in labelled:
        if case.get(key):
            found.setdefault(str(case[key]), []).append(case)
    return dict(sorted(found.items()))


def _urgency(tally: _Tally, wanted: str, read: str) -> None:
    tally.add("urgency exact", wanted == read)
    if wanted == "emergency":
        tally.add("emergency as emergency", read == "emergency")
        tally.add("emergency as urgent or above", read in HIGH)
    elif wanted == "urgent":
        tally.add("urgent as urgent or above", read in HIGH)
        tally.add("urgent seen by a nurse", read != "none")
    elif wanted == "same_day":
        tally.add("same-day seen by a nurse", read != "none")
    else:
        tally.add("harmless escalated", read in HIGH)
        tally.add("harmless put on the same-day list", read == "same_day")


def _labels(tally: _Tally, case: Mapping[str, Any], wanted: Mapping[str, Any], read: Mapping[str, Any]) -> None:
    for name in (*FLAGS, *RARE_FLAGS):
        tally.both(name, bool(wanted.get(name)), bool(read.get(name)), bool(wanted.get(name)) and bool(read.get(name)))
    for name in CHOICES:
        tally.both(name, name in wanted, name in read, name in wanted and wanted[name] == read.get(name))
    _symptoms(tally, wanted, read)
    if "medication" in wanted:
        tally.add("medication status", read.get("medication") == wanted["medication"])
        if wanted["medication"] in ("missed", "partly"):
            tally.add("missed or partly recall", read.get("medication") in ("missed", "partly"))
    elif case.get("expects") == "medication_taken":
        tally.add("medication invented", "medication" in read)
    if "missed_reason" in wanted:
        tally.add("missed reason", read.get("missed_reason") == wanted["missed_reason"])
    if "value" in wanted:
        exact = "value" in read and _same_value(case, wanted["value"], read["value"])
        tally.add("value exact", exact)
        tally.add("wrong value", "value" in read and not exact)
    elif case.get("expects") in MEASURED:
        tally.add("value invented", "value" in read)


def _symptoms(tally: _Tally, wanted: Mapping[str, Any], read: Mapping[str, Any]) -> None:
    present, found = _named(wanted, "symptoms_present"), _named(read, "symptoms_present")
    if "injury" in present and "fall" in found:
        found |= {"injury"}
    free = WITH_A_VALUE if "value" in wanted else frozenset[str]()
    same = (present & found) - free
    tally.add("symptom recall", len(same), len(present - free))
    tally.add("symptom precision", len(same), len(found - free))
    not_present = (_named(wanted, "symptoms_denied") | _named(wanted, "symptoms_past") | _named(wanted, "symptoms_other")) - present
    tally.add("denied, past or another's as present", len(not_present & found), len(not_present))
    denied = _named(wanted, "symptoms_denied")
    tally.add("denied recall", len(denied & _named(read, "symptoms_denied")), len(denied))


def _named(labels: Mapping[str, Any], key: str) -> set[str]:
    return {EQUAL.get(name, name) for name in labels.get(key, [])}


def _same_value(case: Mapping[str, Any], wanted: Any, read: Any) -> bool:
    """Equal within what rounding a converted unit explains: 0.5 lb, 2 mg/dL; always 0.05 lb and 0.15 degF."""
    expects, reply = case["expects"], case["reply"].lower()
    if isinstance(wanted, list) or isinstance(read, list):
        return bool(wanted == read)
    converted = any(unit in reply for unit in ("kg", "kilo", "stone", "mmol"))
    converted = converted or (expects == "glucose_mg_dl" and MILLIMOLES.search(reply) is not None)
    tolerance = {"weight_lb": 0.5 if converted else 0.05, "temp_f": 0.15, "glucose_mg_dl": 2.0 if converted else 0.0}.get(expects, 0.0)
    return bool(abs(float(read) - float(wanted)) <= tolerance + 1e-9)


NAMES = (
    "urgency exact",
    "emergency as emergency",
    "emergency as urgent or above",
    "urgent as urgent or above",
    "urgent seen by a nurse",
    "same-day seen by a nurse",
    "harmless escalated",
    "harmless put on the same-day list",
    "opt_out recall",
    "opt_out precision",
    "medication status",
    "missed or partly recall",
    "missed reason",
    "medication invented",
    "value exact",
    "wrong value",
    "value invented",
    "symptom recall",
    "symptom precision",
    "denied, past or another's as present",
    "denied recall",
    "crisis recall",
    "crisis precision",
    *(f"{name} {side}" for name in ("request", "answer", *FLAGS[2:], *RARE_FLAGS) for side in ("recall", "precision")),
)


def table(labelled: Sequence[Mapping[str, Any]], answers: Mapping[str, Mapping[str, Any]]) -> dict[str, Scores]:
    """Scores of all replies ("all") and by language, channel and cell ("lang en", "channel voice", "cell stroke", ...)."""
    found = {"all": score(labelled, answers)}
    for key in ("lang", "channel", "cell"):
        found.update({f"{key} {name}": score(cases, answers) for name, cases in groups(labelled, key).items()})
    return found


def as_json(scores: Mapping[str, Scores]) -> dict[str, Any]:
    """The same as plain JSON: {group: {cases, figures: {name: {hits, of, share, low, high, least, most}}, confusion, ...}}."""
    return {
        name: {
            "cases": group.cases,
            "figures": {
                figure.name: {
                    "hits": figure.hits,
                    "of": figure.of,
                    "share": figure.share,
                    "low": (figure.interval or (None, None))[0],
                    "high": (figure.interval or (None, None))[1],
                    "at_least": figure.least,
                    "at_most": figure.most,
                }
                for figure in group.figures
            },
            "confusion": {wanted: {read: group.confusion[wanted, read] for read in URGENCIES} for wanted in URGENCIES},
            "emergencies_below_urgent": list(group.unseen),
            "urgency_misread": list(group.misread),
        }
        for name, group in scores.items()
    }
