"""A personal limit as rules know it: its unit, which way it bounds, and the amounts that hold without one."""

from __future__ import annotations

from dataclasses import dataclass

from service.domain.reading import Measure

BASES: dict[str, Measure] = {
    **{f"baseline_{measure}": measure for measure in (Measure.SPO2, Measure.PULSE, Measure.WEIGHT, Measure.PEAK_FLOW)},
    "best_peak_flow": Measure.PEAK_FLOW,
    "dry_weight": Measure.WEIGHT,
}
"""Numbers that readings are compared with: no bounds themselves, so only a named clinician sets them."""


@dataclass(frozen=True, slots=True)
class LimitTerm:
    """What may be recorded under the name of a limit; amounts are in `unit`, the stored one."""

    name: str
    unit: str
    upper: bool
    """A reading (or change) at or above it calls a nurse, else one below it."""
    difference: bool
    """It bounds the difference between two readings."""
    lowest: float
    highest: float
    """What can be one at all."""
    usual: tuple[float, ...] = ()
    """The amounts in force without one."""

    def loosens(self, amount: float) -> bool:
        """Whether this amount lets pass what a rule would call a nurse for. Of a base nobody can tell: True."""
        if self.name in BASES or not self.usual:
            return True
        return amount > min(self.usual) if self.upper else amount < max(self.usual)

    @property
    def example(self) -> str:
        """An amount as it is written."""
        return f"{self.usual[0] if self.usual else self.lowest:g} {self.unit}".strip()

    @property
    def bounds(self) -> str:
        """The least and the greatest that can be recorded."""
        return f"{self.lowest:g}-{self.highest:g} {self.unit}".strip()
