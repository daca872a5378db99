"""Settings are read once, and a wrong one is refused in a line that names it and shows no secret."""

from __future__ import annotations

import base64

import pytest

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


def test_good_settings_are_read_whole() -> None:
    settings = Settings.from_environment(GOOD)
    assert settings.public_base_url == "https://rounds.example.org"
    assert settings.twilio_auth_tokens == ("secret-one", "secret-two")
    assert settings.twilio_sender == "+12025550100"
    assert (settings.host, settings.port) == ("127.0.0.1", 8080)
    assert "secret" not in repr(settings)
    assert KEY not in repr(settings)


def test_without_twilio_the_service_may_start() -> None:
    assert not Settings.from_environment({name: text for name, text in GOOD.items() if not name.startswith("TWILIO")}).has_twilio


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
        ("PORT", "eighty"),
        ("PORT", "70000"),
        ("SEND_RATE", "0"),
        ("SEND_RATE", "nan"),
        ("LOG_LEVEL", "loud"),
        ("TRUSTED_PROXIES", "everybody"),
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


def test_both_senders_at_once_are_refused() -> None:
    with pytest.raises(SettingsError, match="exactly one"):
        Settings.from_environment({**GOOD, "TWILIO_MESSAGING_SERVICE_SID": "MG" + "0" * 32})


def test_every_setting_has_a_meaning_and_a_default_or_an_example() -> None:
    for setting in SETTINGS:
        assert setting.meaning.endswith("."), setting.name
        assert setting.default is not None or setting.example, setting.name
