"""Reads our own source code for the guard tests."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


def modules(*folders: str) -> list[Path]:
    """Every Python file below these folders of the repository, sorted."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


@cache
def tree(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Line and dotted module of every import in a file, those inside functions too; relative ones are made absolute.

    `from service import clock` counts as `service.clock` where that is a module of ours.
    """
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            prefix = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(filter(None, [prefix, node.module]))
            for alias in node.names:
                yield node.lineno, f"{module}.{alias.name}" if _is_ours(f"{module}.{alias.name}") else module


def _is_ours(name: str) -> bool:
    place = ROOT.joinpath(*name.split("."))
    return place.with_suffix(".py").is_file() or (place / "__init__.py").is_file()


def dotted(node: ast.expr) -> str:
    """The name an expression spells, for example "datetime.datetime.now"; what is not a plain name is a question mark."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


def where(path: Path, line: int) -> str:
    """A place as an editor understands it."""
    return f"{path.relative_to(ROOT)}:{line}"


def tracked_files() -> list[Path]:
    """The files that git knows in this checkout, or all outside hidden and built folders where there is no git."""
    try:
        listed = subprocess.run(["git", "ls-files", "-z", "--cached"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        names = [ROOT / name for name in listed.split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        names = [path for path in ROOT.rglob("*") if not {".venv", "build", "dist", ".git"} & set(path.relative_to(ROOT).parts)]
    return [path for path in names if path.is_file()]
