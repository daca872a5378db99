"""`given:` of a case: what is known about the patient before the check-in, written by how long ago, becomes Facts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from service.domain.facts import Facts, PastAnswer, PastDose, PastSymptom, PastValue, PersonalLimit
from service.domain.reading import Measure
from service.engine.play import MORNING
from service.triage import parse_amount, parse_period

WORDS = frozenset(
    {
        *("weights", "readings", "doses", "symptoms", "limits", "conditions", "takes", "high_risk", "high_alert", "day", "silent"),
        *("language", "detail", "staffed", "unstaffed_in", "educated", "recorded", "emergency"),
    }
)
_PROMISES = {"en": "within 1 hour", "es": "en 1 hora"}
_PRESSURE = re.compile(r"(\d{2,3})/(\d{2,3})")
_DOSES = frozenset({"taken", "missed", "partly", "unsure"})
CLINICIAN = "Dr. Adams"


def facts_of(given: Mapping[str, Any], programme: str) -> Facts:
    """The facts at the beginning of a case. ValueError says what to write instead.

    Without `conditions:` the problem list holds the programme alone.
    """
    if odd := sorted(set(map(str, given)) - WORDS):
        raise ValueError(f'given knows no "{odd[0]}"; write one of {", ".join(sorted(WORDS))}')
    language = str(given.get("language", "en"))
    readings = {**_mapping(given, "readings"), **({"weight": given["weights"]} if "weights" in given else {})}
    history = [_past(name, ago, value) for name, values in readings.items() for ago, value in _entries(values, name)]
    return Facts(
        language=language,
        conditions=frozenset(_list(given.get("conditions", [programme]))),
        medications=tuple(_list(given.get("takes", []))),
        high_alert=_flag(given, "high_alert", False),
        high_risk=_flag(given, "high_risk", False),
        history=tuple(sorted(history, key=lambda past: past.taken_at)),
        doses=tuple(sorted((_dose(ago, told) for ago, told in _entries(given.get("doses", {}), "doses")), key=lambda dose: dose.taken_at)),
        symptoms=tuple(
            sorted(
                (PastSymptom(name, _at(ago)) for ago, names in _entries(given.get("symptoms", {}), "symptoms") for name in _list(names)),
                key=lambda symptom: symptom.at,
            )
        ),
        day=int(given["day"]) if "day" in given else None,
        silent_check_ins=int(given.get("silent", 0)),
        emergency_at=_at(str(given["emergency"])) if "emergency" in given else None,
        educated=tuple(_list(given.get("educated", []))),
        recorded=tuple(
            sorted(
                (_kept(name, ago, kept) for name, each in _mapping(given, "recorded").items() for ago, kept in _entries(each, name)),
                key=lambda kept: kept.at,
            )
        ),
        limits=tuple(_limit(name, written) for name, written in _mapping(given, "limits").items()),
        detail_consent=_flag(given, "detail", True),
        first_name="Ana",
        clinic="Lakeside Clinic",
        after_hours_number="+1 202-555-0199",
        promise=_PROMISES.get(language, _PROMISES["en"]),
        staffed=_flag(given, "staffed", True),
        minutes_until_unstaffed=round(parse_ago(str(given["unstaffed_in"])).total_seconds() / 60) if "unstaffed_in" in given else None,
    )


def parse_ago(written: str) -> timedelta:
    """A time such as "15 min", "4 h" or "2 d". ValueError says what to write."""
    number, _, unit = written.partition(" ")
    return timedelta(minutes=int(number)) if unit == "min" and number.isdecimal() else parse_period(written)


def _past(name: str, ago: str, value: Any) -> PastValue:
    if name not in set(Measure):
        raise ValueError(f'"{name}" is no reading; write one of {", ".join(sorted(Measure))}')
    if name == Measure.BLOOD_PRESSURE:
        match = _PRESSURE.fullmatch(str(value))
        if match is None:
            raise ValueError(f'blood pressure "{value}"; write it as 150/90')
        return PastValue(Measure(name), float(match[1]), _at(ago), float(match[2]))
    try:
        return PastValue(Measure(name), float(value), _at(ago))
    except (TypeError, ValueError):
        raise ValueError(f'{name} "{value}"; write a number such as {{24 h: 180}}') from None


def _dose(ago: str, told: Any) -> PastDose:
    status, _, drugs = str(told).partition(" ")
    if status not in _DOSES:
        raise ValueError(f'a dose is {", ".join(sorted(_DOSES))}, with its kind behind it if need be ("missed insulin"); not "{told}"')
    return PastDose(status, _at(ago), frozenset(drugs.split()))


def _kept(name: str, ago: str, kept: Any) -> PastAnswer:
    if isinstance(kept, bool):
        return PastAnswer(name, "yes" if kept else "no", _at(ago))
    return PastAnswer(name, name, _at(ago), float(kept)) if isinstance(kept, int | float) else PastAnswer(name, str(kept), _at(ago))


def _limit(name: str, written: Any) -> PersonalLimit:
    amount, unit = parse_amount(str(written))
    return PersonalLimit(str(name), amount, unit, CLINICIAN)


def _at(ago: str) -> datetime:
    return MORNING - parse_ago(str(ago))


def _entries(written: Any, name: str) -> list[tuple[str, Any]]:
    if not isinstance(written, Mapping):
        raise ValueError(f"{name}: write how long ago and what it was, such as {{24 h: 180}}")
    return [(str(ago), value) for ago, value in written.items()]


def _mapping(given: Mapping[str, Any], name: str) -> dict[str, Any]:
    written = given.get(name, {})
    if not isinstance(written, Mapping):
        raise ValueError(f"{name}: write names and values")
    return {str(key): value for key, value in written.items()}


def _list(written: Any) -> list[str]:
    return [str(each) for each in written] if isinstance(written, list | tuple) else [str(written)]


def _flag(given: Mapping[str, Any], name: str, default: bool) -> bool:
    written = given.get(name, default)
    if not isinstance(written, bool):
        raise ValueError(f"{name}: write true or false")
    return written
