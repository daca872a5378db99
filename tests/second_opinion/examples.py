"""What the second opinion learns from: the open labelled replies, the banks of wordings, and the lines written for it.

A line of told/ carries all its labels: "<urgency> <labels> | <reply>", the labels being the outputs of the model (`outputs.py`)
and some that only look like one: -name (denied or gone), <name (past), @name (somebody else's), ?name (only spoken of), third_party,
wrong_number. One in ten was put aside in told_held_out/, in the same form: it is not learned, it sets the thresholds of the answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.second_opinion.outputs import OUTPUTS
from tests.unit.replies.test_sets import BANKS, cases, lines_of

HERE = Path(__file__).parent
ORDER = {"none": 0, "not_escalated": 0, "same_day": 1, "urgent": 2, "emergency": 3, "unknown": 0}


@dataclass(frozen=True, slots=True)
class Example:
    """One reply and how urgent it is; `not_escalated` is none or same_day."""

    text: str
    language: str
    urgency: str
    source: str
    told: frozenset[str] | None = None
    """Which of OUTPUTS, besides the urgency, are true of it; None where nobody has said."""

    @property
    def rank(self) -> int:
        """0 none, 1 same_day, 2 urgent, 3 emergency."""
        return ORDER[self.urgency]

    @property
    def harmless(self) -> bool:
        """Nobody has to be woken, and as far as is known nobody has to look."""
        return self.rank == 0


def examples() -> list[Example]:
    """Every open reply, wording and line that is learned from."""
    found = [Example(case["reply"], case["lang"], case["urgency"], "labelled", _labelled(case["labels"])) for case in cases("labelled")]
    found += _of_banks([*BANKS, *sorted((HERE / "lines").glob("*.txt"))])
    return found + _wishes_to_stop() + _told("told")


def held_out() -> list[Example]:
    """Lines that nothing learns from, for the thresholds of the urgency."""
    return _of_banks(sorted((HERE / "held_out").glob("*.txt")))


def told_held_out() -> list[Example]:
    """Lines with all their labels that nothing learns from, for the thresholds of the other answers."""
    return _told("told_held_out")


def _labelled(labels: dict[str, Any]) -> frozenset[str]:
    found = {f"symptom:{name}" for name in labels.get("symptoms_present", ())}
    if labels.get("opt_out") and not labels.get("deceased") and not labels.get("hospice"):
        found.add("opt_out")
    for label, prefix in (("medication", "medication"), ("missed_reason", "reason"), ("crisis_type", "crisis"), ("request", "request")):
        if label in labels:
            found.add(f"{prefix}:{labels[label]}")
    return frozenset(found)


def _told(folder: str) -> list[Example]:
    return [
        Example(reply, file.stem[:2], urgency, file.stem, told)
        for file in sorted((HERE / folder).glob("*.txt"))
        for urgency, told, reply in map(read_line, file.read_text(encoding="utf-8").splitlines())
    ]


def read_line(line: str) -> tuple[str, frozenset[str], str]:
    """Urgency, outputs and reply of a line of told/. Raises ValueError on a label that is none."""
    labels, _, reply = line.partition(" | ")
    urgency, *more = labels.split()
    if urgency not in ORDER or not reply.strip():
        raise ValueError(f"no urgency or no reply: {line}")
    found = set()
    for label in more:
        name = label.replace("why:", "reason:").replace("req:", "request:").replace("+", "symptom:")
        name = f"medication:{name}" if f"medication:{name}" in OUTPUTS else name
        if name in OUTPUTS:
            found.add(name)
        elif label not in ("third_party", "wrong_number") and not (label[0] in "-<@?" and f"symptom:{label[1:]}" in OUTPUTS):
            raise ValueError(f"{label} is no label: {line}")
    return urgency, frozenset(found), reply


def _wishes_to_stop() -> list[Example]:
    """Only whether they ask for the messages to stop is known of these."""
    return [
        Example(reply, file.stem, "unknown", "stop", frozenset({"opt_out"} if block["urgency"] == "stop" else ()))
        for file in sorted((HERE / "stop").glob("*.txt"))
        for block, reply in lines_of(file)
    ]


def _of_banks(banks: list[Path]) -> list[Example]:
    return [Example(reply, bank.stem[:2], block["urgency"], bank.stem) for bank in banks for block, reply in lines_of(bank)]
