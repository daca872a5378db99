"""Settings are read once, and a wrong one is refused in a line that names it and shows no secret."""

from __future__ import annotations

import base64

import pytest

from service.provider_settings import SignalWireSettings, TelnyxSettings, TwilioSettings
from service.settings import SETTINGS, Settings, SettingsError

KEY = base64.b64encode(b"k" * 32).decode()
GOOD = {
    "PUBLIC_BASE_URL": "https://rounds.example.org/",
    "ENCRYPTION_KEYS": f"k1:{KEY}",
    "BLIND_INDEX_KEY": KEY,
    "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
    "TWILIO_AUTH_TOKEN": "secret-one, secret-two",
    "TWILIO_FROM": "+12025550100",
}
SIGNALWIRE = {
    "SIGNALWIRE_PROJECT_ID": "0f3d7c52-8f3a-4d36-9a6b-3c1f5b2e7a10",
    "SIGNALWIRE_SPACE": "example.signalwire.com",
    "SIGNALWIRE_API_TOKEN": "secret-three",
    "SIGNALWIRE_SIGNING_KEY": "secret-four",
    "SIGNALWIRE_FROM": "+12025550121",
}
TELNYX = {
    "TELNYX_MESSAGING_PROFILE_ID": "5b6f1c1e-2a7d-4a86-8d0b-9f5a34b0c7d1",
    "TELNYX_API_KEY": "secret-five",
    "TELNYX_PUBLIC_KEY": KEY,
    "TELNYX_FROM": "+12025550122",
}


def test_good_settings_are_read_whole() -> None:
    settings = Settings.from_environment(GOOD)
    assert settings.public_base_url == "https://rounds.example.org"
    [twilio] = settings.providers
    assert isinstance(twilio, TwilioSettings)
    assert twilio.tokens == ("secret-one", "secret-two")
    assert (twilio.name, twilio.sender, twilio.voice_sender, twilio.api_base) == ("twilio", "+12025550100", "+12025550100", "")
    assert (settings.host, settings.port) == ("127.0.0.1", 8080)
    assert "secret" not in repr(settings)
    assert KEY not in repr(settings)


def test_without_a_provider_the_other_settings_are_read_all_the_same() -> None:
    assert Settings.from_environment({name: text for name, text in GOOD.items() if not name.startswith("TWILIO")}).providers == ()


def test_several_providers_may_be_set_at_once() -> None:
    settings = Settings.from_environment(GOOD | SIGNALWIRE | TELNYX)
    assert [told.name for told in settings.providers] == ["twilio", "signalwire", "telnyx"]
    _, signalwire, telnyx = settings.providers
    assert isinstance(signalwire, SignalWireSettings)
    assert isinstance(telnyx, TelnyxSettings)
    assert signalwire.api_base == "https://example.signalwire.com/api/laml"
    assert (telnyx.sender, telnyx.account, telnyx.api_base) == ("+12025550122", "", "")
    assert "secret" not in repr(settings)


@pytest.mark.parametrize("name", [*SIGNALWIRE, *TELNYX])
def test_a_provider_is_set_whole_or_not_at_all(name: str) -> None:
    told = GOOD | SIGNALWIRE | TELNYX
    if name == "TELNYX_FROM":  # the profile's pool sends then
        assert len(Settings.from_environment(told | {name: ""}).providers) == 3
        return
    with pytest.raises(SettingsError) as refused:
        Settings.from_environment(told | {name: ""})
    assert name in str(refused.value)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("PUBLIC_BASE_URL", ""),
        ("PUBLIC_BASE_URL", "rounds.example.org"),
        ("PUBLIC_BASE_URL", "http://rounds.example.org"),
        ("PUBLIC_BASE_URL", "https://my_rounds.example.org"),
        ("PUBLIC_BASE_URL", "https://rounds.example.org/?a=b"),
        ("DATABASE_URL", "mysql://root@localhost/rounds"),
        ("DATABASE_URL", "not a url"),
        ("ENCRYPTION_KEYS", ""),
        ("ENCRYPTION_KEYS", "k1"),
        ("ENCRYPTION_KEYS", "k1:c2hvcnQ="),
        ("BLIND_INDEX_KEY", "%%%"),
        ("TWILIO_ACCOUNT_SID", "AC123"),
        ("TWILIO_AUTH_TOKEN", ""),
        ("TWILIO_FROM", "2025550100"),
        ("TWILIO_FROM", ""),
        ("TWILIO_API_BASE", "api.example"),
        ("TWILIO_API_KEY_SID", "SK" + "0" * 32),
        ("TWILIO_API_KEY_SECRET", "secret-six"),
        ("SIGNALWIRE_SPACE", "example.signalwire.com"),
        ("SIGNALWIRE_PROJECT_ID", "my project"),
        ("TELNYX_API_KEY", "secret-seven"),
        ("TELNYX_MESSAGING_PROFILE_ID", "profile"),
        ("MACHINE_DETECTION", "sometimes"),
        ("REDACT_BODIES", "perhaps"),
        ("LOOK_UP_NUMBERS", "perhaps"),
        ("PORT", "eighty"),
        ("PORT", "70000"),
        ("SEND_RATE", "0"),
        ("SEND_RATE", "nan"),
        ("LOG_LEVEL", "loud"),
        ("TRUSTED_PROXIES", "everybody"),
        ("METRICS_NETWORKS", "everybody"),
        ("HEALTH_PING_URL", "watcher.example.org"),
        ("SYNTHETIC_NUMBER", "2025550120"),
        ("SYNTHETIC_NUMBER", GOOD["TWILIO_FROM"]),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(name: str, text: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.from_environment({**GOOD, name: text})
    line = str(refused.value)
    assert name in line
    assert "\n" not in line
    assert "secret" not in line.replace("secret that", "")
    assert KEY not in line


@pytest.mark.parametrize("name", ["TWILIO_AUTH_TOKEN", "SIGNALWIRE_SIGNING_KEY", "TELNYX_PUBLIC_KEY"])
@pytest.mark.parametrize("text", [",", " , "])
def test_a_list_of_keys_without_a_key_is_refused(name: str, text: str) -> None:
    with pytest.raises(SettingsError, match=name):
        Settings.from_environment({**GOOD, **SIGNALWIRE, **TELNYX, name: text})


def test_both_senders_at_once_are_refused() -> None:
    with pytest.raises(SettingsError, match="exactly one"):
        Settings.from_environment({**GOOD, "TWILIO_MESSAGING_SERVICE_SID": "MG" + "0" * 32})


def test_every_setting_has_a_meaning_and_a_default_or_an_example() -> None:
    for setting in SETTINGS:
        assert setting.meaning.endswith("."), setting.name
        assert setting.default is not None or setting.example, setting.name
