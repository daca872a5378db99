"""Content that clinicians review (flows, urgency table, patients' vocabulary), read once at start and handed down as values.

Nobody else opens these files. A file that cannot be read or does not fit its format is an error at start, never at a patient's reply.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from service.domain.wording import Wording, WordingError, build_wording
from service.engine import Flow, FlowError, parse_flow
from service.replies import Lexicon, LexiconError, build_lexicon
from service.triage import Tables, TablesError, build_tables
from service.triage.conditions import symptoms_named

PACKAGE = Path(__file__).parent
WORDING = Path("flows") / "shared" / "wording.yaml"
SHARED = "shared"
CASES = ".cases.yaml"
MOST_FLOWS = 200
URGENCY_TABLE = Path("flows") / "shared" / "urgency.yaml"
OPINION = Path(SHARED) / "opinion.npz"
MOST_BYTES_A_FILE = 1_000_000


class ContentError(Exception):
    """A content file is wrong: which file, where in it, what is wrong and what to write instead."""

    def __init__(self, file: str, where: str, what: str) -> None:
        super().__init__(f"{file}: {where}: {what}" if where else f"{file}: {what}")
        self.file, self.where, self.what = file, where, what


def content_root() -> Path:
    """The folder that holds `flows/` (and `templates/`): `service/_content` in an installed wheel, else the checkout.

    Raises ContentError when neither is there.
    """
    for root in (PACKAGE / "_content", PACKAGE.parent):
        if (root / "flows").is_dir():
            return root
    raise ContentError("flows", "", "no content found: install the wheel anew, or run from a checkout that has flows/")


def load_yaml(path: Path, *, lines: bool = False) -> Any:
    """One YAML 1.2 file as plain Python values; with `lines` its mappings and lists know where they stand (`.lc`).

    Raises ContentError naming the file and the line.
    """
    try:
        if path.stat().st_size > MOST_BYTES_A_FILE:
            raise ContentError(path.name, "", f"longer than {MOST_BYTES_A_FILE} bytes; split it")
        yaml = YAML(typ="rt" if lines else "safe", pure=True)
        return yaml.load(path.read_text(encoding="utf-8"))
    except MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}" if mark is not None else ""
        raise ContentError(path.name, where, f"not readable as YAML: {error.problem or error.context}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ContentError(path.name, "", f"cannot be read ({type(error).__name__})") from error
    except (YAMLError, ValueError, RecursionError) as error:  # a sign that YAML has not, a date that no calendar has
        raise ContentError(path.name, "", f"not readable as YAML: {' '.join(str(error).split())[:200]}") from error


_MISFIT = (TypeError, ValueError, AttributeError, RecursionError)


def _misfit(file: str, error: Exception) -> ContentError:
    """For a value of a kind that no check of its own has foreseen (a list where a word belongs)."""
    return ContentError(file, "", f"a value is of a kind that does not belong where it stands: {' '.join(str(error).split())[:200]}")


def load_lexicon(folder: Path | None = None) -> Lexicon:
    """The patients' vocabulary of every language (`service/replies/lexicon/<language>/*.yaml`).

    The own one is built once a process: it is a value, and takes seconds. Raises ContentError naming the file and entry.
    """
    return _own_lexicon() if folder is None else _lexicon(folder)


@cache
def _own_lexicon() -> Lexicon:
    lexicon = _lexicon(PACKAGE / "replies" / "lexicon")
    if lexicon.opinion is None:
        raise ContentError(str(OPINION), "", "is missing: install the program anew")
    return lexicon


def _lexicon(root: Path) -> Lexicon:
    files = {f"{path.parent.name}/{path.name}": load_yaml(path) for path in sorted(root.glob("*/*.yaml"))}
    weights = root / OPINION
    try:
        return build_lexicon(files, _arrays(weights) if weights.exists() else None)
    except LexiconError as error:
        raise ContentError(error.file, error.where, error.what) from error
    except (OSError, ValueError, EOFError, BadZipFile, zlib.error) as error:
        raise ContentError(str(OPINION), "", f"cannot be read ({type(error).__name__})") from error


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    with path.open("rb") as content, np.load(content, allow_pickle=False) as file:
        return dict(file)


def load_tables(root: Path | None = None) -> Tables:
    """The universal urgency table (`flows/shared/urgency.yaml`). Raises ContentError naming the file and rule."""
    path = (root if root is not None else content_root()) / URGENCY_TABLE
    try:
        return build_tables(load_yaml(path), file=URGENCY_TABLE.name)
    except TablesError as error:
        raise ContentError(error.file, error.where, error.what) from error
    except _MISFIT as error:
        raise _misfit(URGENCY_TABLE.name, error) from error


def load_wording(root: Path | None = None) -> Wording:
    """The fixed texts (`flows/shared/wording.yaml`). Raises ContentError naming the file and text."""
    path = (root if root is not None else content_root()) / WORDING
    try:
        return build_wording(load_yaml(path), WORDING.name)
    except WordingError as error:
        raise ContentError(error.file, error.where, error.what) from error
    except _MISFIT as error:
        raise _misfit(WORDING.name, error) from error


def load_flows(root: Path | None = None, wording: Wording | None = None) -> Mapping[str, Flow]:
    """Every flow by its key ("heart_failure/daily", from `flows/heart_failure/daily.yaml`), drafts among them.

    Raises ContentError naming the file and line, and when there is none.
    """
    folder = (root if root is not None else content_root()) / "flows"
    words = wording if wording is not None else load_wording(root)
    paths = [p for p in sorted(folder.glob("*/*.yaml")) if p.parent.name != SHARED and not p.name.endswith(CASES)]
    if not 0 < len(paths) <= MOST_FLOWS:
        raise ContentError("flows", "", f"needs 1 to {MOST_FLOWS} flows, found {len(paths)}")
    flows = {}
    for path in paths:
        file = f"{path.parent.name}/{path.name}"
        try:
            flow = parse_flow(load_yaml(path, lines=True), file, words)
        except FlowError as error:
            raise ContentError(error.file, error.where, error.what) from error
        except _MISFIT as error:
            raise _misfit(file, error) from error
        flows[flow.key] = flow
    return flows


@dataclass(frozen=True, slots=True)
class Content:
    """All reviewed content, as app.py injects it into the actions."""

    lexicon: Lexicon
    tables: Tables
    flows: Mapping[str, Flow]
    wording: Wording


def load_content(root: Path | None = None) -> Content:
    """Reads and checks all content once at start. Raises ContentError at the first mistake.

    `root` is the folder that holds `flows/`; None means the installed or checked-out one.
    """
    wording = load_wording(root)
    tables = load_tables(root)
    for rule in tables.rules:
        if rule.answer and rule.answer not in wording.texts:
            raise ContentError(URGENCY_TABLE.name, f"rule {rule.id}", f'the wording has no text "{rule.answer}"')
    lexicon, flows = load_lexicon(), load_flows(root, wording)
    _check_symptoms(lexicon, tables, flows)
    return Content(lexicon, tables, flows, wording)


def _check_symptoms(lexicon: Lexicon, tables: Tables, flows: Mapping[str, Flow]) -> None:
    """A symptom that no reader finds is a typing error: its rule would never fire, and nobody would notice."""
    known = {entry.name for entry in lexicon.entries if entry.kind == "symptom"}
    named = [(URGENCY_TABLE.name, f"rule {rule.id}", symptoms_named(rule.when)) for rule in tables.rules]
    for key, flow in flows.items():
        for step in flow.steps:
            named.append((f"{key}.yaml", f"steps.{step.key}.about", frozenset(step.about)))
            named += [(f"{key}.yaml", f"red flag {flag.name}", symptoms_named(flow.rule(step, flag).when)) for flag in step.red_flags]
    for file, where, symptoms in named:
        if unknown := sorted(symptoms - known):
            near = get_close_matches(unknown[0], sorted(known), n=1)
            hint = f'; did you mean "{near[0]}"?' if near else ""
            raise ContentError(file, where, f'"{unknown[0]}" is no symptom that the vocabulary knows{hint}')
