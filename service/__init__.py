"""Rounds: check-ins and messaging between patients at home and their nurse case managers."""

import os

__version__ = "0.1.0"

# The products of the second opinion's small matrices gain nothing from more threads, and threads that wait for each other cost tenfold
# on a busy machine. numpy reads this once, when it is first imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
