"""The telephony providers that the settings name, put together: one builder a provider, found by the kind of its settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import singledispatch

from service.provider_settings import ProviderSettings, SignalWireSettings, TelnyxSettings, TwilioSettings
from service.settings import Settings
from service.telephony import signalwire
from service.telephony.exchange import Dated
from service.telephony.loop import DetourProvider, DetourTelephone, Loop
from service.telephony.port import Directory, Provider, Receiver, Redactor, Telephone, VoiceReceiver
from service.telephony.telnyx import TelnyxProvider, TelnyxReceiver, TelnyxTelephone, TelnyxVoice
from service.telephony.twilio import TwilioProvider, TwilioReceiver, TwilioTelephone, TwilioVoice
from service.telephony.twilio.dialect import TWILIO, Dialect


@dataclass(frozen=True, slots=True)
class Carrier:
    """One provider's faces. `sender` is the number or pool that texts come from by default; no telephone: no calls."""

    provider: Provider
    receiver: Receiver
    telephone: Telephone | None = None
    voice: VoiceReceiver | None = None
    redactor: Redactor | None = None
    directory: Directory | None = None
    sender: str = ""


def detoured(carrier: Carrier, loop: Loop) -> Carrier:
    """The same provider, with the loop beside it for the loop's own numbers."""
    telephone = DetourTelephone(carrier.telephone, loop) if carrier.telephone is not None else None
    return replace(carrier, provider=DetourProvider(carrier.provider, loop), telephone=telephone)


def carriers(settings: Settings, dated: Dated = lambda at: None) -> list[Carrier]:
    """Every provider that the settings name, in their order; none is connected yet. `dated` is told what time their answers say it is."""
    return [_carrier(told, settings, dated) for told in settings.providers]


@singledispatch
def _carrier(told: ProviderSettings, settings: Settings, dated: Dated) -> Carrier:
    raise TypeError(f"no provider is built from the settings of {told.name}")


@_carrier.register
def _twilio(told: TwilioSettings, settings: Settings, dated: Dated) -> Carrier:
    return _spoken(TWILIO, settings, told.account, told.key_secret or told.tokens[0], told.key_id, told.tokens, told, dated)


@_carrier.register
def _signalwire(told: SignalWireSettings, settings: Settings, dated: Dated) -> Carrier:
    return _spoken(signalwire.DIALECT, settings, told.project, told.token, "", told.signing_keys, told, dated)


def _spoken(
    dialect: Dialect,
    settings: Settings,
    account: str,
    secret: str,
    key_id: str,
    signed_with: Sequence[str],
    told: TwilioSettings | SignalWireSettings,
    dated: Dated,
) -> Carrier:
    """A provider that speaks Twilio's interface."""
    provider = TwilioProvider(
        account_sid=account,
        auth_token=secret,
        key_id=key_id,
        sender=told.sender,
        public_base_url=settings.public_base_url,
        api_base=told.api_base,
        dialect=dialect,
        dated=dated,
    )
    telephone = TwilioTelephone(
        account_sid=account,
        auth_token=secret,
        key_id=key_id,
        sender=told.voice_sender,
        public_base_url=settings.public_base_url,
        api_base=told.api_base,
        dialect=dialect,
        asks_first=settings.asks_who_answers_first,
    )
    return Carrier(
        provider=provider,
        receiver=TwilioReceiver(account_sid=account, auth_tokens=signed_with, dialect=dialect),
        telephone=telephone,
        voice=TwilioVoice(account_sid=account, dialect=dialect),
        redactor=provider if settings.redact_bodies else None,
        directory=provider if settings.look_up_numbers and dialect is TWILIO else None,
        sender=told.sender,
    )


@_carrier.register
def _telnyx(told: TelnyxSettings, settings: Settings, dated: Dated) -> Carrier:
    provider = TelnyxProvider(
        api_key=told.api_key,
        messaging_profile_id=told.profile,
        sender=told.sender,
        public_base_url=settings.public_base_url,
        api_base=told.api_base,
        dated=dated,
    )
    receiver = TelnyxReceiver(messaging_profile_id=told.profile, public_keys=told.public_keys, account_sid=told.account)
    directory = provider if settings.look_up_numbers else None
    if not told.account:
        return Carrier(provider, receiver, directory=directory, sender=told.sender or told.profile)
    telephone = TelnyxTelephone(
        api_key=told.api_key,
        account_sid=told.account,
        application_id=told.application,
        sender=told.voice_sender,
        public_base_url=settings.public_base_url,
        api_base=told.api_base,
        asks_first=settings.asks_who_answers_first,
    )
    voice = TelnyxVoice(account_sid=told.account)
    return Carrier(provider, receiver, telephone, voice, directory=directory, sender=told.sender or told.profile)
