"""What holds for every check-in: the urgency table, fixed texts, first texts, what follows a safety text, what a call says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from service.content.files import CASES, MISFIT, SHARED, ContentError, content_root, load_yaml, misfit
from service.domain.contact_law import ContactLaw
from service.domain.ready_answer import ReadyAnswer, parse_ready_answers
from service.domain.script import Script, build_script
from service.domain.wording import Wording, WordingError, build_wording
from service.engine import FlowError
from service.engine.contact_law import contact_law, parse_calling_hours, parse_consent
from service.engine.follow_through import FollowThrough, parse_follow_through
from service.engine.follow_through_cases import SafetyCase, read_safety_cases
from service.engine.opening import Opening, parse_opening
from service.engine.opening_cases import OpeningCase, read_opening_cases
from service.engine.place import Place
from service.triage import Tables, TablesError, build_tables

WORDING = Path("flows") / SHARED / "wording.yaml"
FOLLOW_THROUGH = Path("flows") / SHARED / "follow_through.yaml"
SCRIPT = Path("flows") / SHARED / "voice.yaml"
URGENCY_TABLE = Path("flows") / SHARED / "urgency.yaml"
OPENING = Path("flows") / SHARED / "opening.yaml"
CALLING_HOURS = Path("flows") / SHARED / "calling_hours.yaml"
CONSENT = Path("flows") / SHARED / "consent.yaml"
ANSWERS = Path("flows") / SHARED / "answers.yaml"
_Read = TypeVar("_Read")


def load_tables(root: Path | None = None) -> Tables:
    """The universal urgency table (`flows/shared/urgency.yaml`). Raises ContentError naming the file and rule."""
    path = (root if root is not None else content_root()) / URGENCY_TABLE
    try:
        return build_tables(load_yaml(path), file=URGENCY_TABLE.name)
    except TablesError as error:
        raise ContentError(error.file, error.where, error.what) from error
    except MISFIT as error:
        raise misfit(URGENCY_TABLE.name, error) from error


def load_follow_through(root: Path | None = None) -> FollowThrough:
    """What follows a safety text (`flows/shared/follow_through.yaml`). Raises ContentError naming the file and line."""
    return _shared(root if root is not None else content_root(), FOLLOW_THROUGH, parse_follow_through)


def load_opening(root: Path | None = None) -> Opening:
    """The first texts of a programme (`flows/shared/opening.yaml`). Raises ContentError naming the file and line."""
    return _shared(root if root is not None else content_root(), OPENING, parse_opening)


def load_contact_law(root: Path | None = None) -> ContactLaw:
    """Calling hours by state and what patients agree to (`flows/shared/calling_hours.yaml`, `consent.yaml`). Raises ContentError."""
    top = root if root is not None else content_root()
    return contact_law(_shared(top, CALLING_HOURS, parse_calling_hours), _shared(top, CONSENT, parse_consent))


def load_ready_answers(root: Path | None = None) -> tuple[ReadyAnswer, ...]:
    """What nurses often write (`flows/shared/answers.yaml`), in every language. Raises ContentError naming the file and the answer."""
    path = (root if root is not None else content_root()) / ANSWERS
    try:
        return parse_ready_answers(load_yaml(path))
    except MISFIT as error:
        raise ContentError(f"{SHARED}/{ANSWERS.name}", "", str(error)) from error


def _shared(top: Path, path: Path, parse: Callable[[Any, str, Mapping[str, Any]], _Read]) -> _Read:
    """A shared file that is no flow; it refers to the texts of the wording."""
    file = f"{SHARED}/{path.name}"
    try:
        return parse(load_yaml(top / path), file, _texts_of(load_yaml(top / WORDING)))
    except FlowError as error:
        raise ContentError(error.file, error.where, error.what) from error
    except MISFIT as error:
        raise misfit(file, error) from error


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
    except MISFIT as error:
        raise misfit(WORDING.name, error) from error


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
    except MISFIT as error:
        raise misfit(SCRIPT.name, error) from error
