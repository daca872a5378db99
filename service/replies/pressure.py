"""Blood pressures: "142/90", "142 over 90", "sys 142 dia 90 pulse 70", "123 78 78", "14 con 9"; a lone number is never one."""

from __future__ import annotations

from collections.abc import Sequence

from service.domain.reading import Finding, FindingKind, Measure, Quantity
from service.replies.clues import Candidate, kept, lean
from service.replies.measures import DIASTOLIC, UNITS, plausible
from service.replies.normalise import Line
from service.replies.numerals import Number
from service.replies.scan import Match

FIRM = frozenset("/ over sobre \\ | slash diagonal ovr ova ovah obre sober stroke barra".split())
"""Signs and words that make two numbers a pressure, in either order."""
BETWEEN = FIRM | frozenset("con - on by entre por y and , x ofer : . n & a over: w with ; ove overr oer".split())
IDLE = frozenset("like uh um uhh umm eh este pues the i think about maybe a an como de la el lo it was is and with of".split())
"""Words that may stand beside the sign: "142 over, uh, like 90"."""
UPPER = frozenset("top upper sys syst systolic sistolica sistole alta arriba high higher maxima max mayor big superior".split())
LOWER = frozenset("bottom lower dia dias diast diastolic diastolica diastole baja abajo low minima min menor small inferior".split())
PULSE = frozenset(
    "pulse pulso pul hr bpm heart rate latidos puls p pr heartbeat ritmo pulsaciones frecuencia cardiaca corazon heartrate".split()
)
AFTER_PULSE = frozenset("bpm beats latidos pulse pulsaciones lpm ppm hr pul".split())
FILLERS = frozenset(
    "on number was is of es fue de la el numero my mi at was: : = a en the me salio dio con with y esta estaba value".split()
)
LEAST_APART = 5
SWAPPED = "swapped"
"""The mark of a pressure whose lower number was told first: it is judged the right way round at once, and asked again."""
LEAST_APART_SWAPPED = 20
AROUND_THE_CLOCK = (24.0, 7.0)


def pressures(
    line: Line,
    words: Sequence[str],
    numbers: Sequence[Number],
    matches: Sequence[Match],
    used: set[int],
    *,
    asked: bool,
    oximeter: bool = False,
    pulse_asked: bool = False,
) -> tuple[list[Finding], str]:
    """The pressure that counts and a pulse, as VALUE findings; and why there is none ("" when not asked).

    `oximeter`: oxygen was asked, so that "95/72" is oxygen and pulse. `pulse_asked`: a number beside a pulse word is left to be read
    as the answer.
    """
    usable = [number for number in numbers if number.first not in used]
    found: list[Finding] = []
    pulse = None if pulse_asked else _pulse(line, words, usable)
    if pulse is not None:
        number, finding = pulse
        usable = [other for other in usable if other is not number]
        found.append(finding)
        used.add(number.first)
    named = any(match.kind == "marker" and match.name == "named_blood_pressure" for match in matches)
    pairs, why = _pairs(words, usable, asked=asked or named)
    if oximeter and not named:
        pairs = [pair for pair in pairs if pair[2].value > 100]
    if asked and not pairs:
        for number in usable:
            if (both := _one_sign(words, number)) is not None:
                pairs.append((number, number, both))
    if not pairs:
        if not asked:
            return found, ""
        if not why:
            why = "no_answer" if not usable else "ambiguous" if plausible(Measure.BLOOD_PRESSURE, usable[0].value) else "implausible"
        return found, why
    chosen = _choose(words, pairs, matches)
    for first, second, _ in pairs:
        used.update((first.first, second.first))
    if chosen is None:
        return found, "ambiguous" if asked else ""
    first, second, quantity = chosen
    start, end = min(first.first, second.first), max(first.last, second.last)
    swapped = first.value < second.value and _labels(words, first, second) == ("", "")
    value = Finding(
        FindingKind.VALUE,
        str(Measure.BLOOD_PRESSURE),
        "value.blood_pressure",
        line.span(start, end),
        quantity=quantity,
        qualifiers=(SWAPPED,) if swapped else (),
    )
    extra = _third(line, usable, second, words) if pulse is None else None
    if extra is not None:
        used.update(number.first for number in usable if line.span(number.first, number.last) == extra.span)
    return [value, *([extra] if extra else []), *found], ""


Pair = tuple[Number, Number, Quantity]


def _pairs(words: Sequence[str], usable: Sequence[Number], *, asked: bool) -> tuple[list[Pair], str]:
    """All pressures, and why a pair that was said is none."""
    pairs: list[Pair] = []
    why = ""
    position = 0
    while position + 1 < len(usable):
        first, second = usable[position], usable[position + 1]
        if _vague(words, usable, position, after_a_pair=bool(pairs) and position > 0 and pairs[-1][1] is usable[position - 1]):
            why = why or "ambiguous"
            position += 1
            continue
        sign = _sign(words, first, second, asked=asked)
        if not sign:
            position += 1
            continue
        quantity, reason = _pressure(words, first, second, sign, asked=asked)
        if quantity is not None:
            pairs.append((first, second, quantity))
            position += 2
        else:
            why = why or reason
            position += 1
    if asked and not pairs and not why and len(usable) == 2:
        quantity = _labelled(words, usable[0], usable[1])
        if quantity is not None:
            pairs.append((usable[0], usable[1], quantity))
    return pairs, why


def _vague(words: Sequence[str], usable: Sequence[Number], position: int, *, after_a_pair: bool) -> bool:
    """ "in the 140s", "140-150 over 90": a number that is only roughly told."""
    first, second = usable[position], usable[position + 1]
    if first.vague or second.vague:
        return True
    if position == 0 or after_a_pair:
        return False
    previous = usable[position - 1]
    between = list(words[previous.last : first.first])
    return (
        between in (["-"], ["to"], ["or"], ["o"], ["a"], ["y"], ["and"]) and 0 < first.value - previous.value < 60 and previous.value >= 60
    )


def _choose(words: Sequence[str], pairs: Sequence[Pair], matches: Sequence[Match]) -> Pair | None:
    """The pressure that counts; None when two are told as one ("130/80 or 140/90")."""
    candidates = [Candidate(min(a.first, b.first), max(a.last, b.last)) for a, b, _ in pairs]
    lean(words, candidates, matches)
    left = kept(words, candidates, matches)
    if not left:
        return None
    both = any(match.kind == "marker" and match.name == "both_sides" for match in matches)
    chosen = left[0] if both else left[-1]
    place = candidates.index(chosen)
    for other in (place - 1, place + 1):
        if 0 <= other < len(candidates) and candidates[other] in left:
            low, high = sorted((chosen, candidates[other]), key=lambda candidate: candidate.first)
            between = list(words[low.last : high.first])
            before = words[low.first - 1] if low.first else ""
            if between in (["or"], ["o"], ["to"], ["a"]) or (between in (["and"], ["y"]) and before in ("between", "entre")):
                return None
    return pairs[place]


def _label(words: Sequence[str], number: Number, *, after: bool) -> str:
    """upper or lower when such a word stands right before (or, `after`, right behind) the number."""
    step = 1 if after else -1
    place = number.last if after else number.first - 1
    while 0 <= place < len(words) and words[place] in FILLERS:
        place += step
    if 0 <= place < len(words) and words[place] in UPPER | LOWER:
        return "upper" if words[place] in UPPER else "lower"
    return ""


def _labels(words: Sequence[str], first: Number, second: Number) -> tuple[str, str]:
    """The labels of two numbers, both before them ("top 139 bottom 83") or both behind ("139 top 83 bottom")."""
    before = _label(words, first, after=False), _label(words, second, after=False)
    if set(before) == {"upper", "lower"}:
        return before
    behind = _label(words, first, after=True), _label(words, second, after=True)
    return behind if set(behind) == {"upper", "lower"} else ("", "")


def _labelled(words: Sequence[str], first: Number, second: Number) -> Quantity | None:
    """Two numbers with their labels, however far apart ("the top one was 142 and then down below 88 for the bottom")."""
    if set(_labels(words, first, second)) != {"upper", "lower"}:
        return None
    return _pressure(words, first, second, "labels", asked=True)[0]


def _sign(words: Sequence[str], first: Number, second: Number, *, asked: bool) -> str:
    """What makes the two numbers a pressure: labels, firm (over, /), loose (and, a blank); "" when nothing does."""
    between = list(words[first.last : second.first])
    if set(_labels(words, first, second)) == {"upper", "lower"} and len(between) <= 8:
        return "labels"
    if between and between[0] not in LOWER and UNITS.get(between[0]) not in (None, "other"):
        return ""
    if len(between) <= 5 and any(word in FIRM for word in between):
        said = [word for word in between if word not in IDLE and word != ","]
        if len(said) == 1 and (asked or (first.value > 60 and second.value > 30) or (said[0] in ("over", "sobre") and first.value > 10)):
            return "firm"
        return ""
    if not asked:
        return ""
    if not between or (len(between) <= 2 and all(word in BETWEEN for word in between)):
        before = words[first.first - 1] if first.first else ""
        if before in ("between", "entre", "from", "de", "desde") and first.value < second.value:
            return ""
        return "loose"
    return ""


def _pressure(words: Sequence[str], first: Number, second: Number, sign: str, *, asked: bool) -> tuple[Quantity | None, str]:
    upper, lower = first.value, second.value
    if (upper, lower) == AROUND_THE_CLOCK:
        return None, ""
    if _labels(words, first, second) == ("lower", "upper"):
        upper, lower = lower, upper
    if asked and 7 <= upper <= 26 and 3 <= lower <= 15 and upper > lower:
        upper, lower = upper * 10, lower * 10
    if upper < lower:
        if sign == "loose" and lower - upper < LEAST_APART_SWAPPED:
            return None, "ambiguous"
        if sign == "loose" and list(words[first.last : second.first]) not in ([], ["/"], [","]):
            return None, "ambiguous"
        upper, lower = lower, upper
    fits = plausible(Measure.BLOOD_PRESSURE, upper) and DIASTOLIC.lowest <= lower <= DIASTOLIC.highest
    if not fits or upper - lower < LEAST_APART or not float(upper).is_integer() or not float(lower).is_integer():
        return None, "implausible"
    return Quantity(upper, "mmHg", value_2=lower), ""


def _one_sign(words: Sequence[str], number: Number) -> Quantity | None:
    """ "120.80" or "120,80": a full stop or comma typed for the slash."""
    upper, _, lower = words[number.first].partition(".")
    if not (upper.isdigit() and lower.isdigit() and len(lower) >= 2):
        return None
    high, low = float(upper), float(lower)
    fits = plausible(Measure.BLOOD_PRESSURE, high) and DIASTOLIC.lowest <= low <= DIASTOLIC.highest and high - low >= LEAST_APART
    return Quantity(high, "mmHg", value_2=low) if fits else None


def _pulse(line: Line, words: Sequence[str], usable: Sequence[Number]) -> tuple[Number, Finding] | None:
    """The number that a pulse word stands before ("pulse is 72") or behind ("72 bpm", "81 de pulso")."""
    for number in usable:
        if not plausible(Measure.PULSE, number.value) or number.weak:
            continue
        place = number.first - 1
        while place >= 0 and words[place] in FILLERS:
            place -= 1
        before = words[place] if place >= 0 else ""
        after = words[number.last] if number.last < len(words) else ""
        behind = words[number.last + 1] if number.last + 1 < len(words) else ""
        next_number = any(other.first in (number.last + 1, number.last + 2) for other in usable)
        of_pulse = after in ("de", "of") and behind in PULSE
        bare_after = after in AFTER_PULSE and (after in ("bpm", "beats", "latidos", "lpm", "ppm") or not next_number)
        if (before in PULSE and not (before == "p" and place and words[place - 1][0].isalpha())) or of_pulse or bare_after:
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
