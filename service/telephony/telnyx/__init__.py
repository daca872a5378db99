"""Telnyx: texts by its messages API (JSON), calls by TeXML, webhooks in with Ed25519 signatures."""

from service.telephony.telnyx.calling import TelnyxTelephone
from service.telephony.telnyx.client import TelnyxProvider
from service.telephony.telnyx.receiver import TelnyxReceiver
from service.telephony.telnyx.voice import TelnyxVoice

__all__ = ["TelnyxProvider", "TelnyxReceiver", "TelnyxTelephone", "TelnyxVoice"]
