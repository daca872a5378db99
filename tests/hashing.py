"""Passwords and PINs of tests are hashed with the least work that argon2id takes: with the library's own cost each takes a sixth of a
second of every core, several times a test. Verifying reads the cost from the hash."""

from __future__ import annotations

from functools import partial
from typing import Any

from argon2 import PasswordHasher

from service.actions import passwords

CHEAP = {"time_cost": 1, "memory_cost": 8, "parallelism": 1}


def hash_cheaply() -> None:
    """From now on, for every hash that this process makes."""
    module: Any = passwords
    module.PasswordHasher = partial(PasswordHasher, **CHEAP)
