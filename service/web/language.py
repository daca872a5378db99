"""Which language a page is written in: English sentences stand in the code, their translations in templates/locale/<language>/*.po.

Templates write `{% trans name=x %}Closed by {{ name }}{% endtrans %}` or `{{ _("Save") }}`; Python under service/web writes
`_("Closed by {name}", name=x)`. A sentence that is shown later than it is written (a table, a constant) is wrapped in `later`
where it stands and in `_` where it is shown. An action's refusal is put in words by `told`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import polib

from service.actions.refusal import Refused

T = TypeVar("T")
MOST_ACCEPTED = 200
"""Characters of an Accept-Language header that are read."""


@dataclass(frozen=True, slots=True)
class Language:
    """A language that pages can be written in. `messages`: (context, English) -> its forms, one or (for one, for more)."""

    code: str
    messages: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)


ENGLISH = Language("en")
_speaking: ContextVar[Language] = ContextVar("speaking", default=ENGLISH)


def read_languages(folder: Path) -> dict[str, Language]:
    """English, and each language that has a folder of PO files here, by code. ValueError names a file that cannot be read."""
    found = {ENGLISH.code: ENGLISH}
    for one in sorted(path for path in folder.iterdir() if path.is_dir()):
        messages: dict[tuple[str, str], tuple[str, ...]] = {}
        for path in sorted(one.glob("*.po")):
            try:
                entries = polib.pofile(str(path), encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise ValueError(f"{path} is no PO file: {error}") from None
            for entry in entries:
                forms = tuple(entry.msgstr_plural[n] for n in sorted(entry.msgstr_plural)) or (entry.msgstr,)
                if all(forms) and not entry.fuzzy and not entry.obsolete:
                    messages[entry.msgctxt or "", entry.msgid] = forms
        found[one.name] = Language(one.name, messages)
    return found


def choose(languages: Mapping[str, Language], wanted: str | None, accepted: str = "") -> Language:
    """The language that somebody has chosen (a code), else the first known one of their browser's Accept-Language, else English."""
    if wanted is not None and wanted in languages:
        return languages[wanted]
    return next((languages[code] for code in _preferred(accepted) if code in languages), ENGLISH)


def _preferred(accepted: str) -> Iterable[str]:
    """The languages of an Accept-Language header, best first, without their regions."""
    ranked = []
    for place, part in enumerate(accepted[:MOST_ACCEPTED].split(",")):
        if found := re.fullmatch(r"\s*([a-zA-Z]{2,3})(?:-[\w-]+)?\s*(?:;\s*q=([01](?:\.\d{0,3})?))?\s*", part):
            ranked.append((-float(found[2] or 1), place, found[1].lower()))
    return [code for weight, _place, code in sorted(ranked) if weight]


def speak(language: Language) -> None:
    """From here on this request (and only this one) is answered in that language."""
    _speaking.set(language)


def spoken() -> str:
    """The code of the language that this request is answered in: "en", "es"."""
    return _speaking.get().code


def _(sentence: str, /, **values: object) -> str:
    """The sentence in the language of this request, its {names} filled in; English where there is no translation."""
    return _filled(gettext(sentence), values)


def counted(one: str, many: str, num: int, /, **values: object) -> str:
    """One of two sentences by a number, which stands in them as {num}."""
    return _filled(ngettext(one, many, num), {"num": num, **values})


def later(words: T) -> T:
    """Marks a sentence, or a table of them, that is translated with `_` where it is shown; gives it back as it is."""
    return words


def told(refused: Refused) -> str:
    """Why an action was refused, in the language of this request; values that are words of their own are translated too."""
    return _(refused.sentence, **{name: gettext(value) if isinstance(value, str) else value for name, value in refused.values.items()})


def gettext(sentence: str) -> str:
    """The sentence, nothing filled in: what Jinja's extension calls."""
    return pgettext("", sentence)


def ngettext(one: str, many: str, number: int) -> str:
    """The sentence for this number; English and Spanish alike have one form for 1 and one for all else."""
    return npgettext("", one, many, number)


def pgettext(context: str, sentence: str) -> str:
    """The sentence where its English has several meanings; `context` tells which."""
    return _speaking.get().messages.get((context, sentence), (sentence,))[0]


def npgettext(context: str, one: str, many: str, number: int) -> str:
    """As `ngettext`, with a context."""
    forms = _speaking.get().messages.get((context, one), (one, many))
    return forms[0] if number == 1 else forms[-1]


def _filled(text: str, values: Mapping[str, object]) -> str:
    return text.format(**values) if values else text
