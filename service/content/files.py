"""Where content lies, how a file of it is read, and what is said when one is wrong."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from service.yaml_values import YamlError, read_yaml

PACKAGE = Path(__file__).parents[1]
SHARED = "shared"
CASES = ".cases.yaml"
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


MISFIT = (TypeError, ValueError, AttributeError, RecursionError)


def misfit(file: str, error: Exception) -> ContentError:
    """For a value of a kind that no check of its own has foreseen (a list where a word belongs)."""
    return ContentError(file, "", f"a value is of a kind that does not belong where it stands: {' '.join(str(error).split())[:200]}")
