"""Settings: one frozen object, read from the environment once, refused at start when something is wrong.

Every setting is declared in SETTINGS with its meaning; deploy/example.env and the README are tested against that list.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from service.db.database import DatabaseUrlError, create_engine
from service.db.encryption import Keyring, KeyringError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
DEFAULT_DATABASE_URL = "sqlite+aiosqlite:///var/rounds.sqlite3"
TWILIO_API_BASE = "https://api.twilio.com"


class SettingsError(ValueError):
    """A setting is missing or wrong: names it and says what to write; never shows a secret."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One environment variable: what it is for, whether it is secret, and how its text becomes a value."""

    name: str
    meaning: str
    default: str | None = None
    """None: it must be set."""
    secret: bool = False
    example: str = ""


SETTINGS: tuple[Setting, ...] = (
    Setting("DATABASE_URL", "Where the data is: SQLite for one machine, PostgreSQL for many.", DEFAULT_DATABASE_URL),
    Setting(
        "PUBLIC_BASE_URL",
        "The address under which browsers and telephony providers reach this service, without a slash at the end. "
        "Signatures of webhooks are checked against it.",
        example="https://rounds.example.org",
    ),
    Setting(
        "ENCRYPTION_KEYS",
        "Keys for names, numbers, birth dates and message bodies, as id:base64,id:base64; the first encrypts, all decrypt. "
        "Make one with `rounds keys`. Losing them loses the data.",
        secret=True,
        example="k1:base64-of-32-bytes",
    ),
    Setting(
        "BLIND_INDEX_KEY", "Key of the phone look-up, base64 of 32 bytes; it never changes.", secret=True, example="base64-of-32-bytes"
    ),
    Setting("TWILIO_ACCOUNT_SID", "The Twilio account; empty when Twilio is not used.", "", example="ACxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
    Setting(
        "TWILIO_AUTH_TOKEN",
        "Its auth token: signs webhooks and pays for calls. Two, separated by a comma, while it is rotated.",
        "",
        secret=True,
    ),
    Setting(
        "TWILIO_FROM",
        "The number texts come from, in E.164; or leave it empty and set TWILIO_MESSAGING_SERVICE_SID.",
        "",
        example="+12025550100",
    ),
    Setting("TWILIO_MESSAGING_SERVICE_SID", "The messaging service texts come from, instead of TWILIO_FROM.", ""),
    Setting(
        "TWILIO_VOICE_FROM",
        "The number calls come from, in E.164; needed for calls where texts come from a messaging service. Empty: TWILIO_FROM.",
        "",
        example="+12025550100",
    ),
    Setting("TWILIO_API_BASE", "The provider's address; another one only for tests and contract checks.", TWILIO_API_BASE),
    Setting("HOST", "The address this process listens on; a TLS proxy stands in front of it.", "127.0.0.1"),
    Setting("PORT", "The port this process listens on.", "8080"),
    Setting(
        "TRUSTED_PROXIES",
        "Networks of the proxies in front, separated by commas: only from them is X-Forwarded-For believed "
        "(sign-in failures are counted by address). Empty: no proxy.",
        "",
        example="172.16.0.0/12",
    ),
    Setting("LOG_LEVEL", "debug, info, warning or error. Logs never hold names, numbers or words of patients.", "info"),
    Setting("SEND_RATE", "Texts a second this process hands to the provider, for its routine lane (1 for a US long code).", "10"),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the process is told from outside. Secrets do not show in its repr."""

    database_url: str = field(repr=False)
    public_base_url: str
    keyring: Keyring = field(repr=False)
    twilio_account_sid: str = ""
    twilio_auth_tokens: tuple[str, ...] = field(default=(), repr=False)
    twilio_sender: str = ""
    twilio_voice_sender: str = ""
    twilio_api_base: str = TWILIO_API_BASE
    host: str = "127.0.0.1"
    port: int = 8080
    log_level: str = "info"
    send_rate: float = 10.0
    trusted_proxies: tuple[Network, ...] = ()

    @property
    def has_twilio(self) -> bool:
        """True when texts go out through Twilio."""
        return bool(self.twilio_account_sid)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Settings from environment variables. SettingsError names the first one that is missing or wrong."""
        values: dict[str, str] = {}
        for setting in SETTINGS:
            text = environment.get(setting.name, "").strip() or setting.default
            if text is None:
                raise SettingsError(f"{setting.name} is not set. {setting.meaning} For example {setting.name}={setting.example}")
            values[setting.name] = text
        try:
            create_engine(values["DATABASE_URL"])
        except DatabaseUrlError as error:
            raise SettingsError(str(error)) from None
        try:
            keyring = Keyring.parse(values["ENCRYPTION_KEYS"], values["BLIND_INDEX_KEY"])
        except KeyringError as error:
            raise SettingsError(f"ENCRYPTION_KEYS or BLIND_INDEX_KEY: {error}") from None
        return cls(
            database_url=values["DATABASE_URL"],
            public_base_url=_address(values["PUBLIC_BASE_URL"]),
            keyring=keyring,
            **_twilio(values),
            host=_host(values["HOST"]),
            port=_number("PORT", values["PORT"], int, 0, 65535),
            trusted_proxies=_networks(values["TRUSTED_PROXIES"]),
            log_level=_one_of("LOG_LEVEL", values["LOG_LEVEL"].lower(), ("debug", "info", "warning", "error")),
            send_rate=_number("SEND_RATE", values["SEND_RATE"], float, 0.1, 1000),
        )


def _address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise SettingsError("PUBLIC_BASE_URL must be an address such as https://rounds.example.org")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise SettingsError("PUBLIC_BASE_URL must start with https:// unless it is this machine's own (http://localhost:8080)")
    if "_" in parts.hostname:
        raise SettingsError("PUBLIC_BASE_URL: telephony providers refuse a host name with an underscore")
    return text.rstrip("/")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _networks(text: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError:
        raise SettingsError("TRUSTED_PROXIES must be networks such as 172.16.0.0/12, separated by commas") from None


def _host(text: str) -> str:
    if not text or any(character.isspace() or character == "/" for character in text):
        raise SettingsError("HOST must be an address such as 127.0.0.1 or 0.0.0.0")
    return text


def _twilio(values: Mapping[str, str]) -> dict[str, Any]:
    account = values["TWILIO_ACCOUNT_SID"]
    tokens = tuple(filter(None, (token.strip() for token in values["TWILIO_AUTH_TOKEN"].split(","))))
    sender, service = values["TWILIO_FROM"], values["TWILIO_MESSAGING_SERVICE_SID"]
    voice = values["TWILIO_VOICE_FROM"]
    if not account:
        if tokens or sender or service or voice:
            raise SettingsError("TWILIO_ACCOUNT_SID is not set although other TWILIO_ settings are")
        return {"twilio_account_sid": ""}
    if not account.startswith("AC") or len(account) != 34:
        raise SettingsError("TWILIO_ACCOUNT_SID must be AC and 32 more characters, as the provider's console shows it")
    if not tokens:
        raise SettingsError("TWILIO_AUTH_TOKEN is not set although TWILIO_ACCOUNT_SID is")
    if bool(sender) == bool(service):
        raise SettingsError("set exactly one of TWILIO_FROM and TWILIO_MESSAGING_SERVICE_SID")
    if sender and not (sender.startswith("+") and sender[1:].isdigit()):
        raise SettingsError("TWILIO_FROM must be a number in E.164, such as +12025550100")
    if voice and not (voice.startswith("+") and voice[1:].isdigit()):
        raise SettingsError("TWILIO_VOICE_FROM must be a number in E.164, such as +12025550100")
    if service and not service.startswith("MG"):
        raise SettingsError("TWILIO_MESSAGING_SERVICE_SID must start with MG")
    base = values["TWILIO_API_BASE"].rstrip("/")
    if urlsplit(base).scheme not in ("http", "https") or not urlsplit(base).hostname:
        raise SettingsError(f"TWILIO_API_BASE must be an address such as {TWILIO_API_BASE}")
    return {
        "twilio_account_sid": account,
        "twilio_auth_tokens": tokens,
        "twilio_sender": sender or service,
        "twilio_voice_sender": voice or sender,
        "twilio_api_base": base,
    }


def _number(name: str, text: str, convert: Callable[[str], Any], least: float, most: float) -> Any:
    try:
        value = convert(text)
    except ValueError:
        value = None
    if value is None or not least <= value <= most:
        raise SettingsError(f"{name} must be a number from {least:g} to {most:g}")
    return value


def _one_of(name: str, text: str, allowed: tuple[str, ...]) -> str:
    if text not in allowed:
        raise SettingsError(f"{name} must be one of {', '.join(allowed)}")
    return text


def environment() -> Mapping[str, str]:
    """The process's environment variables; only here are they read."""
    return os.environ
