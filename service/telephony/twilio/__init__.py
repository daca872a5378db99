"""Twilio: texts and calls out through the twilio library, webhooks in with X-Twilio-Signature, prompts as TwiML."""

from service.telephony.twilio.calling import TwilioTelephone
from service.telephony.twilio.client import TwilioProvider
from service.telephony.twilio.receiver import TwilioReceiver
from service.telephony.twilio.voice import TwilioVoice

__all__ = ["TwilioProvider", "TwilioReceiver", "TwilioTelephone", "TwilioVoice"]
