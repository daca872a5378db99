"""A provider's request, verified: who it is from, and its signed form; anything else leaves no trace but a log line."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import structlog
from aiohttp import web

from service.telephony.port import Receiver, SignatureRefused

_log = structlog.get_logger(__name__)

MAXIMUM_BODY_BYTES = 64 * 1024
"""A provider's form has about 2 kB; 1 600 characters of four bytes, percent-encoded three times over, are 20 kB."""

READ_SECONDS = 10.0
"""For a caller that dribbles its body; providers give up after 15 s in all."""


@dataclass(frozen=True, slots=True)
class Receivers:
    """The providers by their name in the path, and the address they were given: signatures are checked against it."""

    by_name: Mapping[str, Receiver]
    public_base_url: str


RECEIVERS = web.AppKey("receivers", Receivers)


async def verified(request: web.Request) -> tuple[Receiver, Mapping[str, str]]:
    """The receiver and the signed form; raises 404, 413, 408, 400 or 403 with nothing written."""
    known = request.app[RECEIVERS]
    receiver = known.by_name.get(request.match_info["provider"])
    if receiver is None:
        raise web.HTTPNotFound
    body = await _body(request)
    try:
        form = receiver.verify(url=known.public_base_url + request.raw_path, headers=request.headers, body=body)
    except SignatureRefused as refusal:
        _log.warning("webhook refused", provider=receiver.name, why=str(refusal).replace(" ", "_"))
        raise web.HTTPForbidden from None
    return receiver, form


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


def incomplete(provider: str, kind: str) -> web.Response:
    """The answer to a signed request that lacks what it must have."""
    _log.warning("webhook incomplete", provider=provider, kind=kind)
    return web.Response(status=400, text="A required field is missing.")
