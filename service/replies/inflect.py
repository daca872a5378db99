"""Regular forms of everyday words, so that the reviewed lists name each word once.

Only used for words that need no explanation: a form that nobody writes does no harm, and words listed under `report` are never known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

VOWELS = "aeiou"
CLITICS = "me te se le les lo la los las nos melo mela melos melas selo sela selos selas telo tela noslo nosla".split()


def english_noun(word: str) -> set[str]:
    """ "berry" -> berry, berries, berrys (as in "berry's")."""
    return {word, word + "s", _plural(word)}


def _plural(word: str) -> str:
    if word.endswith("y") and word[-2:-1] not in VOWELS:
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(("s", "x", "z", "ch", "sh", "o")) else "s")


def english_verb(word: str) -> set[str]:
    """ "plan" -> plan, plans, planned, planning, plannin."""
    stems = {word.removesuffix("e")}
    if len(word) > 2 and word[-1] not in VOWELS + "wxy" and word[-2] in VOWELS and word[-3] not in VOWELS:
        stems.add(word + word[-1])
    past = {word[:-1] + "ied"} if word.endswith("y") and word[-2:-1] not in VOWELS else {stem + "ed" for stem in stems}
    return {word, _plural(word), word + "s"} | past | {stem + end for stem in stems for end in ("ing", "in")}


def english_adjective(word: str) -> set[str]:
    """ "happy" -> happy, happier, happiest, happily."""
    if word.endswith("y") and len(word) > 3:
        return {word} | {word[:-1] + end for end in ("ier", "iest", "ily")}
    stem = word.removesuffix("e")
    return {word, stem + "er", stem + "est", word + "ly", stem + "ly"}


def spanish_noun(word: str) -> set[str]:
    """ "libro" -> libro, libros, librito, libritos."""
    if word[-1] in "aeo":
        stem = _before_e(word[:-1]) if word[-1] in "ao" else word
        small = stem + ("it" + word[-1] if word[-1] in "ao" else "cito")
        return {word, word + "s", small, small + "s"}
    plural = (word[:-1] + "ces") if word.endswith("z") else word if word.endswith("s") else word + "es"
    small = word.removesuffix("z") + ("cito" if not word.endswith("s") else "ito")
    return {word, plural, small, small + "s", small[:-1] + "a"}


def spanish_adjective(word: str) -> set[str]:
    """ "lindo" -> lindo, linda, lindos, lindas, their small forms, "lindamente" and "lindisimo"."""
    if not word.endswith("o"):
        return spanish_noun(word) | {word + "mente"}
    stem, soft = word[:-1], _before_e(word[:-1])
    made = {soft + middle + end for middle in ("it", "isim") for end in ("o", "a", "os", "as")}
    return {stem + end for end in ("o", "a", "os", "as", "amente")} | made


def _before_e(stem: str) -> str:
    """The stem as it is written before e or i: "buscar" -> busqu-, "llegar" -> llegu-, "rezar" -> rec-."""
    if stem.endswith("z"):
        return stem[:-1] + "c"
    if stem.endswith("c"):
        return stem[:-1] + "qu"
    return stem + "u" if stem.endswith("g") else stem


_AR = (
    "o as a amos an e aste o aron aba abas abamos aban are aras ara aremos aran aria arias ariamos arian ando ado ada ados adas ar"
    " ara aras aramos aran ase asen"
).split()
_AR_SOFT = "e es emos en".split()
_ER = (
    "o es e en i iste io imos ieron ia ias iamos ian iendo ido ida idos idas a as amos an iera ieras ieramos ieran iese yo yeron yendo yera"
).split()
_FUTURE = "{v} {v}e {v}as {v}a {v}emos {v}an {v}ia {v}ias {v}iamos {v}ian".split()


def spanish_verb(word: str) -> set[str]:
    """All regular forms of "cocinar"; "contar/cuent" also gives the changed stem. Endings that do not fit make words that nobody writes."""
    infinitive, _, changed = word.partition("/")
    theme = infinitive[-2]
    made = {pattern.format(v=infinitive) for pattern in _FUTURE}
    for stem in filter(None, (infinitive[:-2], changed)):
        if theme == "a":
            made |= {stem + end for end in _AR} | {_before_e(stem) + end for end in _AR_SOFT}
        else:
            made |= {stem + end for end in [*_ER, "emos" if theme == "e" else "imos"]}
            hard = stem[:-1] + {"c": "zc", "g": "j"}.get(stem[-1], stem[-1])
            made |= {hard + end for end in ("o", "a", "as", "amos", "an")}
        gerund = stem + ("ando" if theme == "a" else "iendo")
        asked = (stem + "a", _before_e(stem) + "e", _before_e(stem) + "en") if theme == "a" else (stem + "e", stem + "a", stem + "an")
        made |= {base + clitic for base in (infinitive, gerund, *asked) for clitic in CLITICS}
    return made


FORMS: Mapping[str, Mapping[str, Callable[[str], set[str]]]] = {
    "en": {"nouns": english_noun, "verbs": english_verb, "adjectives": english_adjective},
    "es": {"nouns": spanish_noun, "verbs": spanish_verb, "adjectives": spanish_adjective},
}
"""Language -> section of a lexicon file -> the forms of one of its words."""
