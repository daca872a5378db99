"""A provider's request, verified: who it is from, and what it says; anything else leaves no trace but a log line.

What a provider has signed and we cannot read is kept all the same: it may be a patient's words.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import structlog
from aiohttp import web

from service.actions.keep_unreadable import Unread
from service.telephony.port import Answer, Payload, Receiver, SignatureRefused, SignatureTooOld

_log = structlog.get_logger(__name__)

MAXIMUM_BODY_BYTES = 64 * 1024
"""A provider's form has about 2 kB; 1 600 characters of four bytes, percent-encoded three times over, are 20 kB."""

READ_SECONDS = 10.0
"""For a caller that dribbles its body; providers give up after 15 s in all."""


Keep = Callable[[str, Unread, str], Awaitable[None]]
"""Keeps a signed request that cannot be read: the provider, what it may have told of, the body. Returns after the commit."""


@dataclass(frozen=True, slots=True)
class Verified:
    """A request that is the provider's, with its body as it came."""

    receiver: Receiver
    payload: Payload
    body: bytes


@dataclass(frozen=True, slots=True)
class Receivers:
    """The providers by their name in the path, and the address they were given: signatures are checked against it."""

    by_name: Mapping[str, Receiver]
    public_base_url: str
    keep: Keep
    aged: Callable[[bool], None] = lambda in_time: None
    """Told of each request whose signature names its time: whether that was near enough to this machine's."""


RECEIVERS = web.AppKey("receivers", Receivers)


async def verified(request: web.Request) -> Verified:
    """The request as its receiver has verified it; raises 404, 413, 408, 400 or 403 with nothing written."""
    known = request.app[RECEIVERS]
    receiver = known.by_name.get(request.match_info["provider"])
    if receiver is None:
        raise web.HTTPNotFound
    body = await _body(request)
    try:
        payload = receiver.verify(url=known.public_base_url + request.raw_path, headers=request.headers, body=body)
    except SignatureRefused as refusal:
        if isinstance(refusal, SignatureTooOld):
            known.aged(False)
        _log.warning("webhook refused", provider=receiver.name, why=str(refusal).replace(" ", "_"))
        raise web.HTTPForbidden from None
    if payload.time_signed:
        known.aged(True)
    return Verified(receiver, payload, body)


def answered(answer: Answer) -> web.Response:
    """The provider's answer as HTTP."""
    if answer.status == 204:
        return web.Response(status=204)
    return web.Response(status=answer.status, text=answer.body, content_type=answer.content_type, charset="utf-8")


async def _body(request: web.Request) -> bytes:
    """The raw body, bounded in size (also when chunked or compressed) and in time."""
    if (request.content_length or 0) > MAXIMUM_BODY_BYTES:
        raise web.HTTPRequestEntityTooLarge(MAXIMUM_BODY_BYTES, request.content_length or 0)
    body = bytearray()
    try:
        async with asyncio.timeout(READ_SECONDS):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > MAXIMUM_BODY_BYTES:
                    raise web.HTTPRequestEntityTooLarge(MAXIMUM_BODY_BYTES, len(body))
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    except web.RequestPayloadError:
        raise web.HTTPBadRequest from None
    return bytes(body)


async def unreadable(request: web.Request, told: Verified, kind: Unread) -> web.Response:
    """The answer to a signed request that lacks what it must have, once it is kept; a 503, which makes the provider come again, where it
    could not be."""
    _log.warning("webhook incomplete", provider=told.receiver.name, kind=kind.value)
    try:
        await request.app[RECEIVERS].keep(told.receiver.name, kind, told.body.decode("utf-8", "replace").replace("\0", "\ufffd"))
    except Exception as error:
        _log.error("unreadable_not_stored", error=type(error).__name__)
        raise web.HTTPServiceUnavailable from None
    return web.Response(status=400, text="A required field is missing.")
