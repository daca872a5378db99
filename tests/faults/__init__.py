"""Fault tests: what holds when processes die, databases go away and providers are slow.

Sampled in `make test`; `make faults` (FAULTS=full) runs the full counts and prints the figures.
"""

import os

SECONDS_A_TEST = 0 if os.environ.get("FAULTS") == "full" else 300
"""The time limit of one test; the full counts have none."""
