"""Calls out: the port's Telephone over the twilio library's asynchronous resources."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from twilio.base.exceptions import TwilioRestException, TwilioServiceException
from twilio.rest.api.v2010.account.call import CallInstance

from service.telephony.exchange import TIMEOUT_SECONDS
from service.telephony.meaning import as_number
from service.telephony.port import OutgoingCall, PermanentFailure, RemoteCall, UnknownOutcome, Webhooks
from service.telephony.twilio.account import connect, webhooks
from service.telephony.twilio.dialect import TWILIO, Dialect
from service.telephony.twilio.failures import creating, fetched, reading
from service.telephony.twilio.statuses import our_call
from service.telephony.twilio.transport import Transport

RING_SECONDS = 35
"""About six rings; most voicemail has picked up by then."""
LONGEST_CALL_SECONDS = 900
"""A check-in takes about three minutes; connected to a nurse it may take longer."""
MACHINE_SECONDS = 30
"""How long Twilio may listen for the end of a machine's greeting; a person is recognised within about four seconds."""
LONGEST_JOINED_SECONDS = 3600
"""Of a call that joins a nurse and a patient: they talk as long as it takes, within reason."""
STATUS_EVENTS = ["answered", "completed"]
FALLBACK = "fallback"
_PAGE = 50
_DAY = timedelta(days=1)


class TwilioTelephone:
    """Places calls for one account from a number in E.164 (a messaging service cannot call). None is ever recorded."""

    list_is_sure = True

    def __init__(
        self,
        *,
        account_sid: str,
        auth_token: str,
        sender: str,
        public_base_url: str,
        api_base: str = "",
        timeout_seconds: float = TIMEOUT_SECONDS,
        dialect: Dialect = TWILIO,
        key_id: str = "",
        asks_first: bool = True,
    ) -> None:
        """Opens nothing yet. `sender` "" means that each call names its own; `key_id` an API key, whose secret `auth_token`
        then is. `asks_first`: who has picked up is known before anything is said (the person hears nothing meanwhile); else
        the call begins at once and the word on a machine follows. ValueError for an address that the provider refuses.
        """
        self.name = dialect.name
        self.account = account_sid
        self._dialect = dialect
        self._sender = sender
        self._asks_first = asks_first
        self._webhooks = webhooks(dialect, public_base_url)
        self._transport = Transport(api_base, connections=20, timeout_seconds=timeout_seconds)
        self._client = connect(self._transport, account_sid, auth_token, key_id)

    async def place_call(self, call: OutgoingCall) -> RemoteCall:
        """Places one call, with machine detection; see the port. A cancelled request is an unknown outcome too."""
        sender = call.sender or self._sender
        if not sender.startswith("+"):
            raise PermanentFailure("no_voice_sender", f"no number to call from: set {self.name.upper()}_VOICE_FROM", "configuration")
        digits = call.clinic_number.lstrip("+") or "none"
        steps = f"{self._webhooks}/{call.webhooks}/{call.call_id}"
        later: dict[str, Any] = {}
        if not self._asks_first and call.webhooks is Webhooks.VOICE:  # staff are only told anything once they have shown who they are
            later = {"async_amd": "true", "async_amd_status_callback": f"{steps}/machine", "async_amd_status_callback_method": "POST"}
        if self._dialect.limits_calls:
            later["time_limit"] = LONGEST_JOINED_SECONDS if call.webhooks is Webhooks.NURSE else LONGEST_CALL_SECONDS
        overrides = self._dialect.overrides
        with creating(self._dialect):
            placed = await self._client.calls.create_async(
                to=call.to,
                from_=sender,
                url=f"{steps}/0{overrides}",
                method="POST",
                fallback_url=f"{self._webhooks}/voice/{FALLBACK}/{call.language}/{call.emergency_number}/{digits}",
                fallback_method="POST",
                status_callback=f"{steps}/status{overrides}",
                status_callback_event=STATUS_EVENTS,
                status_callback_method="POST",
                timeout=RING_SECONDS,
                machine_detection="DetectMessageEnd",
                machine_detection_timeout=MACHINE_SECONDS,
                **later,
            )
        if placed.to != call.to or placed.account_sid not in (None, self.account):
            raise UnknownOutcome("foreign_answer", "the provider answered for another number or account")
        remote = _remote(placed)
        if remote is None:
            raise UnknownOutcome("unreadable_answer", "the provider's answer has no id")
        return remote

    async def list_calls(self, *, to: str, since: datetime, inbound: bool = False, limit: int = 50) -> Sequence[RemoteCall]:
        """Calls to this number since then (aware), newest first; see the port. TransientFailure or PermanentFailure.

        No filter by StartTime: a call that has not begun has no such time.
        """
        kept: list[tuple[datetime, RemoteCall]] = []
        with reading(self._dialect):
            stream = await self._client.calls.stream_async(to=to, limit=limit, page_size=min(limit, _PAGE))
            async for call in stream:
                remote = _remote(call)
                if remote is None or remote.created_at is None:
                    continue
                if remote.created_at < since - _DAY:
                    break  # newest first: nothing younger follows
                if remote.created_at >= since and str(call.direction or "").startswith("inbound" if inbound else "outbound"):
                    kept.append((remote.created_at, remote))
        return [call for _, call in sorted(kept, key=lambda each: each[0], reverse=True)]

    async def fetch_call(self, provider_id: str) -> RemoteCall | None:
        """One call as the provider knows it now, None when it does not. TransientFailure or PermanentFailure."""
        call = await fetched(self._dialect, self._client.calls(provider_id).fetch_async())
        return None if call is None else _remote(call)

    async def go_on(self, provider_id: str, call_id: UUID, turn: int, webhooks: Webhooks = Webhooks.VOICE) -> bool:
        """Has a live call ask for that turn at once; see the port. TransientFailure or PermanentFailure."""
        url = f"{self._webhooks}/{webhooks}/{call_id}/{turn}{self._dialect.overrides}"
        with reading(self._dialect):
            try:
                await self._client.calls(provider_id).update_async(url=url, method="POST")
            except (TwilioRestException, TwilioServiceException) as error:
                if as_number(error.code) in self._dialect.call_is_over or error.status == 404:
                    return False
                raise
        return True

    async def close(self) -> None:
        """Frees the connections."""
        await self._transport.close()


def _remote(call: CallInstance) -> RemoteCall | None:
    if not call.sid:
        return None
    status = str(call.status or "")
    created = call.date_created.astimezone(UTC) if call.date_created is not None else None
    inbound = str(call.direction or "") == "inbound"
    return RemoteCall(call.sid, call.to or "", our_call(status), status, created, call._from or "", inbound)
