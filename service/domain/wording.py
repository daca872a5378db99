"""The fixed texts that patients and staff get, in every language, filled and checked. The words are data: wording.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from service.domain.facts import Facts
from service.domain.promise import PromiseKind, promise_words
from service.domain.segments import MAX_SEGMENTS, count_segments
from service.domain.texts import fill, literal_promise, placeholders, stray_braces
from service.domain.urgency import Urgency

LANGUAGES = ("en", "es")
REQUIRED = (
    "emergency",
    "emergency_instructed",
    "crisis",
    "abuse",
    "danger",
    "low_glucose",
    "poisoning",
    "urgent",
    "same_day",
    "routine",
    "out_of_hours",
    "out_of_hours_no_number",
    "opt_out_confirmation",
    "opt_in_confirmation",
    "help",
    "help_no_number",
    "neutral_unknown_sender",
    "shared_phone_question",
    "for_whom",
    "relative_emergency",
    "relative_silence",
    "not_understood",
    "thanks",
    "page_to_staff",
    "page_promise",
    "page_hand_over",
    "page_hand_over_to_you",
    "page_swap",
    "page_test",
    "promise_renewed",
    "call_emergency",
)
"""Keys that the code asks for by name; a wording without one of them does not load."""

MOST_SPOKEN = 400
"""Letters of one spoken text: about 30 seconds at a calm 150 words a minute."""
_WITHOUT_NUMBER = "_no_number"
_UNSTAFFED = frozenset({"urgent", "same_day"})


class WordingError(Exception):
    """The wording file is wrong: `file`, `where` (the key) and `what` (with what to write instead)."""

    def __init__(self, file: str, where: str, what: str) -> None:
        super().__init__(file, where, what)
        self.file, self.where, self.what = file, where, what

    def __str__(self) -> str:
        return f"{self.file}: {self.where}: {self.what}"


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A value that texts may name, what it means, and its longest form per language (for counting segments)."""

    meaning: str
    longest: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Wording:
    """Texts by key and language, and the placeholders that any text of the product may name."""

    texts: Mapping[str, Mapping[str, str]]
    placeholders: Mapping[str, Placeholder]

    def text(self, key: str, language: str, /, **values: str) -> str:
        """The filled text; a language that is not spoken here reads English.

        KeyError for an unknown key; MissingValue when a placeholder has no value.
        """
        return fill(self.raw(key, language), values, f"wording {key}")

    def raw(self, key: str, language: str) -> str:
        """The text with its placeholders. KeyError for an unknown key."""
        entry = self.texts[key]
        return entry.get(language, entry["en"])

    def for_patient(self, key: str, facts: Facts, urgency: Urgency | None = None, **more: str) -> str:
        """The text of this key for a patient, filled from the facts, safest form first.

        An emergency instruction by a named clinician replaces "call 911"; while nobody is on duty an urgent or same-day
        answer says so at once with the after-hours number. `more` holds values that facts do not know.
        """
        if key == "emergency" and facts.emergency_instruction:
            key = "emergency_instructed"
        if key in _UNSTAFFED and not facts.staffed:
            key = "out_of_hours"
        if not facts.after_hours_number and key + _WITHOUT_NUMBER in self.texts:
            key += _WITHOUT_NUMBER
        values = patient_values(facts, urgency, self.raw("call_emergency", facts.language))
        return fill(self.raw(key, facts.language), {**values, **more}, f"wording {key}")

    def longest_values(self, language: str) -> dict[str, str]:
        """The longest form of every placeholder in a language, for counting segments."""
        return {name: each.longest.get(language, each.longest["en"]) for name, each in self.placeholders.items()}


def patient_values(facts: Facts, urgency: Urgency | None, call_emergency: str) -> dict[str, str]:
    """What a text for this patient may name; values that are not known are left out. `call_emergency` is a raw text.

    A promise is always known: without recorded coverage it is "when the clinic opens again", so that no safety text fails.
    """
    values = {
        "first_name": facts.first_name,
        "clinic": facts.clinic,
        "promise": facts.promise_for(urgency) or promise_words(PromiseKind.UNKNOWN, facts.language),
        "emergency_number": facts.emergency_number,
        "crisis_line": facts.crisis_line,
        "after_hours_number": facts.after_hours_number,
    }
    instruction = facts.emergency_instruction.rstrip(". ")
    values["emergency_instruction"] = instruction and f"{instruction}."
    values["call_emergency"] = instruction[:1].lower() + instruction[1:] if instruction else fill(call_emergency, values, "call_emergency")
    values |= {f"limits.{limit.name}": f"{limit.amount:g} {limit.unit}" for limit in facts.limits}
    return {name: value for name, value in values.items() if value}


def build_wording(data: Any, file: str = "wording.yaml") -> Wording:
    """The wording from parsed YAML: `placeholders` and `texts`.

    Raises WordingError when a key or language is missing, a placeholder is not declared or differs between languages,
    a text promises a time by itself, or is longer than two segments with the longest values.
    """
    if not isinstance(data, Mapping) or not all(isinstance(data.get(part), Mapping) for part in ("placeholders", "texts")):
        raise WordingError(file, "top", "write two parts, placeholders: and texts:")
    declared = {str(name): _placeholder(file, str(name), entry) for name, entry in data["placeholders"].items()}
    texts = {str(key): _entry(file, str(key), entry) for key, entry in data["texts"].items()}
    for key in REQUIRED:
        if key not in texts:
            raise WordingError(file, key, "this text is missing; add it under texts: with en and es")
    wording = Wording(texts, declared)
    for key, entry in texts.items():
        for language, text in entry.items():
            if problem := text_problem(text, wording, language):
                raise WordingError(file, f"{key}.{language}", problem)
        if len({frozenset(placeholders(text)) for text in entry.values()}) > 1:
            raise WordingError(file, key, "the languages name different placeholders; name the same ones in each")
    return wording


def text_problem(text: str, wording: Wording, language: str) -> str:
    """What is wrong with a text and what to write instead, "" when it may be sent: used for wording and flows alike."""
    if problem := _words_problem(text, wording):
        return problem
    counted = count_segments(fill(text, wording.longest_values(language)))
    if counted.count > MAX_SEGMENTS:
        return f"{counted.count} segments ({counted.units} units, {counted.encoding}) with the longest values; shorten it to {MAX_SEGMENTS}"
    return ""


def spoken_problem(text: str, wording: Wording) -> str:
    """What is wrong with words that are only spoken, as `text_problem`; they are measured in letters."""
    if len(text) > MOST_SPOKEN:
        return f"{len(text)} letters are too many to listen to; shorten it to {MOST_SPOKEN}"
    return _words_problem(text, wording)


def _words_problem(text: str, wording: Wording) -> str:
    if stray_braces(text):
        return "a brace is left over; write a placeholder as {name}"
    unknown = [name for name in placeholders(text) if name not in wording.placeholders]
    if unknown:
        known = ", ".join(sorted(wording.placeholders))
        return f"no placeholder is named {{{unknown[0]}}}; write one of {known}"
    if promise := literal_promise(text):
        return f'"{promise}" promises a time that nobody may keep; write {{promise}} instead'
    return ""


def _entry(file: str, key: str, entry: Any) -> dict[str, str]:
    if not isinstance(entry, Mapping):
        raise WordingError(file, key, "write one line per language, en: and es:")
    texts = {str(language): " ".join(str(text).split()) for language, text in entry.items()}
    for language in LANGUAGES:
        if not texts.get(language):
            raise WordingError(file, key, f"the text in {language} is missing; add {language}:")
    if unknown := sorted(set(texts) - set(LANGUAGES)):
        raise WordingError(file, key, f'"{unknown[0]}" is no language here; write en or es')
    return texts


def _placeholder(file: str, name: str, entry: Any) -> Placeholder:
    if not isinstance(entry, Mapping) or not entry.get("meaning") or not entry.get("longest"):
        raise WordingError(file, f"placeholders.{name}", "write meaning: and longest: (one text, or en: and es:)")
    longest = entry["longest"]
    by_language = {str(k): str(v) for k, v in longest.items()} if isinstance(longest, Mapping) else {"en": str(longest)}
    if "en" not in by_language:
        raise WordingError(file, f"placeholders.{name}", "longest: needs at least en:")
    return Placeholder(str(entry["meaning"]), by_language)
