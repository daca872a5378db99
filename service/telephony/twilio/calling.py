"""Calls out: the port's Telephone over the twilio library's asynchronous resources."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from twilio.rest import Client
from twilio.rest.api.v2010.account.call import CallInstance

from service.telephony.port import OutgoingCall, PermanentFailure, RemoteCall, UnknownOutcome
from service.telephony.twilio.client import CALLBACK_OVERRIDES
from service.telephony.twilio.failures import creating, fetched, reading
from service.telephony.twilio.statuses import our_call
from service.telephony.twilio.transport import TIMEOUT_SECONDS, Transport

RING_SECONDS = 35
"""About six rings; most voicemail has picked up by then."""
LONGEST_CALL_SECONDS = 900
"""A check-in takes about three minutes; connected to a nurse it may take longer."""
MACHINE_SECONDS = 30
"""How long Twilio may listen for the end of a machine's greeting; a person is recognised within about four seconds."""
STATUS_EVENTS = ["answered", "completed"]
FALLBACK = "fallback"


class TwilioTelephone:
    """Places calls for one Twilio account from a number in E.164 (a messaging service cannot call)."""

    name = "twilio"

    def __init__(
        self,
        *,
        account_sid: str,
        auth_token: str,
        sender: str,
        public_base_url: str,
        api_base: str = "",
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        """Opens nothing yet. `sender` "" means that each call names its own. ValueError for an address that Twilio refuses."""
        host = urlsplit(public_base_url).hostname or ""
        if not host or "_" in host:
            raise ValueError("PUBLIC_BASE_URL needs a host name, and Twilio refuses one with an underscore")
        self.account = account_sid
        self._sender = sender
        self._webhooks = f"{public_base_url.rstrip('/')}/webhooks/{self.name}/voice"
        self._transport = Transport(api_base, connections=20, timeout_seconds=timeout_seconds)
        self._client = Client(  # type: ignore[no-untyped-call]
            account_sid, auth_token, account_sid, http_client=self._transport, environment={"": ""}
        )

    async def place_call(self, call: OutgoingCall) -> RemoteCall:
        """Places one call, with machine detection; see the port. A cancelled request is an unknown outcome too."""
        sender = call.sender or self._sender
        if not sender.startswith("+"):
            raise PermanentFailure("no_voice_sender", "no number to call from: set TWILIO_VOICE_FROM", "configuration")
        digits = call.clinic_number.lstrip("+") or "none"
        with creating():
            placed = await self._client.calls.create_async(
                to=call.to,
                from_=sender,
                url=f"{self._webhooks}/{call.call_id}/0{CALLBACK_OVERRIDES}",
                method="POST",
                fallback_url=f"{self._webhooks}/{FALLBACK}/{call.language}/{call.emergency_number}/{digits}",
                fallback_method="POST",
                status_callback=f"{self._webhooks}/{call.call_id}/status{CALLBACK_OVERRIDES}",
                status_callback_event=STATUS_EVENTS,
                status_callback_method="POST",
                timeout=RING_SECONDS,
                time_limit=LONGEST_CALL_SECONDS,
                machine_detection="DetectMessageEnd",
                machine_detection_timeout=MACHINE_SECONDS,
            )
        if placed.to != call.to:
            raise UnknownOutcome("foreign_answer", "the provider answered for another number")
        remote = _remote(placed)
        if remote is None:
            raise UnknownOutcome("unreadable_answer", "the provider's answer has no id")
        return remote

    async def list_calls(self, *, to: str, since: datetime, limit: int = 50) -> Sequence[RemoteCall]:
        """Calls that we have placed to this number since then (aware), newest first. TransientFailure or PermanentFailure."""
        with reading():
            found = await self._client.calls.list_async(to=to, start_time_after=since - timedelta(days=1), limit=limit)
        ours = [_remote(call) for call in found if str(call.direction or "").startswith("outbound")]
        kept = [(call.created_at, call) for call in ours if call is not None and call.created_at is not None and call.created_at >= since]
        return [call for _, call in sorted(kept, key=lambda each: each[0], reverse=True)]

    async def fetch_call(self, provider_id: str) -> RemoteCall | None:
        """One call as Twilio knows it now, None when it does not. TransientFailure or PermanentFailure."""
        call = await fetched(self._client.calls(provider_id).fetch_async())
        return None if call is None else _remote(call)

    async def close(self) -> None:
        """Frees the connections."""
        await self._transport.close()


def _remote(call: CallInstance) -> RemoteCall | None:
    if not call.sid:
        return None
    status = str(call.status or "")
    created = call.date_created.astimezone(UTC) if call.date_created is not None else None
    return RemoteCall(call.sid, call.to or "", our_call(status), status, created)
