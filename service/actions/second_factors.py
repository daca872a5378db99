"""Second factors: what somebody has besides the password they know. One small interface, so that another kind is one more class."""

from __future__ import annotations

import hmac
import secrets
from datetime import datetime
from typing import Protocol
from uuid import UUID

import pyotp
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db import credentials

STEP_SECONDS = 30
DIGITS = 6
STEPS_OFF = (0, -1, 1)
"""A telephone's clock may be one step off (RFC 6238, 5.2)."""
CODES = 10
"""Recovery codes that a member of staff gets."""
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without the letters and digits that look alike; 16 of these 31 are 79 bits."""
ISSUER = "Rounds"


class SecondFactor(Protocol):
    """One kind of second factor. What it keeps of a member of staff is its own business."""

    name: str

    def reads(self, given: str) -> bool:
        """True when what was typed looks like one of this kind."""
        ...

    async def proves(self, connection: AsyncConnection, staff_id: UUID, given: str, now: datetime) -> bool:
        """True when it proves that this member of staff is there. It is used up by that, in the caller's transaction."""
        ...


class OneTimeCode:
    """A code from an app (TOTP, RFC 6238: SHA-1, 6 digits, 30 s). Each step's code counts once."""

    name = "one-time code"

    def reads(self, given: str) -> bool:
        """Six digits, with or without spaces."""
        plain = given.replace(" ", "")
        return plain.isascii() and plain.isdigit() and len(plain) == DIGITS

    async def proves(self, connection: AsyncConnection, staff_id: UUID, given: str, now: datetime) -> bool:
        """True for the code of this step, the one before or the one after, if no code of that step or a later one was taken before."""
        secret = await credentials.totp_secret(connection, staff_id)
        step = step_of(secret, given, now) if secret is not None else None
        return step is not None and await credentials.take_step(connection, staff_id, step)


def step_of(secret: str, given: str, now: datetime) -> int | None:
    """The step (30 s each since 1970) whose code this is: the present one, the one before or the one after; None for a wrong code."""
    codes, present, plain = pyotp.TOTP(secret), int(now.timestamp()) // STEP_SECONDS, given.replace(" ", "")
    fitting = [present + off for off in STEPS_OFF if hmac.compare_digest(codes.generate_otp(present + off).encode(), plain.encode())]
    return fitting[0] if fitting else None


class RecoveryCode:
    """One of the codes that were shown when the second factor was set up, for a lost telephone. Each counts once."""

    name = "recovery code"

    def reads(self, given: str) -> bool:
        """Sixteen letters and digits, however they are grouped."""
        return len(_plain(given)) == 16 and set(_plain(given)) <= set(_ALPHABET)

    async def proves(self, connection: AsyncConnection, staff_id: UUID, given: str, now: datetime) -> bool:
        """True for a code of this member that was not used before."""
        return await credentials.take_recovery_code(connection, staff_id, _plain(given), now)


ONE_TIME_CODE = OneTimeCode()
FACTORS: tuple[SecondFactor, ...] = (ONE_TIME_CODE, RecoveryCode())
"""All kinds; what was typed goes to the first that reads it."""


def factor_for(given: str) -> SecondFactor:
    """The kind that what was typed looks like; the first kind for what looks like none, so that it fails there."""
    return next((factor for factor in FACTORS if factor.reads(given)), FACTORS[0])


def new_secret() -> str:
    """A fresh secret of 160 bits in base32 (RFC 4226, 4: at least 128)."""
    return pyotp.random_base32(32)


def new_recovery_codes() -> list[str]:
    """Ten fresh codes as they are shown: four groups of four."""
    return ["-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(4)) for _ in range(CODES)]


def address_for_apps(secret: str, email: str) -> str:
    """The otpauth: address that an app reads from a picture."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=ISSUER)


def stored_form(code: str) -> str:
    """A recovery code as it is hashed."""
    return _plain(code)


def _plain(given: str) -> str:
    return given.replace("-", "").replace(" ", "").lower()
