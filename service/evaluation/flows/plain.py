"""What nurses say for the names of the flow language: symptoms, values, limits, lengths of time."""

from __future__ import annotations

import re

_WORDS = {
    "spo2": "oxygen",
    "systolic": "upper pressure",
    "diastolic": "lower pressure",
    "copd": "COPD",
    "inr": "INR",
    "phq": "PHQ",
}
"""Stand so in longer names too."""
NAMES = {
    "orthopnea": "breathless lying flat",
    "abdominal_pain": "belly pain",
    "abdominal_swelling": "swollen belly",
    "depressed_mood": "low mood",
    "drowsiness": "very sleepy",
    "exertional": "on effort",
    "facial_droop": "one side of the face droops",
    "flank_pain": "pain in the side",
    "hallucinations": "sees or hears what is not there",
    "head": "a blow to the head",
    "insomnia": "cannot sleep",
    "near_faint": "near fainting",
    "palpitations": "pounding or uneven heartbeat",
    "relapse": "used again",
    "saddle": "between the legs",
    "skin_color_change": "skin pale, gray or blue",
    "sputum_change": "phlegm has changed",
    "tremor": "shaking hands",
    "urinary_leakage": "leaks urine",
    "urinary_retention": "cannot pass urine",
}
"""Every other name is its own words with spaces: leg_swelling is "leg swelling"."""
LIMITS = {
    "diastolic_high": "high lower pressure",
    "gain_a_day": "weight gained a day",
    "gain_between_sessions": "weight gained a day between sessions",
    "glucose_high": "high blood sugar",
    "inr_high": "high INR",
    "inr_low": "low INR",
    "missed_days": "days with a missed dose",
    "pain_high": "severe pain",
    "pulse_high": "fast pulse",
    "pulse_low": "slow pulse",
    "spo2_emergency": "dangerously low oxygen",
    "spo2_low": "low oxygen",
    "systolic_high": "high upper pressure",
    "systolic_low": "low upper pressure",
    "temperature_high": "high temperature",
    "weight_gain_24h": "weight gained in a day",
    "weight_gain_3d": "weight gained in three days",
    "weight_gain_7d": "weight gained in a week",
    "weight_loss_7d": "weight lost in a week",
}
_UNITS = {"min": "minute", "h": "hour", "d": "day"}
_SPAN = re.compile(r"(\d+) (min|h|d)")


def name_in_words(name: str) -> str:
    """A name of the flow language in words; a step of a subflow stands behind the one that runs it."""
    return NAMES.get(name) or " ".join(_WORDS.get(word, word) for word in name.replace(".", ": ").replace("_", " ").split(" "))


def limit_in_words(name: str) -> str:
    """What a personal limit is of, as in "the patient's own limit for ..."."""
    return LIMITS.get(name) or name_in_words(name)


def span_in_words(written: object) -> str:
    """A length of time: "24 h" is "24 hours", "1 d" is "1 day". Anything else stays as it is."""
    return _SPAN.sub(lambda match: f"{match[1]} {_UNITS[match[2]]}{'' if match[1] == '1' else 's'}", str(written))
