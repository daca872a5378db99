"""What a sender is called at each provider: a number, a short code, or a pool by the provider's id."""

from __future__ import annotations

import re

from service.domain.phone_number import parse_phone_number
from service.telephony import signalwire
from service.telephony.twilio.dialect import TWILIO

_SHORT_CODE = re.compile(r"[0-9]{5,6}", re.ASCII)
_POOLS = {
    "twilio": (TWILIO.pool_id, "a messaging service's id, MG and 32 more characters"),
    "signalwire": (signalwire.DIALECT.pool_id, "a number group's id, 8-4-4-4-12 characters"),
    "telnyx": (signalwire.DIALECT.pool_id, "a messaging profile's id, 8-4-4-4-12 characters"),
}
PROVIDERS = tuple(_POOLS)


def check_sender(provider: str, sender: str) -> None:
    """Returns when this can be a sender of the provider (one of PROVIDERS); ValueError says what to write instead."""
    pattern, pool = _POOLS[provider]
    if _SHORT_CODE.fullmatch(sender) or pattern.fullmatch(sender):
        return
    try:
        if parse_phone_number(sender) == sender:
            return
    except ValueError:
        pass
    raise ValueError(f"This is no sender: write a number as +12025550100, a short code as 12345, or {pool}.")
