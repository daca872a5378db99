"""Texts out: the port over the real twilio library's asynchronous resources."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from twilio.base.exceptions import TwilioRestException, TwilioServiceException
from twilio.rest.api.v2010.account.message import MessageInstance

from service.domain.communication import Status
from service.telephony.exchange import TIMEOUT_SECONDS, USABLE_CONNECTIONS, Dated
from service.telephony.meaning import as_number, shown
from service.telephony.port import Accepted, Line, OutgoingText, RemoteText, TransientFailure, UnknownOutcome
from service.telephony.twilio.account import connect, webhooks
from service.telephony.twilio.dialect import TWILIO, Dialect
from service.telephony.twilio.failures import creating, fetched, reading
from service.telephony.twilio.statuses import REFUSED, ours
from service.telephony.twilio.transport import Transport

MAXIMUM_VALIDITY_SECONDS = 36_000
"""Twilio's own limit and default: a text waits at most 10 hours in its queue."""

LINES = {"mobile": Line.MOBILE, "landline": Line.LANDLINE, "fixedVoip": Line.VOIP, "nonFixedVoip": Line.VOIP}
"""Twilio's line types; all others (tollFree, pager, voicemail ...) say nothing about texts."""

_LONGEST_QUEUE = timedelta(seconds=MAXIMUM_VALIDITY_SECONDS)
_LARGEST_PAGE = 1000
_AUTOMATIC = frozenset({"outbound-reply", "outbound-call"})
"""Never ours: no webhook is answered with a text, and no call sends one."""


class TwilioProvider:
    """The port's Provider, Redactor and Directory for one account; `sender` is a number in E.164 or a messaging service's id."""

    list_is_sure = True

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
        dialect: Dialect = TWILIO,
        key_id: str = "",
        dated: Dated = lambda at: None,
    ) -> None:
        """Opens nothing yet. `public_base_url` is where the provider reaches us; `api_base` "" means Twilio's own address;
        `key_id` an API key, whose secret `auth_token` then is; `dated` is told what time the provider's answers say it is.
        ValueError for a public address that is refused as a callback.
        """
        self.name = dialect.name
        self.account = account_sid
        self._dialect = dialect
        self._sender = sender
        self._callbacks = f"{webhooks(dialect, public_base_url)}/status"
        self._transport = Transport(api_base, connections=connections, timeout_seconds=timeout_seconds, dated=dated)
        self._client = connect(self._transport, account_sid, auth_token, key_id)

    async def send_text(self, text: OutgoingText) -> Accepted:
        """Hands one text over in one request; see the port. A cancelled one is an unknown outcome too.

        The answer is trusted only when it speaks of the number that was asked for, and of our account.
        """
        sender = text.sender or self._sender
        options: dict[str, object] = {
            "messaging_service_sid" if self._dialect.pool_id.fullmatch(sender) else "from_": sender,
            "body": text.body,
            "status_callback": f"{self._callbacks}/{text.attempt_id}{self._dialect.overrides}",
        }
        if text.validity_seconds is not None:
            options["validity_period"] = max(1, min(MAXIMUM_VALIDITY_SECONDS, text.validity_seconds))
        with creating(self._dialect):
            message = await self._client.messages.create_async(to=text.to, **options)
        if message.to != text.to or message.account_sid not in (None, self.account):
            raise UnknownOutcome("foreign_answer", "the provider answered for another number or account")
        if not message.sid:
            raise UnknownOutcome("unreadable_answer", "the provider's answer has no id")
        status = str(message.status or "")
        if status in REFUSED:
            raise self._dialect.failure(message.error_code)
        return Accepted(message.sid, ours(status) or Status.ACCEPTED, _segments(message))

    async def list_texts(self, *, to: str | None, since: datetime, limit: int = 200) -> Sequence[RemoteText]:
        """The account's texts in both directions created since `since` (aware), newest first, at most `limit` read.

        No DateSent filter: a text that is still queued has no such date. Exactly `limit` results mean that there may be more.
        Raises TransientFailure (a list can always be asked again) or PermanentFailure.
        """
        found: list[RemoteText] = []
        filters = {"to": to} if to else {}
        with reading(self._dialect):
            stream = await self._client.messages.stream_async(limit=limit, page_size=min(limit, _LARGEST_PAGE), **filters)
            async for message in stream:
                remote = _remote(message)
                if remote is None:
                    continue
                if remote.created_at >= since:
                    found.append(remote)
                elif remote.inbound or remote.created_at < since - _LONGEST_QUEUE:
                    break  # newest first, but by the time of sending: nothing younger can follow any more
        return sorted(found, key=lambda remote: remote.created_at, reverse=True)

    async def fetch_text(self, provider_id: str) -> RemoteText | None:
        """One text as Twilio knows it now, None when it does not; raises TransientFailure or PermanentFailure."""
        message = await fetched(self._dialect, self._client.messages(provider_id).fetch_async())
        return None if message is None else _remote(message)

    async def redact_text(self, provider_id: str) -> None:
        """Empties the text's body; see the port. "Not finished yet" is transient: again after a minute or more."""
        with reading(self._dialect):
            try:
                await self._client.messages(provider_id).update_async(body="")
            except (TwilioRestException, TwilioServiceException) as error:
                if as_number(error.code) in self._dialect.not_finished:
                    raise TransientFailure(shown(error.code), "the text is not finished yet and cannot be emptied", 60.0) from None
                if error.status != 404:
                    raise

    async def look_up(self, number: str) -> Line:
        """What kind of line a number is (Lookup v2, paid for each number); see the port."""
        with reading(self._dialect):
            found = await self._client.lookups.v2.phone_numbers(number).fetch_async(fields="line_type_intelligence")
        told: Any = found.line_type_intelligence
        return LINES.get(str(told.get("type")), Line.UNKNOWN) if isinstance(told, dict) else Line.UNKNOWN

    async def close(self) -> None:
        """Frees the connections."""
        await self._transport.close()


def _segments(message: MessageInstance) -> int | None:
    """How many parts the provider counts, as a text or a number; None where it does not know yet ("0" with a messaging service)."""
    counted = str(message.num_segments or "")
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
        error_code=shown(message.error_code),
        automatic=str(message.direction or "") in _AUTOMATIC,
    )
