"""Texts out: the port over the real twilio library's asynchronous resources."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from twilio.rest import Client
from twilio.rest.api.v2010.account.message import MessageInstance

from service.domain.communication import Status
from service.telephony.port import Accepted, OutgoingText, RemoteText, UnknownOutcome
from service.telephony.twilio import codes
from service.telephony.twilio.failures import creating, fetched, reading
from service.telephony.twilio.statuses import REFUSED, ours
from service.telephony.twilio.transport import TIMEOUT_SECONDS, USABLE_CONNECTIONS, Transport

MAXIMUM_VALIDITY_SECONDS = 36_000
"""Twilio's own limit and default: a text waits at most 10 hours in its queue."""

CALLBACK_OVERRIDES = "#rc=3&rp=all"
"""Twilio's connection overrides: three retries, on any failure (by default it is one, on connection failure only)."""

_LONGEST_QUEUE = timedelta(seconds=MAXIMUM_VALIDITY_SECONDS)
_LARGEST_PAGE = 1000


class TwilioProvider:
    """The port's Provider for one Twilio account; `sender` is a number in E.164 or a messaging service's id (MG...)."""

    name = "twilio"

    def __init__(
        self,
        *,
        account_sid: str,
        auth_token: str,
        sender: str,
        public_base_url: str,
        api_base: str = "",
        connections: int = USABLE_CONNECTIONS,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        """Opens nothing yet. `public_base_url` is where Twilio reaches us; `api_base` "" means Twilio's own address.

        Raises ValueError for a public address that Twilio refuses as a callback.
        """
        host = urlsplit(public_base_url).hostname or ""
        if not host or "_" in host:
            raise ValueError("PUBLIC_BASE_URL needs a host name, and Twilio refuses one with an underscore")
        self.account = account_sid
        self._sender = sender
        self._callbacks = f"{public_base_url.rstrip('/')}/webhooks/{self.name}/status"
        self._transport = Transport(api_base, connections=connections, timeout_seconds=timeout_seconds)
        # region, edge and credentials are all given, so that the library looks for nothing in the environment.
        self._client = Client(  # type: ignore[no-untyped-call]
            account_sid, auth_token, account_sid, http_client=self._transport, environment={"": ""}
        )

    async def send_text(self, text: OutgoingText) -> Accepted:
        """Hands one text to Twilio in one call; see the port. A cancelled call is an unknown outcome too.

        The answer is trusted only when it speaks of the number that was asked for.
        """
        sender = text.sender or self._sender
        options: dict[str, object] = {
            "messaging_service_sid" if sender.startswith("MG") else "from_": sender,
            "body": text.body,
            "status_callback": f"{self._callbacks}/{text.attempt_id}{CALLBACK_OVERRIDES}",
        }
        if text.validity_seconds is not None:
            options["validity_period"] = max(1, min(MAXIMUM_VALIDITY_SECONDS, text.validity_seconds))
        with creating():
            message = await self._client.messages.create_async(to=text.to, **options)
        if message.to != text.to:
            raise UnknownOutcome("foreign_answer", "the provider answered for another number")
        if not message.sid:
            raise UnknownOutcome("unreadable_answer", "the provider's answer has no id")
        status = str(message.status or "")
        if status in REFUSED:
            raise codes.failure(message.error_code)
        return Accepted(message.sid, ours(status) or Status.ACCEPTED, _segments(message))

    async def list_texts(self, *, to: str | None, since: datetime, limit: int = 200) -> Sequence[RemoteText]:
        """The account's texts in both directions created since `since` (aware), newest first, at most `limit` read.

        No DateSent filter: a text that is still queued has no such date. Exactly `limit` results mean that there may be more.
        Raises TransientFailure (a list can always be asked again) or PermanentFailure.
        """
        found: list[RemoteText] = []
        filters = {"to": to} if to else {}
        with reading():
            stream = await self._client.messages.stream_async(limit=limit, page_size=min(limit, _LARGEST_PAGE), **filters)
            async for message in stream:
                remote = _remote(message)
                if remote is None:
                    continue
                if remote.created_at >= since:
                    found.append(remote)
                elif remote.created_at < since - _LONGEST_QUEUE:
                    break  # newest first, but by the time of sending: nothing younger can follow any more
        return sorted(found, key=lambda remote: remote.created_at, reverse=True)

    async def fetch_text(self, provider_id: str) -> RemoteText | None:
        """One text as Twilio knows it now, None when it does not; raises TransientFailure or PermanentFailure."""
        message = await fetched(self._client.messages(provider_id).fetch_async())
        return None if message is None else _remote(message)

    async def close(self) -> None:
        """Frees the connections."""
        await self._transport.close()


def _segments(message: MessageInstance) -> int | None:
    """How many parts Twilio counts, None where it does not know yet ("0" with a messaging service)."""
    counted = message.num_segments or ""
    return int(counted) if counted.isdigit() and int(counted) > 0 else None


def _remote(message: MessageInstance) -> RemoteText | None:
    """A list entry in our words, None when it lacks what makes it usable."""
    if not message.sid or message.date_created is None:
        return None
    status = str(message.status or "")
    return RemoteText(
        provider_id=message.sid,
        to=message.to or "",
        sender=message.from_ or message.messaging_service_sid or "",
        body=message.body or "",
        status=ours(status),
        provider_status=status,
        created_at=message.date_created.astimezone(UTC),
        inbound=str(message.direction or "") == "inbound",
        error_code=codes.shown(message.error_code),
    )
