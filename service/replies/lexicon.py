"""The patients' vocabulary as one frozen value, built from the reviewed files under `lexicon/<language>/`.

A file has `format: 1`, a `source`, and any of these sections (README.md in that folder describes them for reviewers):

    groups:    name -> phrases, used as {name} in phrases
    entries:   list of {kind, name, phrases, qualifiers?, crisis?, asked?, about?, generic?, acute?}
    spelling:  word as typed -> words meant
    sounds:    list of {heard, means, beside}: real words that a transcript puts for others, only beside clinical words
    numbers:   word -> number
    known:     harmless words that need no explanation, as one text or by topic; nouns, verbs, adjectives: the same with their regular forms
    names:     first names, places, brands: known, and tell nothing about the language
    report:    words that may stand for trouble and so are never known
    gives_way: which symptom name yields to which (in `shared/`, the folder that belongs to no language)
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from numpy.typing import NDArray

from service.domain.reading import Expects, FindingKind
from service.replies.gives_way import GivesWay, GivesWayError, parse_gives_way
from service.replies.index import Index, build_index
from service.replies.inflect import FORMS
from service.replies.opinion import Opinion, build_opinion
from service.replies.patterns import Pattern
from service.replies.phrases import Anchor, Groups, Phrase, PhraseError, compile_phrase

SECTIONS = frozenset(
    {"format", "source", "groups", "entries", "spelling", "sounds", "numbers", "known", "nouns", "verbs", "adjectives", "names", "report"}
)
SHARED = "shared"
"""The folder of what holds in every language."""
SHARED_SECTIONS = frozenset({"format", "source", "gives_way"})
ENTRY_KEYS = frozenset({"kind", "name", "phrases", "qualifiers", "crisis", "asked", "about", "generic", "acute"})
INTERNAL_KINDS = frozenset({"ailment", "cue", "mask", "chatter", "drug", "qualifier", "relative", "wellness", "marker", "topic"})
CUES = frozenset(
    "negated negated_after ended ended_after past past_mild now hypothetical other_person other_after self_well introduced story"
    " story_after not_a_cue scope_end starter list_word because".split()
)
SHORTEST_CORRECTED = 6


class LexiconError(ValueError):
    """A lexicon file is wrong: which file, which entry, what to write instead."""

    def __init__(self, file: str, where: str, what: str) -> None:
        super().__init__(f"{file}: {where}: {what}")
        self.file, self.where, self.what = file, where, what


@dataclass(frozen=True, slots=True)
class Entry:
    """One compiled phrase of an entry, with what it means."""

    kind: str
    name: str
    language: str
    rule: str
    pattern: Pattern
    qualifiers: tuple[str, ...]
    crisis: str
    asked: frozenset[Expects]
    about: str
    """Counts only in answer to a question with this topic; "" always."""
    generic: bool
    """Gives way to a more specific finding over the same words."""
    acute: bool
    """A danger sign: somebody else's is read as the patient's, told by a carer."""
    anchors: tuple[Anchor, ...]
    starts: Anchor | None


@dataclass(frozen=True, slots=True)
class Sound:
    """Words that a transcript or a speller put for others; `beside` are the words that make the frame clinical."""

    heard: tuple[str, ...]
    means: tuple[str, ...]
    beside: frozenset[str]


@dataclass(frozen=True, slots=True, eq=False)
class Lexicon:
    """The compiled vocabulary of all languages. `version` is a hash of the files it was built from."""

    version: str
    entries: tuple[Entry, ...]
    """Danger signs first, so that the bound on matches can never hide one."""
    index: Index
    spelling: Mapping[str, tuple[str, ...]]
    sounds: Mapping[str, tuple[Sound, ...]]
    numbers: Mapping[str, Mapping[str, float]]
    """Language -> number word -> value."""
    known: frozenset[str]
    """Words that need no explanation; none that its own language reports."""
    report: Mapping[str, frozenset[str]]
    """Language -> words that may stand for trouble: a phrase must explain them."""
    phrase_words: frozenset[str]
    """All words of phrases: what typing errors are put right to."""
    vocabulary: frozenset[str]
    """Known words and all words of phrases."""
    foreign: frozenset[str]
    """Words of languages that are only told apart, not read, and that no language that is read has."""
    corrections: Mapping[str, str]
    """A clinical word with one letter dropped -> the word, for typing errors in longer words."""
    language_words: Mapping[str, frozenset[str]]
    """Language -> words only this language knows."""
    opinion: Opinion | None
    gives_way: tuple[GivesWay, ...]
    """Which symptom name is not reported beside a more specific one."""


def build(files: Mapping[str, Any], opinion: Mapping[str, NDArray[Any]] | None = None) -> Lexicon:
    """The lexicon of these files (`"en/symptoms.yaml"` -> parsed YAML) and the arrays of the second opinion, if there is one.

    Raises LexiconError naming file and entry.
    """
    digest = hashlib.sha256(json.dumps(files, sort_keys=True, default=str).encode())
    for name, part in sorted((opinion or {}).items()):
        digest.update(name.encode() + part.tobytes())
    shared = {file: content for file, content in files.items() if file.startswith(f"{SHARED}/")}
    files = {file: content for file, content in files.items() if file not in shared}
    groups = {language: Groups(texts) for language, texts in _groups(files).items()}
    entries: list[Entry] = []
    phrase_words: dict[str, set[str]] = {}
    foreign: set[str] = set()
    for file, content in files.items():
        language = file.split("/")[0]
        for where, entry, phrase in _entries(file, content.get("entries") or [], groups[language]):
            words = foreign if entry["kind"] == "other_language" else phrase_words.setdefault(language, set())
            words.update(word for word in phrase.vocabulary if word.isalpha())
            entries.append(_entry(file, where, language, entry, phrase))
    entries.sort(key=lambda entry: not entry.acute)
    spelling, sounds, numbers = _words(files)
    known, names, report = _everyday(files)
    language_words = {
        language: frozenset(known[language] | phrase_words.get(language, set()) | set(numbers[language])) for language in known
    }
    own = frozenset(names).union(*language_words.values())
    vocabulary = own | foreign
    in_both = [word for word in vocabulary if sum(word in words for words in language_words.values()) > 1]
    return Lexicon(
        version=digest.hexdigest()[:12],
        entries=tuple(entries),
        index=build_index([entry.anchors for entry in entries]),
        spelling=MappingProxyType(spelling),
        sounds=MappingProxyType({word: tuple(found) for word, found in sounds.items()}),
        numbers=MappingProxyType({language: MappingProxyType(words) for language, words in numbers.items()}),
        known=frozenset[str](names).union(*known.values()),
        report=MappingProxyType(report),
        phrase_words=frozenset[str]().union(*phrase_words.values()),
        vocabulary=vocabulary,
        foreign=frozenset(foreign) - own,
        corrections=MappingProxyType(_corrections(phrase_words, vocabulary)),
        language_words=MappingProxyType({language: words - frozenset(in_both) for language, words in language_words.items()}),
        opinion=_opinion(opinion),
        gives_way=_gives_way(shared, frozenset(entry.name for entry in entries if entry.kind == "symptom")),
    )


def _opinion(parts: Mapping[str, NDArray[Any]] | None) -> Opinion | None:
    if parts is None:
        return None
    try:
        return build_opinion(parts)
    except ValueError as error:
        raise LexiconError("shared/opinion.npz", "top", f"make it anew with the training program ({error})") from error


def _gives_way(files: Mapping[str, Any], symptoms: frozenset[str]) -> tuple[GivesWay, ...]:
    found: tuple[GivesWay, ...] = ()
    for file, content in files.items():
        _check_top(file, content, SHARED_SECTIONS)
        try:
            found += parse_gives_way(content.get("gives_way") or [], symptoms)
        except GivesWayError as error:
            raise LexiconError(file, "gives_way", str(error)) from error
    return found


def _check_top(file: str, content: object, sections: frozenset[str]) -> None:
    if not isinstance(content, Mapping) or content.get("format") != 1 or not str(content.get("source") or "").strip():
        raise LexiconError(file, "top", 'begin with "format: 1" and a "source:" that says where the words come from')
    if unknown := set(content) - sections:
        raise LexiconError(file, str(sorted(map(str, unknown))[0]), f"no such section; write one of {sorted(sections)}")


def _groups(files: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for file, content in files.items():
        language = file.split("/")[0]
        if "/" not in file:
            raise LexiconError(file, "name", "write <language>/<name>.yaml")
        _check_top(file, content, SECTIONS)
        of_language = found.setdefault(language, {})
        for name, phrases in (content.get("groups") or {}).items():
            if str(name) in of_language:
                raise LexiconError(file, f"group {name}", "another file of the language has a group of this name; choose another")
            of_language[str(name)] = "|".join(_lines(file, f"group {name}", phrases))
    return found


def _lines(file: str, where: str, phrases: object) -> list[str]:
    """Phrases are written one a line; lines that begin with # are notes."""
    if not isinstance(phrases, str):
        raise LexiconError(file, where, "write the phrases as a block, one a line (phrases: |)")
    lines = [line.strip() for line in phrases.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    if not lines:
        raise LexiconError(file, where, "has no phrase")
    return lines


def _entries(file: str, entries: object, groups: Groups) -> Iterator[tuple[str, Mapping[str, Any], Phrase]]:
    if not isinstance(entries, list):
        raise LexiconError(file, "entries", "write a list of entries")
    kinds = INTERNAL_KINDS | {str(kind) for kind in FindingKind}
    numbers: Counter[str] = Counter()
    for place, entry in enumerate(entries, 1):
        if not isinstance(entry, Mapping):
            raise LexiconError(file, f"entry {place}", "write kind, name and phrases")
        name = str(entry.get("name") or "")
        where = f"entry {place} ({name})"
        if unknown := set(entry) - ENTRY_KEYS:
            raise LexiconError(file, where, f"no such key {sorted(map(str, unknown))[0]}; write one of {sorted(ENTRY_KEYS)}")
        if entry.get("kind") not in kinds or not name:
            raise LexiconError(file, where, f"kind and name are needed; kind is one of {sorted(kinds)}")
        if entry["kind"] == "cue" and name not in CUES:
            raise LexiconError(file, where, f"a cue's name is one of {sorted(CUES)}")
        for number, line in enumerate(_lines(file, where, entry.get("phrases")), 1):
            numbers[name] += 1
            try:
                yield f"{name}.{numbers[name]}", entry, compile_phrase(line, groups)
            except PhraseError as error:
                raise LexiconError(file, f"{where} phrase {number}", str(error)) from error


def _entry(file: str, where: str, language: str, entry: Mapping[str, Any], phrase: Phrase) -> Entry:
    try:
        asked = frozenset(Expects(value) for value in str(entry.get("asked") or "").split())
    except ValueError as error:
        raise LexiconError(file, where, f"asked: {error}; write one of {[str(value) for value in Expects]}") from error
    stem = file.rpartition("/")[2].removesuffix(".yaml")
    return Entry(
        kind=str(entry["kind"]),
        name=str(entry["name"]),
        language=language,
        rule=f"{language}.{stem}.{where}",
        pattern=phrase.pattern,
        qualifiers=tuple(sorted(str(entry.get("qualifiers") or "").split())),
        crisis=str(entry.get("crisis") or ""),
        asked=asked,
        about=str(entry.get("about") or ""),
        generic=bool(entry.get("generic", False)),
        acute=bool(entry.get("acute", False)),
        anchors=phrase.anchors,
        starts=phrase.starts,
    )


def _words(
    files: Mapping[str, Any],
) -> tuple[dict[str, tuple[str, ...]], dict[str, list[Sound]], dict[str, dict[str, float]]]:
    spelling: dict[str, tuple[str, ...]] = {}
    sounds: dict[str, list[Sound]] = {}
    numbers: dict[str, dict[str, float]] = {}
    for file, content in files.items():
        language = file.split("/")[0]
        for typed, meant in (content.get("spelling") or {}).items():
            spelling[str(typed)] = tuple(str(meant).split())
        for place, sound in enumerate(content.get("sounds") or [], 1):
            try:
                heard = tuple(str(sound["heard"]).split())
                frame = frozenset(str(sound["beside"]).split())
                sounds.setdefault(heard[0], []).append(Sound(heard, tuple(str(sound["means"]).split()), frame))
            except (KeyError, IndexError, TypeError) as error:
                raise LexiconError(file, f"sound {place}", "write heard, means and beside") from error
        try:
            values = {str(word): float(value) for word, value in (content.get("numbers") or {}).items()}
        except (TypeError, ValueError) as error:
            raise LexiconError(file, "numbers", f"write word: number ({error})") from error
        numbers.setdefault(language, {}).update(values)
    return spelling, sounds, numbers


def _everyday(files: Mapping[str, Any]) -> tuple[dict[str, set[str]], set[str], dict[str, frozenset[str]]]:
    """Language -> known words with their regular forms, less the reported ones; all names; language -> reported words."""
    known: dict[str, set[str]] = {}
    names: dict[str, set[str]] = {}
    report: dict[str, set[str]] = {}
    for file, content in files.items():
        language = file.split("/")[0]
        known.setdefault(language, set()).update(_topics(file, "known", content))
        names.setdefault(language, set()).update(_topics(file, "names", content))
        report.setdefault(language, set()).update(_topics(file, "report", content))
        for section in sorted(SECTIONS & {"nouns", "verbs", "adjectives"} & set(content)):
            if language not in FORMS:
                raise LexiconError(file, section, f"only for {sorted(FORMS)}; write every form under known")
            for word in _topics(file, section, content):
                known[language] |= FORMS[language][section](word)
    for language, words in report.items():
        known[language] -= words
        names[language] -= words
    all_names = set[str]().union(*names.values())
    return known, all_names, {language: frozenset(words) for language, words in report.items()}


def _topics(file: str, section: str, content: Mapping[str, Any]) -> list[str]:
    """The words of a section written as one text or as topic: text."""
    given = content.get(section) or ""
    texts = list(given.values()) if isinstance(given, Mapping) else [given]
    words = [word for text in texts for word in str(text).split()]
    for word in words:
        parts = word.split("/")
        verb = section == "verbs" and all(len(part) > 2 for part in parts)
        if not all(part.isalnum() and part.isascii() and part == part.lower() for part in parts) or (len(parts) > 1 and not verb):
            raise LexiconError(file, f"{section}: {word}", "write words in small letters without accents, signs or apostrophes")
        if section != "known" and len(word) < 2:
            raise LexiconError(file, f"{section}: {word}", "too short to make forms of")
    return words


def _corrections(phrase_words: Mapping[str, set[str]], vocabulary: frozenset[str]) -> dict[str, str]:
    """Each longer word of a phrase under all forms with one letter dropped; forms of two words are left out."""
    found: dict[str, str] = {}
    doubtful: set[str] = set()
    for words in phrase_words.values():
        for word in sorted(words):
            if len(word) < SHORTEST_CORRECTED:
                continue
            for place in range(len(word)):
                form = word[:place] + word[place + 1 :]
                if found.setdefault(form, word) != word:
                    doubtful.add(form)
    return {form: word for form, word in found.items() if form not in doubtful or form in vocabulary}
