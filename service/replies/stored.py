"""A number in the unit that its measure is kept in, whatever unit it was told in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from service.domain.reading import Finding, FindingKind, Measure, Quantity
from service.replies.measures import (
    CELSIUS,
    MG_DL_A_MMOL_L,
    MMOL,
    PLAUSIBLE,
    POUNDS_A_KILOGRAM,
    POUNDS_A_STONE,
    UNITS,
    WHOLE,
    plausible,
)
from service.replies.normalise import Line
from service.replies.numerals import Number

FITTING_UNITS = {
    Measure.WEIGHT: ("", "lb", "kg", "stone", "stone_pounds"),
    Measure.GLUCOSE: ("", "mg/dL", "mmol/L"),
    Measure.SPO2: ("", "%"),
    Measure.TEMPERATURE: ("", "degF", "Cel"),
    Measure.PULSE: ("",),
    Measure.PEAK_FLOW: ("",),
    Measure.INR: ("",),
    Measure.SCALE: ("", "%"),
    Measure.COUNT: ("",),
}
"""In which each may be told; "" for none."""


@dataclass(frozen=True, slots=True)
class InUnit:
    """A number in the stored unit."""

    number: Number
    quantity: Quantity


def value_finding(line: Line, measure: Measure, quantity: Quantity, first: int, last: int, rule: str) -> Finding:
    """A value that was told from token `first` up to token `last`."""
    return Finding(FindingKind.VALUE, str(measure), rule, line.span(first, last), quantity=quantity)


def in_stored_unit(measure: Measure, number: Number, unit: str) -> tuple[Quantity | None, str]:
    """The number in the stored unit, or why not."""
    value, stored = number.value, PLAUSIBLE[measure].unit
    if measure is Measure.WEIGHT and unit == "stone_pounds":
        unit = "stone"
    elif measure is Measure.WEIGHT and unit in ("kg", "stone"):
        value = round(value * (POUNDS_A_KILOGRAM if unit == "kg" else POUNDS_A_STONE), 1)
    elif measure is Measure.GLUCOSE:
        if unit == "mmol/L" or (unit == "" and number.decimal and MMOL[0] <= value <= MMOL[1]):
            value, unit = float(round(value * MG_DL_A_MMOL_L)), "mmol/L"
        elif unit == "" and not number.decimal and MMOL[0] <= value <= MMOL[1]:
            return None, "ambiguous_unit"
    elif measure is Measure.TEMPERATURE and (unit == "Cel" or (unit == "" and CELSIUS[0] <= value <= CELSIUS[1])):
        value, unit = round(value * 9 / 5 + 32, 1), "Cel"
    if not plausible(measure, value) or (measure in WHOLE and not float(value).is_integer()):
        return None, "implausible"
    return Quantity(round(value, 4), stored, stated_unit=unit), ""


def unit_of(words: Sequence[str], number: Number) -> str:
    """The unit that was told with the number, in UCUM or as we call it ("stone_pounds"); "" for none that we know."""
    if number.unit:
        return number.unit if number.unit == "stone_pounds" else UNITS.get(number.unit, "")
    after = list(words[number.last : number.last + 4])
    while after[:1] and after[0] in ("degrees", "degree", "grados", "grado", "°", "º", "(", "deg"):
        after = after[1:]
    if after[:2] == ["por", "ciento"] or after[:2] == ["per", "cent"]:
        return "%"
    unit = UNITS.get(after[0], "") if after else ""
    if unit == "mg":
        return "mg/dL"
    return unit if unit not in ("other", "time", "/min") else ""
