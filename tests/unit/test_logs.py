"""Nothing that could be a name, a number or a patient's words reaches a log, whoever logs it and by whatever way (law 10)."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from uuid import UUID

import pytest
import structlog

from service import logs

SECRETS = ("Ana Alvarez", "Ana", "+12025550101", "12025550101", "I have chest pain", "ana@example.org", "1951-04-12")


@pytest.fixture
def restored() -> Iterator[None]:
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
    yield
    structlog.reset_defaults()
    logging.getLogger().handlers[:] = handlers
    logging.getLogger().setLevel(level)


@pytest.mark.law(10)
@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize("secret", SECRETS)
def test_personal_data_is_replaced_wherever_it_stands(secret: str, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info")
    log = structlog.get_logger("test")
    log.info("reply_received", body=secret, number=12025550101)
    logging.getLogger("library").error("sent %s", secret)
    logging.getLogger("library").error(f"sent {secret}")  # noqa: G004 - how a library may do it
    try:
        raise ValueError(f"row: {secret}")
    except ValueError:
        log.exception("failed")
        logging.getLogger("library").exception("failed")
    written = capsys.readouterr().err
    assert secret not in written
    assert "12025550101" not in written
    assert all(json.loads(line) for line in written.splitlines())
    assert len(written.splitlines()) == 5


@pytest.mark.usefixtures("restored")
def test_codes_ids_and_counts_are_kept(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info")
    id = UUID(int=7)
    structlog.get_logger("test").warning("batch_failed", error="ValueError", texts=12, item=str(id), code="30003")
    entry = json.loads(capsys.readouterr().err)
    assert (entry["event"], entry["error"], entry["texts"], entry["item"], entry["code"]) == (
        "batch_failed",
        "ValueError",
        12,
        str(id),
        "30003",
    )


@pytest.mark.usefixtures("restored")
def test_an_exception_says_its_kind_and_place_but_not_its_text(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info")
    try:
        {}["Ana Alvarez"]
    except KeyError:
        structlog.get_logger("test").exception("failed")
    entry = json.loads(capsys.readouterr().err)
    assert entry["error"] == "KeyError"
    assert entry["at"].startswith(__name__.rpartition(".")[0] or "tests")
