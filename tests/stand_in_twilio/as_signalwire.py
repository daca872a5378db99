"""How SignalWire's answers and webhooks differ from Twilio's: fields, types, and the words of some of them.

Names and types as in the OpenAPI file "Compatibility API" 1.0.0 of SignalWire's documentation (November 2026) and its pages on cXML.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

STATUSES = {"accepted": "queued", "sending": "initiated"}
"""Words of Twilio's that SignalWire has not, and its own for them."""
_OF_NO_CALL = (
    "parent_call_sid forwarded_from caller_name annotation group_sid audio_in_mos sip_result_code audio_rtt_avg audio_rtt_min "
    "audio_rtt_max audio_out_jitter_min audio_out_jitter_max audio_out_jitter_avg audio_out_lost"
).split()
_INBOUND = ("MessageSid", "AccountSid", "From", "To", "Body", "NumMedia")
_STATUS = (*_INBOUND, "MessageStatus", "ErrorCode", "NumSegments")
_WRONG_FIELD = 10000


def message(shown: Mapping[str, Any], numbers: Mapping[str, list[str]]) -> dict[str, Any]:
    """A text as SignalWire's API shows it; `numbers` of each number group."""
    code = shown["error_code"]
    return {
        **shown,
        "from": shown["from"] or numbers[shown["messaging_service_sid"]][0],
        "status": STATUSES.get(shown["status"], shown["status"]),
        "num_segments": max(1, int(shown["num_segments"])),
        "num_media": int(shown["num_media"]),
        "error_code": None if code is None else str(code),
        "subresource_uris": {"media": shown["uri"].replace(".json", "/Media.json")},
    }


def call(shown: Mapping[str, Any]) -> dict[str, Any]:
    """A call as SignalWire's API shows it."""
    numbers = {f"formatted_{end}": shown[end] for end in ("to", "from")} | {f"{end}_formatted": shown[end] for end in ("to", "from")}
    return {
        **shown,
        **dict.fromkeys(_OF_NO_CALL),
        **numbers,
        "phone_number_sid": None,
        "direction": "outbound" if shown["direction"] != "inbound" else "inbound",
        "duration": 0,
        "subresource_uris": {"notifications": None, "recordings": shown["uri"].replace(".json", "/Recordings.json")},
    }


def page(shown: Mapping[str, Any]) -> dict[str, Any]:
    """A page of a list: the addresses without a suffix, and no places counted."""
    kept = {name: value for name, value in shown.items() if name not in ("start", "end")}
    return {name: value.replace(".json", "") if name.endswith("uri") and value else value for name, value in kept.items()}


def inbound(form: Mapping[str, str]) -> dict[str, str]:
    """The webhook of a text that came."""
    return {name: value for name, value in form.items() if name in _INBOUND or name.startswith("Media")}


def status(form: Mapping[str, str], body: str) -> dict[str, str]:
    """The callback of a text's status, which holds the text."""
    whole = {**form, "Body": body, "NumMedia": "0", "NumSegments": "1"}
    whole["MessageStatus"] = STATUSES.get(whole["MessageStatus"], whole["MessageStatus"])
    return {name: value for name, value in whole.items() if name in _STATUS}


def several(code: int) -> dict[str, Any]:
    """A call that is refused: a list of errors, their codes as text."""
    return {"errors": [{"code": str(code), "message": "The 'To' number +12025550101 is not good", "more_info": "https://example.com"}]}


def too_early_or_late() -> dict[str, Any]:
    """A text that is still under way and cannot be emptied, a call that is over and cannot be sent on."""
    return {"code": _WRONG_FIELD, "message": "The action is not possible now", "more_info": "https://example.com", "status": 422}
