"""How often somebody may guess: failures are counted by account and by address, and forgotten with time.

Whoever is locked out gets in again when the window is over, from another address, with a recovery code, or by an administrator's link.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.encryption import Keyring
from service.db.sessions import add_failures, count_failures, forget_failures

WINDOW = timedelta(minutes=15)
DAY = timedelta(days=1)
"""Failures are kept for so long."""
MOST_PER_ACCOUNT_AND_ADDRESS = 10
MOST_PER_ACCOUNT = 50
"""From many addresses; higher, so that a stranger elsewhere does not lock a nurse out at once."""
MOST_PER_ADDRESS = 50
"""A whole clinic may stand behind one address."""
MOST_CODES = 10
"""Of wrong one-time codes: a code has six digits, of which three numbers are right at a time."""
MOST_CODES_A_DAY = 50
"""So that guessing day and night finds a code in some 18 years on average (3 in 1,000,000 a try)."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What failures are counted by, and how many stop further tries: in the last 15 minutes, and in a day (0: no limit of a day)."""

    index: bytes
    most: int
    most_a_day: int = 0


def of_password(ring: Keyring, email: str, address: str) -> tuple[Subject, ...]:
    """The counts of a password: of account and address together first, of the account, of the address."""
    account = email.strip().lower()
    return (
        Subject(_index(ring, f"sign-in account {account} address {address}"), MOST_PER_ACCOUNT_AND_ADDRESS),
        Subject(_index(ring, f"sign-in account {account}"), MOST_PER_ACCOUNT),
        Subject(_index(ring, f"sign-in address {address}"), MOST_PER_ADDRESS),
    )


def of_code(ring: Keyring, staff_id: UUID, factor: str, address: str) -> tuple[Subject, ...]:
    """The counts of a second factor: of the account, whatever the address (its password is known to whoever gets here), and the address."""
    return (
        Subject(_index(ring, f"{factor} of {staff_id}"), MOST_CODES, MOST_CODES_A_DAY),
        Subject(_index(ring, f"sign-in address {address}"), MOST_PER_ADDRESS),
    )


async def locked(connection: AsyncConnection, subjects: Sequence[Subject], now: datetime) -> bool:
    """True when one of these has failed too often to try again now."""
    indexes = [subject.index for subject in subjects]
    lately = await count_failures(connection, indexes, now - WINDOW)
    if any(lately[subject.index] >= subject.most for subject in subjects):
        return True
    daily = [subject for subject in subjects if subject.most_a_day]
    counts = await count_failures(connection, [subject.index for subject in daily], now - DAY) if daily else {}
    return any(counts[subject.index] >= subject.most_a_day for subject in daily)


async def failed(connection: AsyncConnection, subjects: Sequence[Subject], now: datetime) -> None:
    """Counts a failure."""
    await add_failures(connection, [subject.index for subject in subjects], now)


async def forget(connection: AsyncConnection, subject: Subject) -> None:
    """Somebody proved who they are: what failed before counts no more."""
    await forget_failures(connection, subject.index)


async def unlock(connection: AsyncConnection, ring: Keyring, staff_id: UUID, email: str) -> None:
    """An administrator lets a member of staff try again at once, from every address that has not failed too often itself."""
    whole = of_password(ring, email, "")[1]
    for subject in (whole, *(of_code(ring, staff_id, factor, "")[0] for factor in ("one-time code", "recovery code"))):
        await forget_failures(connection, subject.index)


def _index(ring: Keyring, text: str) -> bytes:
    return ring.blind_index(UUID(int=0), text)
