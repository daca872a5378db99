"""rounds flows translate and publish as programs, over a copy of the content."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.commands.conftest import cold_program
from tests.guards.source import ROOT

KEY = "medication/weekly"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A folder that is a checkout to the program: its code, and content of its own."""
    (tmp_path / "service").symlink_to(ROOT / "service")
    for name in ("shared", "medication"):
        shutil.copytree(ROOT / "flows" / name, tmp_path / "flows" / name)
    return tmp_path


def test_texts_go_out_and_come_back(copy: Path) -> None:
    out = cold_program("flows", "translate", KEY, "--out", "es.po", cwd=copy)
    assert (out.code, out.err) == (0, "")
    assert out.out.startswith("es.po: ")
    assert out.out.endswith("0 of them missing\n")
    path, flow = copy / "es.po", copy / "flows" / f"{KEY}.yaml"
    before = flow.read_bytes()
    assert cold_program("flows", "translate", KEY, "--in", "es.po", cwd=copy).code == 0
    assert flow.read_bytes() == before
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('msgstr "Le saluda {clinic}."', 'msgstr "Le saluda."'), encoding="utf-8")
    refused = cold_program("flows", "translate", KEY, "--in", "es.po", cwd=copy)
    assert refused.code == 2
    assert f"{KEY}.yaml greeting: the placeholder {{clinic}} is lost" in refused.out
    assert "1 mistake; no file was changed" in refused.err
    assert flow.read_bytes() == before
    path.write_text(text.replace('msgstr "Le saluda {clinic}."', 'msgstr "{clinic} le saluda."'), encoding="utf-8")
    assert cold_program("flows", "translate", KEY, "--in", "es.po", cwd=copy).out == f"flows/{KEY}.yaml: 1 text in es changed\n"
    assert flow.read_bytes() == before.replace(b"Le saluda {clinic}.", b'"{clinic} le saluda."')
    wrong = cold_program("flows", "translate", KEY, "--out", "x.po", "--language", "en", cwd=copy)
    assert (wrong.code, "such as es or fr" in wrong.err) == (2, True)


def test_a_language_that_lacks_a_text_is_not_published_and_every_text_is_named(copy: Path, environment: dict[str, str]) -> None:
    flow = copy / "flows" / f"{KEY}.yaml"
    lines = flow.read_text(encoding="utf-8").splitlines(keepends=True)
    spanish = [number for number, line in enumerate(lines) if line.strip().startswith("es: ") and "[" not in line][:2]
    flow.write_text("".join(line for number, line in enumerate(lines) if number not in spanish), encoding="utf-8")
    ended = cold_program("flows", "publish", KEY, cwd=copy, environment=environment)
    assert ended.code == 2
    assert ended.out.count("the text in es is missing; add es:") == 2
    assert "2 mistakes in the flow files: nothing was published" in ended.err
