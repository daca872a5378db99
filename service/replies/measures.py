"""What each measure accepts: plausible ranges and the units patients write. Sources beside each number."""

from __future__ import annotations

from dataclasses import dataclass

from service.domain.reading import Expects, Measure

POUNDS_A_KILOGRAM = 2.2046226218
POUNDS_A_STONE = 14.0
OUNCES_A_POUND = 16.0
MG_DL_A_MMOL_L = 18.0
"""Glucose: 1 mmol/L is 18 mg/dL (clinical convention)."""

_WORDS_OF_UNITS = {
    "lb": "lb lbs lbd lbz ibs ib pound pounds pund punds pouds poumds pouns pounda punds lbss libra libras libritas livras libra lb's #",
    "kg": "kg kgs kgm kilo kilos kilso klos quilos kilogram kilograms kilogramo kilogramos kilitos kilogramme kilogrammes",
    "stone": "stone stones st stn",
    "mmol/L": "mmol mmols mmol's millimoles milimoles mmoles",
    "mg": "mg mgs miligramos milligrams",
    "%": "% percent pct porciento prcnt percents",
    "degF": "f fahrenheit farenheit fahrenhiet farenhait",
    "Cel": "c celsius celcius centigrade centigrados centigrado celsios",
    "/min": "bpm pulse",
    "other": "ml mcg units unit unidades pills pill tablets tablet pastillas pastilla times veces th rd nd steps miles blocks cuadras"
    " puffs puff liters liter litros litro oz ounces ounce onzas onza kids hijos readings cups cup dollars bucks pesos dolares feet ft"
    " inches stairs escalones pasos tabletas capsulas tragos vasos grams gramos carbs carbohidratos calories calorias dosis doses shots"
    " gotas drops people personas dedos fingers meals comidas naps almohadas pillows grandkids nietos cats dogs bites slices rebanadas"
    " tacos tortillas x",
    "time": "am pm oclock hours hour hrs hr horas hora minutes mins min minutos minute minuto days day dias dia weeks week semanas"
    " semana months month meses mes years yrs year yr anos ano nights noches noon midnight mediodia seconds segundos secs",
}
UNITS: dict[str, str] = {word: unit for unit, words in _WORDS_OF_UNITS.items() for word in words.split()}
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
    # 20 /min: slower, nobody answers a text; 250 /min is what home monitors can count. Own choice.
    Measure.PULSE: Limits("/min", 20, 250),
    # The scales of mechanical peak-flow meters: 60-400 (low range, children) and 60-900 L/min; below 50 no breath was blown.
    Measure.PEAK_FLOW: Limits("L/min", 50, 900),
    # Home meters show 0.8-8.0; a laboratory writes up to about 20 before "cannot be measured". Own choice, wide: a high one is a danger.
    Measure.INR: Limits("{INR}", 0.5, 20),
    Measure.SCALE: Limits("{score}", 0, 10),
    Measure.COUNT: Limits("{count}", 0, 200),
}

DIASTOLIC = Limits("mmHg", 25, 190)
MMOL = (2.0, 33.3)
"""mmol/L that a home meter can show."""
CELSIUS = (33.9, 42.9)
WHOLE = frozenset({Measure.COUNT, Measure.PULSE, Measure.PEAK_FLOW})
"""Measures that are whole numbers: two and a half pillows, or "2.5" of an INR told as a pulse, are asked again."""
LITERS = frozenset("l liter liters litre litres litro litros lt lts".split())
"""The unit of a peak flow as it is written: "420 L/min", "420 litros por minuto"."""

MEASURE_OF: dict[Expects, Measure] = {
    Expects.WEIGHT_LB: Measure.WEIGHT,
    Expects.BLOOD_PRESSURE: Measure.BLOOD_PRESSURE,
    Expects.GLUCOSE_MG_DL: Measure.GLUCOSE,
    Expects.SPO2_PCT: Measure.SPO2,
    Expects.TEMP_F: Measure.TEMPERATURE,
    Expects.PULSE: Measure.PULSE,
    Expects.PEAK_FLOW: Measure.PEAK_FLOW,
    Expects.INR: Measure.INR,
    Expects.SCALE_0_10: Measure.SCALE,
    Expects.COUNT: Measure.COUNT,
    Expects.PHQ_ITEM: Measure.SCALE,
}


def plausible(measure: Measure, value: float) -> bool:
    """True when a value in the stored unit can be a reading of a living person at home."""
    limits = PLAUSIBLE[measure]
    return limits.lowest <= value <= limits.highest
