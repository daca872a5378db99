"""Content that clinicians review (flows, urgency table, patients' vocabulary), read once at start and handed down as values.

Nobody else opens these files. A file that cannot be read or does not fit its format is an error at start, never at a patient's reply.
"""

from __future__ import annotations

import gc
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache, partial
from io import StringIO
from pathlib import Path
from typing import Any, TypeVar
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from service.domain.script import Script, build_script
from service.domain.wording import Wording, WordingError, build_wording
from service.engine import Education, Flow, FlowError, Library, parse_education, parse_flow, parse_recheck, parse_subflow
from service.engine.between import problems_between
from service.engine.cases import Case, read_cases
from service.engine.follow_through import FollowThrough, parse_follow_through
from service.engine.follow_through_cases import SafetyCase, read_safety_cases
from service.engine.opening import Opening, parse_opening
from service.engine.opening_cases import OpeningCase, read_opening_cases
from service.engine.place import Path as FlowPath
from service.engine.place import Place
from service.engine.reference import education_schema, flow_schema, shared_schema
from service.evaluation.flows.texts import ReadingLevel
from service.replies import Lexicon, LexiconError, build_lexicon
from service.triage import Tables, TablesError, build_tables, symptoms_named
from service.yaml_values import YamlError, read_yaml

PACKAGE = Path(__file__).parent
WORDING = Path("flows") / "shared" / "wording.yaml"
SHARED = "shared"
CASES = ".cases.yaml"
EDUCATION = "education.yaml"
REFERENCE = Path("flows") / "REFERENCE.md"
SCHEMAS = Path("flows") / "schema"
READING_LEVEL = Path("flows") / "reading_level.yaml"
SCHEMA_LINE = "# yaml-language-server: $schema=../schema/"
MOST_FLOWS = 200
OPENING = Path("flows") / "shared" / "opening.yaml"
FOLLOW_THROUGH = Path("flows") / "shared" / "follow_through.yaml"
SCRIPT = Path("flows") / "shared" / "voice.yaml"
URGENCY_TABLE = Path("flows") / "shared" / "urgency.yaml"
OPINION = Path(SHARED) / "opinion.npz"
MOST_BYTES_A_FILE = 1_000_000


_Read = TypeVar("_Read")


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


def load_yaml(path: Path) -> Any:
    """One YAML 1.2 file as plain values that know their lines (see `read_yaml`).

    Raises ContentError naming the file and the line.
    """
    try:
        if path.stat().st_size > MOST_BYTES_A_FILE:
            raise ContentError(path.name, "", f"longer than {MOST_BYTES_A_FILE} bytes; split it")
        return read_yaml(path.read_text(encoding="utf-8"))
    except YamlError as error:
        raise ContentError(path.name, f"line {error.line}" if error.line else "", f"not readable as YAML: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ContentError(path.name, "", f"cannot be read ({type(error).__name__})") from error


def parse_yaml(text: str, where: str) -> Any:
    """Plain values of YAML that somebody typed. ContentError names `where` it was typed."""
    try:
        return read_yaml(text)
    except YamlError as error:
        raise ContentError(where, "", f"not readable as YAML: {error}") from error


def compose_yaml(text: str, where: str) -> Any:
    """The document's nodes (ruamel's), which know where in the text they begin and end. ContentError names `where` it was read."""
    try:
        return YAML(typ="safe", pure=True).compose(text)
    except (YAMLError, ValueError, RecursionError) as error:
        raise ContentError(where, "", f"not readable as YAML: {' '.join(str(error).split())[:200]}") from error


def as_yaml(value: Any) -> str:
    """Plain values as YAML text: what somebody has played, to be read and kept by people."""
    yaml = YAML(typ="rt", pure=True)
    yaml.width = 130
    written = StringIO()
    yaml.dump(value, written)
    return written.getvalue()


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
    gc.disable()  # it is built of millions of small parts that all stay: looking for garbage among them takes half of the time
    try:
        lexicon = _lexicon(PACKAGE / "replies" / "lexicon")
        gc.freeze()
    finally:
        gc.enable()
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


def load_follow_through(root: Path | None = None) -> FollowThrough:
    """What follows a safety text (`flows/shared/follow_through.yaml`). Raises ContentError naming the file and line."""
    return _shared(root if root is not None else content_root(), FOLLOW_THROUGH, parse_follow_through)


def load_opening(root: Path | None = None) -> Opening:
    """The first texts of a programme (`flows/shared/opening.yaml`). Raises ContentError naming the file and line."""
    return _shared(root if root is not None else content_root(), OPENING, parse_opening)


def _shared(top: Path, path: Path, parse: Callable[[Any, str, Mapping[str, Any]], _Read]) -> _Read:
    """A shared file that is no flow; it refers to the texts of the wording."""
    file = f"{SHARED}/{path.name}"
    try:
        return parse(load_yaml(top / path), file, _texts_of(load_yaml(top / WORDING)))
    except FlowError as error:
        raise ContentError(error.file, error.where, error.what) from error
    except _MISFIT as error:
        raise _misfit(file, error) from error


def load_safety_cases(after: FollowThrough, wording: Wording, root: Path | None = None) -> tuple[SafetyCase, ...]:
    """The cases beside follow_through.yaml, () when there are none. Raises ContentError naming the file and line."""
    name = f"{SHARED}/{FOLLOW_THROUGH.stem}{CASES}"
    path = (root if root is not None else content_root()) / "flows" / name
    if not path.exists():
        return ()
    try:
        return read_safety_cases(load_yaml(path), name, after, wording.texts)
    except FlowError as error:
        raise ContentError(error.file, error.where, error.what) from error


def load_opening_cases(root: Path | None = None) -> tuple[OpeningCase, ...]:
    """The cases beside opening.yaml, () when there are none. Raises ContentError naming the file and line."""
    name = f"{SHARED}/{OPENING.stem}{CASES}"
    path = (root if root is not None else content_root()) / "flows" / name
    if not path.exists():
        return ()
    try:
        return read_opening_cases(load_yaml(path), name)
    except FlowError as error:
        raise ContentError(error.file, error.where, error.what) from error


def _texts_of(data: Any) -> Mapping[str, Any]:
    """The texts of a wording or a script as written; nothing where the file is not made so (it is told when it is built)."""
    texts = data.get("texts") if isinstance(data, Mapping) else None
    return texts if isinstance(texts, Mapping) else {}


def load_wording(root: Path | None = None) -> Wording:
    """The fixed texts (`flows/shared/wording.yaml`) and those of the shared files beside it. ContentError names file and text."""
    top = root if root is not None else content_root()
    data, after, opening = load_yaml(top / WORDING), load_follow_through(top), load_opening(top)
    try:
        return build_wording(
            {**data, "texts": opening.completed(after.completed(data["texts"]))} if _texts_of(data) else data, WORDING.name
        )
    except WordingError as error:
        raise _wrong_text(top, error, {FOLLOW_THROUGH: after, OPENING: opening}) from error
    except _MISFIT as error:
        raise _misfit(WORDING.name, error) from error


def _wrong_text(top: Path, error: WordingError, shared: Mapping[Path, FollowThrough | Opening]) -> ContentError:
    """The error where the text stands: that of a text out of a shared file in that file."""
    key, _, language = error.where.partition(".")
    for path, one in shared.items():
        if place := one.place_of(key):
            told = Place(load_yaml(top / path), f"{SHARED}/{path.name}").error((*place, language) if language else place, error.what)
            return ContentError(told.file, told.where, told.what)
    return ContentError(error.file, error.where, error.what)


def load_script(root: Path | None = None, wording: Wording | None = None) -> Script:
    """What is spoken on the telephone (`flows/shared/voice.yaml`). Raises ContentError naming the file and text."""
    top = root if root is not None else content_root()
    data, after = load_yaml(top / SCRIPT), load_follow_through(top)
    try:
        merged = {**data, "texts": {**data["texts"], **after.spoken()}} if _texts_of(data) else data
        return build_script(merged, wording if wording is not None else load_wording(root), SCRIPT.name)
    except WordingError as error:
        raise _wrong_text(top, error, {FOLLOW_THROUGH: after}) from error
    except _MISFIT as error:
        raise _misfit(SCRIPT.name, error) from error


def load_flows(root: Path | None = None, wording: Wording | None = None) -> Mapping[str, Flow]:
    """Every check-in by its key ("heart_failure/daily", from `flows/heart_failure/daily.yaml`), drafts among them.

    Raises ContentError naming the file and line, and when there is none.
    """
    read = read_flows(root, wording)
    if read.errors:
        raise read.errors[0]
    return read.flows


@dataclass(frozen=True, slots=True)
class FlowFiles:
    """The flow files of a folder as far as they could be read, and every mistake in the others."""

    flows: Mapping[str, Flow]
    subflows: tuple[str, ...]
    errors: tuple[ContentError, ...]


def read_flows(root: Path | None = None, wording: Wording | None = None) -> FlowFiles:
    """Reads every flow file; a mistake in one does not hide those of the others."""
    folder = (root if root is not None else content_root()) / "flows"
    words = wording if wording is not None else load_wording(root)
    errors: list[ContentError] = []
    shared = {key: (_kind(data), data) for key, data in _parsed(_flow_files((folder / SHARED).glob("*.yaml")), errors)}
    raw = {key: data for key, (kind, data) in shared.items() if kind == "subflow"}
    rechecks = {key: data for key, (kind, data) in shared.items() if kind == "recheck"}
    library = Library(raw, _education(folder, words, errors), frozenset(rechecks))
    for key, data in raw.items():
        _read(partial(parse_subflow, data, f"{key}.yaml", words, library), f"{key}.yaml", errors)
    paths = [path for path in _flow_files(folder.glob("*/*.yaml")) if path.parent.name != SHARED]
    if not 0 < len(paths) <= MOST_FLOWS:
        errors.append(ContentError("flows", "", f"needs 1 to {MOST_FLOWS} flows, found {len(paths)}"))
        paths = []
    flows: dict[str, Flow] = {}
    for key, data in _parsed(paths, errors):
        flow = _read(partial(parse_flow, data, f"{key}.yaml", words, library), f"{key}.yaml", errors)
        if flow is not None:
            flows[key] = flow
    for key, data in rechecks.items():
        recheck = _read(partial(parse_recheck, data, f"{key}.yaml", words, library), f"{key}.yaml", errors)
        if recheck is not None:
            flows[key] = recheck
    if not errors:
        for key, problem in problems_between(flows):
            errors += located(key, [problem], root)
    return FlowFiles(flows, tuple(raw), tuple(errors))


def _parsed(paths: Iterable[Path], errors: list[ContentError]) -> Iterator[tuple[str, Any]]:
    for path in paths:
        key = f"{path.parent.name}/{path.stem}"
        try:
            yield key, load_yaml(path)
        except ContentError as error:
            errors.append(ContentError(f"{key}.yaml", error.where, error.what))


def _kind(data: Any) -> str:
    """What a file in flows/shared/ is read as: a recheck, a subflow (which is told of a wrong kind:), or "" when it holds no steps."""
    if not isinstance(data, Mapping) or "steps" not in data:
        return ""
    return "recheck" if data.get("kind") == "recheck" else "subflow"


def _flow_files(paths: Iterable[Path]) -> list[Path]:
    """Those that may hold a flow: neither cases nor education, in the order of their names."""
    return sorted(path for path in paths if not path.name.endswith(CASES) and path.name != EDUCATION)


def _education(folder: Path, wording: Wording, errors: list[ContentError]) -> Mapping[str, Education | None]:
    books: dict[str, Education | None] = {}
    for key, data in _parsed(sorted(folder.glob(f"*/{EDUCATION}")), errors):
        books[key.partition("/")[0]] = _read(partial(parse_education, data, f"{key}.yaml", wording), f"{key}.yaml", errors)
    return books


def _read(read: Callable[[], _Read], file: str, errors: list[ContentError]) -> _Read | None:
    try:
        return read()
    except FlowError as error:
        errors += [ContentError(each.file, each.where, each.what) for each in (error, *error.others)]
    except _MISFIT as error:
        errors.append(_misfit(file, error))
    return None


@dataclass(frozen=True, slots=True)
class Content:
    """All reviewed content, as app.py injects it into the actions."""

    lexicon: Lexicon
    tables: Tables
    flows: Mapping[str, Flow]
    wording: Wording
    script: Script
    follow_through: FollowThrough
    opening: Opening


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
    for error in unknown_rechecks(tables, flows):
        raise error
    for error in unknown_symptoms(lexicon, tables, flows):
        raise error
    return Content(lexicon, tables, flows, wording, load_script(root, wording), load_follow_through(root), load_opening(root))


def load_cases(key: str, root: Path | None = None) -> tuple[Case, ...]:
    """The cases beside a flow, () when it has none. Raises ContentError naming the file and line."""
    path = (root if root is not None else content_root()) / "flows" / f"{key}{CASES}"
    if not path.exists():
        return ()
    try:
        return read_cases(load_yaml(path), f"{key}{CASES}")
    except FlowError as error:
        raise ContentError(error.file, error.where, error.what) from error


def load_reading_level(root: Path | None = None) -> ReadingLevel:
    """How hard texts may be (`flows/reading_level.yaml`). Raises ContentError naming the file and what to write."""
    path = (root if root is not None else content_root()) / READING_LEVEL
    data = load_yaml(path)
    familiar, exceptions = (data.get("familiar"), data.get("exceptions")) if isinstance(data, Mapping) else (None, None)
    if not isinstance(familiar, Mapping) or not isinstance(exceptions, Mapping):
        raise ContentError(path.name, "", "write familiar: with words by language, and exceptions: by flow")
    for name, value in (*familiar.items(), *exceptions.items()):
        if not isinstance(value, list if name in familiar else Mapping):
            raise ContentError(path.name, str(name), "write a list of words under a language, and place: reason under a flow")
    words = {str(language): frozenset(str(word) for word in each) for language, each in familiar.items()}
    return ReadingLevel(words, {str(key): {str(k): str(v) for k, v in places.items()} for key, places in exceptions.items()})


def located(key: str, problems: Iterable[tuple[FlowPath, str]], root: Path | None = None) -> list[ContentError]:
    """Problems of a flow as errors that name file and line; those of a subflow's step stand where it is run."""
    folder = (root if root is not None else content_root()) / "flows"
    data = load_yaml(folder / f"{key}.yaml")
    place = Place(data, f"{key}.yaml")
    found = []
    for path, what in problems:
        inside = len(path) > 1 and path[0] == "steps" and "." in str(path[1])
        written: FlowPath = ("steps", str(path[1]).partition(".")[0]) if inside else path
        error = place.error(written, f"{'.'.join(str(part) for part in path[1:])}: {what}" if inside else what)
        found.append(ContentError(error.file, error.where, error.what))
    return found


def write_flow_schemas(root: Path | None = None) -> list[Path]:
    """Writes flows/schema/, and the line that names its schema at the top of each flow file that lacks it; the files written."""
    top = root if root is not None else content_root()
    (top / SCHEMAS).mkdir(exist_ok=True)
    written = []
    schemas = {
        "flow.json": flow_schema(),
        "education.json": education_schema(),
        "follow_through.json": shared_schema(FollowThrough),
        "opening.json": shared_schema(Opening),
    }
    for name, schema in schemas.items():
        path = top / SCHEMAS / name
        path.write_text(json.dumps(schema, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        written.append(path)
    for path in sorted((top / "flows").glob("*/*.yaml")):
        text = path.read_text(encoding="utf-8")
        of_flow = path.parent.name != SHARED or bool(_kind(load_yaml(path)))
        if of_flow and not path.name.endswith(CASES) and not text.startswith(SCHEMA_LINE):
            name = "education.json" if path.name == EDUCATION else "flow.json"
            path.write_text(f"{SCHEMA_LINE}{name}\n{text}", encoding="utf-8")
            written.append(path)
    return written


def unknown_rechecks(tables: Tables, flows: Mapping[str, Flow]) -> Iterator[ContentError]:
    """Rules of the urgency table that name a safety re-check which is none."""
    known = sorted(key for key, flow in flows.items() if flow.kind == "recheck")
    for rule in tables.rules:
        if rule.recheck and rule.recheck not in known:
            told = f"write one of {', '.join(known)}" if known else "there is none yet: write a file with kind: recheck in flows/shared/"
            yield ContentError(URGENCY_TABLE.name, f"rule {rule.id}", f'there is no safety re-check "{rule.recheck}"; {told}')


def unknown_symptoms(lexicon: Lexicon, tables: Tables, flows: Mapping[str, Flow]) -> Iterator[ContentError]:
    """A symptom that no reader finds is a typing error: its rule would never fire, and nobody would notice."""
    known = {entry.name for entry in lexicon.entries if entry.kind == "symptom"}
    named = [(URGENCY_TABLE.name, f"rule {rule.id}", symptoms_named(rule.when)) for rule in tables.rules]
    for key, flow in flows.items():
        for step in flow.steps:
            named += [(f"{key}.yaml", f"steps.{step.key}.only_if", symptoms_named(condition)) for condition in flow.only_if(step)]
        for step in flow.questions:
            named.append((f"{key}.yaml", f"steps.{step.key}.about", frozenset(step.about)))
            named += [(f"{key}.yaml", f"red flag {flag.name}", symptoms_named(flow.rule(step, flag).when)) for flag in step.red_flags]
        if flow.quicken_when is not None:
            named.append((f"{key}.yaml", "quicken.when", symptoms_named(flow.quicken_when)))
    for file, where, symptoms in named:
        for symptom in sorted(symptoms - known):
            near = get_close_matches(symptom, sorted(known), n=1)
            hint = f'; did you mean "{near[0]}"?' if near else ""
            yield ContentError(file, where, f'"{symptom}" is no symptom that the vocabulary knows{hint}')
