"""Telnyx's signature, made from the published description: Ed25519 over timestamp|body, base64."""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def signed(key: Ed25519PrivateKey, timestamp: int | str, body: bytes, content_type: str = "application/json") -> dict[str, str]:
    """The headers of a webhook with this body."""
    signature = key.sign(f"{timestamp}|".encode() + body)
    return {
        "telnyx-timestamp": str(timestamp),
        "telnyx-signature-ed25519": base64.b64encode(signature).decode(),
        "content-type": content_type,
    }
