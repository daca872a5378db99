"""The webhook routes. POST only; a request that is not the provider's leaves no trace but a log line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

import structlog
from aiohttp import web

from service.actions.keep_unreadable import Unread
from service.telephony.port import DeliveryUpdate, InboundMessage, Incomplete, Receiver
from service.webhooks.batch import Batcher, Full
from service.webhooks.verified import RECEIVERS, Keep, Receivers, answered, unreadable, verified

_log = structlog.get_logger(__name__)

RETRY_AFTER_SECONDS = "1"
MOST_EVENTS = 500
"""In one request, of a provider that sends several at once."""

Item = TypeVar("Item")

Action = Callable[[Sequence[InboundMessage]], Awaitable[Sequence[object]]]
StatusAction = Callable[[Sequence[DeliveryUpdate]], Awaitable[Sequence[object]]]


@dataclass(frozen=True, slots=True)
class Webhooks:
    """What the handlers need."""

    replies: Batcher[InboundMessage, object]
    statuses: Batcher[DeliveryUpdate, object]


WEBHOOKS = web.AppKey("webhooks", Webhooks)


def setup(
    app: web.Application,
    receivers: Mapping[str, Receiver],
    public_base_url: str,
    receive_replies: Action,
    receive_delivery_statuses: StatusAction,
    keep: Keep,
    aged: Callable[[bool], None] = lambda in_time: None,
) -> None:
    """Adds the routes and, while the app runs, one batcher for messages and one for statuses.

    `receivers` by the provider's name in the path. `public_base_url` is the address that providers were given (scheme, host,
    optional prefix): signatures are checked against it and never against what a proxy says. Each action takes what is waiting
    as one list and returns one entry an item, in order, after its commit; an entry that is an exception means "not stored".
    `keep` keeps what is signed and cannot be read.
    `aged` is told of each request whose signature names its time whether that was near enough to ours.
    """
    app[RECEIVERS] = Receivers(receivers, public_base_url.rstrip("/"), keep, aged)
    app[WEBHOOKS] = Webhooks(Batcher(receive_replies), Batcher(receive_delivery_statuses))
    app.cleanup_ctx.append(_batchers)
    app.add_routes(
        [
            web.post("/webhooks/{provider}/sms", receive),
            web.post("/webhooks/{provider}/status", receive),
            web.post("/webhooks/{provider}/status/{attempt_id}", receive),
        ]
    )


async def receive(request: web.Request) -> web.Response:
    """What a provider tells of texts: patients' messages and words on ours, one or several. Answered after the commit of all;
    our own answers go out through the outbox. A text or a status that we do not know is fine too."""
    webhooks = request.app[WEBHOOKS]
    told = await verified(request)
    receiver = told.receiver
    try:
        events = receiver.parse(told.payload, _attempt_id(request))
    except Incomplete:
        return await unreadable(request, told, Unread.STATUS if "/status" in request.path else Unread.WORDS)
    if len(events) > MOST_EVENTS:
        raise web.HTTPRequestEntityTooLarge(MOST_EVENTS, len(events))
    kept = await asyncio.gather(*(_kept(webhooks, event) for event in events), return_exceptions=True)
    for failure in kept:
        if isinstance(failure, BaseException):
            raise failure
    return answered(receiver.acknowledge(events))


async def _kept(webhooks: Webhooks, event: InboundMessage | DeliveryUpdate) -> None:
    if isinstance(event, InboundMessage):
        await _stored(webhooks.replies, event)
    else:
        await _stored(webhooks.statuses, event)


async def _stored(batcher: Batcher[Item, object], item: Item) -> None:
    """Waits for the commit; a 5xx, which makes the provider come again, only when nothing was stored."""
    try:
        await batcher.submit(item)
    except Full:
        raise web.HTTPServiceUnavailable(headers={"Retry-After": RETRY_AFTER_SECONDS}) from None
    except Exception as error:
        _log.error("webhook not stored", error=type(error).__name__)
        raise web.HTTPInternalServerError from None


def _attempt_id(request: web.Request) -> UUID | None:
    try:
        return UUID(request.match_info.get("attempt_id", ""))
    except ValueError:
        return None


async def _batchers(app: web.Application) -> AsyncIterator[None]:
    webhooks = app[WEBHOOKS]
    webhooks.replies.start()
    webhooks.statuses.start()
    yield
    await asyncio.gather(webhooks.replies.close(), webhooks.statuses.close())
