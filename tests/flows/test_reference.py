"""What authors read and what their editor completes is what the program checks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from service.content import REFERENCE, SCHEMAS, content_root, load_yaml
from service.domain.reading import Expects
from service.engine.reference import education_schema, flow_schema, reference
from service.engine.steps import KINDS

ROOT = content_root()
FLOWS = [path for path in sorted((ROOT / "flows").glob("*/*.yaml")) if not path.name.endswith(".cases.yaml")]


def test_the_reference_page_is_current() -> None:
    assert (ROOT / REFERENCE).read_text("utf-8") == reference(), "run: rounds flows reference"


def test_the_schemas_are_current() -> None:
    assert json.loads((ROOT / SCHEMAS / "flow.json").read_text("utf-8")) == flow_schema(), "run: rounds flows schema"
    assert json.loads((ROOT / SCHEMAS / "education.json").read_text("utf-8")) == education_schema(), "run: rounds flows schema"


def test_every_word_of_the_language_is_described() -> None:
    def described(entry: Mapping[str, Any], where: str) -> None:
        for name, value in entry.get("properties", {}).items():
            assert value.get("description"), f"{where}.{name} has no description"

    for name, entry in flow_schema()["$defs"].items():
        described(entry, name)
    page = reference()
    assert all(f"### `{kind}:`" in page for kind in (*KINDS, "run"))
    assert all(f"`{expects}`" in page for expects in Expects)


def misfits(schema: Mapping[str, Any], value: Any, definitions: Mapping[str, Any], where: str) -> Iterator[str]:
    """Where a file does not fit the part of the schema that editors complete by: names, required names, choices."""
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    for word in ("oneOf", "anyOf"):
        if word in schema:
            tried = [list(misfits(one, value, definitions, where)) for one in schema[word]]
            if all(tried):
                yield from min(tried, key=len)
            return
    kinds = {"object": Mapping, "array": list, "string": str, "integer": int, "boolean": bool, "null": type(None)}
    if "enum" in schema and value not in schema["enum"]:
        yield f"{where}: {value} is none of {schema['enum']}"
    if "type" in schema and not isinstance(value, kinds[schema["type"]]) and schema.get("format") != "date":
        yield f"{where}: no {schema['type']}"
    elif isinstance(value, Mapping):
        yield from (f"{where}: {name} is missing" for name in schema.get("required", ()) if name not in value)
        for name, each in value.items():
            part = schema.get("properties", {}).get(name, schema.get("additionalProperties", True))
            if part is False:
                yield f"{where}: {name} is unknown"
            elif isinstance(part, Mapping):
                yield from misfits(part, each, definitions, f"{where}.{name}")
    elif isinstance(value, list) and isinstance(schema.get("items"), Mapping):
        for number, each in enumerate(value):
            yield from misfits(schema["items"], each, definitions, f"{where}.{number}")


@pytest.mark.parametrize("path", FLOWS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_shipped_file_fits_the_schema(path: Path) -> None:
    data = load_yaml(path)
    if path.name == "education.yaml":
        schema = education_schema()
        assert list(misfits(schema, data, schema["$defs"], path.name)) == []
    elif path.parent.name != "shared" or data.get("kind") in ("subflow", "recheck"):
        definitions = flow_schema()["$defs"]
        top = definitions[{"subflow": "Subflow", "recheck": "Recheck"}.get(data.get("kind"), "Flow")]
        assert list(misfits(top, data, definitions, path.name)) == []


def test_the_schema_refuses_a_word_that_means_nothing() -> None:
    definitions = flow_schema()["$defs"]
    data = load_yaml(ROOT / "flows/shared/missed_dose.yaml")
    data["steps"]["reason"]["asks"] = data["steps"]["reason"].pop("ask")
    assert list(misfits(definitions["Subflow"], data, definitions, "flow"))
