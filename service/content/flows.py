"""The flow files and the cases beside them; a mistake in one file hides none of another's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar

from service.content.files import CASES, MISFIT, SHARED, ContentError, content_root, load_yaml, misfit
from service.content.shared import load_wording
from service.domain.wording import Wording
from service.engine import Education, Flow, FlowError, Library, parse_education, parse_flow, parse_recheck, parse_subflow
from service.engine.between import problems_between
from service.engine.cases import Case, read_cases
from service.engine.place import Path as FlowPath
from service.engine.place import Place

EDUCATION = "education.yaml"
MOST_FLOWS = 200
_Read = TypeVar("_Read")


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
    """Reads every flow file; a mistake in one does not hide those of the others. The own ones are read once a process: they are values."""
    return _own_flows() if root is None and wording is None else _read_flows(root, wording)


@cache
def _own_flows() -> FlowFiles:
    return _read_flows(None, None)


def _read_flows(root: Path | None, wording: Wording | None) -> FlowFiles:
    folder = (root if root is not None else content_root()) / "flows"
    words = wording if wording is not None else load_wording(root)
    errors: list[ContentError] = []
    shared = {key: (kind_of(data), data) for key, data in _parsed(_flow_files((folder / SHARED).glob("*.yaml")), errors)}
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


def kind_of(data: Any) -> str:
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
    except MISFIT as error:
        errors.append(misfit(file, error))
    return None


def load_cases(key: str, root: Path | None = None) -> tuple[Case, ...]:
    """The cases beside a flow, () when it has none. Raises ContentError naming the file and line."""
    path = (root if root is not None else content_root()) / "flows" / f"{key}{CASES}"
    if not path.exists():
        return ()
    try:
        return read_cases(load_yaml(path), f"{key}{CASES}")
    except FlowError as error:
        raise ContentError(error.file, error.where, error.what) from error


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
