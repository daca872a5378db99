"""Every sentence that the staff's pages say, and what of it has no translation.

    .venv/bin/python -m tests.guards.messages [PATH ...]      the entries that are missing, to be put into a PO file and filled in

PATH: templates or modules (default: all). Sentences are found in templates (`_()`, `{% trans %}`) and in Python (`_`, `counted`,
`later`, and the sentences of `Refused` in the actions).
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import jinja2
import polib

from service.web.setup import install_languages
from service.web.words import FILTERS

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / "templates"
LOCALE = TEMPLATES / "locale"
PYTHON = ("service/web", "service/actions", "service/demo")
TEMPLATE_CALLS = {"_": 1, "gettext": 1, "ngettext": 2, "pgettext": 2, "npgettext": 3}
PYTHON_CALLS = {"_": 1, "counted": 2, "pgettext": 2, "npgettext": 3, "Refused": 1, "Held": 1}


@dataclass(frozen=True, order=True)
class Message:
    """A sentence as it stands in the code: its context, itself, and its plural ("" for none)."""

    context: str
    sentence: str
    many: str = ""


@cache
def environment() -> jinja2.Environment:
    """Reads templates as the pages do."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), extensions=["jinja2.ext.i18n"], trim_blocks=True, lstrip_blocks=True, autoescape=True
    )
    made.filters.update(FILTERS)
    install_languages(made)
    return made


def sources() -> list[Path]:
    """Every file that sentences stand in."""
    modules = [path for folder in PYTHON for path in (ROOT / folder).rglob("*.py")]
    return sorted([*TEMPLATES.rglob("*.html"), *modules])


@cache
def messages_of(path: Path) -> set[Message]:
    """The sentences of one file."""
    if path.suffix == ".html":
        tree = environment().parse(path.read_text("utf-8"))
        return {_of_template(call) for call in tree.find_all(jinja2.nodes.Call) if _named(call)}
    return set(_of_module(ast.parse(path.read_text("utf-8")), path))


def _named(call: jinja2.nodes.Call) -> bool:
    constant = call.args and isinstance(call.args[0], jinja2.nodes.Const)
    return isinstance(call.node, jinja2.nodes.Name) and call.node.name in TEMPLATE_CALLS and bool(constant)


def _of_template(call: jinja2.nodes.Call) -> Message:
    assert isinstance(call.node, jinja2.nodes.Name)
    return _message(call.node.name, [arg.as_const() for arg in call.args[: TEMPLATE_CALLS[call.node.name]]])


def _of_module(tree: ast.Module, path: Path) -> Iterator[Message]:
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
        name = call.func.id  # type: ignore[attr-defined]
        if name == "later":
            yield from (Message("", text) for text in _strings(call.args[0]))
        elif name in PYTHON_CALLS and call.args:
            for constants in _choices(call.args[: PYTHON_CALLS[name]]):
                yield _message(name, constants)


def _choices(arguments: list[ast.expr]) -> Iterator[list[str]]:
    """The constant arguments; of `a if x else b` both. An argument that is no constant is a sentence marked elsewhere."""
    first = arguments[0]
    if isinstance(first, ast.IfExp):
        for branch in (first.body, first.orelse):
            yield from _choices([branch, *arguments[1:]])
    elif all(isinstance(one, ast.Constant) and isinstance(one.value, str) for one in arguments):
        yield [one.value for one in arguments]  # type: ignore[attr-defined]


def _strings(node: ast.expr) -> Iterator[str]:
    """The sentences of a constant, a list or a table (of a table the values)."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value:
        yield node.value
    for child in node.values if isinstance(node, ast.Dict) else node.elts if isinstance(node, ast.Tuple | ast.List | ast.Set) else ():
        yield from _strings(child)


def _message(name: str, constants: list[str]) -> Message:
    context = constants.pop(0) if name in ("pgettext", "npgettext") else ""
    return Message(context, constants[0], constants[1] if len(constants) > 1 else "")


@cache
def entries(language: str) -> list[tuple[Path, polib.POEntry]]:
    """Every entry of a language's PO files, with the file it stands in."""
    return [(path, entry) for path in sorted((LOCALE / language).glob("*.po")) for entry in polib.pofile(str(path))]


@cache
def translated(language: str) -> set[tuple[str, str]]:
    """(context, English) of what has a whole translation."""
    found = entries(language)
    return {(one.msgctxt or "", one.msgid) for _, one in found if one.translated() and not one.obsolete}


def main() -> None:
    """Prints what is missing."""
    known, printed = translated("es"), set()
    for path in [ROOT / one for one in sys.argv[1:]] or sources():
        for message in sorted(messages_of(path.resolve())):
            if (message.context, message.sentence) in known or message in printed:
                continue
            printed.add(message)
            entry = polib.POEntry(msgid=message.sentence, msgctxt=message.context or None, comment=str(path.resolve().relative_to(ROOT)))
            if message.many:
                entry.msgid_plural, entry.msgstr_plural = message.many, {0: "", 1: ""}
            print(entry)


if __name__ == "__main__":
    main()
