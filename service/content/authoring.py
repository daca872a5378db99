"""What only authors of flows need: the limits of reading level, and the schemas for their editors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from service.content.files import CASES, SHARED, ContentError, content_root, load_yaml
from service.content.flows import EDUCATION, kind_of
from service.engine.follow_through import FollowThrough
from service.engine.opening import Opening
from service.engine.reference import education_schema, flow_schema, shared_schema
from service.evaluation.flows.texts import ReadingLevel

REFERENCE = Path("flows") / "REFERENCE.md"
SCHEMAS = Path("flows") / "schema"
READING_LEVEL = Path("flows") / "reading_level.yaml"
SCHEMA_LINE = "# yaml-language-server: $schema=../schema/"


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
        of_flow = path.parent.name != SHARED or bool(kind_of(load_yaml(path)))
        if of_flow and not path.name.endswith(CASES) and not text.startswith(SCHEMA_LINE):
            name = "education.json" if path.name == EDUCATION else "flow.json"
            path.write_text(f"{SCHEMA_LINE}{name}\n{text}", encoding="utf-8")
            written.append(path)
    return written
