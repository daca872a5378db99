"""Skipped unless what `tests/openapi/get.sh` fetches is there."""

from __future__ import annotations

from pathlib import Path

import pytest

FETCHED = Path(__file__).parents[2] / "build" / "openapi"


@pytest.fixture(scope="session")
def fetched() -> Path:
    """The folder with the published files."""
    if not (FETCHED / "node_modules").exists():
        pytest.skip("opt-in: run `make openapi`")
    return FETCHED
