"""rounds flows translate: the texts of a check-in as a PO file for translators, and their work read back into the flow files."""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from service.commands.surroundings import UserError
from service.content import EDUCATION, SHARED, ContentError, compose_yaml, content_root, load_wording, load_yaml, parse_yaml, read_flows
from service.domain.wording import Wording
from service.engine.languages import SOURCE_LANGUAGE, is_language, offered
from service.evaluation.flows.po_file import PoError, Read, changes_by_file, read, taken, written
from service.evaluation.flows.translation import Entry, Kind, entries, missing, split
from service.evaluation.flows.yaml_edits import Forms, edited

MOST_TOLD = 40
"""Mistakes of one PO file that are printed; all are counted."""
MOST_NAMED = 10
"""Missing texts that are named."""


def add_parser(inner: Any) -> None:
    """Declares the command below `rounds flows`."""
    translate = inner.add_parser(
        "translate",
        help="write a check-in's texts as a PO file, or read the translations back",
        description="Writes every text of a check-in, of the subflows it runs and of its programme's lessons as a PO file, or reads one "
        "back into these files. Nothing is changed unless all of it can be taken.",
    )
    translate.add_argument("flow", metavar="FLOW", help="such as heart_failure/daily, or shared/missed_dose")
    way = translate.add_mutually_exclusive_group(required=True)
    way.add_argument("--out", metavar="FILE", help="write this PO file; one that stands there already shows where the English has changed")
    way.add_argument("--in", dest="read_in", metavar="FILE", help="read the translations of this PO file into the flow")
    translate.add_argument("--language", metavar="CODE", default="es", help="with --out: the language, such as fr (default: es)")
    translate.set_defaults(run_blocking=translate_flow)


def translate_flow(arguments: argparse.Namespace) -> None:
    """Writes or reads the PO file. Raises UserError and ContentError."""
    root = content_root()
    if arguments.out is not None:
        write_out(root, arguments.flow, arguments.language, Path(arguments.out))
    else:
        read_in(root, arguments.flow, Path(arguments.read_in))


def write_out(root: Path, flow: str, language: str, out: Path) -> None:
    """Writes the PO file of a flow of the content in `root`. Raises UserError and ContentError."""
    if not is_language(language) or language == SOURCE_LANGUAGE:
        raise UserError(f'--language {language}: write the code of the language to translate into, such as es or fr (not "en")')
    found = texts_of(root, flow, language)
    try:
        text = written(found, flow, language, load_wording(root), _read(out) if out.exists() else None)
    except PoError as error:
        raise UserError(f"{out}: {error}") from error
    _replace({out: text})
    lacking = missing(found)
    print(f"{out}: {len(found)} texts of {flow} in {language}, {len(lacking)} of them missing")


def read_in(root: Path, flow: str, path: Path) -> None:
    """Takes the translations of a PO file into the flow's files, all or none. Raises UserError and ContentError."""
    wording = load_wording(root)
    try:
        po = _read(path)
        found = texts_of(root, flow, po.language)
        changes, problems = taken(po, found, flow, wording)
    except PoError as error:
        raise UserError(f"{path}: {error}") from error
    if problems:
        for problem in problems[:MOST_TOLD]:
            print(f"{path}: {problem}")
        raise UserError(f"{path}: {_counted(len(problems), 'mistake', 'mistakes')}; no file was changed")
    if changes:
        files = _edited(root, found, changes, po.language)
        _check(root, files, wording)
        _replace({root / "flows" / name: text for name, text in files.items()})
    for name, own in changes_by_file(changes).items():
        print(f"flows/{name}: {_counted(len(own), 'text', 'texts')} in {po.language} changed")
    _tell_missing(texts_of(root, flow, po.language), po.language, changed=bool(changes))


def texts_of(root: Path, flow: str, language: str) -> list[Entry]:
    """The texts of a check-in or shared flow, of the subflows it runs, and of its programme's lessons. Raises UserError."""
    names = _files(root, flow)
    return [entry for name in names for entry in entries(name, load_yaml(root / "flows" / name), language)]


def _files(root: Path, flow: str) -> list[str]:
    folder = root / "flows"
    known = {f"{path.parent.name}/{path.stem}" for path in folder.glob("*/*.yaml") if not path.name.endswith((".cases.yaml", EDUCATION))}
    known = {key for key in known if not key.startswith(f"{SHARED}/") or "steps" in load_yaml(folder / f"{key}.yaml")}
    if flow not in known:
        raise UserError(f"there is no flow {flow}; there are: {', '.join(sorted(known))}")
    names = [f"{flow}.yaml"]
    for name in names:  # grows while it is read: subflows run subflows
        names += [f"{key}.yaml" for key in _run_by(load_yaml(folder / name)) if key in known and f"{key}.yaml" not in names]
    education = f"{flow.partition('/')[0]}/{EDUCATION}"
    return [*names, *([education] if (folder / education).exists() else [])]


def _run_by(data: Any) -> Iterator[str]:
    steps = data.get("steps") if isinstance(data, Mapping) else None
    for step in steps.values() if isinstance(steps, Mapping) else ():
        if isinstance(step, Mapping) and isinstance(step.get("run"), str):
            yield step["run"]


def _read(path: Path) -> Read:
    try:
        return read(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise PoError("not written in UTF-8; save it so") from error
    except OSError as error:
        raise PoError(f"cannot be read ({type(error).__name__})") from error


def _edited(root: Path, found: list[Entry], changes: list[tuple[Entry, str]], language: str) -> dict[str, str]:
    """Each changed file's text by its name under flows/."""
    new = {entry.name: text for entry, text in changes}
    files: dict[str, str] = {}
    for name, own in changes_by_file(changes).items():
        before = (root / "flows" / name).read_bytes().decode()  # with its line ends as they are
        wanted: dict[tuple[str | int, ...], Forms] = {}
        for entry, text in own:
            if entry.kind is Kind.WORDS:
                wanted[entry.path] = split(text)
                continue
            forms = [each for each in found if each.file == name and each.path == entry.path]
            wanted[entry.path] = {each.form: words for each in forms if (words := new.get(each.name, each.text))}
        files[name] = edited(before, compose_yaml(before, name), wanted, language)
        _see_that_only(name, before, files[name], own, language)
    return files


def _see_that_only(name: str, before: str, after: str, own: list[tuple[Entry, str]], language: str) -> None:
    """Raises ContentError unless exactly these texts have changed."""
    old, new = parse_yaml(before, name), parse_yaml(after, name)
    wanted = {entry.name: entry.text for entry in entries(name, old, language)} | {entry.name: text for entry, text in own}
    there = {entry.name: entry.text for entry in entries(name, new, language)}
    if there != wanted or _others(old, language) != _others(new, language):
        raise ContentError(name, "", "is written in a way that cannot be edited by itself; change the texts by hand")


def _others(data: Any, language: str) -> dict[str, Any]:
    """A file without its texts in this language, and without the word whether they are under way."""
    left = offered({**data, "translating": [language]}, [code for code in data.get("languages", []) if code != language])
    return {name: value for name, value in left.items() if name != "translating"}


def _check(root: Path, files: Mapping[str, str], wording: Wording) -> None:
    """Reads all flows as they would be. Raises UserError when one is not well, or more than this language would change."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        shutil.copytree(root / "flows", copy / "flows")
        for name, text in files.items():
            (copy / "flows" / name).write_text(text, encoding="utf-8")
        errors = read_flows(copy, wording).errors
        if errors and (new := set(map(str, errors)) - set(map(str, read_flows(root, wording).errors))):
            for error in sorted(new)[:MOST_TOLD]:
                print(error)
            raise UserError(f"with these texts {_counted(len(new), 'mistake', 'mistakes')} would stand in the flows; no file was changed")


def _replace(files: Mapping[Path, str]) -> None:
    """Writes all of them beside their places, then puts each in its place: none is ever seen half-written."""
    ready: list[tuple[Path, Path]] = []
    try:
        for path, text in files.items():
            with tempfile.NamedTemporaryFile("w", encoding="utf-8", newline="\n", dir=path.parent, suffix=".part", delete=False) as file:
                ready.append((Path(file.name), path))
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(file.name).chmod(path.stat().st_mode & 0o777 if path.exists() else 0o644)
        for part, path in ready:
            part.replace(path)
    except OSError as error:
        raise UserError(f"cannot be written: {error.filename} ({type(error).__name__})") from error
    finally:
        for part, _ in ready:
            part.unlink(missing_ok=True)


def _tell_missing(found: list[Entry], language: str, *, changed: bool) -> None:
    lacking = missing(found)
    if lacking:
        more = f" and {len(lacking) - MOST_NAMED} more" if len(lacking) > MOST_NAMED else ""
        names = "; ".join(entry.name for entry in lacking[:MOST_NAMED])
        print(f"{language} is not offered to patients: {_counted(len(lacking), 'text is', 'texts are')} missing: {names}{more}")
    elif not changed:
        print(f"nothing to change: the files hold these texts in {language} already")


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
