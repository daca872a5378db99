"""Fault tests: what holds when processes die, databases go away and providers are slow.

Sampled in `make test`; `make faults` (FAULTS=full) runs the full counts and prints the figures.
"""

import os
from collections.abc import Sequence

import pytest

FULL_COUNTS = os.environ.get("FAULTS") == "full"
SECONDS_A_TEST = 0 if FULL_COUNTS else 900
"""The time limit of one test; the full counts have none."""


def on(database: str) -> Sequence[pytest.MarkDecorator]:
    """The marks of a test on this kind of database, where the test names the kinds itself."""
    return (pytest.mark.postgres,) if database == "postgresql" else ()
