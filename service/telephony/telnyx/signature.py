"""telnyx-signature-ed25519: Telnyx's Ed25519 signature over `timestamp|raw body`, for JSON and forms alike.

The address is not part of what is signed: a webhook that is replayed to another of our paths still verifies, so nothing may be
concluded from a path alone. What is older (or newer) than five minutes is refused; within them, seen ids stop a replay.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from service.telephony.port import SignatureRefused, SignatureTooOld

SIGNATURE_HEADER = "telnyx-signature-ed25519"
TIMESTAMP_HEADER = "telnyx-timestamp"
TOLERANCE_SECONDS = 300
"""Telnyx's own verifiers refuse what is further away than this, in either direction."""

_KEY_BYTES = 32
_SIGNATURE_BYTES = 64
_LONGEST_TIMESTAMP = 12


def public_key(text: str) -> Ed25519PublicKey:
    """The key as Telnyx's portal shows it: base64 of 32 bytes. ValueError for anything else; the text is not repeated."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != _KEY_BYTES:
        raise ValueError("a Telnyx public key is base64 of 32 bytes")
    return Ed25519PublicKey.from_public_bytes(raw)


def check(keys: Sequence[Ed25519PublicKey], headers: Mapping[str, str], body: bytes, now: datetime) -> None:
    """Returns when one of the keys has signed this body within five minutes of `now`.

    Raises SignatureRefused, which is SignatureTooOld when it is for its time alone.
    """
    given, timestamp = headers.get(SIGNATURE_HEADER, ""), headers.get(TIMESTAMP_HEADER, "")
    if not given or not timestamp:
        raise SignatureRefused("no signature")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= _LONGEST_TIMESTAMP):
        raise SignatureRefused("no timestamp")
    try:
        signature = base64.b64decode(given, validate=True)
    except (binascii.Error, ValueError):
        raise SignatureRefused("wrong signature") from None
    if len(signature) != _SIGNATURE_BYTES:
        raise SignatureRefused("wrong signature")
    if not any(_has_signed(key, signature, timestamp.encode() + b"|" + body) for key in keys):
        raise SignatureRefused("wrong signature")
    if abs(now.timestamp() - int(timestamp)) > TOLERANCE_SECONDS:  # last, so that nobody else can make the clock look wrong
        raise SignatureTooOld("old signature")


def _has_signed(key: Ed25519PublicKey, signature: bytes, message: bytes) -> bool:
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True
