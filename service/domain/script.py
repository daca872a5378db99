"""What is spoken on the telephone around a flow's questions: reviewed data (flows/shared/voice.yaml), filled and checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from service.domain.facts import Facts
from service.domain.texts import fill, literal_promise, placeholders, stray_braces
from service.domain.urgency import Urgency
from service.domain.wording import LANGUAGES, Wording, WordingError, patient_values

PAGES_TO_STAFF = (
    "page_ask_pin", "page_pin_again", "page_pin_refused", "page_pin_locked", "page_no_pin_set", "page_drill", "page_emergency",
    "page_urgent", "page_same_day", "page_keys", "page_not_heard", "page_acknowledged", "page_declined", "page_still_waits",
    "page_gone", "page_voicemail", "nurse_press", "nurse_joining", "nurse_not_reached", "nurse_goodbye",
)  # fmt: skip
"""Spoken to staff who are paged: whoever picks up hears no name and no detail of health (safety rules 21 and 36)."""
REQUIRED = (
    "greeting", "ask_birth_year", "ask_pin", "main_keys", "identity_again", "not_heard", "identity_failed", "thank_you", "keys_yes_no",
    "keys_taken", "keys_symptoms", "keys_value", "keys_decimal", "keys_blood_pressure", "keys_scale", "keys_phq_item", "keys_free_text",
    "heard_right", "say_it_again", "you_said", "stop_sure", "opt_out_confirmation", "connecting", "person_later", "thanks", "goodbye",
    "all_done", "recheck_later", "noted", "which_symptom", "no_answer", "not_understood", "by_text", "failed", "emergency",
    "emergency_instructed", "safety_keys", "safety_call", "abuse", "danger", "crisis", "voicemail", "called_back", "fallback",
    "fallback_no_number", "paused_hospital", *PAGES_TO_STAFF,
)  # fmt: skip
"""Keys that the code asks for by name; a script without one of them does not load."""
BEFORE_IDENTITY = frozenset({"greeting", "ask_birth_year", "ask_pin", "main_keys", "identity_again", "not_heard", "identity_failed"})
WITHOUT_ANYBODY = frozenset({"voicemail", "called_back", "fallback", "fallback_no_number", *PAGES_TO_STAFF})
"""Spoken to machines and strangers: they name the clinic, a number to call and nothing else."""
OWN_PLACEHOLDERS = ("number", "heard")
LONGEST = 420
"""Letters of one spoken text: about half a minute."""
MOST_REPEAT_WORDS = 40
_PHONE = re.compile(r"\+?\b1?[ -]?\(?\d{3}\)?[ -]?\d{3}[ -]?\d{4}\b|\+\d{7,15}\b")
_SHORT_NUMBER = re.compile(r"\b(911|988|112|999|111)\b")
_GRAMS = re.compile(r"\b(\d+) g\b")
_MILLIGRAMS = {"en": "milligrams", "es": "miligramos"}


@dataclass(frozen=True, slots=True)
class Script:
    """Spoken texts by key and language, over the wording of texts, and the words that ask to hear a question again."""

    texts: Mapping[str, Mapping[str, str]]
    wording: Wording
    repeat: Mapping[str, frozenset[str]]
    words: Mapping[str, Mapping[str, str]]
    """What a key stands for, "yes" and "no", by language."""

    def say(self, key: str, facts: Facts, urgency: Urgency | None = None, **more: str) -> str:
        """The text of this key as it is spoken to a patient; the wording's own where the script has none.

        KeyError for an unknown key; MissingValue when a placeholder has no value.
        """
        if key == "emergency" and facts.emergency_instruction:
            key = "emergency_instructed"
        if key not in self.texts:
            return speakable(self.wording.for_patient(key, facts, urgency), facts.language)
        values = patient_values(facts, urgency, self.wording.raw("call_emergency", facts.language))
        return speakable(fill(self._raw(key, facts.language), {**values, **more}, f"voice {key}"), facts.language)

    def neutral(self, key: str, language: str, **values: str) -> str:
        """A text that needs nothing known about anybody: for machines, strangers and outages."""
        return speakable(fill(self._raw(key, language), values, f"voice {key}"), language)

    def asks_to_repeat(self, words: str, language: str) -> bool:
        """True for nothing but a wish to hear the question again."""
        return _plain(words) in self.repeat.get(language, frozenset())

    def _raw(self, key: str, language: str) -> str:
        entry = self.texts[key]
        return entry.get(language, entry["en"])


def speakable(text: str, language: str) -> str:
    """A text as a voice can say it: numbers to call digit by digit, units in words."""
    text = _PHONE.sub(lambda match: digit_by_digit(match[0]), text)
    text = _SHORT_NUMBER.sub(lambda match: " ".join(match[0]), text)
    text = _GRAMS.sub(r"\1 gramos" if language == "es" else r"\1 grams", text)
    text = re.sub(r"\blbs?\b", "libras" if language == "es" else "pounds", text)
    text = text.replace("p. m..", "p. m.").replace("a. m..", "a. m.")  # a time at the end of a sentence
    return re.sub(r"\bmg\b(?!/)", _MILLIGRAMS.get(language, "milligrams"), text)


def digit_by_digit(number: str) -> str:
    """ "+1 202-555-0199" -> "2 0 2, 5 5 5, 0 1 9 9"; a number of another country in groups of three."""
    digits = re.sub(r"\D", "", number)
    if len(digits) == 11 and digits[0] == "1":
        digits = digits[1:]
    groups = (
        [digits[:3], digits[3:6], digits[6:]] if len(digits) == 10 else [digits[place : place + 3] for place in range(0, len(digits), 3)]
    )
    return ", ".join(" ".join(group) for group in groups)


def build_script(data: Any, wording: Wording, file: str = "voice.yaml") -> Script:
    """The script from parsed YAML. Raises WordingError naming the text and what to write instead."""
    if not isinstance(data, Mapping) or not isinstance(data.get("texts"), Mapping):
        raise WordingError(file, "top", "write the parts repeat:, yes:, no: and texts:")
    texts = {str(key): _entry(file, str(key), entry, wording) for key, entry in data["texts"].items()}
    if missing := [key for key in REQUIRED if key not in texts]:
        raise WordingError(file, missing[0], "this text is missing; add it under texts: with en and es")
    for key, entry in texts.items():
        if len({frozenset(placeholders(text)) for text in entry.values()}) > 1:
            raise WordingError(file, key, "the languages name different placeholders; name the same ones in each")
        if key in WITHOUT_ANYBODY and (named := set(placeholders(entry["en"])) - {"clinic", "number", "emergency_number"}):
            raise WordingError(
                file, key, f"{{{sorted(named)[0]}}} may not stand here: only {{clinic}}, {{number}} and {{emergency_number}}"
            )
        if key in BEFORE_IDENTITY and "promise" in placeholders(entry["en"]):
            raise WordingError(file, key, "{promise} may not stand here: nobody is known yet")
    words = {name: _entry(file, name, data.get(name), wording) for name in ("yes", "no")}
    return Script(texts, wording, _repeat(file, data.get("repeat")), words)


def _entry(file: str, key: str, entry: Any, wording: Wording) -> dict[str, str]:
    if not isinstance(entry, Mapping):
        raise WordingError(file, key, "write one line per language, en: and es:")
    texts = {str(language): " ".join(str(text).split()) for language, text in entry.items()}
    for language in LANGUAGES:
        if not texts.get(language):
            raise WordingError(file, key, f"the text in {language} is missing; add {language}:")
    for language, text in texts.items():
        if problem := _problem(text, wording):
            raise WordingError(file, f"{key}.{language}", problem)
    return texts


def _problem(text: str, wording: Wording) -> str:
    if stray_braces(text):
        return "a brace is left over; write a placeholder as {name}"
    unknown = [name for name in placeholders(text) if name not in wording.placeholders and name not in OWN_PLACEHOLDERS]
    if unknown:
        return f"no placeholder is named {{{unknown[0]}}}; write one of {', '.join(sorted({*wording.placeholders, *OWN_PLACEHOLDERS}))}"
    if promise := literal_promise(text):
        return f'"{promise}" promises a time that nobody may keep; write {{promise}} instead'
    if len(text) > LONGEST:
        return f"{len(text)} letters; a caller keeps at most {LONGEST} in mind, shorten it"
    if re.search(r"\b(reply|responda)\b", text, re.IGNORECASE):
        return 'nobody replies to a voice; write "press" or "say"'
    return ""


def _repeat(file: str, data: Any) -> dict[str, frozenset[str]]:
    if not isinstance(data, Mapping) or any(not isinstance(data.get(language), list) for language in LANGUAGES):
        raise WordingError(file, "repeat", "write lists of words, en: and es:")
    if any(len(data[language]) > MOST_REPEAT_WORDS for language in LANGUAGES):
        raise WordingError(file, "repeat", f"write at most {MOST_REPEAT_WORDS} of them for each language")
    return {language: frozenset(_plain(str(words)) for words in data[language]) for language in LANGUAGES}


def _plain(words: str) -> str:
    return " ".join(re.sub(r"[^\w ]", " ", words.lower().translate(_ACCENTS)).split())


_ACCENTS = str.maketrans("áéíóúü", "aeiouu")
