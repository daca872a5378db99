"""Blood pressures: "142/90", "142 over 90", "sys 142 dia 90 pulse 70", "123 78 78", "14 con 9"; a lone number is never one."""

from __future__ import annotations

from collections.abc import Sequence

from service.domain.reading import Finding, FindingKind, Measure, Quantity
from service.replies.measures import DIASTOLIC, UNITS, plausible
from service.replies.normalise import Line
from service.replies.numerals import Number
from service.replies.scan import Match

BETWEEN = frozenset({"/", "over", "sobre", "con", "-", "on", "by", "\\", "|", "entre", "por", "y", "and", ",", "x", "ofer"})
UPPER = frozenset("top upper sys systolic sistolica sistole alta arriba high maxima".split())
LOWER = frozenset("bottom lower dia diastolic diastolica diastole baja abajo low minima".split())
PULSE = frozenset("pulse pulso hr bpm heart rate latidos puls".split())
FILLERS = frozenset("number was is of es fue de la el numero my mi at was: : = a en the".split())


def pressures(
    line: Line,
    words: Sequence[str],
    numbers: Sequence[Number],
    matches: Sequence[Match],
    used: set[int],
    *,
    asked: bool,
) -> tuple[list[Finding], str]:
    """The pressure that counts and a pulse, as VALUE findings; and why there is none ("" when not asked)."""
    usable = [number for number in numbers if number.first not in used]
    pairs: list[tuple[Number, Number, Quantity]] = []
    why = "no_answer" if asked else ""
    found: list[Finding] = []
    pulse = _pulse(line, words, usable)
    if pulse is not None:
        number, finding = pulse
        usable = [other for other in usable if other is not number]
        found.append(finding)
        used.add(number.first)
    position = 0
    named = any(match.kind == "marker" and match.name == "named_blood_pressure" for match in matches)
    while position + 1 < len(usable):
        first, second = usable[position], usable[position + 1]
        if not _paired(words, first, second, asked=asked or named):
            position += 1
            continue
        quantity, reason = _pressure(words, first, second, asked=asked)
        if quantity is not None:
            pairs.append((first, second, quantity))
            position += 2
        else:
            why = reason if asked else ""
            position += 1
    if asked and not pairs and len(usable) == 1 and (both := _one_sign(words, usable[0])) is not None:
        pairs.append((usable[0], usable[0], both))
    if not pairs:
        if asked and why == "no_answer" and usable:
            why = "ambiguous" if plausible(Measure.BLOOD_PRESSURE, usable[0].value) else "implausible"
        return found, why
    first, second, quantity = _choose(pairs, matches)
    used.update((first.first, second.first))
    start, end = min(first.first, second.first), max(first.last, second.last)
    value = Finding(FindingKind.VALUE, str(Measure.BLOOD_PRESSURE), "value.blood_pressure", line.span(start, end), quantity=quantity)
    extra = _third(line, usable, second, words) if asked and pulse is None else None
    return [value, *([extra] if extra else []), *found], ""


def _choose(pairs: Sequence[tuple[Number, Number, Quantity]], matches: Sequence[Match]) -> tuple[Number, Number, Quantity]:
    markers = {match.name: match for match in matches if match.kind == "marker"}
    others = [match for match in matches if match.kind == "marker" and match.name == "others_reading"]
    kept = [pair for pair in pairs if not any(o.first <= pair[0].first < o.last for o in others)] or list(pairs)
    if "both_sides" in markers:
        return kept[0]
    current = markers.get("now")
    if current is not None and len(kept) > 1:
        return min(kept, key=lambda pair: max(current.first - pair[1].last, pair[0].first - current.last, 0))
    earlier = markers.get("earlier")
    if earlier is not None and len(kept) > 1 and earlier.first >= kept[-1][1].last:
        return kept[0]
    return kept[-1]


def _label(words: Sequence[str], number: Number) -> str:
    """upper or lower when such a word stands right before (or right after) the number."""
    place = number.first - 1
    while place >= 0 and words[place] in FILLERS:
        place -= 1
    if place >= 0 and words[place] in UPPER | LOWER:
        return "upper" if words[place] in UPPER else "lower"
    return ""


def _paired(words: Sequence[str], first: Number, second: Number, *, asked: bool) -> bool:
    between = list(words[first.last : second.first])
    if {_label(words, first), _label(words, second)} == {"upper", "lower"}:
        return len(between) <= 6
    if between and between[0] not in LOWER and UNITS.get(between[0]) not in (None, "other"):
        return False
    if len(between) == 1 and between[0] in ("/", "over", "sobre"):
        return asked or (first.value > 60 and second.value > 30) or between[0] != "/"
    return asked and (not between or (len(between) == 1 and between[0] in BETWEEN))


def _pressure(words: Sequence[str], first: Number, second: Number, *, asked: bool) -> tuple[Quantity | None, str]:
    upper, lower = first.value, second.value
    if _label(words, first) == "lower" and _label(words, second) == "upper":
        upper, lower = lower, upper
    if asked and 7 <= upper <= 26 and 3 <= lower <= 15 and upper > lower:
        upper, lower = upper * 10, lower * 10
    if upper < lower:
        upper, lower = lower, upper
    fits = plausible(Measure.BLOOD_PRESSURE, upper) and DIASTOLIC.lowest <= lower <= DIASTOLIC.highest
    if not fits or upper - lower < 5:
        return None, "implausible"
    return Quantity(upper, "mmHg", value_2=lower), ""


def _one_sign(words: Sequence[str], number: Number) -> Quantity | None:
    """ "120.80" or "120,80": a full stop or comma typed for the slash."""
    upper, _, lower = words[number.first].partition(".")
    if not (upper.isdigit() and lower.isdigit() and len(lower) >= 2):
        return None
    high, low = float(upper), float(lower)
    fits = plausible(Measure.BLOOD_PRESSURE, high) and DIASTOLIC.lowest <= low <= DIASTOLIC.highest and high - low >= 5
    return Quantity(high, "mmHg", value_2=low) if fits else None


def _pulse(line: Line, words: Sequence[str], usable: Sequence[Number]) -> tuple[Number, Finding] | None:
    for number in usable:
        place = number.first - 1
        while place >= 0 and words[place] in FILLERS:
            place -= 1
        before = words[place] if place >= 0 else ""
        after = words[number.last] if number.last < len(words) else ""
        if (before in PULSE or after in ("bpm", "beats", "latidos")) and plausible(Measure.PULSE, number.value):
            quantity = Quantity(number.value, "/min")
            span = line.span(number.first, number.last)
            return number, Finding(FindingKind.VALUE, str(Measure.PULSE), "value.pulse", span, quantity=quantity)
    return None


def _third(line: Line, usable: Sequence[Number], second: Number, words: Sequence[str]) -> Finding | None:
    """The pulse as a bare third number: "123 78 78"."""
    for number in usable:
        between = list(words[second.last : number.first])
        if number.first >= second.last and (not between or between in ([","], ["/"])) and plausible(Measure.PULSE, number.value):
            span = line.span(number.first, number.last)
            quantity = Quantity(number.value, "/min")
            return Finding(FindingKind.VALUE, str(Measure.PULSE), "value.pulse", span, quantity=quantity)
    return None
