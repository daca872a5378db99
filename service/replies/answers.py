"""Yes, no and unsure to the question asked, choices, requests, and whether the question got any usable answer."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from itertools import takewhile

from service.domain.reading import Assertion, Expects, Finding, FindingKind, Question
from service.replies.normalise import Line
from service.replies.numerals import Number
from service.replies.scan import Match, masks_named

REQUEST_ORDER = ("human", "call_me", "appointment", "refill", "question")
NEGATIONS = frozenset("no not never cannot cant dont isnt nor neither ni sin nunca tampoco".split())
NEGATION_REACH = 3
"""How many words before an option's word a negation is looked for."""
LEAD = 2
"""Of answers that begin within so many words the longest holds ("absolutely not", "creo que no"), else the first."""
BARE = 4
"""A yes to a symptom question is the answer only in so few words; in longer ones the symptoms that it names are."""


def _finding(line: Line, match: Match, kind: FindingKind, name: str) -> Finding:
    return Finding(kind, name, match.entry.rule, line.span(match.first, match.last))


def request(line: Line, matches: Sequence[Match], *, danger: bool = False) -> list[Finding]:
    """The main request (one): a more specific one before a plain question. Beside `danger` a call or a plain question alone."""
    masks = masks_named(matches, "idiom", "not_a_question", "not_a_request")
    said = [
        m
        for m in matches
        if m.kind == "request" and not any(mask.covers(m) or (mask.name == "not_a_request" and mask.overlaps(m)) for mask in masks)
    ]
    if danger:
        asking = any(token.text == "?" for token in line.tokens)
        said = [m for m in said if m.name == "call_me" or (m.name == "question" and (asking or m.length >= 2))]
    if any(m.name == "refill" for m in said) and not any(m.name == "human" and m.length > 2 for m in said):
        said = [m for m in said if m.name not in ("human", "question")]
    for name in REQUEST_ORDER:
        named = [match for match in said if match.name == name]
        if named:
            return [_finding(line, max(named, key=lambda match: match.length), FindingKind.REQUEST, name)]
    return []


def choice(line: Line, matches: Sequence[Match], numbers: Sequence[Number], question: Question) -> list[Finding]:
    """The option chosen by its number or one of its words; nothing when two options are named, or one only with a "not" before it."""
    words = [token.text for token in line.tokens]
    hits: dict[str, tuple[int, int]] = {}
    for option in question.choices:
        for phrase in option.words:
            wanted = _unaccented(phrase).split()
            for place in range(len(words) - len(wanted) + 1):
                if wanted and words[place : place + len(wanted)] == wanted and not _negated(words[:place]):
                    hits.setdefault(option.value, (place, place + len(wanted)))
    said = list(hits.values())
    # The "un" of "un poco peor" is no number.
    alone = [number for number in numbers if not any(first <= number.first < last for first, last in said)]
    for option in question.choices:
        for number in alone:
            if number.value == option.number and len(alone) == 1:
                hits[option.value] = (number.first, number.last)
    if len(hits) != 1:
        return []
    value, (first, last) = next(iter(hits.items()))
    return [Finding(FindingKind.CHOICE, value, "choice", line.span(first, last))]


def _unaccented(phrase: str) -> str:
    """As the words of a reply are compared: small letters without accents and apostrophes."""
    return "".join(
        letter for letter in unicodedata.normalize("NFD", phrase.lower()) if letter not in "'’" and not unicodedata.combining(letter)
    )


def _negated(before: Sequence[str]) -> bool:
    """True for "better" in "not feeling better": a negation among the last few words, with no sign in between."""
    near = list(takewhile(lambda word: word[0].isalnum(), reversed(before[-NEGATION_REACH:])))
    return any(word in NEGATIONS or word.endswith("n't") for word in near)


def answer(line: Line, matches: Sequence[Match], question: Question, symptoms: Sequence[Finding]) -> list[Finding]:
    """ANSWER to a yes/no or symptom question; a yes to a question that names one symptom also reports that symptom.

    Of a mood item only that symptom: the score is a value.
    """
    if question.expects not in (Expects.YES_NO, Expects.SYMPTOMS, Expects.PHQ_ITEM):
        return []
    masks = masks_named(matches, "not_well")
    conditional = masks_named(matches, "not_a_yes")
    said = [m for m in matches if m.kind == "answer" and not (m.name == "yes" and any(mask.overlaps(m) for mask in conditional))]
    others = masks_named(matches, "not_an_answer")
    doubts = [m for m in said if m.name == "unsure"]
    said = [m for m in said if not any(mask.overlaps(m) and mask.length >= m.length for mask in others)]
    said = [m for m in said if m.name == "unsure" or not any(doubt.covers(m) for doubt in doubts)]
    if question.expects is Expects.PHQ_ITEM:
        return _mood_item(line, said, question)
    well = [match for match in matches if match.kind == "wellness" and not any(mask.overlaps(match) for mask in masks)]
    present = [s for s in symptoms if s.present]
    denied = [s for s in symptoms if s.assertion in (Assertion.DENIED, Assertion.ENDED)]
    if question.expects is Expects.SYMPTOMS:
        bare = [m for m in said if not _part_of(line, m, denied)]
        plain_no = [m for m in bare if m.name == "no"]
        yes = [m for m in bare if m.name == "yes" and m.first <= 1 and not (symptoms and len(line.tokens) > BARE)]
        bare = [m for m in bare if m.name != "yes" or m in yes]
        if not present and (plain_no or well) and not (yes and not well) and not (denied and not plain_no):
            match = (plain_no or well)[0]
            return [_finding(line, match, FindingKind.ANSWER, "no")]
        first = [m for m in bare if m.name != "no"][:1]
        if first and first[0].name == "yes" and not denied:
            return [_finding(line, first[0], FindingKind.ANSWER, "yes")]
        if first and first[0].name == "unsure" and not symptoms:
            return [_finding(line, first[0], FindingKind.ANSWER, "unsure")]
        return []
    for match in sorted(said, key=lambda match: (match.first > LEAD, -match.length, not match.entry.about, match.first)):
        found = [_finding(line, match, FindingKind.ANSWER, match.name)]
        if match.name == "yes" and len(question.symptoms) == 1 and not any(s.name == question.symptoms[0] for s in symptoms):
            span = line.span(match.first, match.last)
            found.append(Finding(FindingKind.SYMPTOM, question.symptoms[0], "answer.yes", span))
        return found
    if present and question.symptoms and any(s.name in question.symptoms for s in present):
        first_present = next(s for s in present if s.name in question.symptoms)
        return [Finding(FindingKind.ANSWER, "yes", "answer.symptom_named", first_present.span)]
    if symptoms and not present and question.symptoms and denied:
        return [Finding(FindingKind.ANSWER, "no", "answer.symptom_denied", denied[0].span)]
    return []


def _mood_item(line: Line, said: Sequence[Match], question: Question) -> list[Finding]:
    """The symptom of a mood item that names one, told by "yes" or "sometimes": how often is asked again, that it is there is known."""
    yes = next((m for m in said if m.name == "yes" and m.first <= LEAD), None)
    if yes is None or len(question.symptoms) != 1:
        return []
    return [Finding(FindingKind.SYMPTOM, question.symptoms[0], "answer.yes", line.span(yes.first, yes.last))]


def _part_of(line: Line, match: Match, denied: Sequence[Finding]) -> bool:
    """True for the "no" of "no fever", which says nothing about the rest; False for "no, no fever"."""
    if match.name != "no" or not denied:
        return False
    after = line.tokens[match.last].text if match.last < len(line.tokens) else ""
    return match.length == 1 and after not in ("", ",", ".", "no", "not", "nothing", "none", "nada", "!", ";")
