"""What the second opinion learns from: the open labelled replies, the banks of wordings, and the lines written for it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.unit.replies.test_sets import BANKS, cases, lines_of

HERE = Path(__file__).parent
ORDER = {"none": 0, "not_escalated": 0, "same_day": 1, "urgent": 2, "emergency": 3}


@dataclass(frozen=True, slots=True)
class Example:
    """One reply and how urgent it is; `not_escalated` is none or same_day."""

    text: str
    language: str
    urgency: str
    source: str

    @property
    def rank(self) -> int:
        """0 none, 1 same_day, 2 urgent, 3 emergency."""
        return ORDER[self.urgency]

    @property
    def harmless(self) -> bool:
        """Nobody has to be woken, and as far as is known nobody has to look."""
        return self.rank == 0


def examples() -> list[Example]:
    """Every open reply, wording and line."""
    found = [Example(case["reply"], case["lang"], case["urgency"], "labelled") for case in cases("labelled")]
    return found + _of_banks([*BANKS, *sorted((HERE / "lines").glob("*.txt"))])


def held_out() -> list[Example]:
    """Lines that nothing learns from."""
    return _of_banks(sorted((HERE / "held_out").glob("*.txt")))


def _of_banks(banks: list[Path]) -> list[Example]:
    return [Example(reply, bank.stem[:2], block["urgency"], bank.stem) for bank in banks for block, reply in lines_of(bank)]
