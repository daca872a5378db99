"""Texts of a flow as a PO file for translators, and a PO file read back: what it changes, and why it is refused.

A PO file is https://www.gnu.org/software/gettext/manual/html_node/PO-Files.html. The context of an entry (msgctxt) is the place of
the text, its msgid the English. Nothing in it depends on the day, so that the same flow gives the same file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polib

from service.domain.segments import MAX_SEGMENTS, count_segments
from service.domain.texts import fill, placeholders
from service.domain.wording import MOST_SPOKEN, Wording, spoken_problem, text_problem
from service.engine.checks import OPT_OUT_WORDS
from service.engine.languages import SOURCE_LANGUAGE, is_language
from service.evaluation.flows.texts import offers_opt_out
from service.evaluation.flows.translation import Entry, Kind, split

MOST_BYTES = 1_000_000
MOST_LETTERS = 1_000
"""Of one translation, before it is counted."""
_FLOW = "X-Rounds-Flow"
_LEADS_ELSEWHERE = re.compile(r"\bhttps?:|\bwww\.|\w\.[a-z]{2,}/\w|\d(?:[ .()-]*\d){6,}", re.IGNORECASE)
"""A link, or a telephone number."""


class PoError(Exception):
    """A PO file that cannot be taken: what is wrong, with the line where there is one, and what to do."""


@dataclass(frozen=True, slots=True)
class Read:
    """A PO file that could be read."""

    language: str
    flow: str
    entries: tuple[polib.POEntry, ...]
    """In the order of the file, without those marked obsolete."""


def written(entries: Sequence[Entry], flow: str, language: str, wording: Wording, earlier: Read | None = None) -> str:
    """The PO file of these texts.

    `earlier` is the file that stood in its place: where the English has changed since, the entry is marked fuzzy and keeps the old
    English beside it. Raises PoError when it is another flow's or language's, or holds work that is not read in yet.
    """
    if earlier is not None:
        _same(earlier, flow, language)
    before = {entry.msgctxt: entry for entry in earlier.entries} if earlier is not None else {}
    po = polib.POFile(wrapwidth=100)
    po.header = f"Texts of {flow} for translators. msgctxt is the place of a text, msgid its English: translate into msgstr, keep the rest."
    po.metadata = {
        "Language": language,
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=UTF-8",
        "Content-Transfer-Encoding": "8bit",
        _FLOW: flow,
    }
    for entry in entries:
        was = before.get(entry.name)
        made = polib.POEntry(
            msgctxt=entry.name, msgid=entry.english, msgstr=entry.text, comment="\n".join(_notes(entry, language, wording))
        )
        if was is not None:
            made.tcomment = was.tcomment
            _compare(made, was)
        po.append(made)
    return f"{po}".rstrip("\n") + "\n"


def _compare(made: polib.POEntry, was: polib.POEntry) -> None:
    """Marks the entry where its English is not the one that was translated; PoError for work that would be lost."""
    stale, differs = was.msgid != made.msgid, bool(was.msgstr) and was.msgstr != made.msgstr
    if differs and not stale:
        raise PoError(
            f"line {was.linenum}, {made.msgctxt}: the file holds a translation that the flow does not have; read it in with --in first, or "
            "write to another file"
        )
    if (stale or was.fuzzy) and was.msgstr:
        made.flags.append("fuzzy")
        made.previous_msgid = was.msgid if stale else was.previous_msgid
        if not made.msgstr:
            made.msgstr = was.msgstr
        elif differs:
            made.tcomment = f"{made.tcomment}\nThe earlier file had: {was.msgstr}".strip()


def read(text: str) -> Read:
    """The PO file in this text. Raises PoError when it is none, names no language or flow, or holds a text twice."""
    if len(text.encode()) > MOST_BYTES:
        raise PoError(f"longer than {MOST_BYTES} bytes; this is no file that --out has written")
    if not text.strip() or "\n" not in text:  # polib takes one line for the name of a file
        raise PoError("it is empty; write one with --out")
    try:
        po = polib.pofile(text, encoding="utf-8")
    except (OSError, ValueError, LookupError, IndexError, AttributeError, TypeError) as error:
        raise PoError(f"not readable as PO: {' '.join(str(error).split())[:200]}") from error
    language, flow = str(po.metadata.get("Language", "")), str(po.metadata.get(_FLOW, ""))
    if not is_language(language):
        raise PoError('its head names no language; keep "Language: es\\n" as --out has written it')
    if not flow:
        raise PoError(f'its head names no flow; keep "{_FLOW}: ...\\n" as --out has written it')
    seen: set[str] = set()
    found = [entry for entry in po if not entry.obsolete]
    for entry in found:
        if entry.msgctxt is None:
            raise PoError(f"line {entry.linenum}: msgctxt is missing; keep it as --out has written it")
        if entry.msgctxt in seen:
            raise PoError(f"line {entry.linenum}, {entry.msgctxt}: stands there twice; keep one of the two")
        seen.add(entry.msgctxt)
    return Read(language, flow, tuple(found))


def taken(po: Read, entries: Sequence[Entry], flow: str, wording: Wording) -> tuple[list[tuple[Entry, str]], list[str]]:
    """What the file changes, as (entry, new text), and every reason to refuse it: line, entry, what to do.

    Raises PoError when it is another flow's.
    """
    _same(po, flow, po.language)
    known = {entry.name: entry for entry in entries}
    changes: list[tuple[Entry, str]] = []
    problems: list[str] = []
    for each in po.entries:
        entry = known.get(str(each.msgctxt))
        problem = _problem(each, entry, po.language, wording)
        if problem:
            problems.append(f"line {each.linenum}, {each.msgctxt}: {problem}")
        elif entry is not None and _own(each.msgstr) != entry.text:
            changes.append((entry, _own(each.msgstr)))
    there = {str(each.msgctxt) for each in po.entries}
    problems += [
        f"{name}: is not in the file; write the file anew with --out and copy the translations" for name in known if name not in there
    ]
    return changes, problems


def _same(po: Read, flow: str, language: str) -> None:
    if po.flow != flow:
        raise PoError(f"it is of {po.flow}, not of {flow}; name the right one")
    if po.language != language:
        raise PoError(f"it is in {po.language}, not in {language}; name the right one")
    if po.language == SOURCE_LANGUAGE:
        raise PoError("English is what is translated from; change it in the flow file")


def _own(text: str) -> str:
    return text.strip(" ")


def _problem(po: polib.POEntry, entry: Entry | None, language: str, wording: Wording) -> str:
    """Why a translation is refused and what to do, "" when it may be taken."""
    text = _own(po.msgstr)
    if entry is None:
        return "the flow has no such text; remove the entry, or write the file anew with --out"
    if po.msgid_plural or po.msgstr_plural:
        return "has a plural, which no text of a flow has; write one msgstr"
    if po.msgid != entry.english:
        return f'the English has changed to "{entry.english}"; write the file anew with --out and translate that'
    if po.fuzzy:
        return "is marked fuzzy: look whether the translation still fits, then remove the mark"
    if not text:
        return "is empty, but patients get a text there; write it, or take the one of a new --out" if entry.text else ""
    if not text.isprintable():
        return "holds a line end or a sign that cannot be shown; write it in one line of plain letters"
    if len(text) > MOST_LETTERS:
        return f"{len(text)} letters; shorten it"
    if entry.kind is Kind.WORDS:
        return _words_problem(text)
    return _text_problem(text, entry, language, wording)


def _words_problem(text: str) -> str:
    if not split(text):
        return "holds no word; write words with commas between them, or leave it empty"
    offered = {word.lower() for word in split(text)} & OPT_OUT_WORDS
    return f'"{min(offered)}" ends all messages; offer another word' if offered else ""


def _text_problem(text: str, entry: Entry, language: str, wording: Wording) -> str:
    wanted, named = set(placeholders(entry.english)), set(placeholders(text))
    if lost := sorted(wanted - named):
        return f"the placeholder {{{lost[0]}}} is lost; write it where its value belongs"
    if foreign := sorted(named - wanted):
        return f"the English has no placeholder {{{foreign[0]}}}; remove it"
    if problem := text_problem(text, wording, language) if entry.kind is Kind.WRITTEN else spoken_problem(text, wording):
        return problem
    if (found := _LEADS_ELSEWHERE.search(text)) and found[0] not in entry.english:
        return f'the English does not lead to "{found[0]}"; remove the link or telephone number'
    if word := offers_opt_out(text):
        return f'"{word}" ends all messages; offer another word'
    for number in range(1, entry.choices + 1):
        if not re.search(rf"(?<!\d){number}(?!\d)", text):
            return f"choice {number} is not offered; keep the numbers 1 to {entry.choices}"
    return ""


def _notes(entry: Entry, language: str, wording: Wording) -> Iterator[str]:
    """What a translator must know: who gets the text, how long it may be, what must stay."""
    yield f"{entry.what}." if entry.kind is not Kind.SPOKEN else "Spoken on the telephone: nothing to type, no letters to read."
    if entry.form == "detail":
        yield "Only for patients who agreed to drug and disease names."
    elif entry.has_detail:
        yield "For everybody: no name of a drug or a disease."
    if entry.kind is Kind.WRITTEN:
        filled = count_segments(fill(entry.english, wording.longest_values(SOURCE_LANGUAGE)))
        yield (
            f"At most {MAX_SEGMENTS} segments with the longest values: 306 plain letters, or 134 when it has one such as á, í, ó or ú. "
            f"The English takes {filled.units}."
        )
    elif entry.kind is Kind.SPOKEN:
        yield f"At most {MOST_SPOKEN} letters."
    if entry.choices:
        yield f"Keep the numbers 1 to {entry.choices} with their meaning."
    for name in placeholders(entry.english):
        yield f"Keep {{{name}}} as it is: {_meaning(name, wording, language)}"


def _meaning(name: str, wording: Wording, language: str) -> str:
    known = wording.placeholders.get(name)
    if known is None:
        return "filled in when the text is made."
    return f"{known.meaning}, such as: {known.longest.get(language, known.longest[SOURCE_LANGUAGE])}"


def changes_by_file(changes: Sequence[tuple[Entry, str]]) -> Mapping[str, list[tuple[Entry, str]]]:
    """The changes of each file."""
    found: dict[str, list[tuple[Entry, str]]] = {}
    for entry, text in changes:
        found.setdefault(entry.file, []).append((entry, text))
    return found
