"""Calls out: Telnyx's TeXML calls."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID

from service.telephony.exchange import TIMEOUT_SECONDS
from service.telephony.port import OutgoingCall, PermanentFailure, RemoteCall, TransientFailure, UnknownOutcome, Webhooks
from service.telephony.telnyx.api import Api
from service.telephony.telnyx.shapes import an_id, instant, items, table, text
from service.telephony.twilio.calling import (
    FALLBACK,
    LONGEST_CALL_SECONDS,
    LONGEST_JOINED_SECONDS,
    MACHINE_SECONDS,
    RING_SECONDS,
    STATUS_EVENTS,
)
from service.telephony.twilio.statuses import our_call

CALL_IS_OVER = "90018"
"""Telnyx's code for a command to a call that has ended."""


class TelnyxTelephone:
    """Places calls for one Telnyx account through one TeXML application, from a number in E.164.

    The application must fetch its documents by POST (its "voice method"): TeXML sends what a Gather has heard by the application's
    method, whatever the document says. Recording is never asked for. The list of calls lags behind, so `list_is_sure` is False.
    """

    name = "telnyx"
    list_is_sure = False

    def __init__(
        self,
        *,
        api_key: str,
        account_sid: str,
        application_id: str,
        sender: str,
        public_base_url: str,
        api_base: str = "",
        timeout_seconds: float = TIMEOUT_SECONDS,
        asks_first: bool = True,
    ) -> None:
        """Opens nothing yet. `sender` "" means that each call names its own. `asks_first`: who has picked up is known before
        anything is said; else a patient's call begins at once and the word on a machine follows. ValueError without key, account
        or application.
        """
        if not api_key or not account_sid or not application_id:
            raise ValueError("a Telnyx API key, the account's id and a TeXML application's id are needed")
        self.account = account_sid
        self._application_id = application_id
        self._sender = sender
        self._asks_first = asks_first
        self._webhooks = f"{public_base_url.rstrip('/')}/webhooks/{self.name}"
        self._api = Api(api_key=api_key, api_base=api_base, connections=20, timeout_seconds=timeout_seconds)

    async def place_call(self, call: OutgoingCall) -> RemoteCall:
        """Places one call, with machine detection; see the port. A cancelled request is an unknown outcome too."""
        sender = call.sender or self._sender
        if not sender.startswith("+"):
            raise PermanentFailure("no_voice_sender", "no number to call from: set TELNYX_VOICE_FROM", "configuration")
        digits = call.clinic_number.lstrip("+") or "none"
        steps = f"{self._webhooks}/{call.webhooks}/{call.call_id}"
        later: dict[str, Any] = {}
        if not self._asks_first and call.webhooks is Webhooks.VOICE:
            later = {"AsyncAmd": True, "AsyncAmdStatusCallback": f"{steps}/machine", "AsyncAmdStatusCallbackMethod": "POST"}
        made = await self._api.create(
            f"/texml/calls/{quote(self._application_id, safe='')}",
            {
                "To": call.to,
                "From": sender,
                "Url": f"{steps}/0",
                "Method": "POST",
                "FallbackUrl": f"{self._webhooks}/voice/{FALLBACK}/{call.language}/{call.emergency_number}/{digits}",
                "StatusCallback": f"{steps}/status",
                "StatusCallbackMethod": "POST",
                "StatusCallbackEvent": " ".join(STATUS_EVENTS),
                "Timeout": RING_SECONDS,
                "TimeLimit": LONGEST_JOINED_SECONDS if call.webhooks is Webhooks.NURSE else LONGEST_CALL_SECONDS,
                "MachineDetection": "DetectMessageEnd",
                "MachineDetectionTimeout": MACHINE_SECONDS * 1000,  # milliseconds here, seconds at Twilio
                **later,
            },
        )
        if made.get("to") != call.to:
            raise UnknownOutcome("foreign_answer", "the provider answered for another number")
        provider_id = an_id(made.get("call_sid")) or an_id(made.get("sid"))
        if not provider_id:
            raise UnknownOutcome("unreadable_answer", "the provider's answer has no id")
        status = text(made.get("status"))
        return RemoteCall(provider_id, call.to, our_call(status), status[:30], None, sender)

    async def list_calls(self, *, to: str, since: datetime, inbound: bool = False, limit: int = 50) -> Sequence[RemoteCall]:
        """Calls to this number since then (aware) that Telnyx lists already, newest first; see the port.

        Raises TransientFailure or PermanentFailure.
        """
        day_before = (since - timedelta(days=1)).date().isoformat()
        page = await self._api.read(self._calls(), {"To": to, "StartTime>": day_before, "PageSize": str(limit)})
        if page is None:
            raise PermanentFailure("unknown_account", "TELNYX_ACCOUNT_SID is no account of this API key", "configuration")
        direction = "inbound" if inbound else "outbound"
        listed = [table(call) for call in items(page.get("calls"))]
        remote = [_remote(call) for call in listed if text(call.get("direction")).startswith(direction)]
        kept = [(call.created_at, call) for call in remote if call is not None and call.created_at is not None and call.created_at >= since]
        return [call for _, call in sorted(kept, key=lambda each: each[0], reverse=True)]

    async def fetch_call(self, provider_id: str) -> RemoteCall | None:
        """One call as Telnyx knows it now, None when it does not (yet). TransientFailure or PermanentFailure."""
        call = await self._api.read(f"{self._calls()}/{quote(provider_id, safe='')}")
        if call is None:
            return None
        remote = _remote(call)
        if remote is None:
            raise TransientFailure("unreadable_answer", "the provider's answer has no id")
        return remote

    async def go_on(self, provider_id: str, call_id: UUID, turn: int, webhooks: Webhooks = Webhooks.VOICE) -> bool:
        """Has a live call ask for that turn at once; see the port. TransientFailure or PermanentFailure."""
        form = {"Url": f"{self._webhooks}/{webhooks}/{call_id}/{turn}", "Method": "POST"}
        try:
            return await self._api.change(f"{self._calls()}/{quote(provider_id, safe='')}", form) is not None
        except PermanentFailure as failure:
            if failure.code == CALL_IS_OVER:
                return False
            raise

    async def close(self) -> None:
        """Frees the connections."""
        await self._api.close()

    def _calls(self) -> str:
        return f"/texml/Accounts/{quote(self.account, safe='')}/Calls"


def _remote(call: dict[str, Any]) -> RemoteCall | None:
    provider_id = an_id(call.get("sid"))
    if not provider_id:
        return None
    status = text(call.get("status"))
    inbound = text(call.get("direction")).startswith("inbound")
    created = instant(call.get("date_created")) or instant(call.get("start_time"))
    return RemoteCall(provider_id, text(call.get("to")), our_call(status), status[:30], created, text(call.get("from")), inbound)
