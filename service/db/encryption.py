"""The key ring, the one encrypted column type and the blind index (decisions 22)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Column, ColumnElement, Dialect, LargeBinary, type_coerce
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import TypeDecorator

_log = structlog.get_logger(__name__)

_NONCE_BYTES = 12


class KeyringError(ValueError):
    """A key ring is malformed or a key is missing; the text says what to do and shows no key."""


@dataclass(frozen=True, slots=True)
class Keyring:
    """Keys by id; `current` encrypts, all decrypt; `index_key` keys the blind index."""

    keys: Mapping[str, bytes] = field(repr=False)
    current: str
    index_key: bytes = field(repr=False)

    @classmethod
    def parse(cls, encryption_keys: str, index_key: str) -> Keyring:
        """From settings: "id:base64,id:base64" (32 bytes each, the first encrypts) and one base64 index key."""
        keys: dict[str, bytes] = {}
        for entry in filter(None, (part.strip() for part in encryption_keys.split(","))):
            key_id, separator, text = entry.partition(":")
            if not separator or not 0 < len(key_id.encode()) < 256:
                raise KeyringError("each encryption key must be written as id:base64")
            if key_id in keys:
                raise KeyringError(f"encryption key {key_id!r} is there twice: give a new key an id of its own, in front of the old one")
            keys[key_id] = _key(text, f"encryption key {key_id!r}")
        if not keys:
            raise KeyringError("there is no encryption key; make one with `rounds keys`")
        return cls(keys, next(iter(keys)), _key(index_key, "the blind index key"))

    def encrypt(self, text: str, context: str) -> bytes:
        """AES-256-GCM: length of key id, key id, nonce, ciphertext; bound to `context` (table.column)."""
        nonce = os.urandom(_NONCE_BYTES)
        key_id = self.current.encode()
        sealed = AESGCM(self.keys[self.current]).encrypt(nonce, text.encode("utf-8", "surrogatepass"), context.encode())
        return bytes([len(key_id)]) + key_id + nonce + sealed

    def decrypt(self, data: bytes, context: str) -> str:
        """The text; KeyringError when the key is not in the ring or the bytes were altered or moved."""
        end = 1 + data[0]
        key_id = data[1:end].decode()
        if key_id not in self.keys:
            raise KeyringError(f"encryption key {key_id!r} is not in the key ring: add it to ENCRYPTION_KEYS")
        try:
            text = AESGCM(self.keys[key_id]).decrypt(data[end : end + _NONCE_BYTES], data[end + _NONCE_BYTES :], context.encode())
        except InvalidTag:
            raise KeyringError(f"a value in {context} does not fit its key: wrong key or altered data") from None
        return text.decode("utf-8", "surrogatepass")

    def blind_index(self, organization_id: UUID, value: str) -> bytes:
        """HMAC-SHA-256 over organization and value: finds an encrypted value by equality."""
        return hmac.digest(self.index_key, organization_id.bytes + value.encode(), hashlib.sha256)


def _key(text: str, what: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise KeyringError(f"{what} is not base64") from None
    if len(key) != 32:
        raise KeyringError(f"{what} must be 32 bytes, it has {len(key)}")
    return key


def new_key() -> str:
    """A fresh random 32-byte key in base64."""
    return base64.b64encode(os.urandom(32)).decode()


def attach(dialect: Dialect, keyring: Keyring) -> None:
    """Gives an engine its key ring: every connection of that engine encrypts and decrypts with it."""
    dialect.rounds_keyring = keyring  # type: ignore[attr-defined]


def keyring_of(connection: AsyncConnection) -> Keyring:
    """The key ring of this connection's engine."""
    return _ring(connection.dialect)


def _ring(dialect: Dialect) -> Keyring:
    ring: Keyring = dialect.rounds_keyring  # type: ignore[attr-defined]
    return ring


def forgiving(column: Column[Any]) -> ColumnElement[Any]:
    """An encrypted column, named as it is, that reads None where the value cannot be decrypted: one such row keeps no other back."""
    encrypted: Any = column.type
    return type_coerce(column, _Forgiving(encrypted.context)).label(column.name)


class Encrypted(TypeDecorator[Any]):
    """Text that stands encrypted in the database; `context` is "table.column"."""

    impl = LargeBinary
    cache_ok = True

    def __init__(self, context: str) -> None:
        super().__init__()
        self.context = context

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:
        """Encrypts on the way in."""
        return None if value is None else _ring(dialect).encrypt(value, self.context)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> str | None:
        """Decrypts on the way out."""
        return None if value is None else _ring(dialect).decrypt(bytes(value), self.context)


class _Forgiving(Encrypted):
    cache_ok = True

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> str | None:
        try:
            return super().process_result_value(value, dialect)
        except (ValueError, IndexError):  # a KeyringError too
            _log.error("value_unreadable", column=self.context)
            return None
