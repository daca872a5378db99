"""The webhook routes. POST only; a request that is not the provider's leaves no trace but a log line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

import structlog
from aiohttp import web

from service.telephony.port import DeliveryUpdate, InboundMessage, Receiver
from service.webhooks.batch import Batcher, Full
from service.webhooks.verified import RECEIVERS, Receivers, incomplete, verified

_log = structlog.get_logger(__name__)

RETRY_AFTER_SECONDS = "1"

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
) -> None:
    """Adds the routes and, while the app runs, one batcher for messages and one for statuses.

    `receivers` by the provider's name in the path. `public_base_url` is the address that providers were given (scheme, host,
    optional prefix): signatures are checked against it and never against what a proxy says. Each action takes what is waiting
    as one list and returns one entry an item, in order, after its commit; an entry that is an exception means "not stored".
    """
    app[RECEIVERS] = Receivers(receivers, public_base_url.rstrip("/"))
    app[WEBHOOKS] = Webhooks(Batcher(receive_replies), Batcher(receive_delivery_statuses))
    app.cleanup_ctx.append(_batchers)
    app.add_routes(
        [
            web.post("/webhooks/{provider}/sms", receive_message),
            web.post("/webhooks/{provider}/status", receive_status),
            web.post("/webhooks/{provider}/status/{attempt_id}", receive_status),
        ]
    )


async def receive_message(request: web.Request) -> web.Response:
    """A patient's text. Answered after the commit, with an empty document: our own answers go out through the outbox."""
    webhooks = request.app[WEBHOOKS]
    receiver, form = await verified(request)
    message = receiver.parse_message(form)
    if message is None:
        return incomplete(receiver.name, "sms")
    await _stored(webhooks.replies, message)
    content_type, body = receiver.acknowledge()
    return web.Response(text=body, content_type=content_type, charset="utf-8")


async def receive_status(request: web.Request) -> web.Response:
    """A provider's word on one of our texts. A text or a status that we do not know is fine too: 204."""
    webhooks = request.app[WEBHOOKS]
    receiver, form = await verified(request)
    update = receiver.parse_status(form, _attempt_id(request))
    if update is None:
        return incomplete(receiver.name, "status")
    await _stored(webhooks.statuses, update)
    return web.Response(status=204)


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
