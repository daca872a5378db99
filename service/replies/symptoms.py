"""Symptoms in a reply with their assertion and refinements, and the crisis findings that danger words bring with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from service.domain.reading import Assertion, Finding, FindingKind, Quantity
from service.replies.assertion import Clauses, Status
from service.replies.gives_way import GAVE_WAY, GivesWay, Near
from service.replies.measures import POUNDS_A_KILOGRAM, UNITS
from service.replies.normalise import Line, Token
from service.replies.numerals import Number
from service.replies.scan import Match, masks_named

EVERYWHERE = frozenset({"well", "chronic", "stable", "improving"})
"""Qualifiers that colour the whole sentence; others belong to the nearest symptom of their clause."""
JUDGED = frozenset({"symptom", "crisis", "sign"})
"""Kinds of entries whose matches are asserted, denied, past or somebody else's."""
BY_ANOTHER = frozenset({"abuse", "homicidal_ideation"})
"""Here "he" is who does it, not who has it."""
NOT_SEVERE = "not_severe_"
"""A mask so named takes from a symptom what makes it severe ("out of breath on stairs, fine at rest"), and leaves the symptom."""
AT_REST = "at_rest"
NOT_NORMAL = frozenset("not isnt aint never dont doesnt didnt wasnt arent hasnt havent tampoco nunca".split())
"""Just before "breathing fine" these say that it is not; a "no" further off denies something else ("no pus, wound looks good")."""
CONDITIONS = frozenset("if unless until si".split())
"""Before a change of weight these only speak of one that may come."""
LEAST_WEIGHT, MOST_CHANGE = 60, 60
"""Pounds: less is no weight of a grown person, and more is no change of days."""
NOT_A_PROXY = frozenset("also tambien hospital funeral".split())


@dataclass(frozen=True, slots=True)
class Symptom:
    """A symptom match with all qualifiers of the matches that it stands for."""

    match: Match
    qualifiers: frozenset[str]
    crisis: str
    acute: bool


def choose(matches: Sequence[Match]) -> list[Symptom]:
    """The symptom matches that count: the longest of one name over the same words; generic ones give way; idioms are out."""
    masks = masks_named(matches, "idiom", "dream", "fear_of_bleeding", "own_death_words")
    near_faint = masks_named(matches, "near_faint")
    usable = [
        match
        for match in matches
        if match.kind in JUDGED
        and not any(mask.covers(match) or _masks(mask, match) for mask in masks)
        and not any(mask.covers(match) or _masks(mask, match) for mask in masks_named(matches, f"not_{match.name}"))
        and not (match.name == "fainting" and any(mask.overlaps(match) for mask in near_faint))
        and not (
            "severe" in match.entry.qualifiers and any(_masks(mask, match) for mask in masks_named(matches, f"{NOT_SEVERE}{match.name}"))
        )
    ]
    troubled = [match for match in usable if "stated_normal" not in match.entry.qualifiers]
    usable = [
        match for match in usable if match in troubled or not any(other.name == match.name and other.overlaps(match) for other in troubled)
    ]
    chosen: list[Symptom] = []
    for match in sorted(usable, key=lambda match: (-match.length, not match.entry.asked, match.first)):
        same = next((s for s in chosen if s.match.name == match.name and s.match.overlaps(match)), None)
        if same is not None:
            chosen.remove(same)
            chosen.append(
                Symptom(
                    _begun_at(same.match, match),
                    same.qualifiers | frozenset(match.entry.qualifiers),
                    same.crisis or match.entry.crisis,
                    same.acute or match.entry.acute,
                )
            )
            continue
        if match.entry.generic and any(s.match.overlaps(match) for s in chosen):
            continue
        chosen = [s for s in chosen if not (s.match.entry.generic and not match.entry.generic and s.match.overlaps(match))]
        chosen.append(Symptom(match, frozenset(match.entry.qualifiers), match.entry.crisis, match.entry.acute))
    return sorted(chosen, key=lambda symptom: symptom.match.first)


def _begun_at(match: Match, other: Match) -> Match:
    """A danger sign that a shorter phrase begins earlier ("no me trajeron el oxigeno ...") begins there: its "no" denies nothing."""
    return Match(match.entry, other.first, match.last) if other.entry.acute and other.first < match.first else match


def _masks(mask: Match, match: Match) -> bool:
    """An idiom takes a match that begins inside it, unless the match is the longer one."""
    return mask.overlaps(match) and mask.length >= match.length


def findings(
    line: Line, matches: Sequence[Match], symptoms: Sequence[Symptom], gives_way: Sequence[GivesWay], *, by_carer: bool
) -> tuple[list[Finding], bool]:
    """SYMPTOM and CRISIS findings; True when somebody else's danger sign shows that a carer is writing."""
    if not symptoms:
        return [], False
    clauses = Clauses(line, matches, [symptom.match for symptom in symptoms])
    by_carer = by_carer and not clauses.speaker_well
    refinements = _refinements(matches)
    words = {token.text for token in line.tokens}
    if any(token.text == "too" and (after is None or not after.text[0].isalnum()) for token, after in _with_next(line)):
        words |= {"also"}
    found: list[Finding] = []
    carer = False
    told: list[_Told] = []
    for symptom in symptoms:
        match = symptom.match
        status = clauses.status(match)
        of_another = "of_another" in symptom.qualifiers and not (by_carer and symptom.acute)
        if of_another:
            status = Status(Assertion.OTHER_PERSON)
        if "stated_normal" in symptom.qualifiers:
            before = [token.text for token in line.tokens[max(0, match.first - 2) : match.first]]
            unspoilt = not (NOT_NORMAL.intersection(before) or before[-1:] == ["no"])
            good = unspoilt or status.assertion in (Assertion.PRESENT, Assertion.OTHER_PERSON, Assertion.ENDED)
            status = Status(Assertion.DENIED if good else Assertion.PRESENT)
        if match.name in BY_ANOTHER and status.assertion is Assertion.OTHER_PERSON:
            status = Status(Assertion.PRESENT)
        if status.assertion is Assertion.OTHER_PERSON and not of_another:
            if by_carer:
                status = Status(Assertion.PAST if clauses.past(match) else Assertion.PRESENT)
            elif symptom.acute and not (words & NOT_A_PROXY or clauses.speaker_well or clauses.past(match)):
                status, carer = Status(Assertion.PRESENT), True
        qualifiers = symptom.qualifiers | _nearby(clauses, refinements, symptoms, match)
        if status.gone:
            qualifiers |= {"gone"}
        if symptom.acute and not (status.assertion is Assertion.OTHER_PERSON and clauses.speaker_well):
            qualifiers |= {"acute"}
        told.append(_Told(match, status, qualifiers, symptom.crisis))
    gave_way = _gave_way(told, gives_way, clauses)
    for place, each in enumerate(told):
        match, status = each.match, each.status
        qualifiers = each.qualifiers | {GAVE_WAY} if place in gave_way else each.qualifiers
        span = line.span(match.first, match.last)
        if match.kind != "crisis":
            found.append(
                Finding(
                    FindingKind(match.kind),
                    match.name,
                    match.entry.rule,
                    span,
                    assertion=status.assertion,
                    qualifiers=tuple(sorted(qualifiers)),
                )
            )
        if each.crisis and status.assertion is Assertion.PRESENT and not (place in gave_way and _other_crisis(told, each)):
            found.append(Finding(FindingKind.CRISIS, each.crisis, match.entry.rule, span))
    return found, carer


def _other_crisis(told: Sequence[_Told], each: _Told) -> bool:
    """True when a danger of another type is told too: the one that gave way to it is not told as a crisis of its own."""
    return any(other.crisis not in ("", each.crisis) and other.status.assertion is Assertion.PRESENT for other in told)


def _with_next(line: Line) -> Iterator[tuple[Token, Token | None]]:
    """Each word with the one after it: "me too." is "also", "too weak to cry" is not."""
    return zip_longest(line.tokens, line.tokens[1:])


@dataclass(frozen=True, slots=True)
class _Told:
    """A symptom with its judged status, before names give way."""

    match: Match
    status: Status
    qualifiers: frozenset[str]
    crisis: str


def _gave_way(told: Sequence[_Told], rules: Sequence[GivesWay], clauses: Clauses) -> frozenset[int]:
    """The places of those that give way. Of two names that yield to each other the earlier rule decides."""
    if len(told) < 2:
        return frozenset()
    pairs: set[tuple[int, int]] = set()
    for rule in rules:
        wide = [place for place, each in enumerate(told) if each.match.name == rule.name]
        narrow = [place for place, each in enumerate(told) if each.match.name in rule.to] if wide else []
        pairs |= {(w, n) for w in wide for n in narrow if (n, w) not in pairs and _yields(rule, told[w], told[n], clauses)}
    return frozenset(place for place, _ in pairs)


def _yields(rule: GivesWay, wide: _Told, narrow: _Told, clauses: Clauses) -> bool:
    """True when the rule leaves the wider name unreported beside the narrower one, told in the same way."""
    if wide.status.assertion is not narrow.status.assertion:
        return False
    if not rule.needs <= narrow.qualifiers:
        return False
    sentence = clauses.sentence(wide.match)
    if not rule.unless.isdisjoint(clauses.words[sentence[0] : sentence[1]]):
        return False
    if rule.near is Near.WORDS:
        return wide.match.overlaps(narrow.match)
    first, last = clauses.clause(wide.match) if rule.near is Near.CLAUSE else sentence
    return rule.near is Near.REPLY or (narrow.match.first < last and first < narrow.match.last)


def _refinements(matches: Sequence[Match]) -> list[Match]:
    """The qualifiers of a reply without those that a longer one of another name covers."""
    eased = [match for match in matches if match.kind == "mask" and match.name.startswith(NOT_SEVERE)]
    told = [m for m in matches if m.kind == "qualifier" and not (m.name == AT_REST and any(mask.covers(m) for mask in eased))]
    return [one for one in told if not any(other.name != one.name and other.length > one.length and other.covers(one) for other in told)]


def _nearby(clauses: Clauses, refinements: Sequence[Match], symptoms: Sequence[Symptom], match: Match) -> frozenset[str]:
    first, last = clauses.clause(match)
    sentence = clauses.sentence(match)
    found: set[str] = set()
    for qualifier in refinements:
        if qualifier.name in EVERYWHERE:
            if sentence[0] <= qualifier.first and qualifier.last <= sentence[1]:
                found.add(qualifier.name)
        elif first <= qualifier.first and qualifier.last <= last:
            nearest = min(symptoms, key=lambda symptom: _distance(symptom.match, qualifier))
            if _distance(match, qualifier) <= _distance(nearest.match, qualifier):
                found.add(qualifier.name)
    return frozenset(found)


def _distance(match: Match, other: Match) -> int:
    return max(other.first - match.last, match.first - other.last, 0)


def weight_changes(line: Line, matches: Sequence[Match], numbers: Sequence[Number]) -> list[Finding]:
    """ "up 3 since last night": weight gain or loss with its amount in lb and, when said, within_day or within_week."""
    found: list[Finding] = []
    periods = {match.name for match in matches if match.kind == "qualifier" and match.name.startswith("within_")}
    clauses = Clauses(line, matches, [])
    taken: set[int] = set()
    for match in sorted((m for m in matches if m.kind == "marker" and m.name == "change"), key=lambda m: -m.length):
        inside = [n for n in numbers if match.first <= n.first < match.last and n.first not in taken]
        direction = next((q for q in match.entry.qualifiers if q in ("weight_gain", "weight_loss")), "")
        if not inside or not direction:
            continue
        number = inside[0]
        taken.add(number.first)
        after = line.tokens[number.last].text if number.last < len(line.tokens) else ""
        unit = UNITS.get(after, "")
        value = number.value
        if "between" in match.entry.qualifiers:
            if len(inside) < 2 or number.value < LEAST_WEIGHT:
                continue
            taken |= {other.first for other in inside}
            value = round(inside[-1].value - number.value, 1)
            direction, value = ("weight_gain", value) if value >= 0 else ("weight_loss", -value)
        if unit not in ("", "lb", "kg") or value > MOST_CHANGE or not value:
            continue
        if not CONDITIONS.isdisjoint(token.text for token in line.tokens[max(0, match.first - 4) : match.first]):
            continue
        assertion = clauses.status(match).assertion
        if assertion is not Assertion.PAST:
            assertion = Assertion.OTHER_PERSON if assertion is Assertion.OTHER_PERSON and clauses.speaker_well else Assertion.PRESENT
        amount = round(value * POUNDS_A_KILOGRAM, 1) if unit == "kg" else value
        found.append(
            Finding(
                FindingKind.SYMPTOM,
                direction,
                match.entry.rule,
                line.span(match.first, match.last),
                quantity=Quantity(amount, "lb", stated_unit=unit),
                assertion=assertion,
                qualifiers=tuple(sorted(periods)),
            )
        )
    return found
