"""Settings of telephony providers: those that are declared, and what each configured provider is told. All may be set at once.

A provider is used when the setting that names its account is there; then the rest of its settings must be whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

TWILIO_API_BASE = "https://api.twilio.com"
TELNYX_API_BASE = "https://api.telnyx.com"


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


PROVIDER_SETTINGS: tuple[Setting, ...] = (
    Setting("TWILIO_ACCOUNT_SID", "The Twilio account; empty when Twilio is not used.", "", example="ACxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
    Setting(
        "TWILIO_AUTH_TOKEN",
        "Its auth token: signs webhooks and pays for calls. Two, separated by a comma, while it is rotated.",
        "",
        secret=True,
    ),
    Setting("TWILIO_API_KEY_SID", "An API key that asks for texts and calls in the place of the auth token. Empty: the token.", ""),
    Setting("TWILIO_API_KEY_SECRET", "The secret of TWILIO_API_KEY_SID.", "", secret=True),
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
    Setting(
        "SIGNALWIRE_PROJECT_ID",
        "The SignalWire project; empty when SignalWire is not used.",
        "",
        example="xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx",
    ),
    Setting("SIGNALWIRE_SPACE", "The host name of the project's space.", "", example="example.signalwire.com"),
    Setting("SIGNALWIRE_API_TOKEN", "The project's API token: asks for texts and calls.", "", secret=True),
    Setting(
        "SIGNALWIRE_SIGNING_KEY", "The project's signing key, of webhooks. Two, separated by a comma, while it is changed.", "", secret=True
    ),
    Setting("SIGNALWIRE_FROM", "The number texts come from, in E.164.", "", example="+12025550100"),
    Setting("SIGNALWIRE_VOICE_FROM", "The number calls come from, in E.164. Empty: SIGNALWIRE_FROM.", "", example="+12025550100"),
    Setting("SIGNALWIRE_API_BASE", "The provider's address, only for tests. Empty: the space's own.", ""),
    Setting(
        "TELNYX_MESSAGING_PROFILE_ID",
        "The Telnyx messaging profile of texts; empty when Telnyx is not used.",
        "",
        example="xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx",
    ),
    Setting("TELNYX_API_KEY", "The API key: asks for texts and calls.", "", secret=True),
    Setting(
        "TELNYX_PUBLIC_KEY",
        "The public key that webhooks are checked with. Two, separated by a comma, while it is changed.",
        "",
    ),
    Setting("TELNYX_FROM", "The number texts come from, in E.164. Empty: the profile's number pool.", "", example="+12025550100"),
    Setting("TELNYX_VOICE_FROM", "The number calls come from, in E.164. Empty: TELNYX_FROM.", "", example="+12025550100"),
    Setting("TELNYX_ACCOUNT_SID", "The account of calls, with TELNYX_TEXML_APPLICATION_ID. Both empty: no calls through Telnyx.", ""),
    Setting("TELNYX_TEXML_APPLICATION_ID", "The TeXML application that places calls; digits.", ""),
    Setting("TELNYX_API_BASE", "The provider's address; another one only for tests.", TELNYX_API_BASE),
)


@dataclass(frozen=True, slots=True)
class TwilioSettings:
    """One Twilio account. `api_base` "" is Twilio's own address."""

    account: str
    tokens: tuple[str, ...] = field(repr=False)
    sender: str
    voice_sender: str = ""
    key_id: str = ""
    key_secret: str = field(default="", repr=False)
    api_base: str = ""
    name: str = "twilio"


@dataclass(frozen=True, slots=True)
class SignalWireSettings:
    """One SignalWire project. `api_base` is the space's address or, in tests, another."""

    project: str
    token: str = field(repr=False)
    signing_keys: tuple[str, ...] = field(repr=False)
    sender: str
    voice_sender: str
    api_base: str
    name: str = "signalwire"


@dataclass(frozen=True, slots=True)
class TelnyxSettings:
    """One Telnyx messaging profile and, with account and application, its calls. `api_base` "" is Telnyx's own address."""

    profile: str
    api_key: str = field(repr=False)
    public_keys: tuple[str, ...]
    sender: str = ""
    voice_sender: str = ""
    account: str = ""
    application: str = ""
    api_base: str = ""
    name: str = "telnyx"


ProviderSettings = TwilioSettings | SignalWireSettings | TelnyxSettings


def read_providers(values: Mapping[str, str]) -> tuple[ProviderSettings, ...]:
    """The providers that are configured, in the order in which they are declared. SettingsError for one that is not whole."""
    found = [_PROVIDERS[prefix][1](values) for prefix in _PROVIDERS if _is_used(prefix, values)]
    return tuple(found)


def e164(name: str, text: str) -> str:
    """A number in E.164, or "". SettingsError names the setting."""
    if text and not re.fullmatch(r"\+[1-9][0-9]{6,14}", text, re.ASCII):
        raise SettingsError(f"{name} must be a number in E.164, such as +12025550100")
    return text


def web_address(name: str, text: str, example: str) -> str:
    """An address of the web without a slash at the end. SettingsError names the setting."""
    if urlsplit(text).scheme not in ("http", "https") or not urlsplit(text).hostname:
        raise SettingsError(f"{name} must be an address such as {example}")
    return text.rstrip("/")


def _is_used(prefix: str, values: Mapping[str, str]) -> bool:
    """Whether the provider's account is named. Other settings of it without that one are a mistake."""
    account = _PROVIDERS[prefix][0]
    if values[account]:
        return True
    for setting in PROVIDER_SETTINGS:
        if setting.name.startswith(prefix) and values[setting.name] != setting.default:
            raise SettingsError(f"{account} is not set although {setting.name} is: set it, or leave all {prefix} settings out")
    return False


def _twilio(values: Mapping[str, str]) -> TwilioSettings:
    account, tokens = values["TWILIO_ACCOUNT_SID"], _several(values["TWILIO_AUTH_TOKEN"])
    sender, service = e164("TWILIO_FROM", values["TWILIO_FROM"]), values["TWILIO_MESSAGING_SERVICE_SID"]
    if not account.startswith("AC") or len(account) != 34:
        raise SettingsError("TWILIO_ACCOUNT_SID must be AC and 32 more characters, as the provider's console shows it")
    if not tokens:
        raise SettingsError("TWILIO_AUTH_TOKEN is not set although TWILIO_ACCOUNT_SID is")
    if bool(sender) == bool(service):
        raise SettingsError("set exactly one of TWILIO_FROM and TWILIO_MESSAGING_SERVICE_SID")
    if service and not service.startswith("MG"):
        raise SettingsError("TWILIO_MESSAGING_SERVICE_SID must start with MG")
    key, secret = values["TWILIO_API_KEY_SID"], values["TWILIO_API_KEY_SECRET"]
    if bool(key) != bool(secret) or (key and not key.startswith("SK")):
        raise SettingsError("TWILIO_API_KEY_SID must start with SK and needs TWILIO_API_KEY_SECRET; or leave both empty")
    base = web_address("TWILIO_API_BASE", values["TWILIO_API_BASE"], TWILIO_API_BASE)
    return TwilioSettings(
        account=account,
        tokens=tokens,
        sender=sender or service,
        voice_sender=e164("TWILIO_VOICE_FROM", values["TWILIO_VOICE_FROM"]) or sender,
        key_id=key,
        key_secret=secret,
        api_base="" if base == TWILIO_API_BASE else base,
    )


def _signalwire(values: Mapping[str, str]) -> SignalWireSettings:
    keys = _several(values["SIGNALWIRE_SIGNING_KEY"])
    space = values["SIGNALWIRE_SPACE"]
    _uuid("SIGNALWIRE_PROJECT_ID", values["SIGNALWIRE_PROJECT_ID"])
    for name in ("SIGNALWIRE_API_TOKEN", "SIGNALWIRE_SIGNING_KEY", "SIGNALWIRE_FROM", "SIGNALWIRE_SPACE"):
        if not values[name].strip(" ,"):
            raise SettingsError(f"{name} is not set although SIGNALWIRE_PROJECT_ID is")
    if not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", space, re.ASCII):
        raise SettingsError("SIGNALWIRE_SPACE must be a host name such as example.signalwire.com")
    own = f"https://{space}/api/laml"
    sender = e164("SIGNALWIRE_FROM", values["SIGNALWIRE_FROM"])
    return SignalWireSettings(
        project=values["SIGNALWIRE_PROJECT_ID"],
        token=values["SIGNALWIRE_API_TOKEN"],
        signing_keys=keys,
        sender=sender,
        voice_sender=e164("SIGNALWIRE_VOICE_FROM", values["SIGNALWIRE_VOICE_FROM"]) or sender,
        api_base=web_address("SIGNALWIRE_API_BASE", values["SIGNALWIRE_API_BASE"] or own, own),
    )


def _telnyx(values: Mapping[str, str]) -> TelnyxSettings:
    keys = _several(values["TELNYX_PUBLIC_KEY"])
    _uuid("TELNYX_MESSAGING_PROFILE_ID", values["TELNYX_MESSAGING_PROFILE_ID"])
    for name in ("TELNYX_API_KEY", "TELNYX_PUBLIC_KEY"):
        if not values[name].strip(" ,"):
            raise SettingsError(f"{name} is not set although TELNYX_MESSAGING_PROFILE_ID is")
    if not all(re.fullmatch(r"[A-Za-z0-9+/]{43}=", key, re.ASCII) for key in keys):
        raise SettingsError("TELNYX_PUBLIC_KEY must be base64 of 32 bytes, 44 characters, as the provider's portal shows it")
    account, application = values["TELNYX_ACCOUNT_SID"], values["TELNYX_TEXML_APPLICATION_ID"]
    if bool(account) != bool(application):
        raise SettingsError("set both TELNYX_ACCOUNT_SID and TELNYX_TEXML_APPLICATION_ID, or neither and no calls go through Telnyx")
    if application and not (application.isascii() and application.isdigit()):
        raise SettingsError("TELNYX_TEXML_APPLICATION_ID must be digits, as the provider's portal shows it")
    sender = e164("TELNYX_FROM", values["TELNYX_FROM"])
    base = web_address("TELNYX_API_BASE", values["TELNYX_API_BASE"], TELNYX_API_BASE)
    return TelnyxSettings(
        profile=values["TELNYX_MESSAGING_PROFILE_ID"],
        api_key=values["TELNYX_API_KEY"],
        public_keys=keys,
        sender=sender,
        voice_sender=e164("TELNYX_VOICE_FROM", values["TELNYX_VOICE_FROM"]) or sender,
        account=account,
        application=application,
        api_base="" if base == TELNYX_API_BASE else base,
    )


def _several(text: str) -> tuple[str, ...]:
    return tuple(filter(None, (part.strip() for part in text.split(","))))


def _uuid(name: str, text: str) -> None:
    if not re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", text, re.ASCII):
        raise SettingsError(f"{name} must be 36 characters with four dashes, as the provider's console shows it")


_PROVIDERS: dict[str, tuple[str, Callable[[Mapping[str, str]], ProviderSettings]]] = {
    "TWILIO_": ("TWILIO_ACCOUNT_SID", _twilio),
    "SIGNALWIRE_": ("SIGNALWIRE_PROJECT_ID", _signalwire),
    "TELNYX_": ("TELNYX_MESSAGING_PROFILE_ID", _telnyx),
}
"""By the beginning of their settings' names: the setting that names the account, and who reads the rest."""
