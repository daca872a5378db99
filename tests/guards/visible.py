"""What a template shows without asking for its translation: text and attributes that are seen or read aloud."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from jinja2 import nodes

from tests.guards.messages import TEMPLATE_CALLS, environment

SEEN = {"aria-label", "title", "placeholder", "alt", "aria-roledescription", "label"}
SAME_IN_EVERY_LANGUAGE = {"Rounds", "SMS", "PIN", "SBAR", "HELP", "STOP", "START", "CSV", "px", "min", "rounds", "add", "rota"}
"""Names and signs; `rounds rota add` is a command."""
_WORD = re.compile(r"[A-Za-zÀ-ÿ]{2,}")
_ENTITY = re.compile(r"&#?\w+;")
_UNSEEN = re.compile(r"<!--.*?-->|<(code|kbd|pre|style|script)\b.*?</\1>", re.DOTALL)
_TAG = re.compile(r"<[^<>]*>", re.DOTALL)
_ATTRIBUTE = re.compile(r'([\w-]+)\s*=\s*"([^"]*)"', re.DOTALL)


def untranslated(path: Path) -> list[str]:
    """The visible English of a template that stands outside `_()` and `{% trans %}`."""
    page = "".join(_written(environment().parse(path.read_text("utf-8"))))
    page = _UNSEEN.sub(" ", page)
    attributes = [value for tag in _TAG.findall(page) for name, value in _ATTRIBUTE.findall(tag) if name in SEEN]
    found = [*attributes, *_TAG.sub("\n", page).split("\n")]
    return [piece.strip() for piece in found if _words(piece)]


def _words(piece: str) -> list[str]:
    if _ATTRIBUTE.match(piece.strip()):  # a macro that writes the attributes of a tag
        return []
    return [word for word in _WORD.findall(_ENTITY.sub(" ", piece)) if word not in SAME_IN_EVERY_LANGUAGE]


def _written(node: nodes.Node) -> Iterator[str]:
    """The text of a template in its order; of expressions only the words that stand in them as they are."""
    if isinstance(node, nodes.TemplateData):
        yield node.data
    elif isinstance(node, nodes.Output):
        for piece in node.nodes:
            yield from _written(piece) if isinstance(piece, nodes.TemplateData) else _said(piece)
    else:
        for child in node.iter_child_nodes():
            yield from _written(child)


def _said(node: nodes.Node) -> Iterator[str]:
    """The constants that an expression may print: not those that it compares, passes on or looks up."""
    if isinstance(node, nodes.Const):
        yield str(node.value)
    elif isinstance(node, nodes.CondExpr):
        yield from _said(node.expr1)
        if node.expr2 is not None:
            yield from _said(node.expr2)
    elif isinstance(node, nodes.Concat):
        for child in node.nodes:
            yield from _said(child)
    elif isinstance(node, nodes.Or | nodes.And):
        yield from _said(node.right)
    elif isinstance(node, nodes.Filter) and node.name in ("default", "d") and node.args:
        yield from _said(node.args[0])
    elif isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name) and node.node.name in TEMPLATE_CALLS:
        yield ""
