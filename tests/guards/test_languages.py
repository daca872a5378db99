"""Pages are whole in every language: nothing visible stands outside a translation, nothing is missing, nothing is filled in wrongly."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import polib
import pytest

from tests.guards.messages import LOCALE, ROOT, TEMPLATES, entries, messages_of, sources, translated
from tests.guards.visible import untranslated

LANGUAGES = sorted(path.name for path in LOCALE.iterdir() if path.is_dir())
OF_THE_DEMO = TEMPLATES / "demo"
"""Pages on which somebody plays the patients; no nurse works there."""
COMMAND_LINE_ONLY = {"service/actions/read_past_check_ins.py", "service/actions/find_flow_version.py"}
_FILLED = re.compile(r"%\((\w+)\)s|\{(\w+)\}")
PAGES = sorted(path for path in TEMPLATES.rglob("*.html") if OF_THE_DEMO not in path.parents)


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def filled(text: str) -> set[str]:
    return {one or other for one, other in _FILLED.findall(text)}


@cache
def constants() -> set[str]:
    """Every text that stands in Python or in a template."""
    found = {message.sentence for path in sources() for message in messages_of(path)}
    for path in (ROOT / "service").rglob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        found |= {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return found


def test_spanish_is_one_of_the_languages() -> None:
    assert "es" in LANGUAGES


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_nothing_visible_stands_outside_a_translation(path: Path) -> None:
    assert untranslated(path) == []


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("path", [path for path in sources() if OF_THE_DEMO not in path.parents], ids=name)
def test_every_sentence_is_translated(path: Path, language: str) -> None:
    known = translated(language)
    missing = [one.sentence for one in sorted(messages_of(path)) if (one.context, one.sentence) not in known]
    assert missing == [], f"print them with: .venv/bin/python -m tests.guards.messages {name(path)}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_entry_is_whole_fills_in_the_same_and_is_used(language: str) -> None:
    wrong = []
    for path, entry in entries(language):
        forms = [entry.msgstr, *entry.msgstr_plural.values()]
        wanted = filled(entry.msgid) | filled(entry.msgid_plural)
        if entry.fuzzy or entry.obsolete or not entry.translated():
            wrong.append((path.name, entry.msgid, "not whole"))
        elif any(filled(form) - wanted for form in forms) or filled(entry.msgid_plural or entry.msgid) - filled(forms[-1]):
            wrong.append((path.name, entry.msgid, "fills in other names"))
        elif entry.msgid not in constants():
            wrong.append((path.name, entry.msgid, "stands nowhere in the code"))
    assert wrong == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_sentence_of_two_areas_says_the_same(language: str) -> None:
    seen: dict[tuple[str, str], tuple[str, polib.POEntry]] = {}
    wrong = []
    for path, entry in entries(language):
        key = (entry.msgctxt or "", entry.msgid)
        other = seen.setdefault(key, (path.name, entry))
        if other[1] is not entry and (other[1].msgstr, other[1].msgstr_plural) != (entry.msgstr, entry.msgstr_plural):
            wrong.append((entry.msgid, other[0], path.name))
    assert wrong == []


def test_refusals_keep_their_values_apart() -> None:
    """`Refused(f"...")` could be translated by nobody."""
    wrong = []
    for path in (path for path in (ROOT / "service" / "actions").glob("*.py") if name(path) not in COMMAND_LINE_ONLY):
        calls = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call) and node.args]
        named = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id in ("Refused", "Held")]
        wrong += [f"{name(path)}:{call.lineno}" for call in named if isinstance(call.args[0], ast.JoinedStr)]
    assert wrong == []


def test_what_is_snoozed_is_called_so_wherever_a_person_reads_it() -> None:
    """One word for one thing, in either language: the tab, the button, the history, the hand-over and every refusal."""
    other = re.compile(r"\bput(ting)? (it |them )?off\b|\basleep\b|\bpospo|\bpospue", re.IGNORECASE)
    said = [words for _, one in entries("es") for words in (one.msgid, one.msgid_plural, one.msgstr, *one.msgstr_plural.values())]
    said += [one.sentence for path in sources() if OF_THE_DEMO not in path.parents for one in messages_of(path)]
    assert [words for words in said if other.search(words)] == []
    assert {"Snooze", "Snoozed"} <= set(said)
