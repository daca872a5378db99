"""The patients' vocabulary and the model of the second opinion, read once a process."""

from __future__ import annotations

import gc
import zlib
from functools import cache
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from service.content.files import PACKAGE, SHARED, ContentError, load_yaml
from service.replies import Lexicon, LexiconError, build_lexicon

OPINION = Path(SHARED) / "opinion.npz"


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
