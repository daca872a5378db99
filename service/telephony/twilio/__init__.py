"""Twilio: texts out through the twilio library, webhooks in with X-Twilio-Signature."""

from service.telephony.twilio.client import TwilioProvider
from service.telephony.twilio.receiver import TwilioReceiver

__all__ = ["TwilioProvider", "TwilioReceiver"]
