"""What each measure accepts: plausible ranges and the units patients write. Sources beside each number."""

from __future__ import annotations

from dataclasses import dataclass

from service.domain.reading import Expects, Measure

POUNDS_A_KILOGRAM = 2.2046226218
POUNDS_A_STONE = 14.0
MG_DL_A_MMOL_L = 18.0
"""Glucose: 1 mmol/L is 18 mg/dL (clinical convention)."""

UNITS: dict[str, str] = {
    "lb": "lb", "lbs": "lb", "pound": "lb", "pounds": "lb", "libra": "lb", "libras": "lb", "#": "lb",
    "kg": "kg", "kgs": "kg", "kilo": "kg", "kilos": "kg", "kilogram": "kg", "kilograms": "kg", "kilogramos": "kg",
    "stone": "stone", "stones": "stone", "st": "stone",
    "mmol": "mmol/L", "mmols": "mmol/L", "mg": "mg", "%": "%", "percent": "%", "pct": "%", "porciento": "%",
    "f": "degF", "fahrenheit": "degF", "c": "Cel", "celsius": "Cel", "centigrade": "Cel", "centigrados": "Cel",
    "bpm": "/min", "pulse": "/min", "ml": "other", "mcg": "other", "units": "other", "unit": "other", "unidades": "other",
    "pills": "other", "pill": "other", "tablets": "other", "pastillas": "other", "times": "other", "veces": "other",
    "am": "time", "pm": "time", "oclock": "time", "hours": "time", "hour": "time", "hrs": "time", "hr": "time",
    "horas": "time", "hora": "time", "minutes": "time", "mins": "time", "min": "time", "minutos": "time",
    "days": "time", "day": "time", "dias": "time", "dia": "time", "weeks": "time", "week": "time", "semanas": "time",
    "semana": "time", "months": "time", "month": "time", "meses": "time", "mes": "time", "years": "time", "yrs": "time",
    "year": "time", "anos": "time", "ano": "time", "st.": "other", "th": "other", "rd": "other", "nd": "other",
    "steps": "other", "miles": "other", "blocks": "other", "cuadras": "other", "puffs": "other", "liters": "other",
    "litros": "other", "oz": "other", "kids": "other", "hijos": "other", "readings": "other", "cups": "other",
}  # fmt: skip
"""The word after a number -> its unit; "other" and "time" make the number something else than a reading."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Plausible values of one measure, both ends included, in the stored unit."""

    unit: str
    lowest: float
    highest: float


PLAUSIBLE: dict[Measure, Limits] = {
    # A person on a home scale: 60 lb (frail adult) to 700 lb (largest home scales). Own choice.
    Measure.WEIGHT: Limits("lb", 60, 700),
    # Home cuffs display 30-300 mmHg; below 50 systolic nobody answers a text. Own choice.
    Measure.BLOOD_PRESSURE: Limits("mmHg", 50, 290),
    # Home meters show 20-600 mg/dL and LO or HI outside.
    Measure.GLUCOSE: Limits("mg/dL", 20, 600),
    # Below 50 % a finger sensor has no contact; own choice, wider than the 70 % that meters are certified to.
    Measure.SPO2: Limits("%", 50, 100),
    # 93-109 F (33.9-42.8 C): beyond, a home thermometer was misread.
    Measure.TEMPERATURE: Limits("degF", 93, 109),
    Measure.PULSE: Limits("/min", 25, 250),
    Measure.SCALE: Limits("{score}", 0, 10),
    Measure.COUNT: Limits("{count}", 0, 200),
}

DIASTOLIC = Limits("mmHg", 25, 190)
MMOL = (2.0, 33.3)
"""mmol/L that a home meter can show."""
CELSIUS = (33.9, 42.9)

MEASURE_OF: dict[Expects, Measure] = {
    Expects.WEIGHT_LB: Measure.WEIGHT,
    Expects.BLOOD_PRESSURE: Measure.BLOOD_PRESSURE,
    Expects.GLUCOSE_MG_DL: Measure.GLUCOSE,
    Expects.SPO2_PCT: Measure.SPO2,
    Expects.TEMP_F: Measure.TEMPERATURE,
    Expects.SCALE_0_10: Measure.SCALE,
    Expects.COUNT: Measure.COUNT,
    Expects.PHQ_ITEM: Measure.SCALE,
}


def plausible(measure: Measure, value: float) -> bool:
    """True when a value in the stored unit can be a reading of a living person at home."""
    limits = PLAUSIBLE[measure]
    return limits.lowest <= value <= limits.highest
