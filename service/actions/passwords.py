"""Passwords: the rule for new ones, their hash, and a check that never takes more than two cores' worth of work."""

from __future__ import annotations

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from service.actions.common_passwords import is_common

SHORTEST = 12
LONGEST = 200
MOST_LEFT = 4
"""A password in which fewer letters than these are neither name nor address is one of them."""
AT_ONCE = 2
"""Hashes under way at the same time: one takes about 115 ms and 64 MiB."""
MOST_WAITING = 40
"""Sign-ins that may wait for their turn; further ones are told to come back."""


class TooBusy(Exception):
    """More sign-ins wait than can be checked soon."""


class Passwords:
    """argon2id in threads. One object a process; close it at shutdown."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._threads = ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="password")
        self.turn = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0
        self._nobody = ""

    def close(self) -> None:
        """Ends the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def __aenter__(self) -> Passwords:
        """Waits for a turn, so that check and record of a sign-in stay together; TooBusy when too many wait."""
        if self._waiting >= MOST_WAITING:
            raise TooBusy
        self._waiting += 1
        try:
            await self.turn.acquire()
        finally:
            self._waiting -= 1
        return self

    async def __aexit__(self, *_: object) -> None:
        """Gives the turn to the next."""
        self.turn.release()

    async def fits(self, password: str, password_hash: str | None) -> bool:
        """True when the password has this hash; for an account that does not exist (None) the same work is done in vain."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._verify, password, password_hash)

    async def hash_of(self, password: str) -> str:
        """The hash of a new password."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._hasher.hash, password)

    async def renewed(self, password: str, password_hash: str) -> str | None:
        """A new hash when the old one was made with other parameters than today's, else None."""
        if not self._hasher.check_needs_rehash(password_hash):
            return None
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._hasher.hash, password)

    def _verify(self, password: str, password_hash: str | None) -> bool:
        if not self._nobody:
            self._nobody = self._hasher.hash("nobody's password")
        try:
            return self._hasher.verify(password_hash or self._nobody, password) and password_hash is not None
        except (VerificationError, InvalidHashError):
            return False


def why_not_acceptable(password: str, *about: str) -> str:
    """What is wrong with a new password, "" when nothing is (ASVS 5.0 6.2: length and a list of common ones decide, no composition).

    `about`: the member's name, e-mail address and organization; a password that is little more than one of these is refused.
    """
    if len(password) < SHORTEST:
        return "A password has at least 12 characters: three or four words do well."
    if len(password) > LONGEST:
        return "A password has at most 200 characters."
    if is_common(password) or _is_about(password, about):
        return "Many people would try this password first: choose three or four words that have nothing to do with each other."
    return ""


def _is_about(password: str, about: tuple[str, ...]) -> bool:
    rest = password.lower()
    for word in re.findall(r"\w{3,}", " ".join(about).lower()):
        rest = rest.replace(word, "")
    return len(re.sub(r"[\W\d_]", "", rest)) < MOST_LEFT and rest != password.lower()


def hash_password(password: str) -> str:
    """The argon2id hash of a password, with the library's current parameters (takes about 115 ms: not in the event loop)."""
    return PasswordHasher().hash(password)
