"""Content words that nothing explains: a person must read them, so that the parser never swallows what it cannot understand.

A word is explained by a phrase that covers it, by the lists of everyday words, as a small slip of such a word, or as a name by its
capital letter. What a language lists under `report` is only ever explained by a phrase.
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Sequence

from service.domain.reading import Finding, FindingKind, Span
from service.replies.assertion import Clauses
from service.replies.lexicon import Lexicon
from service.replies.normalise import Line
from service.replies.numerals import Number
from service.replies.scan import Match, masks_named

WORDS = "words"
"""The name of findings of single words; other names are reports that a phrase makes."""
UNREAD = ("unread", "unread_word")
"""Names of the sign that words were read by no phrase: several of them, or a single one."""
MOST = 20
SHORTEST = 3
SHORTEST_SLIP = 5
"""Shorter words with a slip are as near to one word as to another."""
SENTENCE_ENDS = frozenset('.!?;:"')
COLOURS = frozenset("qualifier topic".split())
"""Kinds that only colour other words: they do not explain a word that may stand for trouble."""
NOT_READ = COLOURS | frozenset("relative other_language".split())
"""Kinds that say nothing of what the reply tells."""
NOT_OURS = frozenset("bereavement hospital".split())
"""Reported unless told of somebody else, of long ago or of a film by a patient who is well."""
AILMENTS = frozenset("ailment".split())
DENIABLE = "trouble"
TURNS = frozenset("just only except besides apart but nomas solo solamente pero excepto salvo menos until hasta".split())
"""After these a reply that says all is well goes on to what is not."""
VAGUE = frozenset("cannot feels_like changed since".split())
"""Trouble told in everyday words ("cannot lift it", "feels like ..."): only reported when nothing clearer was told."""


def unexplained(
    lexicon: Lexicon,
    line: Line,
    matches: Sequence[Match],
    numbers: Sequence[Number],
    language: str,
    *,
    by_carer: bool = False,
    troubled: bool = False,
) -> list[Finding]:
    """One UNEXPLAINED finding for each run of words that no phrase covers and that are not known as harmless in this language."""
    covered: set[int] = set()
    reported = lexicon.report.get(language, frozenset())
    clauses = Clauses(line, matches, ())
    for match in matches:
        if match.kind in AILMENTS:
            if not by_carer and clauses.untroubling(match, denied=match.name == DENIABLE):
                covered.update(range(match.first, match.last))
        elif match.kind != "other_language":
            places = range(match.first, match.last)
            covered.update(p for p in places if match.kind not in COLOURS or line.tokens[p].text not in reported)
    for number in numbers:
        covered.update(range(number.first, number.last))
    if not (by_carer or troubled):
        covered |= _parts_of_the_well(line, matches, clauses)
    names = _names(line)
    runs: list[tuple[int, int]] = []
    slips = MOST
    for place, token in enumerate(line.tokens):
        word = token.text
        if place in covered or not word[0].isalpha() or len(word) < SHORTEST or (word in lexicon.known and word not in reported):
            continue
        if word not in reported and not _near_trouble(lexicon, word):
            if place in names:
                continue
            slips -= 1
            if slips >= 0 and len(word) >= SHORTEST_SLIP and any(form in lexicon.known for form in _one_slip(word)):
                continue
        if runs and runs[-1][1] == place:
            runs[-1] = (runs[-1][0], place + 1)
        else:
            runs.append((place, place + 1))
    return [Finding(FindingKind.UNEXPLAINED, WORDS, "unexplained.words", line.span(first, last)) for first, last in runs[:MOST]]


def _parts_of_the_well(line: Line, matches: Sequence[Match], clauses: Clauses) -> set[int]:
    """Places of body words in a reply that says all is well and neither turns ("but", "just") nor denies nor tells anything vague."""
    masks = masks_named(matches, "not_well")
    well = clauses.speaker_well or any(m.kind == "wellness" and not any(mask.overlaps(m) for mask in masks) for m in matches)
    turned = masks or clauses.ends or any(m.kind == "unexplained" or (m.kind == "cue" and m.name == "negated") for m in matches)
    if not well or turned or not TURNS.isdisjoint(token.text for token in line.tokens):
        return set()
    return {place for m in matches if m.kind in AILMENTS and m.name == "body" for place in range(m.first, m.last)}


def told(line: Line, matches: Sequence[Match], symptoms: Sequence[Finding]) -> list[Finding]:
    """What phrases of kind `unexplained` report; the vague ones unless a mask covers them or a present symptom was told.

    A mask `not_` and the name takes a report of that name away where it is at least as long.
    """
    masks = masks_named(matches, "harmless", "idiom", "dream")
    clear = any(symptom.present for symptom in symptoms)
    clauses = Clauses(line, matches, ())
    not_ours = clauses.speaker_well and not clear
    return [
        Finding(FindingKind.UNEXPLAINED, match.name, match.entry.rule, line.span(match.first, match.last))
        for match in matches
        if match.kind == "unexplained"
        and not (match.name in VAGUE and (clear or any(mask.overlaps(match) for mask in masks)))
        and not any(mask.overlaps(match) and mask.length >= match.length for mask in masks_named(matches, f"not_{match.name}"))
        and not (not_ours and match.name in NOT_OURS and clauses.untroubling(match, denied=False))
    ]


def _names(line: Line) -> frozenset[int]:
    """Places of words written with a capital inside a sentence, in a reply that is mostly written small."""
    words = [
        place for place, token in enumerate(line.tokens) if token.text[0].isalpha() and token.text not in ("i", "im", "ill", "ive", "id")
    ]
    capitals = [place for place in words if line.tokens[place].capital]
    if len(capitals) * 2 > len(words):
        return frozenset()
    return frozenset(place for place in capitals if place and line.tokens[place - 1].text not in SENTENCE_ENDS)


def _near_trouble(lexicon: Lexicon, word: str) -> bool:
    """True when a word that may stand for trouble, or one of a danger sign, is the same but for one slip."""
    lists = lexicon.report.values()
    near = any(word in words for words in lists)
    return near or (len(word) >= SHORTEST_SLIP and any(form in words for form in _one_slip(word) for words in lists))


def _one_slip(word: str) -> Iterator[str]:
    """All words one slip away: a letter dropped, two swapped, one changed or one added; the first letter stays."""
    for place in range(1, len(word)):
        yield word[:place] + word[place + 1 :]
        if place + 1 < len(word):
            yield word[:place] + word[place + 1] + word[place] + word[place + 2 :]
    for place in range(1, len(word) + 1):
        for letter in string.ascii_lowercase:
            if place < len(word):
                yield word[:place] + letter + word[place + 1 :]
            yield word[:place] + letter + word[place:]


def unread(line: Line, matches: Sequence[Match], values: Sequence[Span]) -> Finding | None:
    """The sign that words were read by no phrase and no value, from the first to the last of them.

    What is taken for an idiom has not been read either: whether it is one is what the opinion is for. Unless it is the answer about a dose
    that was asked for ("took all my pills").
    `unread` for three of them or two longer ones, else `unread_word`; None for none, and for a single one of three letters.
    """
    covered = {place for match in matches if match.kind not in NOT_READ for place in range(match.first, match.last)}
    doses = [match for match in matches if match.kind == "medication"]
    idioms = [mask for mask in masks_named(matches, "idiom") if not any(dose.covers(mask) for dose in doses)]
    covered -= {place for mask in idioms for place in range(mask.first, mask.last)}
    places = [
        place
        for place, token in enumerate(line.tokens)
        if place not in covered
        and token.text[0].isalpha()
        and len(token.text) >= SHORTEST
        and not any(start <= token.start < end for start, end in values)
    ]
    if not places or (len(places) == 1 and len(line.tokens[places[0]].text) == SHORTEST):
        return None
    longer = sum(len(line.tokens[place].text) > SHORTEST for place in places)
    name = UNREAD[0] if len(places) > 2 or longer > 1 else UNREAD[1]
    return Finding(FindingKind.SIGN, name, "unread.words", line.span(places[0], places[-1] + 1))


def nothing_known(lexicon: Lexicon, line: Line, matches: Sequence[Match]) -> bool:
    """True when the reply has letters and no word of it is known at all ("qwerty", "blah")."""
    letters = [token.text for token in line.tokens if token.text[0].isalpha()]
    return bool(letters) and not matches and not any(word in lexicon.vocabulary for word in letters)
