"""Settings: one frozen object, read from the environment once, refused at start when something is wrong.

Every setting is declared in SETTINGS with its meaning; deploy/example.env and the README are tested against that list.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from service.db.database import DatabaseUrlError, create_engine
from service.db.encryption import Keyring, KeyringError
from service.provider_settings import PROVIDER_SETTINGS, ProviderSettings, Setting, SettingsError, e164, read_providers

__all__ = ["DEFAULT_DATABASE_URL", "SETTINGS", "Settings", "SettingsError", "environment"]

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
DEFAULT_DATABASE_URL = "sqlite+aiosqlite:///var/rounds.sqlite3"


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
    *PROVIDER_SETTINGS,
    Setting(
        "LOOK_UP_NUMBERS",
        "yes: each patient's number is asked about once at the first configured provider that knows (Twilio, else Telnyx; they bill it), "
        "so that a landline is known before its first text; no: the first text finds out.",
        "no",
    ),
    Setting(
        "REDACT_BODIES",
        "yes: the words of a text are emptied at the provider soon after the end of its way, where it offers that (Twilio, SignalWire); "
        "no: they stay as long as the provider keeps them.",
        "yes",
    ),
    Setting(
        "MACHINE_DETECTION",
        "async: a call speaks at once, and goes on as voicemail when the provider says that a machine has picked up; "
        "sync: it is silent until the provider knows who has.",
        "sync",
    ),
    Setting("HOST", "The address this process listens on; a TLS proxy stands in front of it.", "127.0.0.1"),
    Setting("PORT", "The port this process listens on.", "8080"),
    Setting(
        "TRUSTED_PROXIES",
        "Networks of the proxies in front, separated by commas: only from them is X-Forwarded-For believed "
        "(sign-in failures are counted by address). Empty: no proxy.",
        "",
        example="172.16.0.0/12",
    ),
    Setting(
        "METRICS_NETWORKS",
        "Networks from which GET /metrics is answered, separated by commas; never through the proxy.",
        "127.0.0.0/8,::1/128",
        example="10.0.0.0/8",
    ),
    Setting(
        "HEALTH_PING_URL",
        "An address that is called every minute while all is well: a watcher elsewhere raises the alarm when the call does not come. "
        "Empty: none.",
        "",
        example="https://watcher.example.org/ping/rounds",
    ),
    Setting(
        "SYNTHETIC_NUMBER",
        "A second number of your own at the same provider, in E.164, for texts and calls: the synthetic patient's telephone, which never "
        "rings at a person's. Empty: its way ends before the carrier.",
        "",
        example="+12025550120",
    ),
    Setting(
        "MFA",
        "required: whoever signs in with a password gives a code from an app as well, and sets that up at the first sign-in; "
        "optional: each member of staff decides.",
        "required",
    ),
    Setting(
        "AUDIT_HEADS",
        "A file to which the head of each audit trail is written whenever it moves on, best on another disk that only adds: whoever cuts "
        "the trail's end off the database is found by it. Empty: the heads stand in the log and, signed, in the database.",
        "",
        example="/var/lib/rounds-heads/heads.txt",
    ),
    Setting("LOG_LEVEL", "debug, info, warning or error. Logs never hold names, numbers or words of patients.", "info"),
    Setting(
        "SEND_RATE",
        "Segments a second of each sender without a rate of its own; empty: by its kind (long code, pool 1; toll-free 3; short code 100).",
        "",
    ),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the process is told from outside. Secrets do not show in its repr."""

    database_url: str = field(repr=False)
    public_base_url: str
    keyring: Keyring = field(repr=False)
    providers: tuple[ProviderSettings, ...] = ()
    """Those that are configured; none in the demo."""
    look_up_numbers: bool = False
    redact_bodies: bool = True
    asks_who_answers_first: bool = True
    """MACHINE_DETECTION=sync."""
    host: str = "127.0.0.1"
    port: int = 8080
    log_level: str = "info"
    send_rate: float | None = None
    trusted_proxies: tuple[Network, ...] = ()
    metrics_networks: tuple[Network, ...] = ()
    health_ping_url: str = field(default="", repr=False)
    synthetic_number: str = ""
    second_factor_required: bool = True
    """MFA=required."""
    audit_heads: str = ""
    """Path of a file, "" for none."""

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
        providers = read_providers(values)
        return cls(
            database_url=values["DATABASE_URL"],
            public_base_url=_address(values["PUBLIC_BASE_URL"]),
            keyring=keyring,
            providers=providers,
            look_up_numbers=_one_of("LOOK_UP_NUMBERS", values["LOOK_UP_NUMBERS"].lower(), ("yes", "no")) == "yes",
            redact_bodies=_one_of("REDACT_BODIES", values["REDACT_BODIES"].lower(), ("yes", "no")) == "yes",
            asks_who_answers_first=_one_of("MACHINE_DETECTION", values["MACHINE_DETECTION"].lower(), ("sync", "async")) == "sync",
            host=_host(values["HOST"]),
            port=_number("PORT", values["PORT"], int, 0, 65535),
            trusted_proxies=_networks("TRUSTED_PROXIES", values["TRUSTED_PROXIES"]),
            metrics_networks=_networks("METRICS_NETWORKS", values["METRICS_NETWORKS"]),
            health_ping_url=_ping(values["HEALTH_PING_URL"]),
            synthetic_number=_synthetic(values["SYNTHETIC_NUMBER"], providers),
            second_factor_required=_one_of("MFA", values["MFA"].lower(), ("required", "optional")) == "required",
            audit_heads=values["AUDIT_HEADS"],
            log_level=_one_of("LOG_LEVEL", values["LOG_LEVEL"].lower(), ("debug", "info", "warning", "error")),
            send_rate=_number("SEND_RATE", values["SEND_RATE"], float, 0.1, 1000) if values["SEND_RATE"] else None,
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


def _networks(name: str, text: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError:
        raise SettingsError(f"{name} must be networks such as 172.16.0.0/12, separated by commas") from None


def _ping(text: str) -> str:
    parts = urlsplit(text)
    if text and (parts.scheme not in ("http", "https") or not parts.hostname):
        raise SettingsError("HEALTH_PING_URL must be an address such as https://watcher.example.org/ping/rounds")
    return text


def _synthetic(text: str, providers: Sequence[ProviderSettings]) -> str:
    number = e164("SYNTHETIC_NUMBER", text)
    if number and any(number in (told.sender, told.voice_sender) for told in providers):
        raise SettingsError("SYNTHETIC_NUMBER must be another number than the one texts and calls come from")
    return number


def _host(text: str) -> str:
    if not text or any(character.isspace() or character == "/" for character in text):
        raise SettingsError("HOST must be an address such as 127.0.0.1 or 0.0.0.0")
    return text


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
